"""Accuracy of the interference classifier: its own choices beside the paper's settings.

    python benchmarks/interference_choices.py validation
    python benchmarks/interference_choices.py test

The rules behind `rates="auto"` and `patch_size="auto"` were chosen on `validation`:
parts of the digits to learn from. `test` is other digits and other draws. Per number of
pictures a class: mean accuracy in % of both, and their difference on the same draws
with its 95 % interval.
"""

import argparse
import warnings
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats
from sklearn.datasets import load_digits

from isinglass.data import few_shot, mnist
from isinglass.data.mnist import Digits
from isinglass.systems.interference import (
    FitnessWarning,
    InterferenceClassifier,
    paper_settings,
)

DIGITS = tuple(range(10))
SHOTS = (1, 2, 5, 10, 20, 50, 100, 200)
DRAWS = {"validation": 20, "test": 20}
# Of scikit-learn's 174 to 183 pictures of each digit, so many are learned from.
POOL = 120
FOLDS = 5


class Split(NamedTuple):
    """Digits to draw from, and digits to be right about."""

    pool: Digits
    held_out: Digits


def digits_8x8() -> Split:
    """scikit-learn's digits of 8 × 8 pixels: the first 120 of each to learn from."""
    images, labels = load_digits(return_X_y=True)
    images = images.reshape(-1, 8, 8).astype(np.uint8)
    labels = labels.astype(np.uint8)
    places = [np.flatnonzero(labels == digit) for digit in DIGITS]
    return Split(
        *(
            Digits(images[where], labels[where])
            for where in (
                np.concatenate([place[:POOL] for place in places]),
                np.concatenate([place[POOL:] for place in places]),
            )
        )
    )


def splits(task: Split, part: str) -> Iterator[tuple[np.random.Generator, Split]]:
    """A source of randomness and a split for every draw of a part."""
    for seed in range(DRAWS[part]):
        if part == "test":
            yield np.random.default_rng([1, seed]), task
            continue
        pool, fold = task.pool, np.zeros(len(task.pool.labels), int)
        for digit in DIGITS:  # as many of each in every fold
            places = np.flatnonzero(pool.labels == digit)
            order = np.random.default_rng([seed // FOLDS, digit]).permutation(places)
            fold[order] = np.arange(len(order)) % FOLDS
        rest, chosen = fold != seed % FOLDS, fold == seed % FOLDS
        yield (
            np.random.default_rng([0, seed]),
            Split(
                Digits(pool.images[rest], pool.labels[rest]),
                Digits(pool.images[chosen], pool.labels[chosen]),
            ),
        )


def accuracies(task: Split, part: str, shots: int) -> np.ndarray:
    """Accuracy in % of both settings, (draws, 2); none if there are too few digits."""
    rows = []
    for seed, (rng, split) in enumerate(splits(task, part)):
        if np.bincount(split.pool.labels).min() < shots:
            return np.zeros((0, 2))
        X, y = few_shot.draw(split.pool, DIGITS, shots, rng)
        models = (
            InterferenceClassifier(random_state=seed),
            InterferenceClassifier(**paper_settings(), random_state=seed),
        )
        rows.append([100 * model.fit(X, y).score(*split.held_out) for model in models])
    return np.array(rows)


def main() -> None:
    """Print the table of one part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=DRAWS)
    part = parser.parse_args().part
    warnings.simplefilter("ignore", FitnessWarning)
    print("| digits | pictures a class | auto | paper's | difference |")
    print("|---|---|---|---|---|")
    tasks = {
        "MNIST": Split(*few_shot.task(mnist.load(), DIGITS)),
        "8 × 8": digits_8x8(),
    }
    for name, task in tasks.items():
        for shots in SHOTS:
            values = accuracies(task, part, shots)
            if not len(values):
                continue
            difference = values[:, 0] - values[:, 1]
            half = stats.sem(difference) * stats.t.ppf(0.975, len(difference) - 1)
            auto, paper = values.mean(axis=0)
            print(
                f"| {name} | {shots} | {auto:.1f} | {paper:.1f} | "
                f"{difference.mean():+.1f} ± {half:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
