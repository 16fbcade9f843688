"""Layers with features first, (d, …, n): the symbols of all sequences lie side by side.

With features last, as models take and return them, each innermost loop would be as
short as d, which is 8. CPUs then take a quarter to a half longer over the same
arithmetic.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float


def features_first(x: Float[Array, "*n d"]) -> Float[Array, "d *n"]:
    """Move the last axis before all others."""
    return jnp.moveaxis(x, -1, 0)


def features_last(x: Float[Array, "d *n"]) -> Float[Array, "*n d"]:
    """Move the first axis after all others."""
    return jnp.moveaxis(x, 0, -1)


def linear(
    x: Float[Array, "i *n"], weight: Float[Array, "i o"]
) -> Float[Array, "o *n"]:
    """Return ``x @ weight`` of every symbol, as one product over all of them."""
    return (weight.T @ x.reshape(x.shape[0], -1)).reshape(weight.shape[1], *x.shape[1:])


def affine(
    x: Float[Array, "i *n"], weight: Float[Array, "i o"], bias: Float[Array, "o"]
) -> Float[Array, "o *n"]:
    """Return ``x @ weight + bias`` of every symbol."""
    return linear(x, weight) + bias.reshape(-1, *(1 for _ in x.shape[1:]))


def by_head(x: Float[Array, "_ *n"], heads: int) -> Float[Array, "3 c heads *n"]:
    """Split what lies one below the other into queries, keys and values by head."""
    size = x.shape[0] // (3 * heads)
    return jnp.swapaxes(x.reshape(3, heads, size, *x.shape[1:]), 1, 2)


def joined(x: Float[Array, "c heads *n"]) -> Float[Array, "d *n"]:
    """Put what the heads made one below the other."""
    return jnp.swapaxes(x, 0, 1).reshape(x.shape[0] * x.shape[1], *x.shape[2:])
