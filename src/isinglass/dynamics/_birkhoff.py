"""Weighted Birkhoff averages of orbits, gathered while the orbits run.

An average over L steps with the weights exp(−1/(s(1 − s))), s = (t + ½)/L, converges on
a torus (and on a cycle) faster than any power of L, where the orbit of a chaotic
attractor gives an error that falls as L^(−½) (Das, Sander & Yorke 2017, Nonlinearity
30, 4111). How far apart the averages of neighbouring windows lie, and how that falls
with their length, so tells the two from each other.
"""

from functools import lru_cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float

PARTS = (8, 4, 2)  # windows of an eighth, a quarter and half of the stretch
ROUNDING = 1e-11  # below this share of its extent, an average has converged
MOST_ROUNDING = 1e-9
ROWS = 64  # that are summed at a time, while they are in the processor's cache


class WeightedAverages:
    """The weighted averages of each component, and of its square, over windows.

    The windows of each length begin at every eighth of the stretch.

    Args:
        steps: Length of the stretch.
    """

    def __init__(self, steps: int) -> None:
        windows = [
            (parts, eighth * steps // 8, steps // parts)
            for parts in PARTS
            for eighth in range(8 - 8 // parts + 1)
        ]
        self.parts, self.starts, self.lengths = np.array(windows).T
        self.time = 0
        self.centre: np.ndarray | None = None  # near the mean: spares digits of squares
        self.low = self.high = self.sums = np.zeros(0)

    def take(self, rows: Float[np.ndarray, "r d n"]) -> None:
        """Add the next values."""
        # An orbit that leaves the finite numbers spoils no sums but its own.
        with np.errstate(all="ignore"):
            self._add(rows)
        self.time += len(rows)

    def _add(self, rows: Float[np.ndarray, "r d n"]) -> None:
        if self.centre is None:
            self.centre = np.asarray(rows.mean(axis=0, dtype=np.float64))
            self.low = np.full_like(self.centre, np.inf)
            self.high = -self.low
            self.sums = np.zeros((len(self.parts), 2 * self.low.size))
        self.low = np.minimum(self.low, rows.min(axis=0))
        self.high = np.maximum(self.high, rows.max(axis=0))
        for first in range(0, len(rows), ROWS):
            part = rows[first : first + ROWS]
            powers = np.empty((len(part), 2, *self.centre.shape))
            values, squares = powers[:, 0], powers[:, 1]
            np.subtract(part, self.centre, out=values)
            np.square(values, out=squares)
            self._sum(powers.reshape(len(part), -1), self.time + first)

    def _sum(self, powers: Float[np.ndarray, "r c"], begin: int) -> None:
        """Add values and squares from a time on to the sums of their windows."""
        end = begin + len(powers)
        for index in range(len(self.parts)):
            start, length = self.starts[index], self.lengths[index]
            first, last = max(begin, start), min(end, start + length)
            if first < last:
                weights = _weights(int(length), int(first - start), int(last - start))
                window = powers[first - begin : last - begin]
                # A product by BLAS would wake all cores, where each has its tile.
                self.sums[index] += np.einsum("t,tc->c", weights, window)

    def ratio(self, eps: float) -> Float[np.ndarray, "n"]:
        """How an error that is left falls, at the worst, as windows double.

        The errors are those of windows of an eighth, a quarter and half of the stretch:
        the spread of their averages, as a share of the component's extent, of the worst
        component. About 0.7 in chaos; 0 where there is nothing left but rounding.

        Args:
            eps: Distance from 1 to the next number of the precision.
        """
        with np.errstate(all="ignore"):
            extent = self.high - self.low
            size = np.maximum(np.abs(self.high), np.abs(self.low))
            moves = extent > 1000 * eps * size
            rounding = np.where(moves, 10 * eps * size / extent, 0).max(axis=0)
            errors = np.stack([self._error(parts, moves, extent) for parts in PARTS])
            rounding = np.clip(rounding, ROUNDING, MOST_ROUNDING)
            errors = np.where(errors <= rounding, 0, errors)
            falls = [
                np.where(after == 0, 0, after / before)
                for before, after in pairwise(errors)
            ]
            return np.where(errors[-1] < 0.01, np.max(falls, axis=0), np.inf)

    def _error(self, parts: int, moves: np.ndarray, extent: np.ndarray) -> np.ndarray:
        spread = np.ptp(self.sums[self.parts == parts], axis=0)
        of_values, of_squares = spread.reshape(2, *extent.shape)
        shares = [
            np.where(moves, of_values / extent, 0),
            np.where(moves, of_squares / extent**2, 0),
        ]
        return np.max(shares, axis=(0, 1))


INTEGRAL = 0.007029858406609657  # of exp(−1/(s(1 − s))) over [0, 1]


@lru_cache(4096)
def _weights(length: int, start: int, stop: int) -> Float[np.ndarray, "r"]:
    """Weights of the values from one to another of a window; their sum over it is 1."""
    place = (np.arange(start, stop) + 0.5) / length
    # INTEGRAL · L is the sum of the L weights, to all digits. Without the least of
    # them, which slow down arithmetic.
    weights = np.exp(-1 / (place * (1 - place))) / (INTEGRAL * length)
    return np.where(weights > 1e-30, weights, 0)
