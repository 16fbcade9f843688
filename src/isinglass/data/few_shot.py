"""K-shot training sets: K samples of each class, drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from isinglass._common.notebook import html_table
from isinglass.data.mnist import MNIST, Digits


class Task(NamedTuple):
    """Where training samples are drawn from, and what is tested on, apart.

    Attributes:
        pool: Digits to draw training sets from, of the chosen classes only.
        test: Digits to test on, of the chosen classes only.
    """

    pool: Digits
    test: Digits

    def _repr_html_(self) -> str:
        rows = [(name, repr(getattr(self, name))) for name in self._fields]
        return html_table("Task", (), rows)


def task(data: MNIST, classes: Sequence[int]) -> Task:
    """Restrict MNIST to some digits and set a test set apart.

    With the official test set that is the test set. Without it, the first half of each
    digit is the pool and the second half is tested on.

    Raises:
        ValueError: If a digit has no sample to learn from or none to test on.
    """
    if data.test is not None:
        pool, test = _only(data.train, classes), _only(data.test, classes)
    else:
        first, second = _halves(data.train.labels, classes)
        pool, test = _take(data.train, first), _take(data.train, second)
    for name, digits in (("learn from", pool), ("test on", test)):
        missing = sorted(set(classes) - set(digits.labels.tolist()))
        if missing:
            raise ValueError(f"classes {missing} have no sample to {name}")
    return Task(pool, test)


def draw(
    pool: Digits, classes: Sequence[int], n_per_class: int, rng: np.random.Generator
) -> Digits:
    """Draw K samples of each class without replacement, class after class.

    Args:
        pool: What to draw from.
        classes: The labels, in the order in which their samples come.
        n_per_class: K, at least 1.
        rng: Source of randomness.

    Returns:
        K · len(classes) samples, all of the first class first.

    Raises:
        ValueError: If K < 1 or a class has fewer than K samples.
    """
    if n_per_class < 1:
        raise ValueError(f"n_per_class must be at least 1, got {n_per_class}")
    chosen = []
    for label in classes:
        available = np.flatnonzero(pool.labels == label)
        if len(available) < n_per_class:
            raise ValueError(
                f"n_per_class={n_per_class} is more than the {len(available)} samples "
                f"of class {label}"
            )
        chosen.append(rng.choice(available, n_per_class, replace=False))
    return _take(pool, np.concatenate(chosen))


def _only(digits: Digits, classes: Sequence[int]) -> Digits:
    return _take(digits, np.flatnonzero(np.isin(digits.labels, classes)))


def _take(digits: Digits, where: UInt8[np.ndarray, "n"] | np.ndarray) -> Digits:
    return Digits(digits.images[where], digits.labels[where])


def _halves(
    labels: np.ndarray, classes: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    places = [np.flatnonzero(labels == label) for label in classes]
    first = [where[: len(where) // 2] for where in places]
    second = [where[len(where) // 2 :] for where in places]
    return np.concatenate(first), np.concatenate(second)
