"""Linear maps with a bias, as all parts of the sampler and the detector have them."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.precision import usual_promotion


class Affine(eqx.Module):
    """Compute x W + b of features along the last axis.

    Attributes:
        weight: W, (in, out).
        bias: b, (out,).
    """

    weight: Float[Array, "i o"]
    bias: Float[Array, "o"]

    @usual_promotion()
    def __call__(self, x: Float[Array, "*batch i"]) -> Float[Array, "*batch o"]:
        """Return x W + b, (…, out)."""
        return x @ self.weight + self.bias


def drawn_affine(key: PRNGKeyArray, rows: int, columns: int) -> Affine:
    """An affine map with weights and bias uniform within 1/√rows, as PyTorch's."""
    weight, bias = jax.random.split(key)
    most = rows**-0.5
    return Affine(
        jax.random.uniform(weight, (rows, columns), minval=-most, maxval=most),
        jax.random.uniform(bias, (columns,), minval=-most, maxval=most),
    )


def drawn_even(key: PRNGKeyArray, rows: int, columns: int) -> Affine:
    """An affine map whose weights keep variances (Glorot & Bengio 2010); bias 0."""
    most = (6 / (rows + columns)) ** 0.5
    weight = jax.random.uniform(key, (rows, columns), minval=-most, maxval=most)
    return Affine(weight, jnp.zeros(columns))
