"""Models of `convergence-digits`: patches, one layer of attention, ten logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass.reproduce import Context
from isinglass.systems.convergence import (
    PooledAttention,
    ShallowConfig,
    distance_from_uniform,
)
from isinglass.training.lanes import LaneRecipe, LaneTask, each_lane, train_lanes
from isinglass.training.run import Runtime, even_diverged

CLASSES = 10


class Arm(NamedTuple):
    """What is trained.

    Attributes:
        name: What to call it.
        exponent: p of τ₀ = d_m^(−p).
        mixing: Of the attention: "softmax" or "uniform".
        is_frozen: Whether W_Q and W_K stay as they start.
    """

    name: str
    exponent: float
    mixing: str = "softmax"
    is_frozen: bool = False


@dataclass(frozen=True)
class Training:
    """How a model is trained: gradient descent with momentum, as published.

    Attributes:
        features: d of a token.
        steps: Gradient steps.
        batch: Pictures in a step.
        rates: Learning rates to choose from.
        searches: Draws that they are chosen on, none of them reported.
        every: Steps between two records.
    """

    features: int = 64
    steps: int = 750
    batch: int = 50
    rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    searches: int = 2
    every: int = 75

    @property
    def recipe(self) -> LaneRecipe:
        """Momentum 0.9 at a constant rate."""
        return LaneRecipe(
            self.steps, momentum=0.9, clip=None, decay=False, every=self.every
        )


class Digits(NamedTuple):
    """Pictures that lanes share.

    Attributes:
        patches: (n, m, p), of mean 0 and variance 1 over all pixels.
        labels: (n,).
        learned: Numbers of the pictures that each draw is learned from, (draws, k).
    """

    patches: Float[Array, "n m p"]
    labels: Int[Array, "n"]
    learned: Int[Array, "draws k"]


class Classifier(eqx.Module):
    """Embedded patches with positions, pooled attention, and logits.

    Attributes:
        embed: Of a patch, (p, d).
        positions: (m, d).
        layer: The attention.
        readout: (d_m, 10).
        place: Number of its draw.
        batch: Pictures in a step.
    """

    embed: Float[Array, "p d"]
    positions: Float[Array, "m d"]
    layer: PooledAttention
    readout: Float[Array, "w c"]
    place: Int[Array, ""]
    batch: int = eqx.field(static=True)

    def __init__(
        self,
        config: ShallowConfig,
        shape: tuple[int, int],
        place: Array,
        batch: int,
        *,
        key: PRNGKeyArray,
    ) -> None:
        (patches, pixels), keys = shape, jax.random.split(key, 4)
        normal, width = jax.random.normal, config.width
        self.embed = normal(keys[0], (pixels, config.features)) / pixels**0.5
        self.positions = 0.02 * normal(keys[1], (patches, config.features))
        self.layer = PooledAttention(config, key=keys[2])
        spread = config.readout_variance**0.5
        self.readout = spread * normal(keys[3], (width, CLASSES))
        self.place, self.batch = place, batch

    def tokens(self, patches: Float[Array, "*n m p"]) -> Float[Array, "*n m d"]:
        """X of pictures."""
        return patches @ self.embed + self.positions

    def logits(self, patches: Float[Array, "*n m p"]) -> Float[Array, "*n c"]:
        """Of pictures."""
        return self.layer(self.tokens(patches)) @ self.readout


def loss(model: Classifier, data: Digits, key: PRNGKeyArray) -> Float[Array, ""]:
    """Cross-entropy of a batch of the pictures that its draw learns from."""
    own = data.learned[model.place]
    chosen = own[jax.random.randint(key, (model.batch,), 0, len(own))]
    logits = model.logits(data.patches[chosen])
    losses = optax.softmax_cross_entropy_with_integer_labels(
        logits, data.labels[chosen]
    )
    return losses.mean()


def queries_and_keys(model: Classifier) -> Any:
    """What is frozen."""
    return model.layer.query, model.layer.key


class Job(NamedTuple):
    """One training: number of its draw, learning rate, seed of its weights."""

    place: int
    rate: float
    seed: int


class Case(NamedTuple):
    """An arm of some width d_m, and what it is trained for."""

    arm: Arm
    width: int
    purpose: str


class Trained(NamedTuple):
    """Models side by side.

    Attributes:
        starts: As they began.
        models: As they ended, or as they were before they diverged.
        losses: Mean loss of a batch by lane and record.
        failed: Which diverged.
    """

    starts: Classifier
    models: Classifier
    losses: Float[np.ndarray, "lanes records"]
    failed: Any


def trained(
    context: Context,
    digits: Digits,
    case: Case,
    training: Training,
    jobs: list[Job],
) -> Trained:
    """Train models of all jobs in one compiled program."""
    arm, width, purpose = case
    config = ShallowConfig(
        training.features, width, exponent=arm.exponent, mixing=arm.mixing
    )
    keys = jax.vmap(jax.random.key)(jnp.array([job.seed for job in jobs], jnp.uint32))
    weights, draws = jax.vmap(jax.random.split, out_axes=1)(keys)
    places = jnp.array([job.place for job in jobs], jnp.int32)
    shape = digits.patches.shape[1], digits.patches.shape[2]
    starts = eqx.filter_vmap(
        lambda key, place: Classifier(config, shape, place, training.batch, key=key)
    )(weights, places)
    words = purpose, arm.exponent, arm.mixing, arm.is_frozen, width
    store = context.store("-".join(map(str, words)))
    with context.follow(f"{arm.name}, d_m = {width}") as report:
        runtime = Runtime(store, lambda now: report(now.step, now.steps))
        lanes = even_diverged(
            train_lanes,
            starts,
            LaneTask(loss, digits, frozen=queries_and_keys if arm.is_frozen else None),
            training.recipe,
            learning_rates=[job.rate for job in jobs],
            keys=draws,
            runtime=runtime,
        )
    losses = lanes.metrics.loss.values
    return Trained(starts, lanes.models, losses, lanes.diverged)


@eqx.filter_jit
def predictions(
    models: Classifier, patches: Array, tested: Int[Array, "lanes n"]
) -> Int[Array, "lanes n"]:
    """The most likely digit of those pictures that each model is tested on."""
    return each_lane(
        lambda pair: pair[0].logits(patches[pair[1]]).argmax(-1), (models, tested)
    )


@eqx.filter_jit
def distances(
    models: Classifier, patches: Array, tested: Int[Array, "lanes n"]
) -> Float[Array, "lanes"]:
    """Total variation of attention from uniform: the mean over its pictures."""

    def mean(pair: tuple[Classifier, Array]) -> Array:
        model, own = pair
        shares = model.layer.attention(model.tokens(patches[own]))
        return distance_from_uniform(shares).mean()

    return each_lane(mean, (models, tested))
