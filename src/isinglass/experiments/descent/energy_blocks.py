"""Blocks of `energy` and the weights that they are tried with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import numpy as np

from isinglass.energy.block import EnergyBlock
from isinglass.systems.descent import (
    EnergyTransformer,
    EnergyTransformerConfig,
    HyperSET,
    HyperSETConfig,
    attention_bound,
    memory_bound,
    projection_bounds,
)

TOKENS, WIDTH, HEADS, HEAD_WIDTH, MEMORIES = 12, 16, 2, 8, 32
# Not more directions than channels: they can be orthogonal then.
DIRECTIONS = WIDTH
INITIAL, WEAK, GAUSSIAN, ORTHOGONAL, SKEWED = WEIGHTS = (
    "as published at first",
    "weak Gaussian",
    "Gaussian",
    "orthogonal",
    "skewed",
)
SKEW = 10.0  # largest over least scale of a channel

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Case:
    """A block whose descent is followed.

    Attributes:
        make: Makes it, with weights of no matter.
        draw: Draws weights of a kind, by their names.
        silent: Names of weights that are 0.
    """

    make: Callable[[], EnergyBlock]
    draw: Callable[[np.random.Generator, str], dict[str, np.ndarray]]
    silent: Sequence[str] = field(default=())

    def weights(self, rng: np.random.Generator, kind: str) -> dict[str, np.ndarray]:
        """Weights of a kind, without those that are silent."""
        weights = self.draw(rng, kind)
        return weights | {name: 0 * weights[name] for name in self.silent}


def matrix(rng: np.random.Generator, kind: str, rows: int, columns: int) -> np.ndarray:
    """A matrix of mean square 1 that acts on as many channels as it has columns.

    Orthogonal: its rows are, or its columns where it has more rows. Skewed: some
    channels weigh ten times as much as others.
    """
    values = rng.standard_normal((rows, columns))
    if kind == ORTHOGONAL:
        wide = rows <= columns
        frame = np.linalg.qr(values.T if wide else values)[0]
        return max(rows, columns) ** 0.5 * (frame.T if wide else frame)
    if kind == SKEWED:
        scale = np.geomspace(1, SKEW, columns)
        return values * scale / (scale**2).mean() ** 0.5
    return values


def _of_transformer(rng: np.random.Generator, kind: str) -> dict[str, np.ndarray]:
    # At 0.5 and 0.3 attention pulls about as hard as memories do.
    coupling, memory = {INITIAL: (0.002, 0.02), WEAK: (0.1, 0.1)}.get(kind, (0.5, 0.3))
    size = HEADS, HEAD_WIDTH, WIDTH
    query, key = (
        coupling
        * np.stack([matrix(rng, kind, HEAD_WIDTH, WIDTH) for _ in range(HEADS)])
        for _ in range(2)
    )
    memories = memory * matrix(rng, kind, MEMORIES, WIDTH).T
    return {"query": query.reshape(size), "key": key, "memories": memories}


def _of_hyperset(rng: np.random.Generator, kind: str) -> dict[str, np.ndarray]:
    # WᵀW = I where orthogonal. Of the scale only the length of a step depends.
    scale = {INITIAL: 0.02, WEAK: 0.05}.get(kind, WIDTH**-0.5)
    return {
        "subspaces": scale * matrix(rng, kind, WIDTH, WIDTH).T,
        "directions": scale * matrix(rng, kind, DIRECTIONS, WIDTH).T,
    }


def transformer(**options: Any) -> EnergyTransformer:
    """A small Energy Transformer."""
    config = EnergyTransformerConfig(WIDTH, HEADS, HEAD_WIDTH, MEMORIES, **options)
    return EnergyTransformer(config, key=jax.random.key(0))


def hyperset(step: str) -> HyperSET:
    """A small Hyper-SET of fixed steps."""
    config = HyperSETConfig(WIDTH, HEADS, DIRECTIONS, step=step, step_features=0)
    return HyperSET(config, key=jax.random.key(0))


ET, ATTENTION, MEMORY, OTHERS, LEAK, PUBLISHED, EXACT = BLOCKS = (
    "Energy Transformer",
    "Energy Transformer, attention alone",
    "Energy Transformer, memories alone",
    "Energy Transformer, keys j ≠ i",
    "Energy Transformer, leak",
    "Hyper-SET, published step",
    "Hyper-SET, exact step",
)
CASES = {
    ET: Case(transformer, _of_transformer),
    ATTENTION: Case(transformer, _of_transformer, ["memories"]),
    MEMORY: Case(transformer, _of_transformer, ["query", "key"]),
    OTHERS: Case(partial(transformer, own_key=False), _of_transformer),
    LEAK: Case(partial(transformer, leak=True), _of_transformer),
    PUBLISHED: Case(partial(hyperset, "published"), _of_hyperset),
    EXACT: Case(partial(hyperset, "exact"), _of_hyperset),
}


def floor(block: EnergyBlock) -> Any:
    """A number that the energy of `TOKENS` tokens is never below."""
    if isinstance(block, EnergyTransformer):
        return attention_bound(block, TOKENS) + memory_bound(block, TOKENS)
    least, _ = projection_bounds(TOKENS, WIDTH // HEADS)
    return HEADS * least - 0.5 * TOKENS * DIRECTIONS


def stacked(parts: Sequence[Arrays]) -> dict[str, np.ndarray]:
    """Weights of several draws, each array with one more axis in front."""
    return {name: np.stack([part[name] for part in parts]) for name in parts[0]}
