"""Checkpoints: a training on disk, in one file that is whole or refused.

The file (`isinglass._common.arrays`) holds a tree of arrays; its header says what is
trained, how far it is and by which versions.
"""

from __future__ import annotations

import dataclasses
import json
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


class Position(NamedTuple):
    """How far a training is: steps done, and records of metrics made."""

    step: int
    records: int


class Checkpoint(NamedTuple):
    """What a checkpoint says of itself; its arrays are read by `restore`.

    Attributes:
        file: The file.
        plan: What is trained.
        position: How far it is.
    """

    file: ArrayFile
    plan: Mapping[str, Any]
    position: Position


def write(store: Path, plan: Mapping[str, Any], position: Position, tree: Any) -> None:
    """Replace the checkpoint in a folder, in one step.

    Args:
        store: The folder.
        plan: What is trained, as JSON has it (see `plain`); "system" in it says whose
            training it is.
        position: How far it is.
        tree: A tree of arrays: all that training goes on from.

    Raises:
        OSError: If it cannot be written; the one before is untouched.
    """
    software = {name: metadata.version(name) for name in ("isinglass", "jax", "optax")}
    header = {**position._asdict(), "plan": plan, "software": software}
    arrays.write(store / FILE, FORMAT, header, _leaves(tree))


def claim(store: Path, plan: Mapping[str, Any], tidy: bool = True) -> Checkpoint | None:
    """The checkpoint of this training in a folder, or None where there is none.

    Args:
        store: The folder.
        plan: What is to be trained, as for `write`.
        tidy: Whether to make the folder, and to remove what a killed process left half
            written; one process of several does.

    Raises:
        ValueError: If the folder holds another training, which is left untouched, or
            what cannot be read. It names the first field that differs, with both
            values.
    """
    checkpoint = read(store)
    if checkpoint is not None:
        for name, stored, current in _differences("", checkpoint.plan, plan):
            raise ValueError(
                f"store {store} holds another training, nothing in it was touched: "
                f"{name} is {stored} there, {current} asked for"
            )
    if tidy:
        store.mkdir(parents=True, exist_ok=True)
        for leftover in store.glob(f".{FILE}.*.tmp"):
            leftover.unlink(missing_ok=True)
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
    position = Position(file.header["step"], file.header["records"])
    return Checkpoint(file, file.header["plan"], position)


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
    for mine, other in zip(expected, stored, strict=False):
        if mine != other:
            raise ValueError(f"the checkpoint holds {other} where {mine} is expected")
    if len(stored) != len(expected):
        raise ValueError(
            f"the checkpoint holds {len(stored)} arrays, expected {len(expected)}"
        )
    leaves = list(checkpoint.file.read().values())
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def plain(value: Any, steps: int = 0) -> Any:
    """A value as JSON holds it, so that plans can be written, read and compared.

    Dataclasses become their fields, and schedules some of their values, for a function
    cannot be compared by what it does everywhere.

    Args:
        value: Dataclasses, sequences, numbers, texts, None and schedules, one in the
            other.
        steps: Steps over which schedules are sampled; that of a dataclass that has
            `steps` counts for all in it.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        steps = getattr(value, "steps", steps)
        return {
            f.name: plain(getattr(value, f.name), steps)
            for f in dataclasses.fields(value)
        }
    if isinstance(value, list | tuple):
        return [plain(item, steps) for item in value]
    if isinstance(value, Mapping):
        return {name: plain(item, steps) for name, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if callable(value):
        return {"schedule": _sampled(value, steps)}
    return value


def _leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(path), leaf


def _differences(
    name: str, stored: Any, current: Any
) -> Iterator[tuple[str, Any, Any]]:
    """Names of all fields that differ between two plans, with both values."""
    if isinstance(stored, Mapping) and isinstance(current, Mapping):
        for key in {**current, **stored}:
            inner = f"{name}.{key}" if name else key
            pair = (plan.get(key, "nothing") for plan in (stored, current))
            yield from _differences(inner, *pair)
    elif (
        isinstance(stored, list)
        and isinstance(current, list)
        and len(stored) == len(current)
        and any(isinstance(item, Mapping) for item in stored)
    ):
        for index, pair in enumerate(zip(stored, current, strict=True)):
            yield from _differences(f"{name}[{index}]", *pair)
    # NaN, which a schedule may hold, is the same as NaN here.
    elif stored != current and json.dumps(stored) != json.dumps(current):
        yield name, stored, current


def _sampled(schedule: Any, steps: int) -> list[float]:
    places = np.linspace(0, steps, SCHEDULE_POINTS).astype(int)
    return [float(schedule(int(step))) for step in places]
