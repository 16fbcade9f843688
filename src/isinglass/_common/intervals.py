"""Intervals that say how well a number is known.

SciPy is imported where it is first used: it takes half a second, which a command that
computes no interval need not pay.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from isinglass._common.lazy import lazy_module
from isinglass._common.types import ArrayLike

special: Any = lazy_module("scipy.special")
stats: Any = lazy_module("scipy.stats")

CONFIDENCE = 0.95
UNLIMITED = (-np.inf, np.inf)


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


def mean_interval(samples: ArrayLike, valid_range: Sequence[float] = ()) -> Interval:
    """Mean and Student-t 95 % confidence interval of the mean.

    Where the quantity has a least or a largest value, the t interval is taken on a
    scale that has none, and taken back: logit of the mean between two ends, its
    logarithm above (or below) one. So the interval never leaves the range, and it holds
    the true mean more often than one that is cut off there: of 40,000 sets of 5 shares
    with mean 0.9 and standard deviation 0.05 in 94.8 % against 93.5 %, with mean 0.1
    and 0.12 in 92.7 % against 85.7 %. The scale's slope at the mean is the step from
    one spread to the other (the delta method), so that samples may lie on the ends.

    Args:
        samples: Independent measurements, shape (n,). One sample alone gives an
            interval of no width: nothing is known of its spread. So do several that
            are all the same.
        valid_range: Least and largest value that the quantity can have, such as
            (0, 100) for percent or (0, inf) for a norm. Empty for no limit.

    Raises:
        ValueError: If ``samples`` is empty, not one-dimensional, not finite, or outside
            of the range.
    """
    values = checked_samples(samples)
    _check_range(values, valid_range)
    mean, n = float(values.mean()), values.size
    if n == 1 or np.ptp(values) == 0:
        return Interval(mean, mean, mean)
    quantile = special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)
    half_width = float(quantile * values.std(ddof=1) / np.sqrt(n))
    return Interval(mean, *_ends(mean, half_width, *(valid_range or UNLIMITED)))


def _check_range(values: np.ndarray, valid_range: Sequence[float]) -> None:
    """Refuse values outside of the range, but for what rounding adds."""
    if not len(valid_range):
        return
    low, high = valid_range
    slack = 1e-9 * max(abs(end) for end in (low, high, 1.0) if np.isfinite(end))
    outside = np.flatnonzero((values < low - slack) | (values > high + slack))
    if outside.size:
        raise ValueError(
            f"samples must lie in the valid range {low:g} to {high:g}, got "
            f"{values[outside[0]]:g} at position {outside[0]}"
        )


def _ends(
    mean: float, half_width: float, least: float, largest: float
) -> tuple[float, float]:
    """Both ends of a t interval on a scale without ends."""
    below, above = mean - least, largest - mean
    if min(below, above) <= 0:  # only by rounding: the samples are not all the same
        return mean, mean
    if np.isfinite(below) and np.isfinite(above):
        # d logit(x) / dx = (largest − least) / (x − least) / (largest − x)
        step = half_width * (below + above) / (below * above)
        centre = np.log(below) - np.log(above)
        low, high = special.expit(np.array([centre - step, centre + step]))
        return (
            least + (below + above) * float(low),
            least + (below + above) * float(high),
        )
    if np.isfinite(below):
        factor = np.exp(half_width / below)
        return least + below / factor, least + below * factor
    if np.isfinite(above):
        factor = np.exp(half_width / above)
        return largest - above * factor, largest - above / factor
    return mean - half_width, mean + half_width


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


def quantile_interval(samples: ArrayLike, share: float) -> Interval:
    """Quantile of a sample and its 95 % confidence interval, free of any distribution.

    The ends are order statistics: how many of n samples lie below the true quantile is
    binomial. Infinite samples, of what outlasted a measurement, are allowed; an end
    that they reach is infinite.

    Args:
        samples: Independent measurements, shape (n,), none of them NaN.
        share: Of the distribution that lies below, in (0, 1).
    """
    values = np.sort(np.atleast_1d(np.asarray(samples, dtype=np.float64)))
    count = values.size
    ranks = stats.binom.ppf([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], count, share)
    low, high = int(ranks[0]) - 1, int(ranks[1])
    return Interval(
        float(values[min(int(share * count), count - 1)]),
        float(values[low]) if low >= 0 else -np.inf,
        float(values[high]) if high < count else np.inf,
    )
