"""Lam 2026: what of it is run again."""
