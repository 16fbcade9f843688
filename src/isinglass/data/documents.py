"""A user's labelled texts: a folder of files, or a table."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from isinglass._common.plain_checks import as_path, check_kind

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}


class DocumentFileError(ValueError):
    """A file of documents is not what it should be."""


class Documents(NamedTuple):
    """Texts and their labels.

    Attributes:
        texts: The texts, in order of the files or of the table.
        labels: A label each, as text.
    """

    texts: list[str]
    labels: np.ndarray

    def __repr__(self) -> str:
        names = ", ".join(map(str, np.unique(self.labels)[:5]))
        return f"Documents({len(self.texts)} texts of {names})"


def read_documents(
    path: str | Path, *, text: str = "text", label: str = "label"
) -> Documents:
    """Read labelled texts from a folder or a table, all in UTF-8.

    A folder has one folder a label, and in it (or deeper) a file a text; files and
    folders whose names begin with a dot are left out. A table is a .csv with commas, or
    a .tsv or .tab with tabs, whose first line names the columns.

    Args:
        path: The folder, or the table.
        text: Name of the table's column of texts.
        label: Name of the table's column of labels.

    Raises:
        FileNotFoundError: If there is nothing at `path`.
        DocumentFileError: If it is no such folder or table, naming the file or line.
    """
    path = as_path("path", path)
    check_kind(str, text=text, label=label)
    if not path.exists():
        raise FileNotFoundError(f"no folder or table of texts at {path}")
    pairs = _folder(path) if path.is_dir() else _table(path, text, label)
    if not pairs:
        raise DocumentFileError(f"{path} holds no texts")
    texts, labels = zip(*pairs, strict=True)
    return Documents(list(texts), np.array(labels))


def _folder(path: Path) -> list[tuple[str, str]]:
    folders = sorted(p for p in path.iterdir() if p.is_dir() and _shown(p, path))
    if not folders:
        raise DocumentFileError(
            f"{path} must have a folder for each label, with files of text in it"
        )
    pairs = []
    for folder in folders:
        names = sorted(p for p in folder.rglob("*") if p.is_file() and _shown(p, path))
        pairs += [(_decoded(file), folder.name) for file in names]
    return pairs


def _shown(path: Path, top: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(top).parts)


def _decoded(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentFileError(f"{file} is not UTF-8: {error}") from None


def _table(path: Path, text: str, label: str) -> list[tuple[str, str]]:
    separator = _SEPARATORS.get(path.suffix.lower())
    if separator is None:
        raise DocumentFileError(
            f"path must be a folder, or a table that ends in {', '.join(_SEPARATORS)}, "
            f"got {path}"
        )
    lines = _decoded(path).splitlines(keepends=True)
    # Texts may be longer than the 128 kB that the module allows by default.
    limit = csv.field_size_limit(sys.maxsize)
    try:
        return _rows(path, csv.DictReader(lines, delimiter=separator), text, label)
    except csv.Error as error:
        raise DocumentFileError(f"{path} is no table: {error}") from None
    finally:
        csv.field_size_limit(limit)


def _rows(
    path: Path, reader: csv.DictReader, text: str, label: str
) -> list[tuple[str, str]]:
    columns = reader.fieldnames or []
    for column in (text, label):
        if column not in columns:
            raise DocumentFileError(
                f"{path} has no column {column!r}; its first line names {columns}"
            )
    pairs = []
    for row in reader:
        if row[text] is None or row[label] is None:
            raise DocumentFileError(
                f"{path}, line {reader.line_num}: too few columns for "
                f"{text!r} and {label!r}"
            )
        pairs.append((row[text], row[label]))
    return pairs
