"""Layer normalisation, with the features of a symbol along either end of an array."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import check_whole
from isinglass._common.precision import usual_promotion

EPSILON = 1e-5  # as in GPT-2


class Normalisation(eqx.Module):
    """Layer normalisation (Ba, Kiros & Hinton 2016, arXiv 1607.06450).

    The features of every symbol are moved to mean 0 and divided by the root of their
    variance plus ε; then they are multiplied by a gain and get a bias. All of it is
    computed in float32 at least, since a variance in 16 bits has hardly a digit.

    Attributes:
        gain, bias: (d,).
        epsilon: ε, added to the variance.
        axis: Where the features are: −1, the last axis, or 0, the first.
    """

    gain: Float[Array, "d"]
    bias: Float[Array, "d"]
    epsilon: float = eqx.field(static=True)
    axis: int = eqx.field(static=True)

    def __init__(self, width: int, epsilon: float = EPSILON, axis: int = -1) -> None:
        check_whole(width=width)
        self.gain = jnp.ones(width, jnp.float32)
        self.bias = jnp.zeros(width, jnp.float32)
        self.epsilon, self.axis = epsilon, axis

    @usual_promotion()
    def __call__(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """Normalise the features of every symbol; the result has the type of x."""
        return normalise(x, self.gain, self.bias, self.epsilon, self.axis)


def normalise(
    x: Float[Array, "..."],
    gain: Float[Array, "d"],
    bias: Float[Array, "d"],
    epsilon: float = EPSILON,
    axis: int = -1,
) -> Float[Array, "..."]:
    """Do what `Normalisation` does, with a gain and a bias that are kept elsewhere."""
    exact = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    centred = exact - exact.mean(axis, keepdims=True)
    scale = jax.lax.rsqrt((centred**2).mean(axis, keepdims=True) + epsilon)
    if axis == 0:
        gain, bias = (y.reshape(-1, *(1 for _ in x.shape[1:])) for y in (gain, bias))
    return (centred * scale * gain + bias).astype(x.dtype)
