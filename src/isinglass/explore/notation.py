"""Values as they are written on a command line: ``beta=0:3:401``, ``r=1,2,3``."""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

T = TypeVar("T")

MOST_VALUES = 10**7
RANGES = "NAME=LOW:HIGH:COUNT, NAME=LOW:HIGH:COUNT:log or NAME=1,2,3"


def axes(texts: Iterable[str]) -> dict[str, Float[np.ndarray, " n"]]:
    """Read the values of the varied parameters, by name, of ``beta=0:3:401`` and such.

    Args:
        texts: What stands after each ``--vary``: ``NAME=LOW:HIGH:COUNT`` for evenly
            spaced values, both ends included; the same and ``:log`` for equal ratios;
            or ``NAME=1,2,3``.

    Raises:
        ValueError: If one or two parameters with two values or more each cannot be read
            from it.
    """
    values = _pairs("--vary", texts, _axis, RANGES)
    if not 1 <= len(values) <= 2:
        raise ValueError(
            "--vary must be given once, for a diagram over one parameter, or twice, "
            f"for a map of two, got {len(values)}"
        )
    return values


def settings(texts: Iterable[str]) -> dict[str, float]:
    """Read fixed parameters, by name, of texts such as ``gamma=127``.

    Raises:
        ValueError: If one is no ``NAME=NUMBER``.
    """
    return _pairs("--set", texts, _number, "NAME=NUMBER")


def options(texts: Iterable[str]) -> dict[str, Any]:
    """Read options of a cluster: numbers, true and false as such, all else as text.

    Raises:
        ValueError: If one is no ``KEY=VALUE``.
    """
    return _pairs("--cluster-option", texts, _plain, "KEY=VALUE")


def numbers(option: str, text: str) -> list[float]:
    """Read numbers separated by commas.

    Raises:
        ValueError: If they are not finite numbers; it names the option.
    """
    try:
        return [_number(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(
            f"{option} must be numbers such as 0.1,0.2, got {text!r}"
        ) from None


def whole(option: str, text: str, other: str) -> int | None:
    """Read a whole number, or None for the one word that may stand there instead.

    Raises:
        ValueError: If it is neither; it names the option.
    """
    if text == other:
        return None
    try:
        return int(text)
    except ValueError:
        raise ValueError(
            f"{option} must be a whole number or {other!r}, got {text!r}"
        ) from None


def section(text: str) -> tuple[int, float]:
    """Read component and level of ``COMPONENT`` or ``COMPONENT=LEVEL``.

    Raises:
        ValueError: If it is neither.
    """
    component, _, level = text.partition("=")
    try:
        return int(component), _number(level or "0")
    except ValueError:
        raise ValueError(
            "--section must be COMPONENT or COMPONENT=LEVEL, components counted from "
            f"0, got {text!r}"
        ) from None


def angles(texts: Iterable[str]) -> dict[int, float]:
    """Read which components are angles, and their periods, of ``0=6.283`` or ``0=2pi``.

    Raises:
        ValueError: If one is no ``COMPONENT=PERIOD``.
    """
    form = "COMPONENT=PERIOD, such as 0=360 or 0=2pi, components counted from 0"
    pairs = _pairs("--angle", texts, _turn, form)
    if not all(name.isdigit() for name in pairs):
        raise ValueError(f"--angle must be {form}, got {', '.join(pairs)}")
    return {int(name): period for name, period in pairs.items()}


def _turn(text: str) -> float:
    factor, is_pi = (text[:-2], True) if text.endswith("pi") else (text, False)
    value = _number(factor or "1") * (math.pi if is_pi else 1.0)
    if value <= 0:
        raise ValueError("PERIOD must be above 0")
    return value


def _pairs(
    option: str, texts: Iterable[str], read: Callable[[str], T], form: str
) -> dict[str, T]:
    pairs: dict[str, T] = {}
    for text in texts:
        name, equals, value = (part.strip() for part in text.partition("="))
        if name in pairs:
            raise ValueError(f"{option} names {name!r} more than once")
        try:
            if not name or not equals:
                raise ValueError("there is no name, or no equals sign")
            pairs[name] = read(value)
        except ValueError as error:
            raise ValueError(
                f"{option} must be {form}, got {text!r}: {error}"
            ) from None
    return pairs


def _axis(text: str) -> Float[np.ndarray, " n"]:
    parts = text.split(":")
    if len(parts) == 1:
        values = np.array([_number(part) for part in text.split(",")])
    elif len(parts) == 3 or (len(parts) == 4 and parts[3] == "log"):
        low, high = _number(parts[0]), _number(parts[1])
        values = _range(low, high, _count(parts[2]), len(parts) == 4)
    else:
        raise ValueError("it is no range and no list")
    if len(values) < 2:
        raise ValueError("it must hold two values at least; for one there is --set")
    return values


def _range(
    low: float, high: float, count: int, ratios: bool
) -> Float[np.ndarray, " count"]:
    if low == high:
        raise ValueError("LOW and HIGH must differ")
    if not ratios:
        return np.linspace(low, high, count)
    if low <= 0 or high <= 0:
        raise ValueError("with log, LOW and HIGH must be above 0")
    return np.geomspace(low, high, count)


def _count(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        raise ValueError(f"COUNT must be a whole number, not {text!r}") from None
    if not 2 <= count <= MOST_VALUES:
        raise ValueError(f"COUNT must be 2 to {MOST_VALUES:,}")
    return count


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def _plain(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def as_options(message: str, options: Mapping[str, str]) -> str:
    """Rewrite a message of `isinglass.dynamics` to name the option, not the argument.

    Args:
        message: It begins with the name of the argument.
        options: The options, by the names of the arguments.
    """
    argument = message.split(maxsplit=1)[0] if message else ""
    name, bracket, rest = argument.partition("[")
    if name not in options:
        return message
    item = f" {rest.rstrip(']')}" if bracket else ""
    return options[name] + item.replace("'", "") + message[len(argument) :]
