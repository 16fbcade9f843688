"""Texts to train on: the one that every Python ships, or a file, apart and in shares."""

from __future__ import annotations

import hashlib
import platform
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Integer

STRETCHES, EVERY = 50, 10  # of 50 stretches, each tenth is held out


PIECE = 4096  # bytes at most, that go into a share or stay out of it together


class Text(NamedTuple):
    """A text and its parts, as bytes.

    Attributes:
        whole: All of it.
        training: What is not held out, one after the other.
        held_out: A tenth, in whole stretches from all over the text.
        about: What it is.
    """

    whole: Integer[np.ndarray, " m"]
    training: Integer[np.ndarray, " a"]
    held_out: Integer[np.ndarray, " b"]
    about: str


def read(path: Path | None) -> Text:
    """The text that was given, or else the sources of Python's library.

    Raises:
        OSError: If it cannot be read.
    """
    if path is None:
        found, what = (
            python_text(),
            f"the sources of Python {platform.python_version()}'s library",
        )
    else:
        found, what = path.read_bytes(), path.name
    about = f"{what} ({len(found):,} bytes, SHA-256 {digest(found)}…)"
    whole = np.frombuffer(found, np.uint8)
    return Text(whole, *apart(whole), about)


def apart(
    whole: Integer[np.ndarray, " m"],
) -> tuple[Integer[np.ndarray, " a"], Integer[np.ndarray, " b"]]:
    """What to train on, and what is held out: whole stretches, so that no share holds any of it."""
    stretches = np.array_split(whole, STRETCHES)
    held = range(EVERY // 2, STRETCHES, EVERY)
    rest = [stretches[i] for i in range(STRETCHES) if i not in held]
    return np.concatenate(rest), np.concatenate([stretches[i] for i in held])


class Shares(NamedTuple):
    """Shares of a text for training, each a part of the next larger one.

    Attributes:
        texts: By share.
        piece: Bytes of a piece.
        smallest: Pieces of the smallest share, which are in all of them.
    """

    texts: dict[float, Integer[np.ndarray, " a"]]
    piece: int
    smallest: Integer[np.ndarray, "k piece"]


def shares(
    training: Integer[np.ndarray, " a"], wanted: tuple[float, ...], seed: int
) -> Shares:
    """Pieces at random, as many as a share has.

    Args:
        training: The text.
        wanted: Shares in (0, 1]; the text as it is for 1.
        seed: Of the order in which pieces come in.
    """
    least = len(training) * min(wanted)
    in_least = max(1, -(-int(least) // PIECE))
    piece = max(1, int(least / in_least))
    pieces = training[: len(training) // piece * piece].reshape(-1, piece)
    order = np.random.default_rng(seed).permutation(len(pieces))

    def of(share: float) -> np.ndarray:
        return pieces[order[: max(1, round(share * len(pieces)))]]

    texts = {each: training if each == 1 else of(each).ravel() for each in wanted}
    return Shares(texts, piece, of(min(wanted)))


# Tests, tables of characters, and what some distributions pack apart or build
# themselves.
LEFT_OUT = frozenset(
    {
        "_sysconfigdata",
        "distutils",
        "encodings",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "test",
        "tkinter",
        "turtle",
        "turtledemo",
        "venv",
    }
)


TESTS = frozenset({"test", "tests", "idle_test", "__pycache__"})


LEAST = 2_000_000  # bytes; every Python from 3.11 on has more than three times as many


class PythonTextError(OSError):
    """The sources of the standard library are not there, or cannot be read."""


def python_text(folder: str | Path | None = None) -> bytes:
    """The .py files of the standard library, one after the other in the order of their paths.

    Args:
        folder: Where they are; that of the running Python if None.

    Raises:
        PythonTextError: If there is no such folder, a file cannot be read, or there are
            less than 2 million bytes, as where Python comes without its sources.
    """
    root = Path(sysconfig.get_paths()["stdlib"] if folder is None else folder)
    parts: list[bytes] = []
    for path in _sources(root):
        try:
            parts.append(path.read_bytes())
        except OSError as error:
            raise PythonTextError(
                f"cannot read {path}: {error.strerror or error}"
            ) from error
    # A file that ends without a line end would run into the next.
    text = b"".join(
        part if part.endswith(b"\n") or not part else part + b"\n" for part in parts
    )
    if len(text) < LEAST:
        raise PythonTextError(
            f"expected the sources of Python's standard library, at least {LEAST:,} "
            f"bytes, in {root}, found {len(text):,}: give a text of your own, with "
            "--text"
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
