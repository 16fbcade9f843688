"""Who is trained for Table 1: ours and backpropagation in two orders, and peers."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC

from isinglass.data.few_shot import Task
from isinglass.data.mnist import Digits
from isinglass.experiments.interference.setting import (
    CLASSES,
    classifier,
    in_time,
    saturating,
    training_set,
)
from isinglass.reproduce import Context
from isinglass.systems.interference import InterferenceClassifier


class Cell(NamedTuple):
    """A column of Table 1: K pictures per class, shown `epochs` times."""

    k: int
    epochs: int

    def __str__(self) -> str:
        return f"K={self.k}, {self.epochs} epoch{'s' if self.epochs > 1 else ''}"


CELLS = (Cell(1, 5), Cell(5, 1), Cell(10, 1), Cell(5, 10))
# What users of scikit-learn would take.
PEERS = ("1-nearest neighbour", "Logistic regression", "Linear SVM")


def trained(
    context: Context, task: Task, cell: Cell, *, mix: bool
) -> list[InterferenceClassifier]:
    """The interference classifiers of all seeds, trained class by class or shuffled."""
    models = []
    for seed in context.seeds:
        images, labels = training_set(context, task, seed, cell.k)
        if mix:
            order = context.rng("order", seed).permutation(len(labels))
            images, labels = images[order], labels[order]
        model = classifier(context, seed, epochs=cell.epochs)
        with saturating():
            models.append(model.fit(images, labels))
    return models


def hits(
    guesses: Int[np.ndarray, "seed n"], labels: np.ndarray
) -> Float[np.ndarray, " seed"]:
    """Accuracy in %."""
    return 100 * (guesses == labels).mean(axis=-1)


def have_same_routes(
    model: InterferenceClassifier, other: InterferenceClassifier
) -> bool:
    """Whether two models have the same route probabilities, bit for bit."""
    return np.array_equal(model.route_probabilities_, other.route_probabilities_)


def share_undecided(model: InterferenceClassifier) -> float:
    """Sources and targets with a chance of 5 to 95 % that a signal arrives, in %."""
    arrive = in_time(model).sum(axis=-1)
    return 100 * float(((arrive > 0.05) & (arrive < 0.95)).mean())


def training_orders(
    context: Context, cell: Cell
) -> dict[str, Int[np.ndarray, "seed steps"]]:
    """Order of the samples over all epochs: class by class, or shuffled in each."""
    n = cell.k * len(CLASSES)
    sequential = np.tile(np.arange(n), (len(context.seeds), cell.epochs))
    mixed = [
        np.concatenate([rng.permutation(n) for _ in range(cell.epochs)])
        for rng in (context.rng("order", seed) for seed in context.seeds)
    ]
    return {"BP+SeqTrn": sequential, "BP+MixTrn": np.stack(mixed)}


def peers(context: Context, task: Task, cell: Cell, seed: int) -> list[float]:
    """Accuracy in % of scikit-learn's usual choices on the same draw."""
    digits = training_set(context, task, seed, cell.k)
    test = pixels(task.test)
    estimators = (
        KNeighborsClassifier(1),
        LogisticRegression(max_iter=1000),
        LinearSVC(random_state=seed, max_iter=10_000),
    )
    for estimator in estimators:
        estimator.fit(pixels(digits), digits.labels)
    return [100 * float(peer.score(test, task.test.labels)) for peer in estimators]


def pixels(digits: Digits) -> Float[np.ndarray, "n 784"]:
    """Grey values from 0 to 1."""
    return digits.images.reshape(len(digits.images), -1) / 255.0
