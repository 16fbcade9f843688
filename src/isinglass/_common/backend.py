"""Matplotlib's backend, as the environment names it."""

import os
from importlib.util import find_spec


def drop_missing_backend() -> None:
    """Forget a backend that is not installed here.

    Every kernel of IPython has ``MPLBACKEND=module://matplotlib_inline.backend_inline``
    in the environment of what it starts, other Pythons among them. Where there is no
    such module, Matplotlib would refuse to be imported. Figures here need no backend.
    """
    name = os.environ.get("MPLBACKEND", "")
    module = name.removeprefix("module://")
    if module == name:
        return
    try:
        is_missing = find_spec(module) is None
    except (ImportError, ValueError):  # of what should hold it
        is_missing = True
    if is_missing:
        del os.environ["MPLBACKEND"]
