"""Checks of arguments that every part of the library makes."""

import operator
import weakref
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Int

from isinglass._common.types import ArrayLike


def check_sizes(least: int = 1, /, **sizes: Any) -> None:
    """Refuse sizes, given by their names, that are no whole numbers of at least `least`.

    None is none.

    Raises:
        ValueError: It names the first.
    """
    for name, size in sizes.items():
        if size is not None and not _is_whole(size):
            raise ValueError(
                f"{name} must be a whole number, at least {least}, got {size!r}"
            )
        if size is not None and size < least:
            raise ValueError(f"{name} must be at least {least}, got {size}")


def _is_whole(size: Any) -> bool:
    try:
        operator.index(size)
    except TypeError:
        return False
    return True


_FEW = 1 << 14  # numbers that are sooner fetched than a program for them is compiled


_known_finite: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


@jax.jit
def _all_finite(x: Any) -> Any:
    return jnp.isfinite(x).all()


def refuse_unreal(name: str, value: Any) -> None:
    """Raise an error that names the argument unless it is an array of real numbers."""
    if not isinstance(value, np.ndarray | jax.Array):
        raise TypeError(
            f"{name} must be an array of NumPy or JAX, got {type(value).__name__}"
        )
    if not jnp.issubdtype(value.dtype, jnp.number) or jnp.iscomplexobj(value):
        raise ValueError(f"{name} must be real numbers, got {value.dtype}")


def refuse_infinite(name: str, value: Any) -> None:
    """Raise a `ValueError` that names the argument unless it is finite, or traced.

    A JAX array does not change, so that a large one is read once.
    """
    if isinstance(value, Tracer) or _known_finite.get(id(value)) is value:
        return
    if np.size(value) <= _FEW:
        finite = np.isfinite(np.asarray(value)).all()
    else:
        with (
            jax.ensure_compile_time_eval()
        ):  # constants are looked at where code is traced, too
            finite = bool(_all_finite(value))
    if not finite:
        raise ValueError(
            f"{name} must be finite, got NaN or infinity among {np.size(value)} numbers"
        )
    if isinstance(value, jax.Array):
        _known_finite[id(value)] = value


def positive(name: str, value: Any) -> None:
    """Raise a `ValueError` that names the argument unless it is positive and finite, or traced."""
    if isinstance(value, Tracer):
        return
    try:
        fits = np.ndim(value) == 0 and bool(0 < value < np.inf)
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(f"{name} must be positive and finite, got {value}")


def whole(name: str, value: Any, least: int) -> None:
    """Raise a `ValueError` that names the argument unless it is a whole number of some size."""
    try:
        fits = not isinstance(value, bool) and operator.index(value) >= least
    except TypeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} must be a whole number of at least {least}, got {value!r}"
        )


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


def checked_number(parameters: Mapping[str, Any], name: str) -> float:
    """The parameter of that name as a finite number, or a `ValueError`."""
    if name not in parameters:
        raise ValueError(f'parameters must hold "{name}", got {sorted(parameters)}')
    try:
        value = float(np.asarray(parameters[name]))
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {parameters[name]}")
    return value


def checked_array(name: str, value: Any, shape: tuple[int | None, ...]) -> Any:
    """The value as a finite array of that shape; what is being traced has no values to check."""
    array = value if isinstance(value, Tracer) else np.array(value, dtype=float)
    _check_shape(name, array, shape)
    if isinstance(array, np.ndarray) and not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite")
    return array


def checked_signs(
    name: str, value: ArrayLike, shape: tuple[int | None, ...]
) -> Int[np.ndarray, "..."]:
    """The value as an int8 array of that shape that holds +1 and −1 only."""
    array = np.asarray(value)
    _check_shape(name, array, shape)
    if not np.isin(array, (-1, 1)).all():
        raise ValueError(f"{name} must hold +1 and -1 only")
    return array.astype(np.int8)


def _check_shape(name: str, array: Any, shape: tuple[int | None, ...]) -> None:
    if array.ndim != len(shape) or any(
        want is not None and have != want
        for have, want in zip(array.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must be of shape ({wanted}), got {array.shape}")
