"""Texts to train on: the one that every Python ships, or a file; parts and shares."""

from __future__ import annotations

import hashlib
import platform
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Integer

from isinglass._common.plain_checks import as_path, check_kind, shown

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
    """Read the text at a path, or else the sources of Python's library, in its parts.

    Raises:
        OSError: If it cannot be read.
    """
    if path is None:
        content = python_text()
        name = f"the sources of Python {platform.python_version()}'s library"
    else:
        content, name = path.read_bytes(), path.name
    about = f"{name} ({len(content):,} bytes, SHA-256 {digest(content)}…)"
    whole = np.frombuffer(content, np.uint8)
    return Text(whole, *hold_out(whole), about)


def hold_out(
    whole: Integer[np.ndarray, " m"],
) -> tuple[Integer[np.ndarray, " a"], Integer[np.ndarray, " b"]]:
    """Split a text into what to train on and what is held out, a tenth.

    Whole stretches from all over the text are held out, so that no share of the rest
    holds any of it.

    Raises:
        ValueError: If the text is no array with one axis, or is shorter than 50.
    """
    check_text(whole=whole)
    if len(whole) < STRETCHES:
        raise ValueError(f"whole must hold {STRETCHES} at least, got {len(whole)}")
    stretches = np.array_split(whole, STRETCHES)
    numbers = range(EVERY // 2, STRETCHES, EVERY)
    training = [stretches[i] for i in range(STRETCHES) if i not in numbers]
    return np.concatenate(training), np.concatenate([stretches[i] for i in numbers])


def check_text(**texts: Any) -> None:
    """Refuse what is no array of whole numbers with one axis.

    Raises:
        TypeError: If it is no array.
        ValueError: If it is another.
    """
    for name, text in texts.items():
        check_kind(np.ndarray, **{name: text})
        if text.ndim != 1 or text.dtype.kind not in "iu":
            raise ValueError(
                f"{name} must be a 1-D array of whole numbers, got {shown(text)}"
            )


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
    training: Integer[np.ndarray, " a"], fractions: tuple[float, ...], seed: int
) -> Shares:
    """Draw shares of a text: pieces of it at random, as many as a share has.

    Args:
        training: The text.
        fractions: Of each share, in (0, 1]; the text as it is for 1.
        seed: Of the order in which pieces come in.
    """
    least = len(training) * min(fractions)
    in_least = max(1, -(-int(least) // PIECE))
    piece = max(1, int(least / in_least))
    pieces = training[: len(training) // piece * piece].reshape(-1, piece)
    order = np.random.default_rng(seed).permutation(len(pieces))

    def share(fraction: float) -> np.ndarray:
        return pieces[order[: max(1, round(fraction * len(pieces)))]]

    texts = {
        fraction: training if fraction == 1 else share(fraction).ravel()
        for fraction in fractions
    }
    return Shares(texts, piece, share(min(fractions)))


def windows(
    text: Integer[np.ndarray, "*pieces m"], count: int, length: int
) -> Integer[np.ndarray, "count length"]:
    """Cut stretches out of a text, evenly spaced, each inside one piece.

    Args:
        text: Bytes (m,), or pieces of them, (k, m) with m ≥ length.
        count: How many stretches.
        length: Bytes of each.
    """
    pieces = np.atleast_2d(text)
    room = pieces.shape[1] - length + 1  # places in a piece
    place = np.linspace(0, len(pieces) * room - 1, count).astype(int)
    return pieces[place[:, None] // room, place[:, None] % room + np.arange(length)]


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
    """Join the .py files of the standard library in the order of their paths.

    Args:
        folder: Where they are; that of the running Python if None.

    Raises:
        PythonTextError: If there is no such folder, a file cannot be read, or there are
            less than 2 million bytes, as where Python comes without its sources.
    """
    root = as_path(
        "folder", sysconfig.get_paths()["stdlib"] if folder is None else folder
    )
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
    sources = {}
    for path in root.rglob("*.py"):
        *folders, name = path.relative_to(root).parts
        top = folders[0] if folders else name.removesuffix(".py")
        is_library = top in sys.stdlib_module_names and top not in LEFT_OUT
        if is_library and not TESTS.intersection(folders):
            sources["/".join((*folders, name))] = path
    return [sources[name] for name in sorted(sources)]
