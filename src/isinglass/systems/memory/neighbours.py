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
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import as_array, check_function
from isinglass._common.cluster import check_client
from isinglass._common.types import ArrayLike
from isinglass.systems.memory._neighbour_search import note, requests
from isinglass.systems.memory._neighbour_table import (
    Sizes,
    Table,
    TableWriter,
    blocks,
    rounding_of,
)
from isinglass.systems.memory._neighbour_workers import Cluster, Here, Workers
from isinglass.systems.memory._scaled_vectors import ScaledVectors, parts

Progress = Callable[[int, int], None]


class Neighbours(NamedTuple):
    """The nearest other vector of each vector.

    Attributes:
        distance: |x_i − x_j|, (n,); 0 for a vector that is there twice.
        neighbour: j, (n,). Of several at the same distance, the first.
    """

    distance: Float[np.ndarray, "n"]
    neighbour: Int[np.ndarray, "n"]


def nearest_neighbours(
    vectors: ArrayLike, *, progress: Progress | None = None, client: Any = None
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
        client: A `distributed.Client` whose workers do the work, instead of this
            machine; the result is the same to the last bit. They read vectors in an
            `np.memmap` under the same path, and are sent others once. A worker that is
            lost costs what it was at.

    Raises:
        ImportError: If Dask is not installed (``pip install 'isinglass[cluster]'``).
        RuntimeError: If workers have other versions of this package, JAX or NumPy, or
            cannot read the file.
        ValueError: If there are fewer than two vectors, or one is not finite.
    """
    vectors = checked_vectors(vectors)
    if progress is not None:
        check_function(progress=progress)
    if client is not None:
        check_client(client)
    order = np.arange(len(vectors))
    searches = Searches(vectors, order, [len(vectors)], client)
    return next(nested_neighbours(searches, progress))


@dataclass(frozen=True)
class Searches:
    """Searches among the first k vectors of an order, for several sizes k.

    Attributes:
        vectors: Checked, (n, d).
        order: Row of each vector, in the order in which they enter.
        counts: Sizes, decreasing, each from 2 to the length of the order.
        client: As in `nearest_neighbours`, checked.
    """

    vectors: np.ndarray
    order: Int[np.ndarray, "m"]
    counts: Sequence[int]
    client: Any = None


def nested_neighbours(
    searches: Searches, progress: Progress | None = None
) -> Iterator[Neighbours]:
    """Search, for each size k, among the first k of an order; yield places in it.

    Where the neighbour among more vectors is one of the first k, it is the neighbour
    among these.

    Args:
        searches: What is searched.
        progress: As in `nearest_neighbours`.
    """
    vectors, order, client = searches.vectors, searches.order, searches.client
    sizes = Sizes.of_machine()
    groups = _equal_vectors(vectors, order)
    distinct = np.flatnonzero(groups == np.arange(len(order)))
    scaled = ScaledVectors.of(vectors, order[distinct])
    workers = Here(scaled, sizes) if client is None else Cluster(client, scaled, sizes)
    several = len(distinct) > 1
    table = _least_by_stripe(scaled, workers, progress) if several else None
    best, index = np.full(len(distinct), np.inf), np.full(len(distinct), len(distinct))
    for size in searches.counts:
        count = int(np.searchsorted(distinct, size))
        best, index = best[:count], index[:count]
        lost = index >= count
        best[lost], index[lost] = np.inf, count
        if table is not None and count > 1:
            requested = requests(table, np.flatnonzero(lost), best, sizes.tile)
            for pairs in workers.search(requested):
                note(pairs, best, index)
        distance, place = (
            np.sqrt(best) / scaled.factor,
            distinct[np.minimum(index, count - 1)],
        )
        yield _with_equal_vectors(groups[:size], distinct[:count], distance, place)


def _least_by_stripe(
    scaled: ScaledVectors, workers: Workers, progress: Progress | None
) -> Table:
    """The one pass of matrix products, over pairs of tiles."""
    sizes = workers.sizes
    dimension = scaled.vectors.shape[1]
    writer = TableWriter(len(scaled), sizes)
    work = blocks(writer.tiles, sizes.tiles_of_panel(dimension))
    total = sum(map(len, work))
    for done, greatest in enumerate(workers.greatest(work), 1):
        writer.note(greatest)
        if progress is not None:
            progress(done, total)
    return writer.table(rounding_of(dimension))


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
    for rows in parts(len(vectors)):
        part = vectors[rows]
        bad = ~np.isfinite(part).all(axis=1)
        if bad.any():
            row = rows.start + int(bad.argmax())
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
    groups = np.arange(len(order))
    first: dict[bytes, int] = {}
    for place in _with_same_sum(vectors, order):
        row = _bytes(vectors, order[place : place + 1])
        key = hashlib.blake2b(row.tobytes(), digest_size=32).digest()
        groups[place] = first.setdefault(key, place)
    return groups


def _with_same_sum(vectors: np.ndarray, order: np.ndarray) -> list[int]:
    """Places of vectors whose digits have a sum that another's have, too.

    Equal ones are among them, and hardly any other: few need to be read twice.
    """
    sums = np.empty(len(order), np.uint64)
    for part in parts(len(order)):
        digits = _bytes(vectors, order[part])
        sums[part] = digits.sum(axis=1, dtype=np.uint64)
    _, which, counts = np.unique(sums, return_inverse=True, return_counts=True)
    return np.flatnonzero(counts[which] > 1).tolist()


def _bytes(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows as whole numbers, of which the same mean equal vectors: −0 is 0."""
    taken = np.ascontiguousarray(vectors[rows]) + vectors.dtype.type(0)
    return taken.view(f"u{taken.dtype.itemsize}")


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
