"""Exact nearest neighbours among many vectors, in bounded memory.

One pass of float32 matrix products finds, for every vector and every stripe of other
vectors, the least |x_i − x_j|² in that stripe. The product that serves (i, j) serves
(j, i) too, so that half of them are enough. A bound on its rounding error says which
stripes could hold the nearest neighbour: nearly always one. Only there the distances
are computed anew, in float64, and of the vectors that then are within the rounding
error of the best, directly as |x_i − x_j|. So the result is what a search in float64
throughout would find, at the price of one in float32.

Vectors that are equal are found beforehand, by their bytes: their distance is 0, and
one of them stands for all in the products.

Nested samples come at little more than the price of the largest: the vectors are put in
the order in which they enter, and each size uses the stripes that it has filled.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from isinglass._common.checks import as_array, check_function
from isinglass._common.precision import double_precision, usual_promotion
from isinglass._common.types import ArrayLike

Progress = Callable[[int, int], None]

TILE = 2_048  # rows of a product
_PANEL = 1 << 26  # bytes of vectors that are kept ready while all others pass
_STRIPE = 256
_TABLE = 1 << 25  # entries of the table of least distances: 128 MiB
_PAIRS = 1 << 22  # numbers in a block of direct differences: 32 MiB


class Neighbours(NamedTuple):
    """The nearest other vector of each vector.

    Attributes:
        distance: |x_i − x_j|, (n,); 0 for a vector that is there twice.
        neighbour: j, (n,). Of several at the same distance, the first.
    """

    distance: Float[np.ndarray, "n"]
    neighbour: Int[np.ndarray, "n"]


def nearest_neighbours(
    vectors: ArrayLike, *, progress: Progress | None = None
) -> Neighbours:
    """Find the exact nearest neighbour of each vector among the others.

    Distances are right to float64 rounding, and so is the choice of the neighbour: no
    other is nearer by more than that. It takes n²d/2 multiply-adds in float32 on the
    default device of JAX, and about 0.5 GiB beside the vectors. Time grows where many
    vectors are so close together, or one number of each is so large, that float32
    cannot tell which are nearest; up to that of n²d multiply-adds in float64.

    Args:
        vectors: Of any floating type up to float64, (n, d) with n ≥ 2; may be a
            `np.memmap`.
        progress: Called as `progress(done, total)` after each part of the products.

    Raises:
        ValueError: If there are fewer than two vectors, or one is not finite.
    """
    vectors = checked_vectors(vectors)
    if progress is not None:
        check_function(progress=progress)
    return next(
        nested_neighbours(vectors, np.arange(len(vectors)), [len(vectors)], progress)
    )


def nested_neighbours(
    vectors: np.ndarray,
    order: Int[np.ndarray, "m"],
    sizes: Sequence[int],
    progress: Progress | None = None,
) -> Iterator[Neighbours]:
    """Search, for each size k, among the first k of an order; yield places in it.

    Where the neighbour among more vectors is one of the first k, it is the neighbour
    among these.

    Args:
        vectors: Checked, (n, d).
        order: Row of each vector, in the order in which they enter.
        sizes: Decreasing, each from 2 to the length of the order.
        progress: As in `nearest_neighbours`.
    """
    groups = _equal_vectors(vectors, order)
    distinct = np.flatnonzero(groups == np.arange(len(order)))
    scaled = _Scaled.of(vectors, order[distinct])
    table = _least_by_stripe(scaled, progress) if len(distinct) > 1 else None
    best, index = np.full(len(distinct), np.inf), np.full(len(distinct), len(distinct))
    for size in sizes:
        count = int(np.searchsorted(distinct, size))
        best, index = best[:count], index[:count]
        lost = index >= count
        best[lost], index[lost] = np.inf, count
        if table is not None and count > 1:
            _search(scaled, table, np.flatnonzero(lost), best, index)
        distance, place = (
            np.sqrt(best) / scaled.factor,
            distinct[np.minimum(index, count - 1)],
        )
        yield _with_equal_vectors(groups[:size], distinct[:count], distance, place)


def checked_vectors(vectors: ArrayLike, name: str = "vectors") -> np.ndarray:
    """The array as it is, (n, d), once it is known to hold two finite vectors at least.

    Raises:
        ValueError: If not.
    """
    if not isinstance(vectors, np.ndarray):
        vectors = np.asarray(as_array(name, vectors))
    if vectors.ndim != 2 or not _is_float(vectors.dtype):
        raise ValueError(
            f"{name} must be an array (n, d) of a floating type up to float64, got "
            f"shape {vectors.shape} of {vectors.dtype}"
        )
    if len(vectors) < 2 or not vectors.shape[1]:
        raise ValueError(
            f"{name} must hold two vectors at least, of one number at least: a "
            f"nearest neighbour is another vector; got shape {vectors.shape}"
        )
    for start in range(0, len(vectors), TILE):
        part = vectors[start : start + TILE]
        bad = ~np.isfinite(part).all(axis=1)
        if bad.any():
            row = start + int(bad.argmax())
            raise ValueError(
                f"{name} must be finite, got {name}[{row}] = {vectors[row]}"
            )
        if part.dtype == np.float64 and abs(part).max() > 1e300:
            raise ValueError(
                f"{name} must be below 1e300 in size, for their differences overflow"
            )
    return vectors


def _is_float(dtype: np.dtype) -> bool:
    return jnp.issubdtype(dtype, jnp.floating) and dtype.itemsize <= 8


# -- equal vectors ---------------------------------------------------------------------


def _equal_vectors(vectors: np.ndarray, order: np.ndarray) -> Int[np.ndarray, "m"]:
    """Place of the first vector equal to each: its own where there is none before."""
    first: dict[bytes, int] = {}
    groups = np.empty(len(order), np.int64)
    for start in range(0, len(order), TILE):
        rows = (
            np.ascontiguousarray(vectors[order[start : start + TILE]]) + 0.0
        )  # −0 is 0
        for place, row in enumerate(rows, start):
            key = hashlib.blake2b(row, digest_size=32).digest()
            groups[place] = first.setdefault(key, place)
    return groups


def _with_equal_vectors(
    groups: np.ndarray, distinct: np.ndarray, distance: np.ndarray, index: np.ndarray
) -> Neighbours:
    """Neighbours of all, from those of the distinct ones."""
    size = len(groups)
    distances, indices = np.zeros(size), groups.copy()
    distances[distinct], indices[distinct] = distance, index
    later = np.flatnonzero(groups != np.arange(size))
    second = np.full(size, size)
    np.minimum.at(second, groups[later], later)
    has_equal = np.flatnonzero(second < size)
    distances[has_equal], indices[has_equal] = 0.0, second[has_equal]
    return Neighbours(distances, indices)


# -- float32: which stripes could hold the nearest -------------------------------------


@dataclass(frozen=True)
class _Scaled:
    """Vectors less a common one, times a power of two: the longest is near 1.

    Distances do not change but for the factor, squares neither overflow nor underflow,
    and what all have in common costs no digits.
    """

    vectors: np.ndarray
    rows: Int[np.ndarray, "m"]
    shift: np.ndarray
    factor: float

    @classmethod
    def of(cls, vectors: np.ndarray, rows: np.ndarray) -> _Scaled:
        """Take out the mean."""
        parts = range(0, len(rows), TILE)
        mean = sum(
            (vectors[rows[i : i + TILE]] * (1 / len(rows))).sum(0, np.float64)
            for i in parts
        )
        shift = np.asarray(mean).astype(np.promote_types(vectors.dtype, np.float32))
        raw = cls(vectors, rows, shift, 1.0)
        largest = max(float(abs(raw[slice(i, i + TILE)]).max()) for i in parts)
        if not 1e-30 < largest < 1e30:  # the factor would be none in float32
            shift = shift.astype(np.float64)
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
        taken = self.vectors[self.rows[which]].astype(np.float64)
        return (taken - self.shift) * self.factor

    def in_single(self, start: int, size: int) -> np.ndarray:
        """Vectors in float32, filled up with zeros."""
        taken = self.vectors[self.rows[start : start + size]]
        result = np.zeros((size, taken.shape[1]), np.float32)
        result[: len(taken)] = (taken - self.shift) * self.shift.dtype.type(self.factor)
        return result


@dataclass(frozen=True)
class _Table:
    """Upper and lower bounds of the greatest −|x_i − x_j|²/2 over each stripe of j.

    Attributes:
        stripe: Vectors in a stripe.
        value: The greatest as float32 has it, (m, stripes).
        norm: |x_i|²/2, (m,).
        norms: The greatest of them in each stripe, (stripes,).
        rounding: Error of a value, for one unit of |x_i|² + |x_j|².
    """

    stripe: int
    value: Float[np.ndarray, "m s"]
    norm: Float[np.ndarray, "m"]
    norms: Float[np.ndarray, "s"]
    rounding: float

    def error(self, rows: np.ndarray) -> Float[np.ndarray, "r s"]:
        return 2 * self.rounding * (self.norm[rows, None] + self.norms) + 1e-35

    def candidates(self, rows: np.ndarray, count: int) -> np.ndarray:
        """Which stripes could hold the nearest of the first `count` vectors, (r, s)."""
        stripes = -(-count // self.stripe)
        value, error = self.value[rows, :stripes], self.error(rows)[:, :stripes]
        whole = count // self.stripe  # a stripe cut by the count bounds from above only
        least = (value - error)[:, :whole].max(axis=1, initial=-np.inf)
        return value + error >= least[:, None]


def _least_by_stripe(scaled: _Scaled, progress: Progress | None) -> _Table:
    """The one pass of matrix products, over pairs of tiles."""
    n, d = len(scaled), scaled.vectors.shape[1]
    stripe = _STRIPE
    while n * -(-n // stripe) > _TABLE:
        stripe *= 2
    width = min(stripe, TILE)
    tiles, per_panel = -(-n // TILE), max(1, _PANEL // (4 * d * TILE))
    value = np.full((tiles * TILE, -(-tiles * TILE // stripe)), -np.inf, np.float32)
    norm = np.full(tiles * TILE, np.inf)
    done = 0
    for panel in range(0, tiles, per_panel):
        own = {
            i: _ready(scaled, i) for i in range(panel, min(panel + per_panel, tiles))
        }
        for i, (_, half) in own.items():
            norm[_rows(i)] = half
        for j in range(panel, tiles):
            other = own[j] if j in own else _ready(scaled, j)
            for i, tile in own.items():
                if i > j:
                    continue
                by_row, by_column = _greatest(*tile, *other, i == j, width)
                _raise(value, stripe, i, j, np.asarray(by_row))
                if i != j:
                    _raise(value, stripe, j, i, np.asarray(by_column).T)
                done += 1
            if progress is not None:
                progress(done, tiles * (tiles + 1) // 2)
    stripes = -(-n // stripe)
    norms = np.maximum.reduceat(norm[:n], np.arange(0, n, stripe))
    # Of a sum of d products, in any order: Higham 2002, eq. 3.5; and of the few steps
    # beside it.
    rounding = (d + 12) * 2.0**-24 * 1.01
    return _Table(stripe, value[:n, :stripes], norm[:n], norms, rounding)


def _ready(scaled: _Scaled, tile: int) -> tuple[Array, Array]:
    """A tile of vectors on the device and |x|²/2, ∞ for those that only fill it up."""
    vectors = jnp.asarray(scaled.in_single(tile * TILE, TILE))
    filled = jnp.arange(TILE) + tile * TILE < len(scaled)
    return vectors, jnp.where(filled, _half_squares(vectors), jnp.inf)


@jax.jit
def _half_squares(vectors: Float[Array, "t d"]) -> Float[Array, "t"]:
    return (vectors * vectors).sum(axis=1) / 2


@usual_promotion()
@partial(jax.jit, static_argnums=(4, 5))
def _greatest(
    x: Float[Array, "t d"],
    x_half: Float[Array, "t"],
    y: Float[Array, "t d"],
    y_half: Float[Array, "t"],
    same: bool,
    width: int,
) -> tuple[Float[Array, "t s"], Float[Array, "s t"]]:
    """The greatest −|x_i − y_j|²/2 for each i by stripe of j, each j by stripe of i."""
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    score = product - x_half[:, None] - y_half
    if same:
        score = jnp.where(jnp.eye(TILE, dtype=bool), -jnp.inf, score)
    stripes = TILE // width
    by_row = score.reshape(TILE, stripes, width).max(axis=2)
    return by_row, score.reshape(stripes, width, TILE).max(axis=1)


def _raise(
    value: np.ndarray, stripe: int, rows: int, columns: int, greatest: np.ndarray
) -> None:
    """Note the greatest of a tile in stripes that it covers, or that cover it."""
    first = columns * TILE // stripe
    part = value[_rows(rows), first : first + greatest.shape[1]]
    np.maximum(part, greatest, out=part)


def _rows(tile: int) -> slice:
    return slice(tile * TILE, (tile + 1) * TILE)


# -- float64: which vector it is -------------------------------------------------------


def _search(
    scaled: _Scaled,
    table: _Table,
    queries: np.ndarray,
    best: np.ndarray,
    index: np.ndarray,
) -> None:
    """Fill in `best`, |x_i − x_j|² as it is scaled, and `index` of the queries.

    As many distinct vectors are searched as `best` has places.
    """
    count = len(best)
    is_candidate = np.empty((len(queries), -(-count // table.stripe)), bool)
    for start in range(0, len(queries), TILE):
        part = slice(start, start + TILE)
        is_candidate[part] = table.candidates(queries[part], count)
    for stripe in range(is_candidate.shape[1]):
        chosen = queries[is_candidate[:, stripe]]
        end = min((stripe + 1) * table.stripe, count)
        columns = range(stripe * table.stripe, end, TILE)
        for column, start in itertools.product(columns, range(0, len(chosen), TILE)):
            among = np.arange(column, min(column + TILE, end))
            _search_block(scaled, chosen[start : start + TILE], among, best, index)


def _search_block(
    scaled: _Scaled,
    queries: np.ndarray,
    among: np.ndarray,
    best: np.ndarray,
    index: np.ndarray,
) -> None:
    """Better `best` and `index` of the queries by what a block of vectors holds."""
    x, y = scaled[queries], scaled[among]
    x_half, y_half = (x * x).sum(1) / 2, (y * y).sum(1) / 2
    half = x_half[:, None] + y_half - _products(x, y)
    half[queries[:, None] == among] = np.inf
    error = (x.shape[1] + 12) * 2.0**-53 * 2 * (x_half + y_half.max()) + 1e-300
    limit = np.minimum(
        half.min(axis=1) + 2 * error, best[queries] / 2 * (1 + 1e-12) + error
    )
    places = np.argwhere(half <= limit[:, None])
    block = max(1, _PAIRS // x.shape[1])
    for start in range(0, len(places), block):
        i, j = places[start : start + block].T
        _better(
            best, index, queries[i], among[j], _direct(scaled, queries[i], among[j])
        )


def _products(
    x: Float[np.ndarray, "q d"], y: Float[np.ndarray, "c d"]
) -> Float[np.ndarray, "q c"]:
    """⟨x_i, y_j⟩ in float64; NumPy's threads take longer to meet than to multiply.

    Numbers of rows are rounded up, so that only a few programs are compiled.
    """
    padded = []
    for rows in (x, y):
        size = max(64, 1 << (len(rows) - 1).bit_length())
        padded.append(np.pad(rows, ((0, size - len(rows)), (0, 0))))
    with double_precision():
        return np.asarray(_matmul(*padded))[: len(x), : len(y)]


@jax.jit
def _matmul(x: Float[Array, "q d"], y: Float[Array, "c d"]) -> Float[Array, "q c"]:
    return jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)


def _better(
    best: np.ndarray,
    index: np.ndarray,
    i: np.ndarray,
    j: np.ndarray,
    square: np.ndarray,
) -> None:
    """Note the pairs that are nearer, or as near and first."""
    rank = np.lexsort((j, square, i))
    i, j, square = i[rank], j[rank], square[rank]
    first = np.ones(len(i), bool)
    first[1:] = i[1:] != i[:-1]
    first &= (square < best[i]) | ((square == best[i]) & (j < index[i]))
    best[i[first]], index[i[first]] = square[first], j[first]


def _direct(scaled: _Scaled, i: np.ndarray, j: np.ndarray) -> Float[np.ndarray, "p"]:
    """|x_i − x_j|² without products that cancel or the shift, which rounds."""
    x, y = (
        scaled.vectors[scaled.rows[k]].astype(np.float64) * scaled.factor
        for k in (i, j)
    )
    return np.square(x - y).sum(axis=1)
