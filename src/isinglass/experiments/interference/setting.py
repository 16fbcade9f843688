"""What the MNIST experiments share: the paper's four digits, draws by seed, and models.

One repetition is a training set and a route prior, both drawn by the number of its
seed, so that all methods and all experiments see the same pictures.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, UInt8

from isinglass.data import few_shot
from isinglass.data.few_shot import Task
from isinglass.data.mnist import Digits
from isinglass.reproduce import Context, inputs
from isinglass.systems.interference import (
    FitnessWarning,
    InterferenceClassifier,
    WaveClassifier,
    baseline,
    encode_images,
    paper_settings,
)

Model = InterferenceClassifier | WaveClassifier

CLASSES = (0, 1, 2, 4)
SHOTS = 5  # training pictures of each digit, unless an experiment says otherwise
EXAMPLES = 20  # test pictures of each digit, where a few are enough


def load_task(context: Context) -> Task:
    """The paper's four digits, from the user's folder or the bundled subset."""
    return few_shot.task(context.read(inputs.digits), CLASSES)


def training_set(
    context: Context, task: Task, seed: int, n_per_class: int = SHOTS
) -> Digits:
    """The K-shot training set of a repetition, class after class."""
    rng = context.rng("training set", seed, n_per_class)
    return few_shot.draw(task.pool, CLASSES, n_per_class, rng)


def example_pictures(
    context: Context, task: Task, seed: int
) -> UInt8[np.ndarray, "digit n 28 28"]:
    """A few test pictures of each digit."""
    rng = context.rng("shown", seed)
    images = few_shot.draw(task.test, CLASSES, EXAMPLES, rng).images
    return images.reshape(len(CLASSES), EXAMPLES, *images.shape[1:])


def classifier(
    context: Context, seed: int, *, epochs: int = 1
) -> InterferenceClassifier:
    """The classifier of a repetition with the paper's parameters, not yet trained."""
    prior_seed = context.seed_of("route prior", seed)
    return InterferenceClassifier(
        **paper_settings(), epochs=epochs, random_state=prior_seed
    )


@contextmanager
def saturating() -> Iterator[None]:
    """Let evidence saturate unwarned: at the paper's rates that is a finding."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FitnessWarning)
        yield


def encoded(images: UInt8[np.ndarray, "n 28 28"]) -> Float[np.ndarray, "n S D"]:
    """Pictures as the unit dipoles of their 3 × 3 patches."""
    return np.asarray(encode_images(jnp.asarray(images), (3, 3)))


def in_time(model: Model) -> Float[np.ndarray, "S C T"]:
    """Probabilities of routes long enough for their own target; the rest are 0."""
    return model.route_probabilities_ * model.geometry_.reachable(model.n_durations)


def share_in_time(model: InterferenceClassifier) -> float:
    """Share in % of all signals that is sent along routes that can arrive."""
    return 100 * float(in_time(model).sum(axis=-1).mean())


def backpropagation(
    context: Context,
    task: Task,
    n_per_class: int,
    order: Int[np.ndarray, "seed steps"],
    stops: Sequence[int],
) -> Int[np.ndarray, "stop seed picture"]:
    """Digits that the paper's baseline sees in the test pictures.

    Args:
        context: Of the experiment.
        task: Where training sets are drawn from, and what is tested on.
        n_per_class: K.
        order: Which of the K · 4 training pictures is shown at each step.
        stops: Numbers of steps, ascending, after which it is tested.
    """
    draws = [training_set(context, task, seed, n_per_class) for seed in context.seeds]
    features = baseline.features(np.concatenate([draw.images for draw in draws]))
    features = features.reshape(len(draws), -1, features.shape[-1])
    labels = np.stack([np.searchsorted(CLASSES, draw.labels) for draw in draws])
    weights = baseline.train_many(
        jax.random.split(jax.random.key(context.seed_of("baseline")), len(draws)),
        np.take_along_axis(features, order[..., None], axis=1),
        np.take_along_axis(labels, order, axis=1),
        n_classes=len(CLASSES),
        stops=tuple(stops),
    )
    tests = baseline.features(task.test.images)
    return answers(np.einsum("nf,pmcf->pmnc", tests, weights, optimize=True))


def answers(scores: Float[np.ndarray, "*n C"]) -> Int[np.ndarray, "*n"]:
    """The digits with the largest scores."""
    return np.asarray(CLASSES)[scores.argmax(axis=-1)]
