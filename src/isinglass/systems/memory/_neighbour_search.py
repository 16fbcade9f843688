"""Which vector of a stripe is the nearest one, exactly.

A product in float32 leaves, for nearly every vector, one or two that could be the
nearest; where it leaves many, a product in float64 does so. Of these the distance is
taken directly, as |x_i − x_j| in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from isinglass._common.precision import double_precision, single_precision
from isinglass.systems.memory._neighbour_table import Sizes, Table, rounding_of
from isinglass.systems.memory._scaled_vectors import ScaledVectors, parts

_MANY = 8  # pairs a vector, from which a product in float64 costs less than they do


class Request(NamedTuple):
    """Vectors whose nearest may lie among others that stand side by side.

    Attributes:
        queries: Places of the vectors.
        among: Places of the others.
        best: |x|² of the nearest so far.
    """

    queries: Int[np.ndarray, "q"]
    among: slice
    best: Float[np.ndarray, "q"]


class Pairs(NamedTuple):
    """Pairs of vectors and the square of their distance, as it is scaled."""

    i: Int[np.ndarray, "p"]
    j: Int[np.ndarray, "p"]
    square: Float[np.ndarray, "p"]


def requests(
    table: Table, queries: np.ndarray, best: np.ndarray, tile: int
) -> Iterator[Request]:
    """Yield what is to be searched for the queries among the first `len(best)`."""
    count = len(best)
    is_candidate = np.empty((len(queries), -(-count // table.stripe)), bool)
    for part in parts(len(queries), tile):
        is_candidate[part] = table.candidates(queries[part], count)
    for stripe in range(is_candidate.shape[1]):
        chosen = queries[is_candidate[:, stripe]]
        first, end = stripe * table.stripe, min((stripe + 1) * table.stripe, count)
        for columns in parts(end - first, tile):
            among = slice(first + columns.start, first + columns.stop)
            for part in parts(len(chosen), tile):
                rows = chosen[part]
                yield Request(rows, among, best[rows])


def nearest_pairs(scaled: ScaledVectors, request: Request, sizes: Sizes) -> Pairs:
    """The pairs of a request that could be nearest, with their distances."""
    queries, among, _ = request
    places = _likely(request, _half_in_single(scaled, request))
    if len(places) > _MANY * len(queries):
        places = _likely(request, _half_in_double(scaled, request))
    i, j = queries[places[:, 0]], among.start + places[:, 1]
    block = max(1, sizes.pairs // scaled.vectors.shape[1])
    square = [_direct(scaled, i[part], j[part]) for part in parts(len(i), block)]
    return Pairs(i, j, np.concatenate([np.zeros(0), *square]))


def note(pairs: Pairs, best: np.ndarray, index: np.ndarray) -> None:
    """Note the pairs that are nearer, or as near and first."""
    i, j, square = pairs
    rank = np.lexsort((j, square, i))
    i, j, square = i[rank], j[rank], square[rank]
    first = np.ones(len(i), bool)
    first[1:] = i[1:] != i[:-1]
    first &= (square < best[i]) | ((square == best[i]) & (j < index[i]))
    best[i[first]], index[i[first]] = square[first], j[first]


Half = tuple[Float[np.ndarray, "q c"], Float[np.ndarray, "q"]]


def _likely(request: Request, half_and_error: Half) -> Int[np.ndarray, "p 2"]:
    """Places of pairs whose |x_i − x_j|²/2 is least but for its rounding error."""
    half, error = half_and_error
    own = np.arange(request.among.start, request.among.stop)
    half[request.queries[:, None] == own] = np.inf
    limit = np.minimum(
        half.min(axis=1) + 2 * error, request.best / 2 * (1 + 1e-12) + error
    )
    # A vector that is alone there has none, and no limit: inf is not below inf.
    return np.argwhere((half <= limit[:, None]) & (half < np.inf))


def _half_in_single(scaled: ScaledVectors, request: Request) -> Half:
    """|x_i − x_j|²/2 by a product in float32, and its rounding error."""
    queries, among, _ = request
    x = scaled.in_single(queries, _padded(len(queries)))
    y = scaled.in_single(among, _padded(among.stop - among.start))
    with single_precision():
        half, x_half, y_half = (
            np.asarray(value, np.float64) for value in _half_squares(x, y)
        )
    half = half[: len(queries), : among.stop - among.start]
    error = 2 * rounding_of(x.shape[1]) * (x_half[: len(queries)] + y_half.max())
    return half, error + 1e-35


def _half_in_double(scaled: ScaledVectors, request: Request) -> Half:
    """The same in float64."""
    x, y = (_filled(scaled[which]) for which in request[:2])
    with double_precision():
        half, x_half, y_half = map(np.array, _half_squares(x, y))
    count, among = len(request.queries), request.among
    half = half[:count, : among.stop - among.start]
    error = (x.shape[1] + 12) * 2.0**-53 * 2 * (x_half[:count] + y_half.max())
    return half, error + 1e-300


def _padded(count: int) -> int:
    """A number of rows rounded up, so that only a few programs are compiled."""
    return max(64, 1 << (count - 1).bit_length())


def _filled(rows: np.ndarray) -> np.ndarray:
    return np.pad(rows, ((0, _padded(len(rows)) - len(rows)), (0, 0)))


@jax.jit
def _half_squares(
    x: Float[Array, "q d"], y: Float[Array, "c d"]
) -> tuple[Float[Array, "q c"], Float[Array, "q"], Float[Array, "c"]]:
    x_half, y_half = (x * x).sum(axis=1) / 2, (y * y).sum(axis=1) / 2
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    return x_half[:, None] + y_half - product, x_half, y_half


def _direct(
    scaled: ScaledVectors, i: np.ndarray, j: np.ndarray
) -> Float[np.ndarray, "p"]:
    """|x_i − x_j|² without products that cancel or the shift, which rounds."""
    x, y = (scaled.raw(k).astype(np.float64) * scaled.factor for k in (i, j))
    return np.square(x - y).sum(axis=1)
