"""Checks of arguments that several files share."""

from typing import Any

import numpy as np

from isinglass._types import ArrayLike


def real_array(name: str, value: ArrayLike) -> np.ndarray:
    """A float64 copy of `value`, or a `ValueError` that names the argument."""
    try:
        if np.iscomplexobj(value):
            raise ValueError("complex numbers are not taken")
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from None
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array


def one_shape(X: Any) -> Any:
    """`X` as an array if it is lists of lists, which must not be ragged."""
    if hasattr(X, "shape"):
        return X
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(f"X must hold inputs of one shape: {error}") from None
