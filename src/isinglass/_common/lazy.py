"""Modules that are imported when they are first used, by name at the top of a file."""

from typing import Any

from lazy_loader import load


def lazy_module(name: str) -> Any:
    """A module whose import waits for its first use.

    For the command line, whose ``--help`` must not wait for JAX. A module that does not
    exist is an error at that first use.

    Args:
        name: In full, such as "isinglass.reproduce.runner".
    """
    return load(name, suppress_warning=True)
