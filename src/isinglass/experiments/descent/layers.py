"""The looped transformer beside layers that descend, and how large layers are."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.precision import single_precision
from isinglass.systems.descent import EnergyTransformer, HyperSET, StepNetwork
from isinglass.systems.descent.hyperset import on_sphere

SPREAD = 0.02  # of all weights at the start


class LoopedTransformer(eqx.Module):
    """A transformer block that is iterated, with steps of Hyper-SET's network or of 1.

        x ← x + α_t ⊙ attention(RMS(x)),      x ← x + γ_t ⊙ perceptron(RMS(x)).

    Attributes:
        attention_in: W_Q, W_K, W_V side by side, (d, 3d).
        attention_out: (d, d).
        hidden_in, hidden_in_bias: First layer of the perceptron; then GELU.
        hidden_out, hidden_out_bias: Second layer.
        before_attention, before_hidden: Weights of the norms, (d,).
        steps: The step network, or None for steps of 1.
        origin: x(0), which its steps depend on.
        heads: H.

    Args:
        width: d, a multiple of `heads`.
        heads: H.
        hidden: Units of the perceptron.
        waves: Sinusoids of t that the step network has; 0 for no such network.
        key: Of the weights, N(0, 0.02²).
    """

    attention_in: Float[Array, "d 3*d"]
    attention_out: Float[Array, "d d"]
    hidden_in: Float[Array, "d m"]
    hidden_in_bias: Float[Array, "m"]
    hidden_out: Float[Array, "m d"]
    hidden_out_bias: Float[Array, "d"]
    before_attention: Float[Array, "d"]
    before_hidden: Float[Array, "d"]
    steps: StepNetwork | None
    origin: Float[Array, "*batch n d"] | None
    heads: int = eqx.field(static=True)

    @single_precision()
    def __init__(
        self,
        width: int,
        heads: int,
        hidden: int,
        *,
        waves: int = 0,
        key: PRNGKeyArray,
    ) -> None:
        d, m = width, hidden
        sizes = ((d, 3 * d), (d, d), (d, m), (m, d))
        keys = jax.random.split(key, len(sizes))
        self.attention_in, self.attention_out, self.hidden_in, self.hidden_out = (
            SPREAD * jax.random.normal(k, size)
            for k, size in zip(keys, sizes, strict=True)
        )
        self.hidden_in_bias, self.hidden_out_bias = jnp.zeros(m), jnp.zeros(d)
        self.before_attention, self.before_hidden = jnp.ones(d), jnp.ones(d)
        self.steps = StepNetwork(d, waves) if waves else None
        self.origin, self.heads = None, heads

    def started(self, state: Float[Array, "*batch n d"]) -> "LoopedTransformer":
        """Return the layer with x(0) = state."""
        if self.steps is None:
            return self
        is_none = {"is_leaf": lambda leaf: leaf is None}
        return eqx.tree_at(lambda layer: layer.origin, self, state, **is_none)

    def step(
        self, state: Float[Array, "batch n d"], time: Any
    ) -> Float[Array, "batch n d"]:
        """Return the state after iteration t = `time` + 1."""
        alpha, gamma = 1.0, 1.0
        if self.steps is not None:
            origin = state if self.origin is None else self.origin
            alpha, gamma = self.steps(origin, time)
        normed = on_sphere(state)[0] * self.before_attention
        by_head = (normed @ self.attention_in).reshape(
            *state.shape[:-1], 3, self.heads, -1
        )
        query, key, value = jnp.moveaxis(by_head, -3, 0)
        mixed = jax.nn.dot_product_attention(query, key, value).reshape(state.shape)
        state = state + alpha * (mixed @ self.attention_out)
        normed = on_sphere(state)[0] * self.before_hidden
        hidden = jax.nn.gelu(normed @ self.hidden_in + self.hidden_in_bias)
        return state + gamma * (hidden @ self.hidden_out + self.hidden_out_bias)

    def iterate(
        self, state: Float[Array, "batch n d"], steps: int
    ) -> Float[Array, "batch n d"]:
        """Return the state after T steps."""
        layer = self.started(state)

        def body(x: Array, time: Array) -> tuple[Array, None]:
            return layer.step(x, time), None

        body = jax.checkpoint(body, prevent_cse=False)
        return jax.lax.scan(body, state, jnp.arange(steps))[0]


def equal_hidden(aim: int, make: Callable[[int], LoopedTransformer]) -> int:
    """How many hidden units give a transformer as many numbers, or nearly.

    Args:
        aim: So many numbers.
        make: Makes it of that many units.
    """
    of_one, of_two = (numbers_of(make(hidden)) for hidden in (1, 2))
    return max(1 + round((aim - of_one) / (of_two - of_one)), 1)


def fixed_numbers(layer: Any) -> tuple[Any, ...]:
    """What of a layer is no weight and stays as it is: α, and β of an ET."""
    if isinstance(layer, EnergyTransformer):
        return layer.step_size, layer.inverse_temperature
    return (layer.step_size,) if isinstance(layer, HyperSET) else ()


def numbers_of(model: Any, layer: Any = None) -> int:
    """How many numbers of a model with this layer, or of a layer, are trained."""
    arrays = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    fixed = fixed_numbers(model if layer is None else layer)
    return sum(array.size for array in arrays) - sum(number.size for number in fixed)
