"""What is trained in `polling-clutter`, and how."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass.experiments.polling.clutter_pictures import (
    CLASSES,
    Canvas,
    Digits,
    Scene,
    scene,
)
from isinglass.reproduce import Context, following
from isinglass.systems.polling import (
    Detection,
    PollAndPoolConfig,
    PollingDetector,
    PollingDetectorConfig,
    mean_score,
)
from isinglass.training import (
    LaneRecipe,
    Lanes,
    LaneTask,
    train_lanes,
)
from isinglass.training.lanes import each_lane, joined_lanes
from isinglass.training.run import even_diverged

PUBLISHED_WEIGHT = 1e-4  # λ
COPIES = 4  # canvases of each digit that rates are chosen on


class Arm(NamedTuple):
    """A detector that is trained.

    Attributes:
        name: What to call it.
        kind: What is polled: "all", or a kind of `PollAndPoolConfig`.
        share: α it is trained at, as a multiple of that of the setting.
        coarse: M.
        weight: λ.
        varied: Whether α is drawn for each batch.
    """

    name: str
    kind: str = "learned"
    share: float = 1.0
    coarse: int = 2
    weight: float = PUBLISHED_WEIGHT
    varied: bool = False


ALL = Arm("all tokens", "all", weight=0.0)
VARIED = Arm("poll at random α", varied=True)
POLL = Arm("poll at one α")
UNWEIGHTED = Arm("poll without λ", weight=0.0)
ALONE = Arm("poll without pool", coarse=0)
NORM = Arm("poll by norm", "norm", weight=0.0)
RANDOM = Arm("random poll", "random", weight=0.0)
POOL = Arm("pool only", share=0.0, weight=0.0)
ARMS = (ALL, VARIED, POLL, UNWEIGHTED, ALONE, NORM, RANDOM, POOL)


@dataclass(frozen=True)
class Setting:
    """Sizes, and how arms are trained.

    Attributes:
        canvas: The task.
        ratio: α.
        range: Of α where it is drawn for each batch.
        ratios: α at which is tested.
        width: d of a token.
        layers: Of the encoder.
        steps: Gradient steps.
        batch: Canvases of a step.
        rates: Learning rates to choose from.
        searches: Seeds that they are chosen on, none of them reported.
        search_steps: Steps of those.
        validation: Digits that they are chosen on, of those that are trained on later.
        test: Digits, none of them trained on.
        copies: Canvases of each test digit.
        arms: What is trained.
    """

    canvas: Canvas
    ratio: float
    range: tuple[float, float]
    ratios: tuple[float, ...]
    width: int = 32
    layers: int = 2
    steps: int = 1000
    batch: int = 64
    rates: tuple[float, ...] = (0.001, 0.003, 0.01)
    searches: int = 2
    search_steps: int = 400
    validation: int = 200
    test: int = 597
    copies: int = 2
    arms: tuple[Arm, ...] = ARMS

    def recipe(self, steps: int) -> LaneRecipe:
        """AdamW at DETR's decay, warmed up, then a cosine."""
        return LaneRecipe(
            steps,
            weight_decay=1e-4,
            betas=(0.9, 0.999),
            warmup=steps // 20,
            every=max(steps // 10, 1),
        )

    def config(self, arm: Arm) -> PollingDetectorConfig:
        """The detector of an arm."""
        sampler = None
        if arm.kind != "all":
            sampler = PollAndPoolConfig(self.width, arm.coarse, arm.kind)
        return PollingDetectorConfig(
            height=self.canvas.size,
            breadth=self.canvas.size,
            classes=CLASSES,
            sampler=sampler,
            width=self.width,
            hidden=2 * self.width,
            layers=self.layers,
        )


class Halves(NamedTuple):
    """Digits to learn from and digits to look at."""

    learned: Digits
    held: Digits


@dataclass(frozen=True)
class Loss:
    """What is asked of a detector on a batch that the key draws."""

    arm: Arm
    setting: Setting

    def __call__(
        self, model: PollingDetector, data: Halves, key: PRNGKeyArray
    ) -> Float[Array, ""]:
        """Cross-entropy, five times the error of the place, λ times the mean score."""
        setting, digits = self.setting, data.learned
        keys = jax.random.split(key, 4)
        places = jax.random.randint(keys[0], (setting.batch,), 0, len(digits.labels))
        shown = scene(keys[1], digits, places, setting.canvas)
        counts, ratio = None, self.arm.share * setting.ratio
        if self.arm.varied:
            low, ratio = setting.range
            alpha = jax.random.uniform(keys[2], minval=low, maxval=ratio)
            counts = jnp.floor(alpha * setting.canvas.cells).astype(jnp.int32)
        detection = model(shown.pictures, ratio, counts=counts, key=keys[3])
        loss = error(detection, shown)
        if detection.tokens is None or not self.arm.weight:
            return loss
        return loss + self.arm.weight * mean_score(detection.tokens)


@dataclass(frozen=True)
class Validation(Loss):
    """The error on held digits."""

    def __call__(self, model: Any, data: Halves, key: Any = None) -> Array:
        """Share of held digits that are misread."""
        key = jax.random.key(0)
        places = jnp.tile(jnp.arange(len(data.held.labels)), COPIES)
        shown = scene(key, data.held, places, self.setting.canvas)
        ratio = self.arm.share * self.setting.ratio
        logits = model(shown.pictures, ratio, key=key).logits
        return (logits.argmax(-1) != shown.labels).mean()


def error(detection: Detection, shown: Scene) -> Float[Array, ""]:
    """Cross-entropy of the class and, as in DETR, 5 times the distance of the place."""
    losses = optax.softmax_cross_entropy_with_integer_labels(
        detection.logits, shown.labels
    )
    away = jnp.abs(detection.place - shown.centres).sum(-1)
    return (losses + 5 * away).mean()


class Draws(NamedTuple):
    """Keys of models and of their batches, one of each for every seed."""

    models: Any
    batches: Any

    @classmethod
    def of(cls, context: Context, purpose: str, seeds: Sequence[int]) -> Draws:
        """Those of a purpose; no arm has others."""

        def keys(what: str) -> Any:
            numbers = [context.seed_of(f"{what}, {purpose}", seed) for seed in seeds]
            return jnp.stack([jax.random.key(number) for number in numbers])

        return cls(keys("models"), keys("batches"))


def searched(
    context: Context, arm: Arm, setting: Setting, digits: Digits
) -> Float[np.ndarray, "rates"]:
    """Share of held digits that are misread after short trainings, by rate."""
    count = len(digits.labels)
    learned = count - setting.validation
    halves = Halves(digits.part(0, learned), digits.part(learned, count))
    draws = Draws.of(context, "search", range(setting.searches))
    task = LaneTask(
        Loss(arm, setting), halves, Validation(arm, setting), plan=_plan(arm)
    )
    recipe = setting.recipe(setting.search_steps)
    lanes = _trained(context, (arm, "search"), task, recipe, (setting.rates, draws))
    last = lanes.metrics.validation.isel(step=-1).values
    errors = np.where(lanes.diverged, 1.0, last).reshape(len(setting.rates), -1)
    return errors.mean(1)


def reported(
    context: Context, arm: Arm, setting: Setting, digits: Digits, rate: float
) -> Lanes:
    """Detectors of all seeds, trained at a rate on all digits but the test's."""
    draws = Draws.of(context, "report", context.seeds)
    halves = Halves(digits, digits)
    task = LaneTask(Loss(arm, setting), halves, plan=_plan(arm))
    recipe = setting.recipe(setting.steps)
    return _trained(context, (arm, "report"), task, recipe, ((rate,), draws))


def _plan(arm: Arm) -> dict[str, Any]:
    return {"experiment": "polling-clutter", "arm": arm.name}


def _trained(
    context: Context,
    name: tuple[Arm, str],
    task: LaneTask,
    recipe: LaneRecipe,
    lanes: tuple[tuple[float, ...], Draws],
) -> Lanes:
    """Train every pair of a rate and a seed, seeds fastest."""
    (arm, purpose), (rates, draws) = name, lanes
    loss: Any = task.loss
    models = _new_models(draws.models, loss.setting.config(arm))
    models = joined_lanes([models] * len(rates))
    store, what = f"{purpose}-{ARMS.index(arm)}", f"{arm.name}, {purpose}"
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


def _new_models(keys: Any, config: PollingDetectorConfig) -> PollingDetector:
    """Detectors of all keys, stacked.

    Made one by one: all arms share these small programs, and one for all the draws of
    an arm takes longer to compile than they do.
    """
    models = [PollingDetector(config, key=key) for key in keys]
    return jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *models)


class Reading(NamedTuple):
    """How a detector reads its test canvases.

    Attributes:
        accuracy: Share of labels that are right.
        distance: Mean distance of the place from the centre, pixels.
        on_digit: Share of polled places that touch the digit; NaN where none is polled.
        covered: Share of the places that the digit touches that are polled; alike.
    """

    accuracy: Float[Array, "*lanes"]
    distance: Float[Array, "*lanes"]
    on_digit: Float[Array, "*lanes"]
    covered: Float[Array, "*lanes"]


@eqx.filter_jit
def tests(keys: Any, digits: Digits, canvas: Canvas, copies: int) -> Scene:
    """Canvases of all test digits, others for every key."""
    places = jnp.tile(jnp.arange(len(digits.labels)), copies)
    return jax.lax.map(lambda key: scene(key, digits, places, canvas), keys)


@eqx.filter_jit
def readings(models: PollingDetector, shown: Scene, keys: Any, ratio: float) -> Reading:
    """How the detector of each lane reads the canvases of that lane at an α."""

    def read(lane: Any) -> Reading:
        model, scene, key = lane
        logits, place, tokens = model(scene.pictures, ratio, key=key)
        away = (place - scene.centres) * scene.pictures.shape[-1]
        on_digit = covered = jnp.array(jnp.nan)
        if tokens is not None and tokens.places.shape[-1]:
            hits = (tokens.polled & scene.touched).sum(-1)
            on_digit = (hits / tokens.polled.sum(-1)).mean()
            covered = (hits / scene.touched.sum(-1)).mean()
        return Reading(
            (logits.argmax(-1) == scene.labels).mean(),
            jnp.linalg.norm(away, axis=-1).mean(),
            on_digit,
            covered,
        )

    return each_lane(read, (models, shown, keys))
