"""A text that every Python ships: the sources of its standard library.

It is the same for one version of Python wherever the sources are as released, and another for the
next version; `digest` says which one it is.
"""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from pathlib import Path

# Tests, tables of characters, and what some distributions pack apart or build themselves.
LEFT_OUT = frozenset(
    {
        "_sysconfigdata", "distutils", "encodings", "ensurepip", "idlelib", "lib2to3", "pydoc_data",
        "test", "tkinter", "turtle", "turtledemo", "venv",
    }
)  # fmt: skip
TESTS = frozenset({"test", "tests", "idle_test", "__pycache__"})
LEAST = 2_000_000  # bytes; every Python from 3.11 on has more than three times as many


class PythonTextError(OSError):
    """The sources of the standard library are not there, or cannot be read."""


def python_text(folder: str | Path | None = None) -> bytes:
    """The .py files of the standard library, one after the other in the order of their paths.

    Args:
        folder: Where they are; that of the running Python if None.

    Raises:
        PythonTextError: If there is no such folder, a file cannot be read, or there are less than
            2 million bytes, as where Python comes without its sources.
    """
    root = Path(sysconfig.get_paths()["stdlib"] if folder is None else folder)
    parts: list[bytes] = []
    for path in _sources(root):
        try:
            parts.append(path.read_bytes())
        except OSError as error:
            raise PythonTextError(f"cannot read {path}: {error.strerror or error}") from error
    # A file that ends without a line end would run into the next.
    text = b"".join(part if part.endswith(b"\n") or not part else part + b"\n" for part in parts)
    if len(text) < LEAST:
        raise PythonTextError(
            f"expected the sources of Python's standard library, at least {LEAST:,} bytes, in "
            f"{root}, found {len(text):,}: give a text of your own, with --text"
        )
    return text


def digest(text: bytes) -> str:
    """The first 12 digits of the SHA-256 of a text."""
    return hashlib.sha256(text).hexdigest()[:12]


def _sources(root: Path) -> list[Path]:
    """Files in an order that does not depend on the system."""
    found = {}
    for path in root.rglob("*.py"):
        *folders, name = path.relative_to(root).parts
        top = folders[0] if folders else name.removesuffix(".py")
        wanted = top in sys.stdlib_module_names and top not in LEFT_OUT
        if wanted and not TESTS.intersection(folders):
            found["/".join((*folders, name))] = path
    return [found[name] for name in sorted(found)]
