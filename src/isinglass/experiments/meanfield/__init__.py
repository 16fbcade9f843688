"""Poc-López & Aguilera 2024: what of it is run again."""
