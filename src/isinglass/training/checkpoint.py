"""Training on disk: one file, without pickle, that is whole or refused.

The file is a line of JSON, which says what is trained, how far it is, and which arrays
follow; then the arrays, one after the other; then the SHA-256 of all before it, in
hexadecimal. It is written and read array by array, since a model with its optimiser may
fill half of memory, and is replaced in one step.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from isinglass._common import files as _atomic

LOOPED, MEMORY = "isinglass-looped-training", "isinglass-memory-training"  # formats
VERSION = 2
FILE = "training.checkpoint"
SCHEDULE_POINTS = 17
_DIGEST = 64  # characters
_PART = 1 << 24  # bytes that are read at a time


class Checkpoint(NamedTuple):
    """What a file says of itself.

    Attributes:
        path: The file.
        plan: What is trained.
        step: Steps done.
        records: Records of metrics made.
        arrays: Name, type and shape of each array.
        start: Where the first array begins, in bytes.
    """

    path: Path
    plan: Mapping[str, Any]
    step: int
    records: int
    arrays: list[Any]
    start: int


def write(
    store: Path, form: str, plan: Mapping[str, Any], step: int, records: int, tree: Any
) -> None:
    """Replace the checkpoint in a folder.

    Args:
        store: The folder.
        form: Format, one of those above.
        plan: What is trained, as JSON has it.
        step: Steps done.
        records: Records of metrics made.
        tree: Arrays.

    Raises:
        OSError: If it cannot be written; the one before is untouched.
    """
    leaves = list(_leaves(tree))
    header = {
        "format": form,
        "version": VERSION,
        "step": step,
        "records": records,
        "plan": plan,
        "software": {
            name: metadata.version(name) for name in ("isinglass", "jax", "optax")
        },
        "arrays": [
            [name, np.dtype(each.dtype).str, list(each.shape)] for name, each in leaves
        ],
    }
    digest = hashlib.sha256()
    with _atomic.replacing(store / FILE) as file:
        for data in _content(header, leaves):
            digest.update(data)
            file.write(data)
        file.write(digest.hexdigest().encode())


def _content(header: Any, leaves: list[tuple[str, Any]]) -> Iterator[Any]:
    yield json.dumps(header).encode() + b"\n"
    for _, each in leaves:
        yield np.ascontiguousarray(each).reshape(-1).view(np.uint8).data


def claim(
    store: Path, form: str, plan: Mapping[str, Any], tidy: bool = True
) -> Checkpoint | None:
    """The checkpoint of this training in a folder, if there is one; the folder is made if need be.

    Args:
        store: The folder.
        form: Format.
        plan: What is to be trained.
        tidy: Whether to make the folder, and to remove what a killed process left half
            written; one process of several does.

    Raises:
        ValueError: If it holds another training, or what cannot be read.
    """
    found = read(store, form)
    if found is not None:
        _refuse_another(store, found.plan, plan)
    if tidy:
        _sweep_up(store)
    return found


def read(store: Path, form: str) -> Checkpoint | None:
    """The checkpoint in a folder, or None where there is none.

    Raises:
        ValueError: If `store` is no folder, or its checkpoint is damaged or of another
            format.
    """
    path = store / FILE
    if store.exists() and not store.is_dir():
        raise ValueError(f"store must be a folder, and {store} is a file")
    if not path.exists():
        return None
    with path.open("rb") as file:
        first = file.readline()
        try:
            header = json.loads(first)
            told = header["format"], header["version"]
        except (KeyError, TypeError, ValueError):
            raise ValueError(
                f"{path} is damaged, or no checkpoint of a training"
            ) from None
        if told != (form, VERSION):
            raise ValueError(
                f"{path} has format {told[0]!r} version {told[1]!r}; expected {form!r} "
                f"version {VERSION}"
            )
        if not _is_whole(file, path.stat().st_size):
            raise ValueError(
                f"{path} is damaged: its checksum does not fit its content"
            )
    return Checkpoint(
        path,
        header["plan"],
        header["step"],
        header["records"],
        header["arrays"],
        len(first),
    )


def _is_whole(file: Any, size: int) -> bool:
    digest, left = hashlib.sha256(), size - _DIGEST
    file.seek(0)
    while left > 0:
        part = file.read(min(_PART, left))
        if not part:
            return False
        digest.update(part)
        left -= len(part)
    return file.read() == digest.hexdigest().encode()


def restore(checkpoint: Checkpoint, like: Any) -> Any:
    """The arrays of a checkpoint in a tree like the one that was written, as NumPy arrays.

    Raises:
        ValueError: If they are not those of such a tree; it names the first.
    """
    leaves = list(_leaves(like))
    expected = [
        [name, np.dtype(each.dtype).str, list(each.shape)] for name, each in leaves
    ]
    for there, wanted in zip(checkpoint.arrays, expected, strict=False):
        if there != wanted:
            raise ValueError(f"the checkpoint holds {there} where {wanted} is expected")
    if len(checkpoint.arrays) != len(expected):
        raise ValueError(
            f"the checkpoint holds {len(checkpoint.arrays)} arrays, expected "
            f"{len(expected)}"
        )
    found = []
    with checkpoint.path.open("rb") as file:
        file.seek(checkpoint.start)
        for _, dtype, shape in checkpoint.arrays:
            flat = np.fromfile(file, np.dtype(dtype), int(np.prod(shape)))
            found.append(flat.reshape(shape))
    return jax.tree.unflatten(jax.tree.structure(like), found)


def plain(value: Any, steps: int = 0) -> Any:
    """A value as JSON holds it: dataclasses by their fields, schedules by some of their values.

    Args:
        value: Dataclasses, sequences, numbers, texts, None and schedules, one in the
            other.
        steps: Steps over which schedules are told; that of a dataclass that has `steps`
            counts for all in it.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        steps = getattr(value, "steps", steps)
        return {
            f.name: plain(getattr(value, f.name), steps)
            for f in dataclasses.fields(value)
        }
    if isinstance(value, list | tuple):
        return [plain(each, steps) for each in value]
    if isinstance(value, Mapping):
        return {name: plain(each, steps) for name, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if callable(value):
        return {"schedule": _sampled(value, steps)}
    return value


def _refuse_another(
    store: Path, plan: Mapping[str, Any], asked: Mapping[str, Any]
) -> None:
    """Refuse to go on with a training that is not the one asked for.

    Raises:
        ValueError: It names the first field that differs, with both values.
    """
    for name, there, wanted in _differences("", plan, asked):
        raise ValueError(
            f"store {store} holds another training, nothing in it was touched: {name} "
            f"is {there} there, {wanted} asked for"
        )


def _sweep_up(store: Path) -> None:
    """Make the folder if need be, and remove what a killed process left half written."""
    store.mkdir(parents=True, exist_ok=True)
    for leftover in store.glob(f".{FILE}.*.tmp"):
        leftover.unlink(missing_ok=True)


def _leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path), leaf


def _differences(name: str, there: Any, asked: Any) -> Iterator[tuple[str, Any, Any]]:
    """Names and both values of all that differs."""
    if isinstance(there, Mapping) and isinstance(asked, Mapping):
        for key in {**asked, **there}:
            inner = f"{name}.{key}" if name else key
            yield from _differences(
                inner, there.get(key, "nothing"), asked.get(key, "nothing")
            )
    elif (
        isinstance(there, list)
        and isinstance(asked, list)
        and len(there) == len(asked)
        and any(isinstance(each, Mapping) for each in there)
    ):
        for index, pair in enumerate(zip(there, asked, strict=True)):
            yield from _differences(f"{name}[{index}]", *pair)
    elif there != asked:
        yield name, there, asked


def _sampled(schedule: Any, steps: int) -> list[float]:
    at = np.linspace(0, steps, SCHEDULE_POINTS).astype(int)
    return [float(schedule(int(step))) for step in at]
