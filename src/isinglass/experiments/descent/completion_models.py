"""What completes pictures: descents of an energy, their controls, and peers."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from isinglass.energy import ModernHopfield
from isinglass.systems.descent import EnergyTransformer, EnergyTransformerConfig


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
