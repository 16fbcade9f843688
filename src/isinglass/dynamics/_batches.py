"""How exponents and their errors are taken from the growth of tangents."""

import numpy as np

BATCHES = 20  # whose means give the standard error of an exponent


def descending(exponents: np.ndarray) -> np.ndarray:
    """Descending order of exponents along the first axis.

    Neighbours may have come out a little in the wrong order.
    """
    return np.argsort(-exponents, axis=0, kind="stable")
