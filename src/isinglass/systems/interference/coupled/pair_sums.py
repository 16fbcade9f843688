"""What a class has learned: how many samples, their sum, and that of all pairs.

n, Σf and Σffᵀ are whole numbers of 64 bits, and no sum is taken that would not be
exact. So they do not depend on the order of samples, nor on how they are divided, and
what is taken away again is as if it had never been there, bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float, Int

MOST = (1 << 63) - 1
_EXACT = float(1 << 53)  # whole numbers up to here are exact in float64
_ROWS = 2048  # samples that one matrix product adds up
_PANEL = 64  # rows of a triangle at a time, so that they stay in a cache


@dataclass(frozen=True, eq=False)
class PairSums:
    """Sums over the samples of one class. They never change; new ones are made.

    Attributes:
        count: n, samples by their weight.
        total: Σf, (D,).
        pairs: Σffᵀ, (D, D).
        readouts: What was computed from them, by what for; no part of the state.
    """

    count: int
    total: Int[np.ndarray, "D"]
    pairs: Int[np.ndarray, "D D"]
    readouts: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        """The state alone: what was computed from it is not copied, nor written."""
        return PairSums, (self.count, self.total, self.pairs)

    @classmethod
    def empty(cls, n_features: int) -> PairSums:
        """The sums of no samples."""
        shape = (n_features, n_features)
        return cls(0, np.zeros(n_features, np.int64), np.zeros(shape, np.int64))

    @classmethod
    def of(
        cls,
        features: Float[np.ndarray, "n D"],
        weight: Int[np.ndarray, "n"] | None = None,
    ) -> PairSums:
        """The sums of samples.

        Args:
            features: Whole numbers of at most 2²⁶.
            weight: How often each sample counts; once if None.

        Raises:
            ValueError: If a sum would not be exact.
        """
        n = len(features)
        if weight is None:
            weighted, count = features, n
        else:
            weighted, count = features * weight[:, None], sum(weight.tolist())
        # At most the largest of these squares is any sum of products on the way.
        largest = np.einsum("ni,ni->i", weighted, features).max()
        if n > _ROWS or largest >= _EXACT:
            if n == 1:
                return cls._of_one(features[0].astype(np.int64), count)
            halves = slice(n // 2), slice(n // 2, None)
            first, second = (
                cls.of(features[half], None if weight is None else weight[half])
                for half in halves
            )
            return first.plus(second)
        pairs = (weighted.T @ features).astype(np.int64)
        return cls(count, weighted.sum(axis=0).astype(np.int64), pairs)

    @classmethod
    def _of_one(cls, features: Int[np.ndarray, "D"], weight: int) -> PairSums:
        """The sums of one sample of a weight that float64 does not hold."""
        square = int(np.abs(features).max()) ** 2
        if weight * square > MOST:
            raise ValueError(_too_many(MOST // square, weight))
        products = np.outer(features, features)
        return cls(weight, weight * features, weight * products)

    def plus(self, other: PairSums) -> PairSums:
        """The sums of both.

        Raises:
            ValueError: If a number would pass 2⁶³ − 1, before it does.
        """
        if not self.count:
            return other
        squares, more = self.pairs.diagonal(), other.pairs.diagonal()
        count = self.count + other.count
        # No sum of products is larger than the largest of squares.
        if count > MOST or (squares > MOST - more).any():
            largest = max(int(squares.max()), 1), max(int(more.max()), 1)
            size, of = max(zip(largest, (self.count, other.count), strict=True))
            raise ValueError(_too_many(MOST * of // size, count))
        return PairSums(count, self.total + other.total, self.pairs + other.pairs)

    def minus(self, other: PairSums) -> PairSums:
        """The sums without the samples of `other`.

        Raises:
            ValueError: If they were not among those learned, as far as sums can show.
        """
        count = self.count - other.count
        if count < 0:
            raise ValueError(
                f"only {self.count:,} were learned, and {other.count:,} are to go"
            )
        rest = PairSums(count, self.total - other.total, self.pairs - other.pairs)
        if not rest._is_plausible():
            raise ValueError(
                "what remains is no sum of samples: some were never learned"
            )
        return rest

    def _is_plausible(self) -> bool:
        """Whether no variance is negative, and nothing is left of no samples."""
        if not self.count:
            return not self.total.any() and not self.pairs.any()
        squares = self.count * self.pairs.diagonal().astype(np.float64)
        return bool((squares * (1 + 1e-12) >= self.total.astype(np.float64) ** 2).all())

    def scatter(self) -> Float[np.ndarray, "D D"]:
        """Σffᵀ − ΣfΣfᵀ/n, about the mean: its lower triangle, with zeros above.

        Rounded once while n Σf² stays below 2⁶³.
        """
        n, size = max(self.count, 1), len(self.total)
        total, mean = self.total, self.total.astype(np.float64) / n
        upper = np.zeros((size, size))
        fits = int(self.pairs.diagonal().max()) <= MOST // n
        for rows, columns in panels(size):
            pairs = self.pairs[rows, columns]
            if fits:
                exact = n * pairs - total[rows, None] * total[columns]
                np.divide(exact, n, out=upper[rows, columns])
            else:
                away = total[rows, None].astype(np.float64) * mean[columns]
                np.subtract(pairs, away, out=upper[rows, columns])
        return upper.T


def panels(size: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of panels that cover the upper triangle of a matrix."""
    for start in range(0, size, _PANEL):
        yield slice(start, start + _PANEL), slice(start, None)


def _too_many(most: int, count: int) -> str:
    return (
        "sums of pairs would pass 2^63 - 1 and be exact no more: of samples like these "
        f"a class holds {most:,} at most, but would hold {count:,}"
    )
