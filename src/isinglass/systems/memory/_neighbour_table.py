"""Which stripes of vectors could hold the nearest neighbour, by float32 products.

The product that serves (i, j) serves (j, i) too, so that half of them are enough. They
are taken between tiles of vectors; of a panel of tiles all pairs with another panel
follow each other, so that few vectors are made ready twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.machine import bytes_a_core
from isinglass._common.precision import usual_promotion
from isinglass.systems.memory._scaled_vectors import ScaledVectors

Pair = tuple[int, int]


class Greatest(NamedTuple):
    """What a pair of tiles adds to the table.

    Attributes:
        i: The tile of rows.
        j: The tile of columns.
        by_row: Greatest −|x_i − x_j|²/2 for each row by stripe of columns.
        by_column: The same for each column by stripe of rows.
        half: |x|²/2 of the rows.
    """

    i: int
    j: int
    by_row: Float[np.ndarray, "t s"]
    by_column: Float[np.ndarray, "s t"]
    half: Float[np.ndarray, "t"]


@dataclass(frozen=True)
class Sizes:
    """How the work is cut; no result depends on it.

    Attributes:
        tile: Rows of a product. Its scores, tile² numbers, are reduced right after:
            4 MiB stay in a core's cache or near it, and of an accelerator more is
            needed to fill it.
        panel: Bytes of vectors of a panel of tiles.
        stripe: Vectors of which the table keeps the nearest one's distance.
        table: Most entries of the table; with more vectors stripes grow.
        pairs: Numbers in a block of direct differences.
    """

    tile: int = 1_024
    panel: int = 1 << 26
    stripe: int = 256
    table: int = 1 << 25
    pairs: int = 1 << 20

    @classmethod
    def of_machine(cls) -> Sizes:
        """What the default device does well with, and the memory has room for."""
        tile = cls.tile if jax.default_backend() == "cpu" else 4_096
        return cls(tile, panel=bytes_a_core(1 / 32, most=cls.panel))

    def stripe_of(self, count: int) -> int:
        """Vectors in a stripe, of so many in all."""
        stripe = self.stripe
        while count * -(-count // stripe) > self.table:
            stripe *= 2
        return stripe

    def tiles_of_panel(self, dimension: int) -> int:
        return max(1, self.panel // (4 * dimension * self.tile))


@dataclass(frozen=True)
class Table:
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


def rounding_of(dimension: int) -> float:
    """Error of float32 products, for one unit of |x|² + |y|².

    Of a sum of d products, in any order: Higham 2002, eq. 3.5; and of the few steps
    beside it.
    """
    return (dimension + 12) * 2.0**-24 * 1.01


def blocks(tiles: int, per_panel: int) -> list[list[Pair]]:
    """All pairs i ≤ j of tiles, those of two panels together."""
    panels = [
        range(first, min(first + per_panel, tiles))
        for first in range(0, tiles, per_panel)
    ]
    return [
        [(i, j) for j in panels[b] for i in panels[a] if i <= j]
        for a in range(len(panels))
        for b in range(a, len(panels))
    ]


class Tiles:
    """Tiles of vectors made ready for products; those of two panels are kept."""

    def __init__(self, scaled: ScaledVectors, sizes: Sizes) -> None:
        self._scaled, self._size = scaled, sizes.tile
        self._width = min(sizes.stripe_of(len(scaled)), sizes.tile)
        self._most = 2 * sizes.tiles_of_panel(scaled.vectors.shape[1])
        self._ready: dict[int, tuple[Array, Array]] = {}

    def __getitem__(self, tile: int) -> tuple[Array, Array]:
        """Vectors on the device and |x|²/2, ∞ for rows that only fill the tile up."""
        ready = self._ready.pop(tile, None)
        if ready is None:
            start, size = tile * self._size, self._size
            vectors = self._scaled.in_single(slice(start, start + size), size)
            half = np.einsum("ij,ij->i", vectors, vectors) / 2
            half[len(self._scaled) - start :] = np.inf
            ready = jnp.asarray(vectors), jnp.asarray(half)
        self._ready[tile] = ready  # now the one last used
        if len(self._ready) > self._most:
            del self._ready[next(iter(self._ready))]
        return ready

    def greatest(self, pairs: Iterable[Pair]) -> Iterator[Greatest]:
        """Yield i, j and the greatest by row and by column of each pair of tiles.

        The next product is under way while the one before is noted.
        """
        before = None
        for i, j in pairs:
            x, half = self[i]
            values = i, j, *_greatest(x, half, *self[j], i == j, self._width), half
            if before is not None:
                yield Greatest(*before[:2], *map(np.asarray, before[2:]))
            before = values
        if before is not None:
            yield Greatest(*before[:2], *map(np.asarray, before[2:]))


class TableWriter:
    """A table that is filled pair of tiles by pair of tiles, in any order."""

    def __init__(self, count: int, sizes: Sizes) -> None:
        self._count, self._tile = count, sizes.tile
        self._stripe = sizes.stripe_of(count)
        self.tiles = -(-count // sizes.tile)
        padded = self.tiles * sizes.tile
        shape = (padded, -(-padded // self._stripe))
        self._value = np.full(shape, -np.inf, np.float32)
        self._norm = np.full(padded, np.inf)

    def note(self, greatest: Greatest) -> None:
        """Note the greatest of a tile in stripes that it covers, or that cover it."""
        i, j, by_row, by_column, half = greatest
        self._norm[i * self._tile : (i + 1) * self._tile] = half
        for rows, columns, values in ((i, j, by_row), (j, i, by_column.T)):
            first = columns * self._tile // self._stripe
            part = self._value[
                rows * self._tile : (rows + 1) * self._tile,
                first : first + values.shape[1],
            ]
            np.maximum(part, values, out=part)

    def table(self, rounding: float) -> Table:
        """The table, once all pairs are noted."""
        stripes = np.arange(0, self._count, self._stripe)
        norm = self._norm[: self._count]
        norms = np.maximum.reduceat(norm, stripes)
        value = self._value[: self._count, : len(stripes)]
        return Table(self._stripe, value, norm, norms, rounding)


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
    tile = len(x)
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    score = product - x_half[:, None] - y_half
    if same:
        score = jnp.where(jnp.eye(tile, dtype=bool), -jnp.inf, score)
    stripes = tile // width
    by_row = score.reshape(tile, stripes, width).max(axis=2)
    return by_row, score.reshape(stripes, width, tile).max(axis=1)
