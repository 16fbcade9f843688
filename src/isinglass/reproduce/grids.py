"""The best on a grid of positive numbers, which grows where its best is an end of it.

A best at an end says little: beyond it there may be a better one. So the grid may get
some values more there, one after another, until the best is inside of it:

    best_on((0.003, 0.01, 0.03), 4, scores)  # tries 0.1, 0.3, 1, 3 while they are best
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool


class Best(NamedTuple):
    """What came out best.

    Attributes:
        value: The best; the least of several that are equally good.
        grid: All that was tried, ascending.
    """

    value: float
    grid: tuple[float, ...]

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest that was tried."""
        return self.grid[0], self.grid[-1]


def best_on(
    grid: Sequence[float], further: int, scores: Callable[[Sequence[float]], Any]
) -> Best:
    """Find the best of a grid, and of up to so many values beyond its ends.

    Args:
        grid: Positive, in any order. Of a single value nothing is tried.
        further: How many values may be added while the best is an end.
        scores: ``scores(values)`` gives a number for each, the larger the better; NaN
            where there is none. Every value is tried once.
    """
    values = sorted(grid)
    if len(values) == 1:
        return Best(values[0], tuple(values))
    results = dict(zip(values, scores(values), strict=True))
    while True:
        best = values[int(np.nanargmax([results[value] for value in values]))]
        if further == 0 or not at_an_edge(best, values):
            return Best(best, tuple(values))
        further -= 1
        if best == values[0]:
            values = [_beyond(values[::-1]), *values]
            results[values[0]] = scores(values[:1])[0]
        else:
            values = [*values, _beyond(values)]
            results[values[-1]] = scores(values[-1:])[0]


def _beyond(values: Sequence[float]) -> float:
    """The value behind the last: ratios come again by twos, as those of 1, 3, 10 do."""
    steps = [second / first for first, second in pairwise(values)]
    return float(f"{values[-1] * steps[-2:][0]:.3g}")


def at_an_edge(chosen: Any, searched: Any) -> Bool[np.ndarray, "..."]:
    """Say which choices are the least or the largest of several.

    Args:
        chosen: Values, of any shape; NaN where nothing was chosen.
        searched: What they were chosen from: the same for all, (n,), or of each its
            own, (..., n). Where that is one value, there was no choice.
    """
    values, grids = np.asarray(chosen, float), np.asarray(searched, float)
    least, largest = grids.min(-1), grids.max(-1)
    return np.asarray((least < largest) & ((values == least) | (values == largest)))
