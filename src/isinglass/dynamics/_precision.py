"""In which precision JAX computes, and the warning about single precision."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import jax
import numpy as np

from isinglass._common.checks import check_choice
from isinglass._common.precision import double_precision, single_precision

Precision = Literal["float64", "float32"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class PrecisionWarning(UserWarning):
    """Single precision was asked for where orbits or exponents need double."""


def check_precision(precision: str) -> None:
    """Refuse a precision that there is not.

    Raises:
        ValueError: It names the argument ``precision``.
    """
    check_choice(PRECISIONS, precision=precision)


@contextmanager
def in_precision(precision: str) -> Iterator[None]:
    """Let JAX compute in this precision, in this thread."""
    with double_precision() if precision == "float64" else single_precision():
        yield


def at_precision(tree: Any, precision: str) -> Any:
    """All leaves as NumPy arrays, real ones at this precision.

    To be used inside `in_precision`. NumPy's, since JAX compiles a program for every
    operation on an array of its own.
    """

    def leaf(value: Any) -> np.ndarray:
        array = np.asarray(value)
        is_real = np.issubdtype(array.dtype, np.floating)
        dtype = precision if is_real else jax.dtypes.canonicalize_dtype(array.dtype)
        return array.astype(dtype, copy=False)

    return jax.tree.map(leaf, tree)


def warn_of_single_precision(precision: str) -> None:
    """Warn where digits are needed that float32 does not have."""
    if precision == "float32":
        warnings.warn(
            "float32 follows a chaotic orbit for half as many steps, resolves "
            "contraction down to about e⁻¹⁶ only, and blurs what kind an attractor is: "
            "use precision='float64' for anything to be reported",
            PrecisionWarning,
            stacklevel=3,
        )
