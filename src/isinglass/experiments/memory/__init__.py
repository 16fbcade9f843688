"""Niu et al. 2024: what of it is run again."""
