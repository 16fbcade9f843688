"""Checks of arguments that every part of the library makes."""

from typing import Any


def check_sizes(least: int = 1, /, **sizes: Any) -> None:
    """Refuse sizes, given by their names, that are less than `least`; None is none.

    Raises:
        ValueError: It names the first.
    """
    for name, size in sizes.items():
        if size is not None and size < least:
            raise ValueError(f"{name} must be at least {least}, got {size}")
