"""Checks of arguments that every part of the library makes."""

import operator
from typing import Any


def check_sizes(least: int = 1, /, **sizes: Any) -> None:
    """Refuse sizes, given by their names, that are no whole numbers of at least `least`.

    None is none.

    Raises:
        ValueError: It names the first.
    """
    for name, size in sizes.items():
        if size is not None and not _is_whole(size):
            raise ValueError(f"{name} must be a whole number, at least {least}, got {size!r}")
        if size is not None and size < least:
            raise ValueError(f"{name} must be at least {least}, got {size}")


def _is_whole(size: Any) -> bool:
    try:
        operator.index(size)
    except TypeError:
        return False
    return True
