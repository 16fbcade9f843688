"""Attention among tokens that have positions and may be absent, as DETR has it.

Queries and keys are of a token and its position, values of the token alone; each half
of a layer ends in a layer norm.

Source: Carion et al. 2020, arXiv 2005.12872, which PnP puts its sampler into.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from isinglass.attention import Normalisation
from isinglass.attention.visibility import HIDDEN
from isinglass.systems.polling.affine import Affine, drawn_even


class AttentionLayer(eqx.Module):
    """x ← LN(x + attention(x + p, y + p')), then x ← LN(x + perceptron(x)).

    Attributes:
        query, key, value, out: (d, d).
        hidden_in, hidden_out: The perceptron, relu between them.
        norms: Two `Normalisation`s.
        heads: H.
    """

    query: Affine
    key: Affine
    value: Affine
    out: Affine
    hidden_in: Affine
    hidden_out: Affine
    norms: tuple[Normalisation, Normalisation]
    heads: int = eqx.field(static=True)

    def __init__(
        self, width: int, heads: int, hidden: int, *, key: PRNGKeyArray
    ) -> None:
        keys = jax.random.split(key, 6)
        self.query, self.key, self.value, self.out = (
            drawn_even(k, width, width) for k in keys[:4]
        )
        self.hidden_in = drawn_even(keys[4], width, hidden)
        self.hidden_out = drawn_even(keys[5], hidden, width)
        self.norms = Normalisation(width), Normalisation(width)
        self.heads = heads

    def __call__(
        self,
        state: Float[Array, "*batch n d"],
        positions: Float[Array, "*positions n d"],
        memory: Float[Array, "*batch m d"],
        places: Float[Array, "*places m d"],
        mask: Bool[Array, "*batch m"] | None,
    ) -> Float[Array, "*batch n d"]:
        """Return what tokens at positions become by looking at a memory at places."""
        mixed = self._attend(state + positions, memory + places, memory, mask)
        state = self.norms[0](state + mixed)
        hidden = jax.nn.relu(self.hidden_in(state))
        return self.norms[1](state + self.hidden_out(hidden))

    def _attend(self, query: Array, key: Array, value: Array, mask: Any) -> Array:
        parts = self.query(query), self.key(key), self.value(value)
        q, k, v = (x.reshape(*x.shape[:-1], self.heads, -1) for x in parts)
        scores = jnp.einsum("...nhc,...mhc->...hnm", q, k) * q.shape[-1] ** -0.5
        if mask is not None:
            scores = jnp.where(mask[..., None, None, :], scores, HIDDEN)
        mixed = jnp.einsum("...hnm,...mhc->...nhc", jax.nn.softmax(scores), v)
        return self.out(mixed.reshape(query.shape))
