"""Checks of arguments: the one place where a bad input is refused by its name.

A ``check_…`` takes values by their names and returns nothing; an ``as_…`` takes a name
and a value and returns the value in the form that is computed with. Each raises an
error that names the argument, what it was, and what is accepted. What JAX traces has no
values yet, and passes where only values are looked at.
"""

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

_FEW = 1 << 14  # numbers that are sooner fetched than a program for them is compiled
_SHORT = 8  # numbers that an error shows
# JAX arrays do not change, so that a large one is read once.
_FINITE: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def check_whole(least: int = 1, /, **values: Any) -> None:
    """Refuse what is no whole number of at least `least`.

    Raises:
        ValueError: It names the first.
    """
    for name, value in values.items():
        if not is_whole(value):
            raise ValueError(
                f"{name} must be a whole number of at least {least}, got {value!r}"
            )
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def check_positive(**values: Any) -> None:
    """Refuse what is no positive, finite number.

    Raises:
        ValueError: It names the first.
    """
    for name, value in values.items():
        if not isinstance(value, Tracer) and not _is_positive(value):
            raise ValueError(f"{name} must be positive and finite, got {value}")


def check_real(**values: Any) -> None:
    """Refuse what is no array of real numbers.

    Raises:
        TypeError: If it is no array of NumPy or JAX.
        ValueError: If its numbers are complex, or none.
    """
    for name, value in values.items():
        if not isinstance(value, np.ndarray | jax.Array):
            raise TypeError(
                f"{name} must be an array of NumPy or JAX, got {type(value).__name__}"
            )
        if not jnp.issubdtype(value.dtype, jnp.number) or jnp.iscomplexobj(value):
            raise ValueError(f"{name} must be real numbers, got {value.dtype}")


def check_kind(*kinds: type, **values: Any) -> None:
    """Refuse what is no instance of a class, or of one of several.

    Raises:
        TypeError: It names the first.
    """
    for name, value in values.items():
        if not isinstance(value, kinds):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"{name} must be of {names}, got {value!r}")


def check_finite(**values: Any) -> None:
    """Refuse NaN and infinity, and what is no number.

    Raises:
        ValueError: It names the first.
    """
    for name, value in values.items():
        if isinstance(value, Tracer):
            continue
        lasting = isinstance(value, jax.Array)
        if lasting and _FINITE.get(id(value)) is value:
            continue
        if not _is_finite(name, value):
            raise ValueError(f"{name} must be finite, got {_brief(value)}")
        if lasting:
            _FINITE[id(value)] = value


def as_array(name: str, value: Any) -> Any:
    """The value as an array if it is lists of lists, which must not be ragged.

    Raises:
        ValueError: If they are.
    """
    if hasattr(value, "shape"):
        return value
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} must hold inputs of one shape: {error}") from None


def as_real_array(
    name: str, value: Any, shape: tuple[int | None, ...] | None = None
) -> Any:
    """A float64 copy of the value, which must be real, finite and of the shape, if any.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, Tracer):
        array: Any = value
    else:
        array = _copy(name, value)
    if shape is not None:
        _check_shape(name, array, shape)
    if isinstance(array, np.ndarray):
        check_finite(**{name: array})
    return array


def as_sign_array(
    name: str, value: ArrayLike, shape: tuple[int | None, ...]
) -> Int[np.ndarray, "..."]:
    """The value as an int8 array of the shape, which must hold +1 and −1 only.

    Raises:
        ValueError: If it does not.
    """
    array = np.asarray(value)
    _check_shape(name, array, shape)
    if not np.isin(array, (-1, 1)).all():
        raise ValueError(f"{name} must hold +1 and -1 only")
    return array.astype(np.int8)


def parameter(name: str, parameters: Mapping[str, Any]) -> Any:
    """The parameter of that name as it is, which may be traced.

    Raises:
        ValueError: If it is not there.
    """
    if name not in parameters:
        raise ValueError(f'parameters must hold "{name}", got {sorted(parameters)}')
    return parameters[name]


def as_parameter(name: str, parameters: Mapping[str, Any]) -> float:
    """The parameter of that name, which must be there and a finite number.

    Raises:
        ValueError: If it is not.
    """
    value: Any = parameter(name, parameters)
    try:
        value = float(np.asarray(value))
    except (TypeError, ValueError):
        value = np.nan
    if not np.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {parameters[name]}")
    return value


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, which a truth value is not."""
    try:
        operator.index(value)
    except TypeError:
        return False
    return not isinstance(value, bool)


def _is_positive(value: Any) -> bool:
    try:
        return np.ndim(value) == 0 and bool(0 < value < np.inf)
    except TypeError:
        return False


def _is_finite(name: str, value: Any) -> bool:
    try:
        if np.size(value) <= _FEW:
            return bool(np.isfinite(np.asarray(value)).all())
        with jax.ensure_compile_time_eval():  # a constant of code that is traced, too
            return bool(_all_finite(value))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold numbers, got {value!r}") from error


@jax.jit
def _all_finite(x: Any) -> Any:
    return jnp.isfinite(x).all()


def _brief(value: Any) -> str:
    if np.size(value) <= _SHORT:
        return str(np.asarray(value).tolist())
    return f"NaN or infinity among {np.size(value)} numbers"


def _copy(name: str, value: Any) -> np.ndarray:
    try:
        if np.iscomplexobj(value):
            raise ValueError("complex numbers are not taken")
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from None


def _check_shape(name: str, array: Any, shape: tuple[int | None, ...]) -> None:
    sizes = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or any(b not in (None, a) for a, b in sizes):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must be of shape ({expected}), got {array.shape}")
