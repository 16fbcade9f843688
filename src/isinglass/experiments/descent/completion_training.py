"""What is trained in `descent-completion`, and how."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from isinglass.experiments.descent.completion_models import QueryOnly
from isinglass.experiments.descent.completion_setting import (
    ENCODER,
    HYPERSET,
    LEAK,
    LOOPED,
    QUERY_ONLY,
    STEPS,
    TRAINED,
    Data,
    Setting,
)
from isinglass.experiments.descent.layers import (
    LoopedTransformer,
    equal_hidden,
    fixed_numbers,
    numbers_of,
)
from isinglass.reproduce import Context, following
from isinglass.systems.descent import (
    EnergyTransformer,
    EnergyTransformerConfig,
    HyperSET,
    HyperSETConfig,
    ImageEnergyTransformer,
)
from isinglass.training import (
    LaneRecipe,
    Lanes,
    LaneTask,
    train_lanes,
)
from isinglass.training.run import even_diverged

WAVES = 16  # sinusoids of t that make Hyper-SET's steps


def completed(
    model: Any,
    patches: Float[Array | np.ndarray, "n m p"],
    hidden: Bool[Array | np.ndarray, "n m"],
    steps: Any,
) -> Float[Array, "n m p"]:
    """What a model makes of pictures after any steps, all of them kept for a gradient.

    Computing each anew, as models do by themselves, would save memory that such small
    ones do not need, and take longer.
    """
    tokens = model.tokens(patches, hidden)
    block = model.block.started(tokens)
    after = jax.lax.fori_loop(0, steps, lambda t, x: block.step(x, t), tokens)
    return model.patches_of(after)


def masked_error(
    model: Any, patches: Array, hidden: Array, steps: int
) -> Float[Array, ""]:
    """Mean square of what a model of T steps makes of hidden patches."""
    wrong = ((completed(model, patches, hidden, steps) - patches) ** 2).mean(-1)
    return (wrong * hidden).sum() / hidden.sum()


@dataclass(frozen=True)
class Loss:
    """The error after T steps on pictures and patches that the key draws."""

    steps: int
    batch: int

    def __call__(self, model: Any, data: Any, key: PRNGKeyArray) -> Array:
        """The error."""
        sizes = jnp.array([[len(data["train"])], [len(data["masks"])]])
        pictures, masks = jax.random.randint(key, (2, self.batch), 0, sizes)
        shown = data["train"][pictures], data["masks"][masks]
        return masked_error(model, *shown, self.steps)


@dataclass(frozen=True)
class Validation:
    """The error after T steps on validation pictures."""

    steps: int

    def __call__(self, model: Any, data: Any) -> Array:
        """The error."""
        return masked_error(model, data["validation"], data["hidden"], self.steps)


def _fixed(model: Any) -> Any:
    return fixed_numbers(model.block)


def _block(model: Any) -> Any:
    """What an encoder alone does without."""
    return model.block


@dataclass(frozen=True)
class Arm:
    """A model that is trained.

    Attributes:
        name: One of `TRAINED`.
        setting: How large.
    """

    name: str
    setting: Setting

    def model(self, key: PRNGKeyArray) -> ImageEnergyTransformer:
        """A new one; arms of one key begin with the same weights where they share."""
        setting = self.setting
        model = ImageEnergyTransformer(
            setting.config, setting.patches, setting.patch**2, key=key
        )
        own = jax.random.split(key, 6)[5]  # that of the block in the model
        return eqx.tree_at(lambda m: m.block, model, self.block(own))

    def block(self, key: PRNGKeyArray) -> Any:
        """What it iterates."""
        config = replace(self.setting.config, leak=self.name == LEAK)
        if self.name == HYPERSET:
            return HyperSET(_hyperset(config), key=key)
        if self.name == LOOPED:
            aim = numbers_of(EnergyTransformer(config, key=key))
            hidden = equal_hidden(aim, lambda units: _looped(config, units, key))
            return _looped(config, hidden, key)
        kind = QueryOnly if self.name == QUERY_ONLY else EnergyTransformer
        return kind(config, key=key)

    def task(self, data: Data, *, search: bool) -> LaneTask:
        """What it learns; a search looks at validation pictures, too."""
        frozen = _block if self.name == ENCODER else _fixed
        return LaneTask(
            Loss(self.steps, self.setting.batch),
            data.arrays(),
            Validation(self.steps) if search else None,
            None if self.name == LOOPED else frozen,  # all of it is trained
            {
                "experiment": "descent-completion",
                "arm": self.name,
                "batch": self.setting.batch,
            },
        )

    @property
    def steps(self) -> int:
        """T."""
        return 0 if self.name == ENCODER else STEPS

    def parameters(self, model: Any) -> int:
        """Trained numbers, which α, β and an unused block are not."""
        numbers = numbers_of(model, model.block)
        return numbers - (numbers_of(model.block) if self.name == ENCODER else 0)


def _hyperset(config: EnergyTransformerConfig) -> HyperSETConfig:
    """As wide, with as many heads, and directions for memories."""
    return HyperSETConfig(
        width=config.width,
        heads=config.heads,
        directions=config.memories,
        step_features=WAVES,
    )


def _looped(
    config: EnergyTransformerConfig, hidden: int, key: PRNGKeyArray
) -> LoopedTransformer:
    return LoopedTransformer(config.width, config.heads, hidden, key=key)


class Draws(NamedTuple):
    """Keys of models and of their batches, a pair for each seed."""

    models: Any
    batches: Any

    @classmethod
    def of(cls, context: Context, purpose: str, seeds: Any) -> Draws:
        """Those of a purpose; no arm has others."""

        def keys(what: str) -> Any:
            numbers = [context.seed_of(f"{what}, {purpose}", seed) for seed in seeds]
            return jnp.stack([jax.random.key(number) for number in numbers])

        return cls(keys("models"), keys("batches"))


def searched(
    context: Context, arm: Arm, data: Data
) -> tuple[Float[np.ndarray, "rates"], float]:
    """Validation errors by rate after short trainings, and the best rate."""
    setting = arm.setting
    training = arm.task(data, search=True), setting.recipe(setting.search_steps)
    draws = Draws.of(context, "search", range(setting.searches))
    lanes = _trained(context, "search", arm, training, (setting.rates, draws))
    last = lanes.metrics.validation.isel(step=-1).values
    errors = np.where(lanes.diverged, np.inf, last).reshape(len(setting.rates), -1)
    errors = errors.mean(1)
    return errors, setting.rates[int(errors.argmin())]


def reported(context: Context, arm: Arm, data: Data, rate: float) -> Lanes:
    """Models of all seeds, trained at a rate."""
    training = arm.task(data, search=False), arm.setting.recipe(arm.setting.steps)
    draws = Draws.of(context, "report", context.seeds)
    return _trained(context, "reported", arm, training, ((rate,), draws))


def _trained(
    context: Context,
    name: str,
    arm: Arm,
    training: tuple[LaneTask, LaneRecipe],
    lanes: tuple[tuple[float, ...], Draws],
) -> Lanes:
    """Train every pair of a rate and a seed, seeds fastest."""
    task, recipe = training
    rates, draws = lanes
    models = _new_models(draws.models, arm, len(rates))
    store, what = f"{TRAINED.index(arm.name)}-{name}", f"{arm.name}, {name}"
    with following(context, store, what) as runtime:
        return even_diverged(
            train_lanes,
            models,
            task,
            recipe,
            learning_rates=np.repeat(rates, len(draws.models)),
            keys=jnp.tile(draws.batches, len(rates)),
            runtime=runtime,
        )


@eqx.filter_jit
def _new_models(keys: Any, arm: Arm, copies: int) -> Any:
    models = eqx.filter_vmap(arm.model)(keys)
    arrays, rest = eqx.partition(models, eqx.is_array)
    tiled = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * copies), arrays)
    return eqx.combine(tiled, rest)
