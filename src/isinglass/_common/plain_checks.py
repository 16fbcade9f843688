"""Checks of arguments that need no JAX; `isinglass._common.checks` has the others.

A ``check_…`` takes values by their names and returns nothing; an ``as_…`` takes a name
and a value and returns the value in the form that is computed with. Each raises an
error that names the argument, what it was, and what is accepted. What JAX traces has no
values yet, and passes where only values are looked at.
"""

import os
import sys
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

Kind = TypeVar("Kind")

_INTERVALS = {
    "(-inf, inf)": "finite",
    "[0, inf)": "finite and at least 0",
}


MOST = 2**31 - 1  # that 32 bits hold, in which JAX counts


def check_whole(minimum: int = 1, /, **values: Any) -> None:
    """Refuse what is no whole number from `minimum` to `MOST`: see `is_whole`.

    Raises:
        ValueError: It names the first.
    """
    for name, value in values.items():
        if not is_whole(value):
            raise ValueError(
                f"{name} must be a whole number of at least {minimum}, got "
                f"{shown(value)}"
            )
        if value < minimum:
            raise ValueError(f"{name} must be at least {minimum}, got {value}")
        if value > MOST:
            raise ValueError(f"{name} must be at most {MOST:,}, got {_in_short(value)}")


def check_seed(**values: Any) -> None:
    """Refuse what NumPy takes for no seed: a whole number, however large.

    Raises:
        ValueError: It names the first.
    """
    for name, value in values.items():
        check_whole(0, **{name: min(value, MOST) if is_whole(value) else value})


def check_positive(**values: Any) -> None:
    """Refuse what is no positive, finite number, or a whole one beyond `MOST`.

    Raises:
        ValueError: It names the first.
    """
    _check_size(values)
    for name, value in values.items():
        if not is_traced(value) and not _is_positive(value):
            raise ValueError(f"{name} must be positive and finite, got {value}")


def check_in(interval: str, /, **values: Any) -> None:
    """Refuse what is no real number of an interval, such as "(0, 1]" or "[0, inf)".

    Nor is a whole number beyond `MOST` taken for one: JAX would count it.

    Raises:
        ValueError: It names the first.
    """
    _check_size(values)
    low, high = (float(end) for end in interval[1:-1].split(","))
    for name, value in values.items():
        if is_traced(value):
            continue
        if not (
            is_number(value)
            and (low < value or (low == value and interval[0] == "["))
            and (value < high or (value == high and interval[-1] == "]"))
        ):
            kind = _INTERVALS.get(interval, f"in {interval}")
            raise ValueError(f"{name} must be {kind}, got {value!r}")


def check_choice(options: Collection[Any], /, **values: Any) -> None:
    """Refuse what is none of some texts, whole numbers, or None.

    Raises:
        ValueError: It names the first, and what can be said in its place: not None,
            which is to leave it out and on a command line is no word.
    """
    for name, value in values.items():
        plain = value is None or isinstance(value, str | int | np.integer)
        if not plain or isinstance(value, bool) or value not in options:
            names = ", ".join(str(option) for option in options if option is not None)
            raise ValueError(f"{name} must be one of {names}, got {value!r}")


def check_flag(**values: Any) -> None:
    """Refuse what is neither True nor False.

    Raises:
        TypeError: It names the first.
    """
    for name, value in values.items():
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {value!r}")


def check_function(**values: Any) -> None:
    """Refuse what cannot be called, and classes: their instances are meant.

    Raises:
        TypeError: It names the first.
    """
    for name, value in values.items():
        if not callable(value) or isinstance(value, type):
            raise TypeError(f"{name} must be a function, got {value!r}")


def check_kind(*kinds: type, **values: Any) -> None:
    """Refuse what is no instance of a class, or of one of several.

    Raises:
        TypeError: It names the first.
    """
    for name, value in values.items():
        if not isinstance(value, kinds):
            names = " or ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"{name} must be of {names}, got {value!r}")


def as_list(name: str, value: Any) -> list[Any]:
    """The elements of a collection that is no text, one at least.

    Raises:
        TypeError: If it is none.
        ValueError: If it is empty.
    """
    if (
        isinstance(value, str | bytes | Mapping)
        or not (isinstance(value, Collection) or is_array(value))
        or getattr(value, "ndim", 1) == 0
    ):
        raise TypeError(f"{name} must be a sequence, got {shown(value)}")
    if not len(value):
        raise ValueError(f"{name} must hold one at least, got none")
    return list(_with_numbers(value))


def as_path(name: str, value: Any) -> Path:
    """The value as a path; an empty text is none, for it would be this folder.

    Raises:
        TypeError: If it is neither text nor a path.
        ValueError: If it holds a null character, which no system has in a name.
    """
    if not isinstance(value, str | os.PathLike) or value == "":
        raise TypeError(f"{name} must be a path, got {shown(value)}")
    path = Path(value)
    if "\0" in str(path):
        raise ValueError(f"{name} must be a path, got {shown(value)}")
    return path


def or_default(kind: type[Kind], **values: Kind | None) -> Kind:
    """The one value, an instance of a class, or for None what the class makes of none.

    Raises:
        TypeError: It names the value.
    """
    ((name, value),) = values.items()
    if value is None:
        return kind()
    check_kind(kind, **{name: value})
    return value


def as_generator(name: str, value: Any) -> np.random.Generator:
    """Random numbers of NumPy from a whole number, a generator, or None for any.

    Raises:
        ValueError: If `numpy.random.default_rng` does not take it.
    """
    try:
        return np.random.default_rng(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} must be None, a whole number of at least 0 or a generator of "
            f"NumPy, got {shown(value)}: {error}"
        ) from None


def as_pair(name: str, value: Any) -> tuple[int, int]:
    """Two whole numbers, each of at least 1.

    Raises:
        TypeError: If it is no sequence.
        ValueError: If it is another.
    """
    pair = as_list(name, value)
    if len(pair) != 2:
        raise ValueError(f"{name} must be two whole numbers, got {value!r}")
    for number in pair:
        check_whole(**{name: number})
    return int(pair[0]), int(pair[1])


def is_whole(value: Any) -> bool:
    """Whether it is a whole number, which a truth value is not.

    An array is none, not even one of no axes: counts and sizes are hashed, written to
    files and decide what is compiled, all of which an array cannot.
    """
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_index(value: Any) -> bool:
    """Whether it is a whole number, or an array of such, which JAX may trace."""
    if is_array(value):
        return getattr(value.dtype, "kind", None) in ("i", "u")
    return is_whole(value)


def is_number(value: Any) -> bool:
    """Whether it is a real number, which a truth value is not; NaN is one."""
    if is_array(value):
        kind = getattr(value.dtype, "kind", None)  # keys of JAX have none
        real = kind in ("i", "u", "f") or value.dtype.name == "bfloat16"
        return value.ndim == 0 and real
    return isinstance(value, Real) and not isinstance(value, bool)


def is_traced(value: Any) -> bool:
    """Whether JAX traces it; where nobody has imported JAX, nothing is."""
    if not hasattr(value, "aval"):
        return False
    return isinstance(value, sys.modules["jax"].core.Tracer)


def is_array(value: Any) -> bool:
    """Whether it is an array of NumPy or JAX."""
    if isinstance(value, np.ndarray):
        return True
    return hasattr(value, "aval") and isinstance(value, sys.modules["jax"].Array)


def shown(value: Any) -> str:
    """An array by its shape, anything else as it is."""
    if is_array(value):
        return f"an array of {value.dtype} {value.shape}"
    return repr(value)


def _check_size(values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if is_whole(value) and abs(value) > MOST:
            raise ValueError(
                f"{name} must be a float beyond {MOST:,}, such as 1e12, got "
                f"{_in_short(value)}"
            )


def _in_short(number: Any) -> str:
    bits = int(number).bit_length()
    return f"{number:,}" if bits < 64 else f"one of {bits:,} bits"


def _with_numbers(value: Any) -> Any:
    """Whole numbers in a row as NumPy's, since JAX's are arrays of no axes each."""
    if not is_array(value) or is_traced(value) or value.ndim > 1:
        return value
    return (
        np.asarray(value) if getattr(value.dtype, "kind", None) in ("i", "u") else value
    )


def _is_positive(value: Any) -> bool:
    return is_number(value) and bool(0 < value < np.inf)
