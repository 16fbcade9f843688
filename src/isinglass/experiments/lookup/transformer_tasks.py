"""What `lookup-transformer` asks: digits, digits whose ink is inverted, and votes.

Attention mixes tokens by weights that sum to 1. Where it looks at all alike, what it
makes of tokens x and of −x differs in sign alone, and so do logits behind it: of
patches whose ink is inverted at random it has nothing left on average. What follows
attention is then to make something even of each patch. Where weights depend on tokens,
attention itself does some of that: how much, the control without mixer says.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass.data.patches import to_patches
from isinglass.experiments.lookup.learning import (
    Pictures,
    Problem,
    Training,
    problem,
)
from isinglass.reproduce import Context

SIDE = 7  # of a patch
DIGITS, INVERTED, VOTES = TASKS = ("digits", "inverted digits", "votes")
VOTERS, BITS = 15, 6
DRAWN = 20_000  # votes to learn from and to choose by


class Task(NamedTuple):
    """A task, ready to be learned.

    Attributes:
        problem: Which inputs are for what.
        pictures: What nets read.
        classes: How many.
    """

    problem: Problem
    pictures: Pictures
    classes: int


class Inverted(Pictures):
    """Patches with signs that are drawn anew each time one learns from them."""

    def drawn(self, places: Array, key: PRNGKeyArray) -> Float[Array, "b n v"]:
        """Some of them, each patch as it is or inverted."""
        inputs = super().drawn(places, key)
        return inputs * jax.random.rademacher(key, (*inputs.shape[:2], 1), inputs.dtype)


def task_of(name: str, context: Context, training: Training) -> Task:
    """The task of a name."""
    if name == VOTES:
        return _votes(context, training)
    pool = problem(context, training)
    pixels = pool.images.astype(np.float32)
    own = pixels[pool.pool]
    patches = to_patches((pixels - own.mean()) / own.std(), (SIDE, SIDE))
    labels = jnp.asarray(pool.labels, jnp.int32)
    if name == DIGITS:
        return Task(pool, Pictures(jnp.asarray(patches), labels), 10)
    signs = context.rng("inverted").choice([-1.0, 1.0], (*patches.shape[:2], 1))
    inputs = jnp.asarray(patches * signs, jnp.float32)
    return Task(pool, Inverted(inputs, labels), 10)


def _votes(context: Context, training: Training) -> Task:
    rng = context.rng("votes")
    table = rng.permutation(np.arange(1 << BITS) % 2)
    bits = rng.integers(2, size=(DRAWN + training.test, VOTERS, BITS))
    labels = majority(bits, table)
    inputs = (2 * bits - 1).astype(np.float32)
    numbers = np.arange(len(labels))
    return Task(
        Problem(inputs, labels, numbers[:DRAWN], numbers[DRAWN:]),
        Pictures(jnp.asarray(inputs), jnp.asarray(labels, jnp.int32)),
        2,
    )


def majority(
    bits: Int[np.ndarray, "b n m"], table: Int[np.ndarray, "k"]
) -> Int[np.ndarray, "b"]:
    """Whether a table says 1 of more than half of the tokens, bit 0 the lowest."""
    address = (bits << np.arange(bits.shape[-1])).sum(-1)
    return (2 * table[address].sum(-1) > bits.shape[1]).astype(int)
