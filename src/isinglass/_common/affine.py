"""x W + b of the last axis, in the form whose gradient is fast."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float


class Linear(eqx.Module):
    """x W + b of the last axis.

    Attributes:
        weight: W, (in, out).
        bias: b, (out,), 0 at the start.

    Args:
        weight: W at the start.
    """

    weight: Float[Array, "i o"]
    bias: Float[Array, "o"]

    def __init__(self, weight: Float[Array, "i o"]) -> None:
        self.weight = weight
        self.bias = jnp.zeros(weight.shape[1])

    def __call__(self, x: Float[Array, "*b i"]) -> Float[Array, "*b o"]:
        """Return x W + b."""
        return affine(x, self.weight, self.bias)


def affine(
    x: Float[Array, "*batch i"], weight: Float[Array, "i o"], bias: Float[Array, "o"]
) -> Float[Array, "*batch o"]:
    """Return x W + b.

    All of it as rows of one matrix: XLA is slow at the gradient of W over several axes.
    """
    rows = x.reshape(-1, x.shape[-1]) @ weight + bias
    return rows.reshape(*x.shape[:-1], weight.shape[1])
