"""A toy experiment: one number that is the base seed, or near it."""

from helpers.toys._shared import compare, draw, measuring

measure = measuring("toy-three")

__all__ = ["compare", "draw", "measure"]
