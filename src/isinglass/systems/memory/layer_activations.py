"""Activations of a transformer, layer by layer, for many texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from isinglass._common.checks import (
    as_list,
    as_path,
    check_choice,
    check_function,
    check_kind,
    check_whole,
)
from isinglass.data.tokens import check_tokens
from isinglass.systems.memory.transformer import SINGLE, Execution, Transformer

Positions = Literal["last", "mean", "all"]
POSITIONS: tuple[Positions, ...] = get_args(Positions)
FINAL = "final"


@dataclass(frozen=True)
class Reading:
    """Which activations of a model are read, and how they are computed.

    Attributes:
        layers: Which, as `Activations` names them; None for all.
        positions: "last" for the activation at the last token, "mean" for the mean over
            a sequence, "all" for that of every token, sequence by sequence.
        batch: Sequences at a time.
        execution: How to compute them.
        scratch: Folder for activations that are not to stay (of `layer_radius`); the
            system's own if None.

    Raises:
        ValueError: If positions are of no kind, or the batch is less than 1.
    """

    layers: Sequence[str | int] | None = None
    positions: Positions = "last"
    batch: int = 8
    execution: Execution = SINGLE
    scratch: str | Path | None = None

    def __post_init__(self) -> None:
        check_choice(POSITIONS, positions=self.positions)
        check_whole(batch=self.batch)
        check_kind(Execution, execution=self.execution)
        if self.layers is not None:
            as_list("layers", self.layers)
        if self.scratch is not None:
            as_path("scratch", self.scratch)


WHOLE = Reading()


class Activations(NamedTuple):
    """Activations of several layers.

    Attributes:
        layers: "0" for the embedding, "1" … "L" for what comes out of each layer, and
            "final" for that of the last after layer normalisation.
        vectors: (layers, vectors, d), float32; a memory map if a file was asked for.
    """

    layers: tuple[str, ...]
    vectors: Float[np.ndarray, "layers vectors d"]

    def of(self, layer: str | int) -> Float[np.ndarray, "vectors d"]:
        """Return those of one layer, not copied.

        Raises:
            ValueError: If it is not there.
        """
        if str(layer) not in self.layers:
            raise ValueError(f"layer must be one of {self.layers}, got {layer!r}")
        return self.vectors[self.layers.index(str(layer))]


def activations(
    model: Transformer,
    tokens: Integer[np.ndarray, "m n"],
    reading: Reading = WHOLE,
    *,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Activations:
    """Collect what a model makes of many sequences, after each of its layers.

    No more than ``reading.batch`` sequences are under way at a time. What stays are
    layers × m × d numbers, or n times as many for all positions; ``out`` puts them on
    disk.

    Args:
        model: The model.
        tokens: Sequences of the same length; may be a part of a `np.memmap`.
        reading: Which activations.
        out: An .npy file to write them to, replaced if it is there.
        progress: Called as ``progress(done, total)`` after each batch.

    Raises:
        TypeError: If ``tokens`` is no array of NumPy or JAX.
        ValueError: If an argument is out of range, or a token is none of the model's.
            No file is written then.
    """
    check_kind(Transformer, model=model)
    check_kind(Reading, reading=reading)
    if progress is not None:
        check_function(progress=progress)
    if out is not None:
        as_path("out", out)
    config = model.config
    check_tokens("tokens", tokens, 2, config.vocabulary)
    m, n = tokens.shape
    if not m or not 1 <= n <= config.context:
        raise ValueError(
            f"tokens must be sequences of 1 to {config.context} tokens, at least one, "
            f"got shape {tokens.shape}"
        )
    names = layer_names(config.layers, reading.layers)
    per_sequence = n if reading.positions == "all" else 1
    shape = (len(names), m * per_sequence, config.width)
    if out is None:
        vectors = np.empty(shape, np.float32)
    else:
        vectors = np.lib.format.open_memmap(out, "w+", np.float32, shape)
    for first in range(0, m, reading.batch):
        chosen = tokens[first : first + reading.batch]
        # One compiled program: the last batch is filled up.
        filled = np.zeros((reading.batch, n), np.int32)
        filled[: len(chosen)] = chosen
        batch = np.asarray(
            _of_batch(model, filled, names, reading.positions, reading.execution)
        )
        rows = batch[:, : len(chosen)].reshape(len(names), -1, config.width)
        last = first + len(chosen)
        vectors[:, first * per_sequence : last * per_sequence] = rows
        if progress is not None:
            progress(last, m)
    return Activations(names, vectors)


def layer_names(
    layers: int, chosen: Sequence[str | int] | None = None
) -> tuple[str, ...]:
    """Return names of activations of a model of so many layers, all or those chosen.

    Raises:
        ValueError: If one is unknown or there twice, or none is chosen.
    """
    every = (*map(str, range(layers + 1)), FINAL)
    if chosen is None:
        return every
    names = tuple(str(layer) for layer in chosen)
    for name in names:
        if name not in every:
            raise ValueError(f"layers must be 0 to {layers} or {FINAL!r}, got {name!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"layers must be different ones, at least one, got {names}")
    return names


@partial(jax.jit, static_argnames=("names", "positions", "execution"))
def _of_batch(
    model: Transformer,
    tokens: Any,
    names: tuple[str, ...],
    positions: Positions,
    execution: Execution,
) -> Float[Array, "layers b *positions d"]:
    def reduced(x: Any) -> Any:
        if positions == "last":
            return x[:, -1].astype(jnp.float32)
        x = x.astype(jnp.float32)
        return x.mean(1) if positions == "mean" else x

    last, stream = model.stream(tokens, execution, pick=reduced)
    places = [len(stream) if name == FINAL else int(name) for name in names]
    every = jnp.concatenate([stream, reduced(model.after(last))[None]])
    return every[jnp.array(places)]
