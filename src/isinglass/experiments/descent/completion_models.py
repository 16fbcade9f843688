"""What completes pictures: descents of an energy, their controls, and peers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from isinglass.attention.normalisation import normalise
from isinglass.energy import ModernHopfield
from isinglass.systems.descent import (
    EnergyTransformer,
    EnergyTransformerConfig,
    ImageEnergyTransformer,
)

PATCHES, PIXELS = 49, 16  # 7 × 7 patches of 4 × 4


class QueryOnly(EnergyTransformer):
    """The block without Σ_h A_hᵀ Q_h W^K_h: tokens act as queries alone.

    That is what ordinary attention does. It is no gradient: `energy` is that of the
    whole block, and steps follow only a part of its force.
    """

    def __init__(self, config: EnergyTransformerConfig, *, key: PRNGKeyArray) -> None:
        """Make it as an `EnergyTransformer` is made."""
        super().__init__(config, key=key)

    def attention_force(
        self, activity: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch n d"]:
        """Return Σ_h A_h K_h W^Q_h."""
        queries, keys = self._heads(activity)
        rows = jax.nn.softmax(self._scores(queries, keys), axis=-1)
        by_query = jnp.einsum("...hij,...hjy->...hiy", rows, keys)
        return jnp.einsum("...hny,hyd->...nd", by_query, self.query)


class LoopedBlock(eqx.Module):
    """A transformer's block that is applied T times: normed first, GELU, no mask.

    x ← x + attention(LN(x)), then x ← x + gelu(LN(x) U + u) V + v.
    """

    norms: Float[Array, "4 d"]
    into_heads: Float[Array, "3 h y d"]
    out_of_heads: Float[Array, "h y d"]
    into_hidden: Float[Array, "d m"]
    hidden_bias: Float[Array, "m"]
    out_of_hidden: Float[Array, "m d"]
    bias: Float[Array, "d"]

    def __init__(
        self, config: EnergyTransformerConfig, hidden: int, *, key: PRNGKeyArray
    ) -> None:
        """Make it of the width and heads of a block, weights N(0, 0.02²)."""
        d, heads = config.width, (config.heads, config.head_width, config.width)
        sizes = ((3, *heads), heads, (d, hidden), (hidden, d))
        keys = jax.random.split(key, len(sizes))
        weights = [
            0.02 * jax.random.normal(k, size)
            for k, size in zip(keys, sizes, strict=True)
        ]
        self.into_heads, self.out_of_heads = weights[:2]
        self.into_hidden, self.out_of_hidden = weights[2:]
        self.hidden_bias, self.bias = jnp.zeros(hidden), jnp.zeros(d)
        self.norms = jnp.stack([jnp.ones(d), jnp.zeros(d)] * 2)

    def step(self, x: Float[Array, "*batch n d"]) -> Float[Array, "*batch n d"]:
        """Apply the block once."""
        gain, shift, second_gain, second_shift = self.norms
        normed = normalise(x, gain, shift)
        queries, keys, values = jnp.einsum(
            "...nd,khyd->k...hny", normed, self.into_heads
        )
        scores = jnp.einsum("...hiy,...hjy->...hij", queries, keys)
        rows = jax.nn.softmax(scores * queries.shape[-1] ** -0.5, axis=-1)
        mixed = jnp.einsum("...hij,...hjy->...hiy", rows, values)
        x = x + jnp.einsum("...hny,hyd->...nd", mixed, self.out_of_heads)
        normed = normalise(x, second_gain, second_shift)
        hidden = jax.nn.gelu(normed @ self.into_hidden + self.hidden_bias)
        return x + hidden @ self.out_of_hidden + self.bias

    def iterate(
        self, x: Float[Array, "*batch n d"], steps: int
    ) -> Float[Array, "*batch n d"]:
        """Apply it T times, what happens within a step computed anew for gradients."""
        body = jax.checkpoint(lambda x, _: (self.step(x), None), prevent_cse=False)
        return jax.lax.scan(body, x, length=steps)[0]


def numbers_of(part: Any) -> int:
    """Count the trained numbers of a module."""
    return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(part, eqx.is_array)))


def hidden_width(config: EnergyTransformerConfig) -> int:
    """The hidden width with which a `LoopedBlock` has as many numbers as a block."""

    def size(make: Any) -> int:
        shapes = eqx.filter_eval_shape(make, key=jax.random.key(0))
        return sum(leaf.size for leaf in jax.tree.leaves(shapes))

    def looped(hidden: int) -> int:
        return size(lambda key: LoopedBlock(config, hidden, key=key))

    # α and β are arrays of the block, too, but are not trained.
    goal = size(lambda key: EnergyTransformer(config, key=key)) - config.heads - 1
    least = looped(1)
    return max(round((goal - least) / (looped(2) - least)) + 1, 1)


def completer(
    config: EnergyTransformerConfig, block: Any = None, *, key: PRNGKeyArray
) -> ImageEnergyTransformer:
    """A model of pictures, with its block or another of the same width."""
    model = ImageEnergyTransformer(config, PATCHES, PIXELS, key=key)
    return model if block is None else eqx.tree_at(lambda m: m.block, model, block)


def nearest_pictures(
    stored: Float[np.ndarray, "m p"],
    pictures: Float[np.ndarray, "n p"],
    hidden: Bool[np.ndarray, "n p"],
    counts: Sequence[int],
) -> Float[np.ndarray, "k n p"]:
    """The mean of the k stored pictures nearest by what is visible, for every k."""
    visible = (~hidden).astype(stored.dtype)
    distances = visible @ (stored**2).T - 2 * (visible * pictures) @ stored.T
    order = np.argsort(distances, axis=1)[:, : max(counts)]
    return np.stack([stored[order[:, :count]].mean(1) for count in counts])


def retrieved(
    stored: Float[np.ndarray, "m p"],
    pictures: Float[np.ndarray, "n p"],
    hidden: Bool[np.ndarray, "n p"],
    inverse_temperature: float,
    updates: int,
) -> Float[np.ndarray, "n p"]:
    """Pictures after updates of a modern Hopfield network that clamps what is visible.

    Patterns and states are less the mean of those stored, which hidden pixels begin at.
    """
    mean = stored.mean(0)
    patterns = jnp.asarray(stored - mean)
    visible = jnp.asarray(np.where(hidden, 0, pictures - mean))
    landscape, state = ModernHopfield(inverse_temperature), visible
    for _ in range(updates):
        state = jnp.where(hidden, landscape.update(state, patterns), visible)
    return np.asarray(state) + mean
