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
from jaxtyping import Array, PRNGKeyArray

from isinglass.experiments.descent.layers import (
    SPREAD,
    LoopedTransformer,
    equal_hidden,
    numbers_of,
)
from isinglass.systems.descent import (
    EnergyTransformer,
    EnergyTransformerConfig,
    HyperSET,
    HyperSETConfig,
    StepNetwork,
    SymbolHyperSET,
)

PUBLISHED, EXACT = "Hyper-SET", "Hyper-SET, exact gradient"
POSITIVE, FIXED = "Hyper-SET, positive steps", "Hyper-SET, fixed step"
LOOPED, SMALL = "looped transformer", "looped transformer, equal size"
WITH_STEPS = "looped transformer, step network"
ET, ET_WHOLE = "ET, α = 0.1", "ET, α = 1"
HYPERSETS = (PUBLISHED, EXACT, POSITIVE, FIXED)
ENERGIES = (*HYPERSETS, ET, ET_WHOLE)

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


def _hyperset(shape: Shape, key: PRNGKeyArray, **options: Any) -> HyperSET:
    return HyperSET(shape.hyperset(**options), key=key)


def _positive(shape: Shape, key: PRNGKeyArray) -> HyperSET:
    layer = HyperSET(shape.hyperset(), key=key)
    steps = PositiveSteps(shape.width, shape.waves)
    return eqx.tree_at(lambda block: block.steps, layer, steps)


def _looped(
    shape: Shape, key: PRNGKeyArray, *, with_steps: bool = False
) -> LoopedTransformer:
    sizes, waves = (shape.width, shape.heads, shape.hidden), shape.waves
    return LoopedTransformer(*sizes, waves=waves if with_steps else 0, key=key)


def _small(shape: Shape, key: PRNGKeyArray) -> LoopedTransformer:
    """With so many hidden units that it is as large as a Hyper-SET, or nearly."""

    def of(hidden: int) -> LoopedTransformer:
        return LoopedTransformer(shape.width, shape.heads, hidden, key=key)

    return of(equal_hidden(numbers_of(HyperSET(shape.hyperset(), key=key)), of))


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
