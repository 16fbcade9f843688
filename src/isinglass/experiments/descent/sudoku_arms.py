"""The layers that solve Sudokus in `descent-sudoku`, and what they have in common.

All stand between the same embedding and read-out, those of `SymbolHyperSET`, and begin
with the same weights there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.precision import single_precision
from isinglass.systems.descent import (
    EnergyTransformer,
    EnergyTransformerConfig,
    HyperSET,
    HyperSETConfig,
    StepNetwork,
    SymbolHyperSET,
)
from isinglass.systems.descent.hyperset import on_sphere

PUBLISHED, EXACT = "Hyper-SET", "Hyper-SET, exact gradient"
POSITIVE, FIXED = "Hyper-SET, positive steps", "Hyper-SET, fixed step"
LOOPED, SMALL = "looped transformer", "looped transformer, equal size"
WITH_STEPS = "looped transformer, step network"
ET, ET_WHOLE = "ET, α = 0.1", "ET, α = 1"
HYPERSETS = (PUBLISHED, EXACT, POSITIVE, FIXED)
ENERGIES = (*HYPERSETS, ET, ET_WHOLE)

SPREAD = 0.02  # of all weights at the start
FIRST_STEP = 0.1  # of steps that are forced positive, where others begin at 0
FIXED_STEP = 0.5  # as in the paper's ablation


@dataclass(frozen=True)
class Shape:
    """Sizes that all arms share.

    Attributes:
        size: n of the n × n grid.
        width: d.
        heads: H.
        waves: Sinusoids of t that a step network has.
    """

    size: int
    width: int
    heads: int
    waves: int = 16

    @property
    def hidden(self) -> int:
        """M, directions, memories or hidden units, as published 4 d."""
        return 4 * self.width

    def hyperset(self, **options: Any) -> HyperSETConfig:
        """The config of a Hyper-SET."""
        sizes = {"width": self.width, "heads": self.heads, "directions": self.hidden}
        return HyperSETConfig(**{**sizes, "step_features": self.waves, **options})


class PositiveSteps(StepNetwork):
    """A step network whose steps are softplus of what they were: never uphill."""

    def __init__(self, width: int, features: int) -> None:
        super().__init__(width, features)

    def __call__(self, origin: Any, time: Any) -> tuple[Array, Array]:
        """Return α_t and γ_t."""
        alpha, gamma = super().__call__(origin, time)
        shift = jnp.log(jnp.expm1(FIRST_STEP))
        return jax.nn.softplus(alpha + shift), jax.nn.softplus(gamma + shift)


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
        shape: Shape,
        *,
        hidden: int | None = None,
        with_steps: bool = False,
        key: PRNGKeyArray,
    ) -> None:
        d, m = shape.width, shape.hidden if hidden is None else hidden
        sizes = ((d, 3 * d), (d, d), (d, m), (m, d))
        keys = jax.random.split(key, len(sizes))
        self.attention_in, self.attention_out, self.hidden_in, self.hidden_out = (
            SPREAD * jax.random.normal(k, size)
            for k, size in zip(keys, sizes, strict=True)
        )
        self.hidden_in_bias, self.hidden_out_bias = jnp.zeros(m), jnp.zeros(d)
        self.before_attention, self.before_hidden = jnp.ones(d), jnp.ones(d)
        self.steps = StepNetwork(d, shape.waves) if with_steps else None
        self.origin, self.heads = None, shape.heads

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


def _hyperset(shape: Shape, key: PRNGKeyArray, **options: Any) -> HyperSET:
    return HyperSET(shape.hyperset(**options), key=key)


def _positive(shape: Shape, key: PRNGKeyArray) -> HyperSET:
    layer = HyperSET(shape.hyperset(), key=key)
    steps = PositiveSteps(shape.width, shape.waves)
    return eqx.tree_at(lambda block: block.steps, layer, steps)


def _looped(shape: Shape, key: PRNGKeyArray, **options: Any) -> LoopedTransformer:
    return LoopedTransformer(shape, key=key, **options)


def _small(shape: Shape, key: PRNGKeyArray) -> LoopedTransformer:
    """With so many hidden units that it is as large as a Hyper-SET, or nearly."""
    aim = parameters(HyperSET(shape.hyperset(), key=key))
    of_one, of_two = (
        parameters(LoopedTransformer(shape, hidden=m, key=key)) for m in (1, 2)
    )
    hidden = 1 + round((aim - of_one) / (of_two - of_one))
    return LoopedTransformer(shape, hidden=max(hidden, 1), key=key)


def _energy_transformer(
    shape: Shape, key: PRNGKeyArray, step_size: float
) -> EnergyTransformer:
    """Its weights spread as all others' here: published, attention would hardly act."""
    config = EnergyTransformerConfig(
        width=shape.width,
        heads=shape.heads,
        head_width=shape.width // shape.heads,
        memories=shape.hidden,
        step_size=step_size,
    )
    layer = EnergyTransformer(config, key=key)
    scale = SPREAD / 0.002
    return layer.replaced(query=scale * layer.query, key=scale * layer.key)


LAYERS: dict[str, Callable[[Shape, PRNGKeyArray], Any]] = {
    PUBLISHED: _hyperset,
    EXACT: partial(_hyperset, step="exact"),
    POSITIVE: _positive,
    FIXED: partial(_hyperset, step_features=0, step_size=FIXED_STEP),
    LOOPED: _looped,
    SMALL: _small,
    WITH_STEPS: partial(_looped, with_steps=True),
    ET: partial(_energy_transformer, step_size=0.1),
    ET_WHOLE: partial(_energy_transformer, step_size=1.0),
}
ARMS = tuple(LAYERS)


def make_solver(arm: str, shape: Shape, key: PRNGKeyArray) -> SymbolHyperSET:
    """A model of an arm: embedding, its layer, read-out."""
    solver = SymbolHyperSET(
        shape.hyperset(step_features=0),
        vocabulary=shape.size + 1,
        places=shape.size**2,
        classes=shape.size,
        key=key,
    )
    layer = LAYERS[arm](shape, jax.random.fold_in(key, 1))
    return eqx.tree_at(lambda model: model.layer, solver, layer)


def numbers_of_arm(layer: Any) -> tuple[Any, ...]:
    """What of a layer is no weight and stays as it is: α, and β of an ET."""
    if isinstance(layer, EnergyTransformer):
        return layer.step_size, layer.inverse_temperature
    return (layer.step_size,) if isinstance(layer, HyperSET) else ()


def parameters(model: Any) -> int:
    """How many numbers of a model are trained."""
    arrays = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    layer = getattr(model, "layer", model)
    fixed = sum(number.size for number in numbers_of_arm(layer))
    return sum(array.size for array in arrays) - fixed
