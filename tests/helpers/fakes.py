"""Entries of the toy experiments, and measures that fail."""

from collections.abc import Callable
from typing import Any

from helpers import toys
from helpers.toys import _shared
from isinglass.reproduce import Context
from isinglass.reproduce.catalogue import Entry


def entry(name: str = "toy-one", measure: Any = None, **changes: Any) -> Entry:
    """A toy of the catalogue, with a measure and a declaration of the test's own."""
    _shared.MEASURES.pop(name, None)
    if measure is not None:
        _shared.MEASURES[name] = measure
    system, _, short = name.partition("-")
    return Entry(system, toys.PAPER, toys.__name__, toys.declare(short, **changes))


def raising(error: BaseException) -> Callable[[Context], Any]:
    """A measure that raises an error."""

    def measure(context: Context) -> Any:
        raise error

    return measure


def counting(name: str = "toy-one", **changes: Any) -> tuple[Entry, list[Context]]:
    """A toy that remembers the contexts it was run with."""
    contexts: list[Context] = []

    def measure(context: Context) -> Any:
        contexts.append(context)
        return _shared.measure(context)

    return entry(name, measure, **changes), contexts
