"""What the MNIST experiments share: the paper's four digits, draws by seed, trained models."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from isinglass.data.few_shot import Task
    from isinglass.data.mnist import Digits
    from isinglass.reproduce.experiment import Context
    from isinglass.systems.interference import InterferenceClassifier

CLASSES = (0, 1, 2, 4)


def generator(context: Context, purpose: str, *numbers: int) -> np.random.Generator:
    """A generator of its own for each purpose and repetition, from the base seed."""
    return np.random.default_rng([context.seed, crc32(purpose.encode()), *numbers])


def load_task(context: Context) -> Task:
    """The paper's four digits, from the user's folder or the bundled subset."""
    from isinglass.data import few_shot, mnist

    context.progress.step("reading MNIST")
    return few_shot.task(mnist.load(context.mnist), CLASSES)


def training_set(context: Context, task: Task, n_per_class: int, seed: int) -> Digits:
    """The K-shot training set of one repetition: the same for every method that is compared."""
    from isinglass.data import few_shot

    rng = generator(context, "training set", seed, n_per_class)
    return few_shot.draw(task.pool, CLASSES, n_per_class, rng)


def train(
    context: Context, task: Task, seed: int, *, n_per_class: int = 5, epochs: int = 1
) -> InterferenceClassifier:
    """The classifier of one repetition, with the paper's parameters."""
    from isinglass.systems.interference import InterferenceClassifier

    digits = training_set(context, task, n_per_class, seed)
    return InterferenceClassifier(
        epochs=epochs, random_state=model_seed(context, seed)
    ).fit(*digits)


def model_seed(context: Context, seed: int) -> int:
    """Seed of the route prior of one repetition."""
    return int(generator(context, "route prior", seed).integers(2**31 - 1))


def in_time(model: InterferenceClassifier) -> Float[np.ndarray, "S C T"]:
    """Probabilities of the routes that are long enough for their own target; the rest are 0."""
    return model.route_probabilities_ * model.geometry_.reachable(model.n_durations)
