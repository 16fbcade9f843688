"""Checks of arguments that several files share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jax.core import Tracer
from jaxtyping import Int

from isinglass._types import ArrayLike


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
        want is not None and have != want for have, want in zip(array.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must be of shape ({wanted}), got {array.shape}")
