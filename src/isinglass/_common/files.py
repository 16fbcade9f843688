"""Files that are either the old or the new ones, whenever the program is killed."""

import io
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


def read_json_object(
    path: Path, error: type[ValueError], because: str = ""
) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: The file.
        error: What to raise where it holds something else.
        because: What the message about another JSON value ends with.

    Raises:
        OSError: If it cannot be read.
    """
    try:
        value = json.loads(path.read_bytes())
    except ValueError as cause:
        raise error(f"{path} is not JSON: {cause}") from None
    if not isinstance(value, dict):
        raise error(f"{path} must hold an object, got {type(value).__name__}{because}")
    return value


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path``, replacing what stood there in one step.

    It is written under a temporary name in the same folder, flushed to disk and moved
    into place, so that no reader ever sees a part of it.

    Raises:
        OSError: If the folder does not exist or cannot be written to. The message names
            ``path``, which is then as it was, and no temporary file is left.
    """
    write_together({Path(path): data})


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` as UTF-8, as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_together(files: Mapping[Path, bytes]) -> None:
    """Write files of which the last vouches for the others.

    All are on disk under temporary names before any is replaced. Only then does the old
    version of the last one go, and the new one comes when the others are in place: a
    full disk leaves everything as it was, and a kill never leaves the last one beside
    others of another version.

    Raises:
        OSError: As `write_bytes`, naming the file that cannot be written.
    """
    temporaries = {path: _temporary(path) for path in files}
    *others, last = files
    try:
        for path, data in files.items():
            with _flushed(temporaries[path], path) as file:
                file.write(data)
        if others:
            with _naming(last):
                last.unlink(missing_ok=True)
        for path, temporary in temporaries.items():
            with _naming(path):
                temporary.replace(path)
    except BaseException:  # Ctrl-C included
        for temporary in temporaries.values():
            temporary.unlink(missing_ok=True)
        raise


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write piece by piece, which replaces `path` when the block has ended.

    For what is too large to be in memory twice; `write_bytes` says the rest.

    Raises:
        OSError: As `write_bytes`; one of the block's own, such as of another file that
            it reads, is left as it is.
    """
    temporary = _temporary(path)
    try:
        with _flushed(temporary, path) as file:
            yield file
        with _naming(path):
            temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary(path: Path) -> Path:
    if not path.name:
        raise ValueError(f"path must name a file, got {str(path)!r}")
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")


@contextmanager
def _flushed(temporary: Path, path: Path) -> Iterator[BinaryIO]:
    """A new file that is on disk when the block ends."""
    with io.BufferedWriter(_NewFile(temporary, path)) as file:
        yield file
        file.flush()
        with _naming(path):
            os.fsync(file.fileno())


class _NewFile(io.FileIO):
    """A new file whose errors name the one it is to replace."""

    def __init__(self, temporary: Path, path: Path) -> None:
        self._path = path
        with _naming(path):
            super().__init__(temporary, "xb")

    def write(self, data: Any) -> int:
        with _naming(self._path):
            return super().write(data)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of the system that name a file of the caller's, and no temporary one."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
