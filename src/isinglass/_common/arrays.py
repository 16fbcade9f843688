"""Arrays on disk: one file, without pickle, that is whole or refused.

The file is a line of JSON, which says what it holds and which arrays follow; then the
arrays, one after the other, in C order; then the SHA-256 of all before it, in
hexadecimal. It is written and read array by array, since a model with its optimiser may
fill half of memory, and is replaced in one step.

Checkpoints of trainings, saved classifiers and what an experiment measured are such
files; they differ in their `Format` and in what the header says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from isinglass._common import files

_DIGEST = 64  # characters of a SHA-256 in hexadecimal
_PART = 1 << 24  # bytes that are read at a time

NamedArrays = Iterable[tuple[str, Any]]


class Format(NamedTuple):
    """What a file holds, and how it is laid out.

    Attributes:
        name: Such as "isinglass-training".
        version: Files of another version are refused.
        noun: What to call such a file in an error, such as "checkpoint of a training".
    """

    name: str
    version: int
    noun: str


class ArrayFile(NamedTuple):
    """A file whose checksum fits its content.

    Attributes:
        path: Where it lies.
        header: What it says of itself, without the list of arrays.
        arrays: Name, type (as NumPy writes it) and shape of each array, in order.
        start: Where the first array begins, in bytes.
    """

    path: Path
    header: Mapping[str, Any]
    arrays: list[tuple[str, str, tuple[int, ...]]]
    start: int

    def read(self) -> dict[str, np.ndarray]:
        """All arrays by name.

        Raises:
            OSError: If the file cannot be read any more.
        """
        with self.path.open("rb") as file:
            file.seek(self.start)
            return {
                name: np.fromfile(file, np.dtype(dtype), int(np.prod(shape))).reshape(
                    shape
                )
                for name, dtype, shape in self.arrays
            }


def write(
    path: Path, form: Format, header: Mapping[str, Any], arrays: NamedArrays
) -> None:
    """Write a file in one step: a reader finds the old one or the new one.

    Args:
        path: Where to.
        form: What it is.
        header: What it says of itself, as JSON has it.
        arrays: Names and arrays of numbers, of NumPy or JAX.

    Raises:
        OSError: If it cannot be written; what stood there is untouched.
    """
    with files.replacing(path) as file:
        for part in content(form, header, arrays):
            file.write(part)


def content(
    form: Format, header: Mapping[str, Any], arrays: NamedArrays
) -> Iterator[Any]:
    """The bytes of a file, part by part: the header, each array, and the checksum."""
    arrays = list(arrays)
    shapes = [
        [name, np.dtype(array.dtype).str, list(array.shape)] for name, array in arrays
    ]
    first = {"format": form.name, "version": form.version, **header, "arrays": shapes}
    digest = hashlib.sha256()
    for part in _parts(first, arrays):
        digest.update(part)
        yield part
    yield digest.hexdigest().encode()


def _parts(header: Mapping[str, Any], arrays: NamedArrays) -> Iterator[Any]:
    yield json.dumps(header).encode() + b"\n"
    for _, array in arrays:
        yield np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def open_file(path: Path, form: Format) -> ArrayFile:
    """Check a file and read what it says of itself.

    Args:
        path: Where it lies.
        form: What it must be.

    Raises:
        ValueError: If it is damaged, or of another format or version.
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        first = file.readline()
        try:
            header = json.loads(first)
            name, version = header.pop("format"), header.pop("version")
            arrays = [
                (label, dtype, tuple(shape))
                for label, dtype, shape in header.pop("arrays")
            ]
        except (AttributeError, KeyError, TypeError, ValueError):
            raise ValueError(f"{path} is damaged, or no {form.noun}") from None
        if (name, version) != (form.name, form.version):
            raise ValueError(
                f"{path} has format {name!r} version {version!r}; expected "
                f"{form.name!r} version {form.version}"
            )
        if not _is_whole(file, path.stat().st_size):
            raise ValueError(
                f"{path} is damaged: its checksum does not fit its content"
            )
    return ArrayFile(path, header, arrays, len(first))


def _is_whole(file: BinaryIO, size: int) -> bool:
    digest, left = hashlib.sha256(), size - _DIGEST
    file.seek(0)
    while left > 0:
        part = file.read(min(_PART, left))
        if not part:
            return False
        digest.update(part)
        left -= len(part)
    return file.read() == digest.hexdigest().encode()
