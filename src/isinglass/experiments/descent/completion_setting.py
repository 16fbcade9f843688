"""Data, sizes and searches of `descent-completion`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from isinglass.data.patches import hide_patches, to_patches
from isinglass.experiments.descent.completion_models import (
    PATCHES,
    PIXELS,
    LoopedBlock,
    QueryOnly,
    completer,
    hidden_width,
)
from isinglass.reproduce import Context, following, inputs
from isinglass.systems.descent import EnergyTransformerConfig
from isinglass.training import (
    LaneRecipe,
    Lanes,
    LaneTask,
    TrainingDivergedError,
    train_lanes,
)

HIDDEN, STEPS = 25, 12  # patches of 49; T of the published model
BATCH, MASKS = 8, 4096
DEPTHS = (1, 4, 12, 48, 200)
ET, QUERY_ONLY, LEAK, LOOPED, ENCODER = TRAINED = (
    "Energy Transformer",
    "without the Aᵀ term",
    "with a leak",
    "looped transformer",
    "encoder alone",
)
NEAREST, HOPFIELD = PEERS = ("nearest pictures", "Hopfield retrieval")
DEEP = (ET, QUERY_ONLY, LEAK, LOOPED)
COUNTS = (1, 3, 5, 10, 20, 40)  # k of the nearest pictures
INVERSE_TEMPERATURES, UPDATES = (0.1, 0.3, 1.0, 3.0), (1, 3, 10)


@dataclass(frozen=True)
class Setting:
    """How large models are, how long they are trained, on how many pictures.

    Attributes:
        config: Of the blocks.
        steps: Gradient steps of `BATCH` pictures.
        rates: Learning rates that are searched.
        searches: Seeds, others than those reported, that a rate is chosen with.
        train, validation, test: Pictures.
        deep: Of the test pictures, those on which other depths are measured.
    """

    config: EnergyTransformerConfig
    steps: int
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2)
    searches: int = 2
    train: int = 3200
    validation: int = 800
    test: int = 1000
    deep: int = 64

    @property
    def recipe(self) -> LaneRecipe:
        """AdamW as published, cut back at norm 1."""
        return LaneRecipe(
            self.steps,
            weight_decay=0.05,
            warmup=self.steps // 20,
            every=-(-self.steps // 3),
        )


WIDE = EnergyTransformerConfig(width=64, heads=4, head_width=16, memories=256)
SMALL = EnergyTransformerConfig(width=32, heads=2, head_width=16, memories=128)
TINY = EnergyTransformerConfig(width=16, heads=2, head_width=8, memories=64)
SETTINGS = {
    "quick": Setting(TINY, 40, (3e-3, 1e-2), 1, 800, 100, 100, 16),
    "default": Setting(SMALL, 400),
    "full": Setting(WIDE, 4000),
}


class Pictures(NamedTuple):
    """Pictures in patches, with which of them are hidden.

    Attributes:
        patches: (n, 49, 16), grey values from 0 to 1.
        hidden: (n, 49).
    """

    patches: Float[np.ndarray, "n 49 16"]
    hidden: Bool[np.ndarray, "n 49"]

    @property
    def pixels(self) -> Float[np.ndarray, "n 784"]:
        """Patch after patch."""
        return self.patches.reshape(len(self.patches), -1)

    @property
    def hidden_pixels(self) -> Bool[np.ndarray, "n 784"]:
        """Which pixels are in hidden patches."""
        return np.repeat(self.hidden, PIXELS, axis=1)

    def error(self, completed: Any) -> float:
        """Mean square of what differs in hidden patches."""
        wrong = (np.asarray(completed) - self.pixels)[self.hidden_pixels]
        return float((wrong**2).mean())


class Data(NamedTuple):
    """Pictures to learn from, to choose on, and to test on, all apart.

    Attributes:
        train: (n, 49, 16).
        masks: Which patches a training picture may have hidden, a draw a row.
        validation: With what is hidden.
        test: (n, 49, 16); each repetition hides others.
    """

    train: Float[np.ndarray, "n 49 16"]
    masks: Bool[np.ndarray, "m 49"]
    validation: Pictures
    test: Float[np.ndarray, "n 49 16"]

    def tested(self, context: Context, seed: int) -> Pictures:
        """The test pictures with what a repetition hides of them."""
        return hide(self.test, context.rng("hidden in tests", seed))

    def arrays(self) -> dict[str, np.ndarray]:
        """What lanes share."""
        patches, hidden = self.validation
        return {
            "train": self.train,
            "masks": self.masks,
            "validation": patches,
            "hidden": hidden,
        }


def hide(patches: Float[np.ndarray, "n 49 16"], rng: np.random.Generator) -> Pictures:
    """Pictures of which 25 patches are hidden."""
    return Pictures(
        patches, hide_patches(len(patches), PATCHES, HIDDEN, rng=rng).hidden
    )


def load(context: Context, options: Setting) -> Data:
    """MNIST in an order of the base seed's; the official test set if there is one."""
    digits = context.read(inputs.digits)
    own = _patches(digits.train.images, context.rng("order of pictures"))
    ends = np.cumsum([options.train, options.validation, options.test])
    train, validation, test = np.split(own[: ends[-1]], ends[:-1])
    if digits.test is not None:
        others = _patches(digits.test.images, context.rng("order of test pictures"))
        test = others[: options.test]
    hidden = hide(validation, context.rng("hidden in validation"))
    rng = context.rng("hidden in training")
    masks = hide_patches(MASKS, PATCHES, HIDDEN, rng=rng).hidden
    return Data(train, masks, hidden, test)


def _patches(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return to_patches(rng.permutation(images).astype(np.float32) / 255)


def masked_error(
    model: Any, patches: Array, hidden: Array, steps: int
) -> Float[Array, ""]:
    """Mean square of what a model of T steps makes of hidden patches."""
    wrong = ((model(patches, hidden, steps) - patches) ** 2).mean(-1)
    return (wrong * hidden).sum() / hidden.sum()


def _batch(data: Any, key: Any) -> tuple[Array, Array]:
    """Pictures, and what is hidden of each."""
    sizes = jnp.array([[len(data["train"])], [len(data["masks"])]])
    pictures, masks = jax.random.randint(key, (2, BATCH), 0, sizes)
    return data["train"][pictures], data["masks"][masks]


def loss(model: Any, data: Any, key: Any) -> Array:
    """The error after T = 12 steps on pictures and patches drawn by the key."""
    return masked_error(model, *_batch(data, key), STEPS)


def validate(model: Any, data: Any) -> Array:
    """The error after T = 12 steps on validation pictures."""
    return masked_error(model, data["validation"], data["hidden"], STEPS)


def loss_of_encoder(model: Any, data: Any, key: Any) -> Array:
    """The error without a step."""
    return masked_error(model, *_batch(data, key), 0)


def validate_encoder(model: Any, data: Any) -> Array:
    """The error without a step on validation pictures."""
    return masked_error(model, data["validation"], data["hidden"], 0)


def fixed_numbers(model: Any) -> Any:
    """α and β, which the published model does not train."""
    return model.block.step_size, model.block.inverse_temperature


def whole_block(model: Any) -> Any:
    """The block, which an encoder alone does without."""
    return model.block


@dataclass(frozen=True)
class Arm:
    """A model that is trained.

    Attributes:
        name: One of `TRAINED`.
        config: Of its block.
    """

    name: str
    config: EnergyTransformerConfig

    def model(self, key: Any) -> Any:
        """A new one; arms of one key begin with the same weights where they share."""
        config = replace(self.config, leak=self.name == LEAK)
        own = jax.random.split(key, 6)[5]  # that of the block in the model
        block: Any = None
        if self.name == QUERY_ONLY:
            block = QueryOnly(config, key=own)
        if self.name == LOOPED:
            block = LoopedBlock(config, hidden_width(config), key=own)
        return completer(config, block, key=key)

    def task(self, data: Data, *, search: bool) -> LaneTask:
        """What it learns; a search looks at validation pictures, too."""
        learn, check, fixed = loss, validate, fixed_numbers
        if self.name == ENCODER:
            learn, check, fixed = loss_of_encoder, validate_encoder, whole_block
        return LaneTask(
            learn,
            data.arrays(),
            check if search else None,
            None if self.name == LOOPED else fixed,
            {"experiment": "descent-completion", "arm": self.name},
        )

    @property
    def steps(self) -> int:
        """T."""
        return 0 if self.name == ENCODER else STEPS


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


def trained(
    context: Context,
    name: str,
    arm: Arm,
    training: tuple[LaneTask, LaneRecipe],
    rates: tuple[float, ...],
    draws: Draws,
) -> Lanes:
    """Train every pair of a rate and a seed, seeds fastest."""
    task, recipe = training
    models = _new_models(draws.models, arm, len(rates))
    lanes = np.repeat(rates, len(draws.models))
    store, what = f"{TRAINED.index(arm.name)}-{name}", f"{arm.name}, {name}"
    with following(context, store, what) as runtime:
        keys = jnp.tile(draws.batches, len(rates))
        try:
            return train_lanes(
                models, task, recipe, learning_rates=lanes, keys=keys, runtime=runtime
            )
        except TrainingDivergedError as error:
            return error.run


@eqx.filter_jit
def _new_models(keys: Any, arm: Arm, copies: int) -> Any:
    models = eqx.filter_vmap(arm.model)(keys)
    arrays, rest = eqx.partition(models, eqx.is_array)
    tiled = jax.tree.map(lambda leaf: jnp.concatenate([leaf] * copies), arrays)
    return eqx.combine(tiled, rest)
