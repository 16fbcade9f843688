"""Attention in the place of conduction: the peer, of the same layer and size."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.affine import Linear
from isinglass.attention.normalisation import Normalisation
from isinglass.systems.heat import HeatConduction, HeatConfig
from isinglass.systems.heat.layer import halves, linear, small_weights


class Attending(eqx.Module):
    """The layer of vHeat with softmax attention between all places, one head.

    Queries and keys are linear maps of u + p with a position p of each place, so that
    it has C² parameters more than conduction with a k of each mode.

    Attributes:
        layer: What is as in `HeatConduction`, of kind "none".
        positions: p, (H, W, C).
        query, key: Of u + p.
        config: That of the layer.
    """

    layer: HeatConduction
    positions: Float[Array, "h w c"]
    query: Linear
    key: Linear
    config: HeatConfig = eqx.field(static=True)

    def __init__(self, config: HeatConfig, *, key: PRNGKeyArray) -> None:
        keys = jax.random.split(key, 4)
        self.layer = HeatConduction(config, key=keys[0])
        c = config.width
        # As large as normed features, or positions would be invisible at the start.
        self.positions = 50 * small_weights(keys[1], (*config.shape, c))
        self.query, self.key = (linear(c, c, key=k) for k in keys[2:])
        self.config = config

    def __call__(self, x: Float[Array, "*b h w c"], embedding: Any = None) -> Array:
        """Return y of fields (…, H, W, C)."""
        layer, norm = self.layer, _norm_of(self.layer)
        field, gate = halves(layer, x)
        placed = (field + self.positions).reshape(len(field), -1, x.shape[-1])
        values = field.reshape(placed.shape)
        scores = self.query(placed) @ jnp.swapaxes(self.key(placed), -1, -2)
        shares = jax.nn.softmax(scores / x.shape[-1] ** 0.5, axis=-1)
        mixed = (shares @ values).reshape(field.shape)
        return layer.out(norm(mixed) * jax.nn.silu(gate)).reshape(x.shape)


def _norm_of(layer: HeatConduction) -> Normalisation:
    return layer.norm
