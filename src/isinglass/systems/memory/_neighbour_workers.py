"""Who multiplies and searches: this machine, or the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isinglass._common.threads import map_in_threads
from isinglass.systems.memory._neighbour_search import Pairs, Request, nearest_pairs
from isinglass.systems.memory._neighbour_table import Greatest, Pair, Sizes, Tiles
from isinglass.systems.memory._scaled_vectors import ScaledVectors


class Here:
    """This machine: products fill all cores by themselves, a search takes threads."""

    def __init__(self, scaled: ScaledVectors, sizes: Sizes) -> None:
        self._scaled, self._sizes = scaled, sizes

    def greatest(self, blocks: Iterable[list[Pair]]) -> Iterator[Greatest]:
        """Yield what each pair of tiles adds to the table."""
        tiles = Tiles(self._scaled, self._sizes)
        for block in blocks:
            yield from tiles.greatest(block)

    def search(self, requests: Iterable[Request]) -> Iterator[Pairs]:
        """Yield the pairs that could be nearest, of each request."""
        yield from map_in_threads(
            lambda request: nearest_pairs(self._scaled, request, self._sizes),
            requests,
        )
