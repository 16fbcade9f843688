"""How many patterns an energy holds: retrieval by noise, number and separation.

`capacity` measures shares of patterns that are retrieved; `half_point` says at which
number of patterns that share falls below one half. What theory expects there is in
`isinglass.energy.capacity_theory`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_list,
    as_real_array,
    check_in,
    check_key,
    check_kind,
    check_positive,
    check_whole,
)
from isinglass._common.intervals import Interval
from isinglass._common.lazy import lazy_module
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import random_ranks, rng_of
from isinglass.energy.descent import descend
from isinglass.energy.landscape import Landscape, SignLandscape
from isinglass.energy.methods import published_method

optimize: Any = lazy_module("scipy.optimize")  # nobody else needs it

RESAMPLES = 1000


@dataclass(frozen=True)
class RetrievalTask:
    """Random patterns that are to be retrieved from states with turned signs.

    Patterns are random signs, ±1 for energies of signs. For continuous ones they are
    scaled so that two of them are, in the root mean square, the given separation apart.

    Attributes:
        counts: Numbers of patterns, m.
        noises: Shares of components whose sign is turned, in [0, 1].
        separations: Distances of two patterns, which matter to continuous energies
            only.
        dimension: n.
        trials: Independent sets of patterns.
        probes: Patterns of each set that are looked for, at most m of them.

    Raises:
        ValueError: If a number is out of range, or there is nothing to do.
    """

    counts: Sequence[int]
    noises: Sequence[float] = (0.0, 0.1, 0.2, 0.3)
    separations: Sequence[float] = (5.0,)
    dimension: int = 64
    trials: int = 4
    probes: int = 32

    def __post_init__(self) -> None:
        for count in as_list("counts", self.counts):
            check_whole(counts=count)
        for noise in as_list("noises", self.noises):
            check_in("[0, 1]", noises=noise)
        for separation in as_list("separations", self.separations):
            check_positive(separations=separation)
        check_whole(dimension=self.dimension, trials=self.trials, probes=self.probes)


@usual_promotion()
def capacity(
    landscapes: Sequence[Landscape],
    task: RetrievalTask,
    *,
    key: Array,
    precision: float = 0.1,
    steps: int = 100,
) -> xr.Dataset:
    """Retrieve random patterns from states with turned signs, for each energy alike.

    All energies see the same signs and the same noise, and each goes downhill by the
    dynamics that it was published with.

    Args:
        landscapes: The energies.
        task: Numbers of patterns, noise, separations, and how often.
        key: Random key.
        precision: Retrieved where |x − ρ| is at most this times |ρ|.
        steps: Most updates.

    Returns:
        Over "energy", "separation", "patterns", "noise" and "trial": error, the mean of
        |x − ρ|/|ρ|; correct, the share of states whose nearest pattern in the end is
        the right one; retrieved, the share within the precision; converged; iterations,
        their mean.

    Raises:
        ValueError: If a number is out of range, or there is no energy.

    Source: Hopfield 1982; Krotov & Hopfield 2016; Demircigil et al. 2017; Ramsauer et
    al. 2021.
    """
    for number, landscape in enumerate(as_list("landscapes", landscapes)):
        check_kind(Landscape, **{f"landscapes[{number}]": landscape})
    check_kind(RetrievalTask, task=task)
    check_key(key=key)
    check_positive(precision=precision)
    axes = {
        "energy": [landscape.name for landscape in landscapes],
        "separation": list(task.separations),
        "patterns": list(task.counts),
        "noise": list(task.noises),
        "trial": list(range(task.trials)),
    }
    names = ("error", "correct", "retrieved", "converged", "iterations")
    values = np.empty((len(names), *map(len, axes.values())))
    for (trial, c, k), signs, turned in _problems(task, key):
        for e, landscape in enumerate(landscapes):
            for s, separation in enumerate(task.separations):
                # What separation does not matter to is computed once.
                if s and isinstance(landscape, SignLandscape):
                    values[:, e, s, c, k, trial] = values[:, e, 0, c, k, trial]
                    continue
                scale = _scale(landscape, separation, task.dimension)
                values[:, e, s, c, k, trial] = _outcome(
                    landscape, scale * signs, scale * turned, precision, steps
                )
    about = {
        "dimension": task.dimension,
        "precision": precision,
        "probes": task.probes,
        "source": "isinglass.energy.capacity",
    }
    data = {name: (tuple(axes), x) for name, x in zip(names, values, strict=True)}
    return xr.Dataset(data, axes, about)


def _problems(task: RetrievalTask, key: Array) -> Iterator[tuple[Any, Any, Any]]:
    """Places of trial, number and noise; patterns of ±1; states with turned signs."""
    for trial in range(task.trials):
        for c, count in enumerate(task.counts):
            rng, shape = rng_of(key, trial, count), (count, task.dimension)
            signs = rng.choice([-1.0, 1.0], shape)
            ranks = random_ranks(rng, shape)[: task.probes]
            for k, noise in enumerate(task.noises):
                is_turned = ranks < round(noise * task.dimension)
                start = signs[: task.probes]
                yield (trial, c, k), signs, np.where(is_turned, -start, start)


def _scale(landscape: Landscape, separation: float, dimension: int) -> float:
    """Random signs are √(2n) apart."""
    if isinstance(landscape, SignLandscape):
        return 1.0
    return separation / (2 * dimension) ** 0.5


def _outcome(
    landscape: Landscape, patterns: Any, start: Any, precision: float, steps: int
) -> tuple[float, ...]:
    patterns, start = (jnp.asarray(x, float) for x in (patterns, start))
    method = published_method(landscape)
    end = descend(start, patterns, landscape, method, steps=steps)
    targets = np.asarray(patterns)[: start.shape[0]]
    size = np.linalg.norm(targets, axis=-1)
    error = np.linalg.norm(np.asarray(end.state) - targets, axis=-1) / size
    is_right = np.asarray(end.nearest) == np.arange(start.shape[0])
    shares = (error, is_right, error <= precision, end.converged, end.iterations)
    return tuple(float(np.mean(x)) for x in shares)


# -- where half of the retrievals fail -------------------------------------------------


class HalfPoint(NamedTuple):
    """The number of patterns at which half of the retrievals fail.

    Attributes:
        place: Where it was measured: n, or the separation.
        interval: The number, with a bootstrap interval over sets of patterns.
        theory: What theory expects; NaN where there is none.
        resamples: The number in each resample of the sets.
        sets: Number of sets.
    """

    place: float
    interval: Interval
    theory: float
    resamples: np.ndarray
    sets: int


@usual_promotion()
def half_point(
    place: float,
    counts: Sequence[int],
    shares: Float[np.ndarray, "counts sets"],
    theory: float,
) -> HalfPoint:
    """Find the number of patterns at which the mean share falls below ½.

    The interval is that of 1000 bootstrap resamples of the sets of patterns, the middle
    95 % of them (Efron & Tibshirani 1993, §13.3), with the number itself inside.

    Args:
        place: n, or the separation.
        counts: Numbers of patterns, ascending.
        shares: Of patterns that were retrieved, by number and set.
        theory: What theory expects.

    Raises:
        ValueError: If the numbers of patterns do not ascend, or there are other shares.
    """
    numbers = _ascending(counts)
    shares = as_real_array("shares", shares, (len(numbers), None))
    if not shares.shape[1]:
        raise ValueError("shares must be of one set at least, got none")
    rng = np.random.default_rng(0)
    sets = shares.shape[1]
    draws = rng.integers(sets, size=(RESAMPLES, sets))
    resamples = [crossing(counts, shares[:, draw].mean(1)) for draw in draws]
    # Sorted, so that an interval may end at infinity.
    low, high = np.quantile(resamples, [0.025, 0.975], method="nearest")
    number = crossing(counts, shares.mean(1))
    interval = Interval(number, min(float(low), number), max(float(high), number))
    return HalfPoint(place, interval, theory, np.array(resamples), sets)


@usual_promotion()
def crossing(counts: Sequence[int], share: Float[np.ndarray, " counts"]) -> float:
    """Find where a share of retrieved patterns crosses ½.

    The share is made to fall by isotonic regression (Barlow et al. 1972), since more
    patterns are never easier to hold; between two numbers it is taken as linear in
    their logarithm.

    Args:
        counts: Numbers of patterns, ascending.
        share: At each of them.

    Returns:
        The number of patterns; 0 or ∞ if all shares are below ½, or none is.

    Raises:
        ValueError: As `half_point` does.
    """
    numbers = _ascending(counts)
    share = as_real_array("share", share, (len(numbers),))
    falling = optimize.isotonic_regression(share, increasing=False).x
    if falling[0] < 0.5:
        return 0.0
    if falling[-1] >= 0.5:
        return float("inf")
    after = int(np.argmax(falling < 0.5))
    part = (falling[after - 1] - 0.5) / (falling[after - 1] - falling[after])
    return float(numbers[after - 1] * (numbers[after] / numbers[after - 1]) ** part)


def _ascending(counts: Sequence[int]) -> np.ndarray:
    """Numbers of patterns, which must ascend."""
    numbers = as_real_array("counts", as_list("counts", counts), (None,))
    if numbers[0] <= 0 or (np.diff(numbers) <= 0).any():
        raise ValueError(f"counts must be positive and ascend, got {list(counts)}")
    return numbers
