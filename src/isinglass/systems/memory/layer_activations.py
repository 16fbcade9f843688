"""Activations of a transformer, layer by layer, for many texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer

from isinglass.data.tokens import check_tokens
from isinglass.systems.memory.transformer import SINGLE, Execution, Transformer

POSITIONS = ("last", "mean", "all")
FINAL = "final"


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
        """Those of one layer, not copied.

        Raises:
            ValueError: If it was not kept.
        """
        if str(layer) not in self.layers:
            raise ValueError(f"layer must be one of {self.layers}, got {layer!r}")
        return self.vectors[self.layers.index(str(layer))]


def activations(
    model: Transformer,
    tokens: Integer[np.ndarray, "m n"],
    *,
    layers: Sequence[str | int] | None = None,
    positions: str = "last",
    batch: int = 8,
    out: str | Path | None = None,
    execution: Execution = SINGLE,
    progress: Callable[[int, int], None] | None = None,
) -> Activations:
    """What a model makes of many sequences, after each of its layers.

    No more than `batch` sequences are under way at a time. What is kept are layers × m
    × d numbers, or n times as many if all positions are asked for; `out` puts them on
    disk.

    Args:
        model: The model.
        tokens: Sequences of the same length; may be a part of a `np.memmap`.
        layers: Which, as `Activations` names them; None for all.
        positions: "last" for the activation at the last token, "mean" for the mean over
            a sequence, "all" for that of every token, sequence by sequence.
        batch: Sequences at a time.
        out: An .npy file to write them to, replaced if it is there.
        execution: How to compute it.
        progress: Called as `progress(done, total)` after each batch.

    Raises:
        TypeError: If `tokens` is no array of NumPy or JAX.
        ValueError: If an argument is out of range, or a token is none of the model's.
            No file is written then.
    """
    if positions not in POSITIONS:
        raise ValueError(f"positions must be one of {POSITIONS}, got {positions!r}")
    if batch < 1:
        raise ValueError(f"batch must be at least 1, got {batch}")
    config = model.config
    check_tokens("tokens", tokens, 2, config.vocabulary)
    m, n = tokens.shape
    if not m or not 1 <= n <= config.context:
        raise ValueError(
            f"tokens must be sequences of 1 to {config.context} tokens, at least one, "
            f"got shape {tokens.shape}"
        )
    names = layer_names(config.layers, layers)
    each = n if positions == "all" else 1
    shape = (len(names), m * each, config.width)
    if out is None:
        vectors = np.empty(shape, np.float32)
    else:
        vectors = np.lib.format.open_memmap(out, "w+", np.float32, shape)
    for first in range(0, m, batch):
        taken = tokens[first : first + batch]
        # One compiled program: the last batch is filled up.
        filled = np.zeros((batch, n), np.int32)
        filled[: len(taken)] = taken
        found = np.asarray(_of_batch(model, filled, names, positions, execution))
        kept = found[:, : len(taken)].reshape(len(names), -1, config.width)
        vectors[:, first * each : (first + len(taken)) * each] = kept
        if progress is not None:
            progress(first + len(taken), m)
    return Activations(names, vectors)


def layer_names(
    layers: int, wanted: Sequence[str | int] | None = None
) -> tuple[str, ...]:
    """Names of activations of a model of so many layers, all or those wanted.

    Raises:
        ValueError: If one is unknown or there twice, or none is wanted.
    """
    known = (*map(str, range(layers + 1)), FINAL)
    if wanted is None:
        return known
    names = tuple(str(each) for each in wanted)
    for name in names:
        if name not in known:
            raise ValueError(f"layers must be 0 to {layers} or {FINAL!r}, got {name!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"layers must be different ones, at least one, got {names}")
    return names


@partial(jax.jit, static_argnames=("names", "positions", "execution"))
def _of_batch(
    model: Transformer,
    tokens: Any,
    names: tuple[str, ...],
    positions: str,
    execution: Execution,
) -> Float[Array, "layers b *positions d"]:
    def reduced(x: Any) -> Any:
        if positions == "last":
            return x[-1].astype(jnp.float32)
        x = x.astype(jnp.float32)
        return x.mean(0) if positions == "mean" else x

    def one(tokens: Any) -> Any:
        last, stream = model.stream(tokens, execution, pick=reduced)
        places = [len(stream) if name == FINAL else int(name) for name in names]
        every = jnp.concatenate([stream, reduced(model.after(last))[None]])
        return every[jnp.array(places)]

    return jnp.moveaxis(jax.vmap(one)(tokens), 0, 1)
