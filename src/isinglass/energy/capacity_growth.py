"""How the number of patterns that are held grows with the dimension."""

from collections.abc import Sequence

import numpy as np

from isinglass._common.intervals import Interval
from isinglass.energy.capacity import HalfPoint


def is_measured(point: HalfPoint) -> bool:
    """Tell whether half of the retrievals fail within the numbers that were tried."""
    return bool(np.isfinite(point.interval).all() and point.interval.low > 0)


def growth_law(
    points: Sequence[HalfPoint], power: float | None = None
) -> Interval | None:
    """Fit the growth of the half point m½ by the dimension n.

    Args:
        points: Half points of one energy, whose places are n.
        power: k − 1 of an energy of powers, whose theory is n^(k−1)/z² but for a
            constant: z², which grows as log n, is multiplied out, and the slope of
            log m½ over log n is fitted. None for an exponential energy: the slope of
            log₂ m½ over n.

    Returns:
        The slope with a bootstrap interval over sets of patterns; None where fewer than
        two half points are measured.
    """
    measured = [point for point in points if is_measured(point)]
    if len(measured) < 2:
        return None
    n = np.array([point.place for point in measured])
    theory = np.array([point.theory for point in measured])
    if power is None:
        x, lift, scale = n, np.zeros(len(n)), np.log(2)
    else:
        x, lift, scale = np.log(n), power * np.log(n) - np.log(theory), 1.0

    def slope(numbers: np.ndarray) -> float:
        return float(np.polyfit(x, (np.log(numbers) + lift) / scale, 1)[0])

    resamples = np.array([point.resamples for point in measured])
    is_usable = np.isfinite(resamples).all(0) & (resamples > 0).all(0)
    slopes = [slope(column) for column in resamples.T[is_usable]]
    low, high = np.quantile(slopes, [0.025, 0.975])
    middle = slope(np.array([point.interval.mean for point in measured]))
    return Interval(middle, min(float(low), middle), max(float(high), middle))
