"""How a grid of parameter values is cut into tiles, computed and stored as a whole."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

Region = tuple[slice, ...]


@dataclass(frozen=True)
class Tile:
    """A box of the grid.

    Attributes:
        index: Its number, which names it on disk.
        region: Where it lies, one slice per axis of the grid.
        after: The tile whose final state it starts from; None if it starts afresh.
        reverse: Whether a sequential tile runs through its last axis from the end.
    """

    index: int
    region: Region
    after: int | None = None
    reverse: bool = False

    @property
    def cells(self) -> int:
        """How many cells of the grid it covers."""
        return math.prod(part.stop - part.start for part in self.region)


def tile_shape(sizes: Sequence[int], cells: int) -> tuple[int, ...]:
    """Sides of tiles of at most ``cells`` cells, as equal as they can be.

    The last axis is filled first. Equal tiles leave little to pad, and all tiles are
    padded to one shape.
    """
    sides: list[int] = []
    room = cells
    for size in reversed(sizes):
        side = math.ceil(size / math.ceil(size / min(size, room)))
        sides.insert(0, side)
        room = max(1, room // side)
    return tuple(sides)


def cut(sizes: Sequence[int], shape: Sequence[int]) -> list[Tile]:
    """Independent tiles that cover a grid; those at its upper ends may be smaller."""
    counts = [math.ceil(size / side) for size, side in zip(sizes, shape, strict=True)]
    places = itertools.product(*map(range, counts))
    return [
        Tile(index, _region(sizes, shape, place)) for index, place in enumerate(places)
    ]


def chain(
    sizes: Sequence[int], shape: Sequence[int], directions: Sequence[str]
) -> list[Tile]:
    """Tiles over (direction, …, value), which go on from their neighbours.

    Those of the direction "down" follow each other from the last values to the first.
    """
    tiles = cut(sizes, shape)
    blocks = math.ceil(sizes[-1] / shape[-1])
    chained = []
    for tile in tiles:
        down = directions[tile.region[0].start] == "down"
        block = tile.index % blocks
        first = block == (blocks - 1 if down else 0)
        neighbour = tile.index + 1 if down else tile.index - 1
        chained.append(
            Tile(tile.index, tile.region, None if first else neighbour, down)
        )
    return chained


def _region(sizes: Sequence[int], shape: Sequence[int], place: Sequence[int]) -> Region:
    return tuple(
        slice(part * side, min((part + 1) * side, size))
        for size, side, part in zip(sizes, shape, place, strict=True)
    )
