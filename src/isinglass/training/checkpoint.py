"""Checkpoints: a training on disk, in one file that is whole or refused.

The file (`isinglass._common.arrays`) holds a tree of arrays; its header says what is
trained, how far it is and by which versions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from isinglass._common import arrays
from isinglass._common.arrays import ArrayFile, Format

FORMAT = Format("isinglass-training", 3, "checkpoint of a training")
FILE = "training.checkpoint"
SCHEDULE_POINTS = 17


class Checkpoint(NamedTuple):
    """What a file says of itself.

    Attributes:
        file: The file.
        plan: What is trained.
        step: Steps done.
        records: Records of metrics made.
    """

    file: ArrayFile
    plan: Mapping[str, Any]
    step: int
    records: int


class Position(NamedTuple):
    """How far a training is: steps done, and records of metrics made."""

    step: int
    records: int


def write(store: Path, plan: Mapping[str, Any], position: Position, tree: Any) -> None:
    """Replace the checkpoint in a folder.

    Args:
        store: The folder.
        plan: What is trained, as JSON has it; "system" in it says whose training it is.
        position: How far it is.
        tree: Arrays.

    Raises:
        OSError: If it cannot be written; the one before is untouched.
    """
    software = {name: metadata.version(name) for name in ("isinglass", "jax", "optax")}
    header = {**position._asdict(), "plan": plan, "software": software}
    arrays.write(store / FILE, FORMAT, header, _leaves(tree))


def claim(store: Path, plan: Mapping[str, Any], tidy: bool = True) -> Checkpoint | None:
    """The checkpoint of this training in a folder, if there is one.

    Args:
        store: The folder.
        plan: What is to be trained.
        tidy: Whether to make the folder, and to remove what a killed process left half
            written; one process of several does.

    Raises:
        ValueError: If it holds another training, or what cannot be read.
    """
    checkpoint = read(store)
    if checkpoint is not None:
        _refuse_another(store, checkpoint.plan, plan)
    if tidy:
        _sweep_up(store)
    return checkpoint


def read(store: Path) -> Checkpoint | None:
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
    file = arrays.open_file(path, FORMAT)
    header = file.header
    return Checkpoint(file, header["plan"], header["step"], header["records"])


def restore(checkpoint: Checkpoint, like: Any) -> Any:
    """The arrays of a checkpoint in a tree like the one written, as NumPy arrays.

    Raises:
        ValueError: If they are not those of such a tree; it names the first.
    """
    expected = [
        (name, np.dtype(leaf.dtype).str, tuple(leaf.shape))
        for name, leaf in _leaves(like)
    ]
    stored = checkpoint.file.arrays
    for there, here in zip(stored, expected, strict=False):
        if there != here:
            raise ValueError(f"the checkpoint holds {there} where {here} is expected")
    if len(stored) != len(expected):
        raise ValueError(
            f"the checkpoint holds {len(stored)} arrays, expected {len(expected)}"
        )
    leaves = list(checkpoint.file.read().values())
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


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
