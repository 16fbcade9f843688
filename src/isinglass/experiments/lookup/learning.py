"""What both experiments share: pictures, draws of them, and trainings side by side.

A part of all pictures is tested on, the same for all; of the rest each repetition draws
what it learns from. The learning rate of an arm, at the middle temperature, and then
the temperature are searched on repetitions that are not reported, by pictures that are
neither learned from nor tested on. Arms that are compared have the same pictures,
first weights and batches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass.reproduce import Context, inputs, searches
from isinglass.reproduce.searches import Job, Search, Trainings, accuracies
from isinglass.training.lanes import LaneRecipe, LaneTask

PERCENT = {"unit": "%", "valid_range": (0, 100)}
TESTED = 500  # pictures at a time


@dataclass(frozen=True)
class Training:
    """How arms are trained.

    Attributes:
        learn: Pictures that a repetition learns from.
        test: Pictures to test on, at most: a multiple of 500.
        steps: Of Adam, whose rate falls to 0 along half a cosine.
        batch: Pictures of a step.
        rates: Learning rates to choose from.
        temperatures: By which logits are divided, to choose from.
        searches: Repetitions that both are chosen on.
        further: Rates, and temperatures, beyond those, while the best is an end.
        repetitions: That are reported, at most; None for all that are asked for.
    """

    learn: int = 4000
    test: int = 10_000
    steps: int = 300
    batch: int = 64
    rates: tuple[float, ...] = (0.01, 0.03)
    temperatures: tuple[float, ...] = (1.0,)
    searches: int = 1
    further: int = 4
    repetitions: int | None = None

    @property
    def recipe(self) -> LaneRecipe:
        """Adam as the program has it, with a cosine in place of its one drop."""
        return LaneRecipe(
            self.steps, clip=None, betas=(0.9, 0.999), every=max(self.steps // 4, 1)
        )


class Arm(NamedTuple):
    """What is trained.

    Attributes:
        name: What to call it.
        new: Makes a net of a key; the same object in all calls.
        frozen: Gives those arrays of the net that stay as they are, as a tuple; None
            for none.
    """

    name: str
    new: Callable[[PRNGKeyArray], Any]
    frozen: Callable[[Any], Any] | None = None


class Pictures(eqx.Module):
    """What nets read of pictures, with labels.

    Attributes:
        inputs: (N, …).
        labels: (N,).
    """

    inputs: Array
    labels: Int[Array, "n"]

    def drawn(self, places: Array, key: PRNGKeyArray) -> Float[Array, "b *shape"]:
        """Some of them to learn from."""
        return self.inputs[places].astype(jnp.float32)


class Problem(NamedTuple):
    """Pictures, and which are for what.

    Attributes:
        images: (N, 28, 28).
        labels: (N,).
        pool: Numbers of those to learn from and to choose by.
        test: Numbers of those to test on.
    """

    images: np.ndarray
    labels: np.ndarray
    pool: np.ndarray
    test: np.ndarray


class Learner(eqx.Module):
    """A net and the pictures that it learns from.

    Attributes:
        net: It has `logits`, and `clipped` if something is cut after each step.
        learn, choose: Numbers of pictures.
        temperature: By which its logits are divided.
        batch: Pictures of a step.
    """

    net: Any
    learn: Int[Array, "*lanes n"]
    choose: Int[Array, "*lanes m"]
    temperature: Float[Array, "*lanes"]
    batch: int = eqx.field(static=True)

    def logits(self, data: Pictures, places: Array) -> Float[Array, "n c"]:
        """Of some pictures, not divided."""
        return self.net.logits(data.inputs[places].astype(jnp.float32))


class Outcome(NamedTuple):
    """What an arm came to.

    Attributes:
        rate, temperature: Chosen on validation pictures.
        accuracy: On test pictures in %, (repetitions,).
        learned: On pictures that were learned from, in %.
        lost: Trainings that diverged; they count as they were.
        limits: The least and the largest rate, then temperature, that was tried.
    """

    rate: float
    temperature: float
    accuracy: Float[np.ndarray, "seeds"]
    learned: Float[np.ndarray, "seeds"]
    lost: int
    limits: tuple[tuple[float, float], ...]


def problem(context: Context, training: Training) -> Problem:
    """The pictures, with the official test set if there is one, else a part of all."""
    digits = context.read(inputs.digits)
    images, labels = digits.train.images, digits.train.labels
    order = context.rng("halves").permutation(len(labels))[:5000]
    images, labels = images[order], labels[order]
    if digits.test is None:
        size = min(training.test, 1000)
        pool, test = np.arange(len(labels) - size), np.arange(-size, 0) + len(labels)
        return Problem(images, labels, pool, test)
    size = min(training.test, len(digits.test.labels)) // TESTED * TESTED
    pool, test = np.arange(len(labels)), np.arange(size) + len(labels)
    images = np.concatenate([images, digits.test.images[:size]])
    labels = np.concatenate([labels, digits.test.labels[:size]])
    return Problem(images, labels, pool, test)


def split(
    context: Context, task: Problem, training: Training, purpose: str, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of pictures of a repetition: to learn from, and to choose by."""
    order = context.rng(f"pictures to {purpose}", seed).permutation(task.pool)
    learn = min(training.learn, len(order) - TESTED)
    return order[:learn], order[learn : learn + TESTED]


def loss(model: Learner, data: Pictures, key: PRNGKeyArray) -> Float[Array, ""]:
    """Cross-entropy of a batch."""
    places = model.learn[jax.random.randint(key, (model.batch,), 0, len(model.learn))]
    logits = model.net.logits(data.drawn(places, jax.random.fold_in(key, 1)))
    return optax.softmax_cross_entropy_with_integer_labels(
        logits / model.temperature, data.labels[places]
    ).mean()


def clipped(model: Learner) -> Learner:
    """The same with the net's tables cut to [−1, 1]."""
    return eqx.tree_at(lambda m: m.net, model, model.net.clipped())


def learned(context: Context, arm: Arm, task: Problem, data: Any) -> Outcome:
    """Search a rate and a temperature, and train with them on what is reported.

    `data` are the pictures and the training.
    """
    pictures, training = data
    frozen = arm.frozen
    net = eqx.filter_eval_shape(arm.new, jax.random.key(0))

    def stays(model: Learner) -> Any:
        return model.temperature, *(frozen(model.net) if frozen else ())

    project = clipped if hasattr(net, "clipped") else None
    trainings = Trainings(
        arm.name,
        partial(_learners, context, arm, task, training),
        LaneTask(loss, pictures, frozen=stays, project=project),
        training.recipe,
        plan=[arm.name, training],
    )
    grids = training.rates, training.temperatures
    (rate, temperature), models, lost, limits = searches.learned(
        context,
        trainings,
        Search(grids, training.searches, training.further, training.repetitions),
        lambda models, _: accuracies(models, pictures, models.choose, TESTED),
    )
    test = np.broadcast_to(task.test, (len(models.learn), len(task.test)))
    return Outcome(
        rate,
        temperature,
        accuracies(models, pictures, test, TESTED),
        accuracies(models, pictures, models.learn[:, :TESTED]),
        lost,
        limits,
    )


def _learners(
    context: Context,
    arm: Arm,
    task: Problem,
    training: Training,
    jobs: Sequence[Job],
    keys: Array,
) -> Learner:
    """Nets as they begin, stacked, with their pictures and temperatures."""
    splits = [split(context, task, training, *job[1:]) for job in jobs]
    learn, choose = (
        jnp.asarray(np.stack(part), jnp.int32) for part in zip(*splits, strict=True)
    )
    temperatures = jnp.array([job.choice[1] for job in jobs], jnp.float32)
    return Learner(_nets(arm.new, keys), learn, choose, temperatures, training.batch)


@eqx.filter_jit
def _nets(new: Callable[[PRNGKeyArray], Any], keys: Array) -> Any:
    return eqx.filter_vmap(new)(keys)
