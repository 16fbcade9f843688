"""Do two pictures show the same digit? Targets that relay, and a layer that hears them.

Each picture is shown to targets that have learned the four digits; the one that answers
switches, and emits. A second layer learns "same" and "different" from these signals by
the very same law, once from single signals and once from pairs that meet.
"""

from itertools import product
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from isinglass.data import few_shot
from isinglass.data.few_shot import Task
from isinglass.experiments.interference.setting import CLASSES
from isinglass.reproduce import Context
from isinglass.systems.interference import (
    Geometry,
    InterferenceClassifier,
    WaveClassifier,
)

TRAINED = 200  # pictures of each digit that the first layer learns
METHODS = ("first layer", "single signals", "pairs that meet", "rule")


class Pairs(NamedTuple):
    """Pairs of pictures, by which target switched for each."""

    first: Int[np.ndarray, "n"]
    second: Int[np.ndarray, "n"]
    same: Bool[np.ndarray, "n"]


def accuracies(
    context: Context, task: Task, seed: int, sizes: tuple[int, int]
) -> dict[str, float]:
    """Accuracy in % by method: of the first layer, of both second ones, of the rule.

    Args:
        context: Of the experiment.
        task: Where pictures are from.
        seed: Of the repetition.
        sizes: Pairs to learn from and to test on, multiples of 24.
    """
    rng = context.rng("pairs", seed)
    digits = few_shot.draw(task.pool, CLASSES, TRAINED, rng)
    prior_seed = context.seed_of("route prior", seed)
    first = InterferenceClassifier(random_state=prior_seed)
    first.fit(digits.images, digits.labels)
    truth = np.searchsorted(CLASSES, task.test.labels)
    switched = np.searchsorted(CLASSES, first.predict(task.test.images))
    # Pairs to learn from and to test on are of different pictures.
    halves = np.array_split(rng.permutation(len(truth)), 2)
    train, test = (
        _pairs(rng, truth[half], switched[half], size)
        for half, size in zip(halves, sizes, strict=True)
    )
    result = {"first layer": 100 * float((switched == truth).mean())}
    for name, emit in (("single signals", _single), ("pairs that meet", _meeting)):
        sources = emit(train).shape[1]
        stage = Geometry(np.zeros((sources, 1)), [[-1.0], [1.0]])
        second = WaveClassifier(geometry=stage, n_durations=10, random_state=prior_seed)
        second.fit(emit(train), train.same)
        result[name] = 100 * second.score(emit(test), test.same)
    rule = (test.first == test.second) == test.same
    return result | {"rule": 100 * float(rule.mean())}


def _pairs(
    rng: np.random.Generator,
    truth: Int[np.ndarray, "m"],
    switched: Int[np.ndarray, "m"],
    size: int,
) -> Pairs:
    """As many same as different pairs, each two digits as often as any other two.

    So no single picture says anything of whether the other is like it.
    """
    places = [np.flatnonzero(truth == digit) for digit in range(len(CLASSES))]
    first, second = [], []
    for a, b in product(range(len(CLASSES)), repeat=2):
        count = size // (2 * 4) if a == b else size // (2 * 12)
        first.append(rng.choice(places[a], count))
        second.append(rng.choice(places[b], count))
    left, right = np.concatenate(first), np.concatenate(second)
    return Pairs(switched[left], switched[right], truth[left] == truth[right])


def _single(pairs: Pairs) -> Float[np.ndarray, "n 8 1 1"]:
    """A signal of each target that switched, four targets a picture."""
    signals = np.zeros((len(pairs.same), 8, 1, 1))
    rows = np.arange(len(signals))
    signals[rows, pairs.first] = signals[rows, 4 + pairs.second] = 1
    return signals


def _meeting(pairs: Pairs) -> Float[np.ndarray, "n 16 1 1"]:
    """A signal wherever those of two targets meet."""
    signals = np.zeros((len(pairs.same), 16, 1, 1))
    signals[np.arange(len(signals)), 4 * pairs.first + pairs.second] = 1
    return signals
