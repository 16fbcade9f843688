"""What the experiments on pictures share: arms, a small classifier, how it is trained.

Half of the pictures are tested on, the same for all; of the other half each repetition
draws what it learns from, and the rest is chosen by. Models of many repetitions and
rates are trained side by side. The rate of an arm is searched on repetitions that are
not reported, by pictures that are neither learned from nor tested on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass._common.affine import Linear
from isinglass.attention.normalisation import Normalisation
from isinglass.experiments.heat.mixing import Attending
from isinglass.reproduce import Context, inputs, searches
from isinglass.reproduce.searches import Job, Search, Trainings, accuracies
from isinglass.systems.heat import HeatBlock, HeatConfig
from isinglass.systems.heat.layer import linear
from isinglass.training.lanes import LaneRecipe, LaneTask

PERCENT = {"unit": "%", "valid_range": (0, 100)}
SIDE, CLASSES = 28, 10
ATTENTION = "attention"


class Arm(NamedTuple):
    """What is trained.

    Attributes:
        name: What to call it.
        kind: Of `HeatConfig`, or "attention".
        convolution: Whether the depthwise convolution comes first.
        spectrum: Of the conduction.
    """

    name: str
    kind: str
    convolution: bool = True
    spectrum: str = "continuous"

    def without(self) -> Arm:
        """The same without the convolution."""
        return self._replace(convolution=False)

    @property
    def label(self) -> str:
        """Its name, and whether it has the convolution."""
        return f"{self.name}, {'with' if self.convolution else 'no'} convolution"


@dataclass(frozen=True)
class Training:
    """What is trained, and how.

    Attributes:
        width: C.
        blocks: Of the model.
        patch: Pixels of a patch's side; 28/patch cells a side.
        learn: Pictures that a repetition learns from.
        steps: Of AdamW.
        batch: Pictures of a step.
        rates: Learning rates to choose from.
        searches: Repetitions that they are chosen on, none of them reported.
        lanes: Models side by side.
    """

    width: int = 24
    blocks: int = 1
    patch: int = 4
    learn: int = 2000
    steps: int = 480
    batch: int = 50
    rates: tuple[float, ...] = (0.01, 0.03)
    searches: int = 1
    lanes: int = 2

    @property
    def recipe(self) -> LaneRecipe:
        """AdamW with a little decay, warmed up, then along a cosine."""
        warmup = self.steps // 10
        return LaneRecipe(
            self.steps, 0.05, betas=(0.9, 0.99), warmup=warmup, every=self.steps
        )

    @property
    def cells(self) -> int:
        """Of a side."""
        return SIDE // self.patch


class Pictures(eqx.Module):
    """Pictures as patches, with labels; those to test on come last.

    Attributes:
        patches: (N, g, g, p²), grey values of mean 0 and spread 1 or so.
        labels: (N,).
    """

    patches: Float[Array, "n g g p"]
    labels: Int[Array, "n"]


class Split(NamedTuple):
    """Numbers of pictures.

    Attributes:
        learn: To learn from.
        choose: To choose a rate by.
    """

    learn: Int[np.ndarray, "n"]
    choose: Int[np.ndarray, "m"]


class Problem(NamedTuple):
    """Pictures with what is tested on.

    Attributes:
        images: All of them, (N, 28, 28).
        pictures: The same as patches.
        test: Numbers of those to test on.
        pool: Numbers of the others.
    """

    images: Float[np.ndarray, "n 28 28"]
    pictures: Pictures
    test: Int[np.ndarray, "t"]
    pool: Int[np.ndarray, "p"]


class Classifier(eqx.Module):
    """Patches (…, g, g, p²) to logits: a linear map, blocks, norm, mean, linear.

    Attributes:
        embed: Of a patch.
        blocks: `HeatBlock`s.
        norm, head: Behind them.
    """

    embed: Linear
    blocks: tuple[HeatBlock, ...]
    norm: Normalisation
    head: Linear

    def __call__(self, patches: Float[Array, "*b g g p"]) -> Float[Array, "*b c"]:
        """Return logits."""
        x = self.embed(patches)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean((-3, -2)))


class Learner(eqx.Module):
    """A classifier and the pictures that it learns from.

    Attributes:
        net: The classifier.
        learn, choose: Of its `Split`.
        batch: Pictures of a step.
    """

    net: Classifier
    learn: Int[Array, "*lanes n"]
    choose: Int[Array, "*lanes m"]
    batch: int = eqx.field(static=True)

    def logits(self, data: Pictures, places: Array) -> Float[Array, "n c"]:
        """Of some pictures."""
        return self.net(data.patches[places])


class Outcome(NamedTuple):
    """What an arm came to.

    Attributes:
        rate: The learning rate that was chosen.
        models: Trained models, a lane for each reported repetition.
        accuracy: On the test pictures in %, (repetitions,).
    """

    rate: float
    models: Learner
    accuracy: Float[np.ndarray, "seeds"]


def problem(context: Context, training: Training) -> Problem:
    """The pictures; the official test set if there is one, else half of all."""
    digits = context.read(inputs.digits)
    images, labels = digits.train.images, digits.train.labels
    order = context.rng("halves").permutation(len(labels))
    half = min(len(labels) // 2, 2500)
    if digits.test is None:
        chosen, test = order[: 2 * half], np.arange(half, 2 * half)
        images, labels = images[chosen], labels[chosen]
    else:
        chosen = order[:half]
        images = np.concatenate([images[chosen], digits.test.images])
        labels = np.concatenate([labels[chosen], digits.test.labels])
        test = np.arange(half, len(labels))
    pictures = (np.asarray(images, np.float32) / 255 - 0.13) / 0.31
    patches = patches_of(pictures, training.patch)
    data = Pictures(jnp.asarray(patches), jnp.asarray(labels, jnp.int32))
    return Problem(pictures, data, test, np.arange(half))


def patches_of(
    images: Float[np.ndarray, "n 28 28"], patch: int, finer: bool = False
) -> Float[np.ndarray, "n g g p"]:
    """Squares of pixels, side by side, or in steps of half a side, twice as many.

    Both have their centres in the middle of equal cells of the picture, so that the
    second is the same field in cells of half the side.
    """
    step = patch // 2 if finer else patch
    edge = (patch - step) // 2
    background = float(images.min())
    widths = [(0, 0), (edge, edge), (edge, edge)]
    padded = np.pad(images, widths, constant_values=background)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (patch, patch), (1, 2))
    windows = windows[:, ::step, ::step]
    return np.ascontiguousarray(windows).reshape(*windows.shape[:3], -1)


def classifier(arm: Arm, training: Training, key: PRNGKeyArray) -> Classifier:
    """A classifier as it is before training."""
    keys = jax.random.split(key, training.blocks + 2)
    cells, width = training.cells, training.width
    kind = "none" if arm.kind == ATTENTION else arm.kind
    config = HeatConfig(
        width,
        (cells, cells),
        kind,
        spectrum=arm.spectrum,
        convolution=arm.convolution,
    )
    blocks = [HeatBlock(config, key=k) for k in keys[2:]]
    if arm.kind == ATTENTION:
        blocks = [
            eqx.tree_at(lambda b: b.conduction, block, Attending(config, key=k))
            for block, k in zip(blocks, keys[2:], strict=True)
        ]
    embed = linear(training.patch**2, width, key=keys[0])
    head = linear(width, CLASSES, key=keys[1])
    return Classifier(embed, tuple(blocks), Normalisation(width), head)


def loss(model: Learner, data: Pictures, key: PRNGKeyArray) -> Float[Array, ""]:
    """Cross-entropy of a batch."""
    places = jax.random.choice(key, model.learn, (model.batch,))
    logits = model.logits(data, places)
    losses = optax.softmax_cross_entropy_with_integer_labels(
        logits, data.labels[places]
    )
    return losses.mean()


def learned(context: Context, task: Problem, arm: Arm, training: Training) -> Outcome:
    """Search a rate, and train with it on the reported repetitions."""
    trainings = Trainings(
        arm.label,
        partial(_learners, context, task, arm, training),
        LaneTask(loss, task.pictures),
        training.recipe,
        plan=[arm, training],
        lanes=training.lanes,
    )
    (rate,), models, *_ = searches.learned(
        context,
        trainings,
        Search((training.rates,), training.searches),
        lambda models, _: accuracies(models, task.pictures, models.choose),
    )
    test = np.broadcast_to(task.test, (len(context.seeds), len(task.test)))
    return Outcome(rate, models, accuracies(models, task.pictures, test))


def _learners(
    context: Context,
    task: Problem,
    arm: Arm,
    training: Training,
    jobs: Sequence[Job],
    keys: Array,
) -> Learner:
    """Classifiers as they begin, stacked, with the pictures that they learn from.

    Drawn one by one: all arms share these small programs, and one for all the draws of
    an arm takes longer to compile than its training.
    """
    nets = [classifier(arm, training, key) for key in keys]
    stacked = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves)), *nets)
    splits = [_split(context, task, training, job) for job in jobs]
    learn, choose = (
        jnp.asarray(np.stack(x), jnp.int32) for x in zip(*splits, strict=True)
    )
    return Learner(stacked, learn, choose, training.batch)


def _split(context: Context, task: Problem, training: Training, job: Job) -> Split:
    rng = context.rng(f"pictures to {job.purpose}", job.seed)
    order = rng.permutation(task.pool)
    return Split(order[: training.learn], order[training.learn :])
