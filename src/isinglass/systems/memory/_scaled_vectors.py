"""Vectors less a common one, times a power of two, as float32 products need them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

PART = 256  # rows that are worked on at a time, so that they stay in the cache
_SAMPLE = 4_096  # rows of which the common vector is the mean


def parts(count: int, size: int = PART) -> Iterator[slice]:
    """Yield slices of `size`, the last one perhaps shorter."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


@dataclass(frozen=True)
class ScaledVectors:
    """Vectors less a common one, times a power of two: the longest is near 1.

    Distances do not change but for the factor, squares neither overflow nor underflow,
    and what all have in common costs no digits.

    Attributes:
        vectors: As the user has them, (n, d).
        rows: Those of them that are meant, (m,).
        shift: The common vector, (d,).
        factor: The power of two.
    """

    vectors: np.ndarray
    rows: Int[np.ndarray, "m"]
    shift: np.ndarray
    factor: float

    @classmethod
    def of(cls, vectors: np.ndarray, rows: np.ndarray) -> ScaledVectors:
        """Take out the mean of some thousands of them."""
        sample = vectors[rows[:: -(-len(rows) // _SAMPLE)]].astype(np.float64)
        mean = (sample * (1 / len(sample))).sum(axis=0)
        shift = mean.astype(np.promote_types(vectors.dtype, np.float32))
        largest = cls(vectors, rows, shift, 1.0)._largest()
        if not 1e-30 < largest < 1e30:  # the factor would be none in float32
            shift = shift.astype(np.float64)
            largest = cls(vectors, rows, shift, 1.0)._largest()
        # A sum of d squares of numbers below 1/√d stays below 1.
        power = (
            -np.ceil(np.log2(largest) + np.log2(vectors.shape[1]) / 2)
            if largest
            else 0.0
        )
        return cls(vectors, rows, shift, float(2.0 ** np.clip(power, -1_020, 1_000)))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        """Vectors in float64."""
        return (self.raw(which).astype(np.float64) - self.shift) * self.factor

    def in_single(self, which: slice | np.ndarray, size: int) -> np.ndarray:
        """Vectors in float32, filled up with zeros to `size`."""
        rows = self.rows[which]
        result = np.empty((size, self.vectors.shape[1]), np.float32)
        result[len(rows) :] = 0
        factor = self.shift.dtype.type(self.factor)
        for part in parts(len(rows)):
            taken = self._taken(rows[part])
            np.multiply(taken - self.shift, factor, out=result[part], casting="unsafe")
        return result

    def raw(self, which: slice | np.ndarray) -> np.ndarray:
        """Vectors as the user has them."""
        return self._taken(self.rows[which])

    def _taken(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the vectors; a view where they lie side by side."""
        first, last = int(rows[0]), int(rows[-1])
        if last - first + 1 == len(rows) and (np.diff(rows) == 1).all():
            return self.vectors[first : last + 1]
        return self.vectors[rows]

    def _largest(self) -> float:
        with np.errstate(over="ignore"):
            return max(
                float(abs(self.raw(part) - self.shift).max())
                for part in parts(len(self))
            )
