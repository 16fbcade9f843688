"""Intervals that say how well a number is known.

SciPy is imported where it is first used: it takes half a second, which a command that
computes no interval need not pay.
"""

from typing import Any, NamedTuple

import numpy as np

from isinglass._common.lazy import lazy_module
from isinglass._common.types import ArrayLike

special: Any = lazy_module("scipy.special")
stats: Any = lazy_module("scipy.stats")

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean or share and its 95 % confidence interval, in the data's unit."""

    mean: float
    low: float
    high: float


def checked_samples(samples: ArrayLike) -> np.ndarray:
    """Return ``samples`` as a flat float64 array of shape (n,), n ≥ 1.

    Raises:
        ValueError: If there are no samples, if they are not one-dimensional (a single
            number counts as one sample), or if one of them is NaN or infinite.
    """
    values = np.atleast_1d(np.asarray(samples, dtype=np.float64))
    if values.ndim != 1:
        raise ValueError(f"samples must be one-dimensional, got shape {values.shape}")
    if values.size == 0:
        raise ValueError("samples must hold at least one value, got none")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"samples must be finite, got {values[bad[0]]} at position {bad[0]}"
        )
    return values


def mean_interval(samples: ArrayLike) -> Interval:
    """Mean and Student-t 95 % confidence interval of the mean.

    Args:
        samples: Independent measurements, shape (n,). One sample alone gives an
            interval of no width: nothing is known of its spread.

    Raises:
        ValueError: If ``samples`` is empty, not one-dimensional, or not finite.
    """
    values = checked_samples(samples)
    mean, n = float(values.mean()), values.size
    if n == 1:
        return Interval(mean, mean, mean)
    quantile = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)
    half_width = float(quantile * values.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half_width, mean + half_width)


def single_draw_half_width(samples: ArrayLike) -> float:
    """Half-width around the mean within which 95 % of further single draws fall.

    The Student-t prediction interval, for normal samples: the right tolerance where a
    paper reports one run and we report the mean of many.

    Args:
        samples: Independent measurements, shape (n,), n ≥ 2.

    Raises:
        ValueError: If there are fewer than two samples, or they are not finite.
    """
    values = checked_samples(samples)
    if values.size < 2:
        raise ValueError(
            "samples must hold at least two values to have a spread, got 1"
        )
    quantile = special.stdtrit(values.size - 1, (1 + CONFIDENCE) / 2)
    return float(quantile * values.std(ddof=1) * np.sqrt(1 + 1 / values.size))


def wilson_interval(successes: int, n: int) -> Interval:
    """Share of successes, in [0, 1], with its Wilson 95 % confidence interval.

    Args:
        successes: How often it held, 0 ≤ ``successes`` ≤ ``n``.
        n: How often it was tried, at least 1.

    Raises:
        ValueError: If ``n`` < 1 or ``successes`` lies outside 0..n.
    """
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n}")
    if not 0 <= successes <= n:
        raise ValueError(f"successes must lie in 0..{n}, got {successes}")
    interval = stats.binomtest(successes, n).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(successes / n, float(interval.low), float(interval.high))
