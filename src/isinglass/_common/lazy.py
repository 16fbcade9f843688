"""Modules that are imported when they are first used, by name at the top of a file."""

from importlib import import_module
from typing import Any


def lazy_module(name: str) -> Any:
    """Return a module whose import waits for its first use.

    For the command line, whose ``--help`` must not wait for JAX. A module that does not
    exist is an error at that first use.

    Args:
        name: In full, such as "isinglass.reproduce.runner".
    """
    return _Module(name)


class _Module:
    """Stands for a module, which is imported as any other is when it is asked.

    Python's own `importlib.util.LazyLoader` would put a module that is not loaded yet
    where all others find it. If Ctrl-C then comes while it is loaded, half of it stays
    there, and whoever looked at it in passing has lost the interrupt.
    """

    def __init__(self, name: str) -> None:
        vars(self)["_name"] = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(import_module(vars(self)["_name"]), attribute)

    def __setattr__(self, attribute: str, value: Any) -> None:
        setattr(import_module(vars(self)["_name"]), attribute, value)

    def __delattr__(self, attribute: str) -> None:
        delattr(import_module(vars(self)["_name"]), attribute)
