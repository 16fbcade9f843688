"""Checks of arguments: the one place where a bad input is refused by its name.

A ``check_…`` takes values by their names and returns nothing; an ``as_…`` takes a name
and a value and returns the value in the form that is computed with. Each raises an
error that names the argument, what it was, and what is accepted. What JAX traces has no
values yet, and passes where only values are looked at.
"""

import weakref
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Int

from isinglass._common.plain_checks import MOST as MOST
from isinglass._common.plain_checks import as_generator as as_generator
from isinglass._common.plain_checks import as_list as as_list
from isinglass._common.plain_checks import as_pair as as_pair
from isinglass._common.plain_checks import as_path as as_path
from isinglass._common.plain_checks import check_choice as check_choice
from isinglass._common.plain_checks import check_flag as check_flag
from isinglass._common.plain_checks import check_function as check_function
from isinglass._common.plain_checks import check_in as check_in
from isinglass._common.plain_checks import check_kind as check_kind
from isinglass._common.plain_checks import check_positive as check_positive
from isinglass._common.plain_checks import check_seed as check_seed
from isinglass._common.plain_checks import check_whole as check_whole
from isinglass._common.plain_checks import is_array as is_array
from isinglass._common.plain_checks import is_index as is_index
from isinglass._common.plain_checks import is_number as is_number
from isinglass._common.plain_checks import is_whole as is_whole
from isinglass._common.plain_checks import or_default as or_default
from isinglass._common.plain_checks import shown as shown
from isinglass._common.types import ArrayLike

_FEW = 1 << 14  # numbers that are sooner fetched than a program for them is compiled
_SHORT = 8  # numbers that an error shows
_RAW_KEYS = ((2,), (4,))
# JAX arrays do not change, so that a large one is read once.
_FINITE: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()


def check_key(**values: Any) -> None:
    """Refuse what is no single random key of JAX, of the old kind or the new.

    Raises:
        TypeError: It names the first.
    """
    for name, value in values.items():
        shape, dtype = (value.shape, value.dtype) if is_array(value) else (None, None)
        is_new = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
        if not (shape == () if is_new else dtype == np.uint32 and shape in _RAW_KEYS):
            raise TypeError(
                f"{name} must be one key, as of jax.random.key(0), got {shown(value)}"
            )


def check_shapes(**values: tuple[Any, str]) -> None:
    """Refuse arrays whose axes do not fit those that are said, such as "... n d".

    Axes of one name have one size, in all arrays, of 1 at least; a number is the size
    of an axis, and "..." stands for any axes before.

    Raises:
        TypeError: If a value is no array of NumPy or JAX.
        ValueError: If a shape is another. It names the array.
    """
    sizes: dict[str, int] = {}
    for name, (value, axes) in values.items():
        _check_array(name, value)
        names = axes.split()
        shape = value.shape
        if names[:1] == ["..."]:
            names = names[1:]
            shape = shape[max(len(shape) - len(names), 0) :]
        own = dict(sizes)  # an axis may come twice in one array
        expected = [
            int(axis) if axis.isdigit() else own.setdefault(axis, size)
            for axis, size in zip(names, shape, strict=False)
        ]
        if len(names) != len(shape) or list(shape) != expected or 0 in shape:
            fixed = {axis: f"{axis} = {size}" for axis, size in sizes.items()}
            sized = [
                axis if axis.isdigit() else fixed.get(axis, f"{axis} ≥ 1")
                for axis in names
            ]
            raise ValueError(
                f"{name} must have the axes ({', '.join(axes.split())})"
                f"{' with ' if sized else ''}{', '.join(sized)}, got shape "
                f"{value.shape}"
            )
        sizes |= dict(zip(names, shape, strict=True))


def fits_into(own: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether an array can be broadcast to a shape, whose axes none is larger than."""
    sizes = zip(own[::-1], shape[::-1], strict=False)
    return len(own) <= len(shape) and all(a in (1, b) for a, b in sizes)


def check_mask(**values: Any) -> None:
    """Refuse what is no array of truth values.

    Raises:
        TypeError: If it is no array of NumPy or JAX.
        ValueError: If it holds others.
    """
    for name, value in values.items():
        _check_array(name, value)
        if value.dtype != bool:
            raise ValueError(f"{name} must be True or False each, got {value.dtype}")


def check_batch_axes(shape: tuple[int, ...], **masks: Any) -> None:
    """Refuse a mask that does not fit into a shape (…, N), the batch axes among it.

    Raises:
        ValueError: It names the mask.
    """
    for name, mask in masks.items():
        if not fits_into(mask.shape, shape):
            raise ValueError(f"{name} must be of shape {shape}, got {mask.shape}")


def check_instances(**masks: Any) -> None:
    """Refuse a mask that leaves nothing of some member of a batch.

    Raises:
        TypeError: If it is no array.
        ValueError: If it is none of truth values, or leaves none.
    """
    check_mask(**masks)
    for name, mask in masks.items():
        if isinstance(mask, Tracer):
            continue
        # By NumPy: where code is traced, JAX would trace this of a constant, too.
        if not np.asarray(mask).any(-1).all():
            raise ValueError(
                f"{name} must leave an instance in each row, got one of none"
            )


def check_real(**values: Any) -> None:
    """Refuse what is no array of real numbers.

    Raises:
        TypeError: If it is no array of NumPy or JAX.
        ValueError: If its numbers are complex, or none.
    """
    for name, value in values.items():
        _check_array(name, value)
        if not jnp.issubdtype(value.dtype, jnp.number) or jnp.iscomplexobj(value):
            raise ValueError(f"{name} must be real numbers, got {value.dtype}")


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
        ValueError: If they are, or for random keys.
    """
    if is_array(value) and jnp.issubdtype(value.dtype, jax.dtypes.extended):
        raise ValueError(f"{name} must hold numbers or text, got {shown(value)}")
    if hasattr(value, "shape") and not isinstance(value, type):
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
    array = np.asarray(as_array(name, value))
    _check_shape(name, array, shape)
    if not np.isin(array, (-1, 1)).all():
        raise ValueError(f"{name} must hold +1 and -1 only")
    return array.astype(np.int8)


def parameter(name: str, parameters: Mapping[str, Any]) -> Any:
    """The parameter of that name as it is, which may be traced.

    Raises:
        ValueError: If it is not there.
    """
    check_kind(Mapping, parameters=parameters)
    if name not in parameters:
        raise ValueError(f'parameters must hold "{name}", got {list(parameters)}')
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


def _check_array(name: str, value: Any) -> None:
    if not is_array(value):
        raise TypeError(
            f"{name} must be an array of NumPy or JAX, got {type(value).__name__}"
        )


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
        array = np.asarray(value)
        if np.iscomplexobj(array):
            raise ValueError("complex numbers are not taken")
        if array.dtype.kind in "US":  # of which NumPy would take "1" for a number
            raise ValueError("words are not taken")
        return np.array(array, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{name} must hold real numbers: {error}") from None


def _check_shape(name: str, array: Any, shape: tuple[int | None, ...]) -> None:
    sizes = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or any(b not in (None, a) for a, b in sizes):
        expected = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} must be of shape ({expected}), got {array.shape}")
