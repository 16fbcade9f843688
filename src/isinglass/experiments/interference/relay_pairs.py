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
    RelayLayer,
    WaveClassifier,
    meeting,
)

TRAINED = 200  # pictures of each digit that the first layer learns
METHODS = ("first layer", "single signals", "pairs that meet", "rule")


class Pairs(NamedTuple):
    """Pairs of pictures, by what the targets emitted for each."""

    first: Float[np.ndarray, "n C 1 1"]
    second: Float[np.ndarray, "n C 1 1"]
    same: Bool[np.ndarray, "n"]

    def emitted(self, method: str) -> Float[np.ndarray, "n S 1 1"]:
        """What the second layer hears: signals side by side, or where two meet."""
        if method == "pairs that meet":
            return meeting(self.first, self.second)
        return np.concatenate([self.first, self.second], axis=1)


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
    signals = RelayLayer(first).fit().transform(task.test.images)
    # Pairs to learn from and to test on are of different pictures.
    halves = np.array_split(rng.permutation(len(truth)), 2)
    train, test = (
        _pairs(rng, truth[half], signals[half], size)
        for half, size in zip(halves, sizes, strict=True)
    )
    result = {"first layer": 100 * first.score(task.test.images, task.test.labels)}
    for name in ("single signals", "pairs that meet"):
        sources = train.emitted(name).shape[1]
        stage = Geometry(np.zeros((sources, 1)), [[-1.0], [1.0]])
        second = WaveClassifier(geometry=stage, n_durations=10, random_state=prior_seed)
        second.fit(train.emitted(name), train.same)
        result[name] = 100 * second.score(test.emitted(name), test.same)
    alike = (test.first == test.second).all(axis=(1, 2, 3))
    return result | {"rule": 100 * float((alike == test.same).mean())}


def _pairs(
    rng: np.random.Generator,
    truth: Int[np.ndarray, "m"],
    signals: Float[np.ndarray, "m C 1 1"],
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
    return Pairs(signals[left], signals[right], truth[left] == truth[right])
