"""Who multiplies and searches: this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import mmap
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from isinglass._common.cluster import map_on_cluster
from isinglass._common.threads import map_in_threads
from isinglass.systems.memory._neighbour_search import Pairs, Request, nearest_pairs
from isinglass.systems.memory._neighbour_table import Greatest, Pair, Sizes, Tiles
from isinglass.systems.memory._scaled_vectors import ScaledVectors

_PANEL = 1 << 25  # bytes of a panel on a cluster: a task reads two of them


class Here:
    """This machine: products fill all cores by themselves, a search takes threads."""

    def __init__(self, scaled: ScaledVectors, sizes: Sizes) -> None:
        self._scaled, self.sizes = scaled, sizes

    def greatest(self, blocks: Iterable[list[Pair]]) -> Iterator[Greatest]:
        """Yield what each pair of tiles adds to the table."""
        tiles = Tiles(self._scaled, self.sizes)
        for block in blocks:
            yield from tiles.greatest(block)

    def search(self, requests: Iterable[Request]) -> Iterator[Pairs]:
        """Yield the pairs that could be nearest, of each request."""
        yield from map_in_threads(
            lambda request: nearest_pairs(self._scaled, request, self.sizes),
            requests,
        )


class Cluster:
    """The workers of a Dask cluster; what is lost with one, another computes.

    Vectors in a file (`np.memmap`) are read by each worker under the same path; others
    are sent to each worker once.

    Args:
        client: A `distributed.Client`.
        scaled: The vectors.
        sizes: How the work is cut.
    """

    def __init__(self, client: Any, scaled: ScaledVectors, sizes: Sizes) -> None:
        self._client = client
        self.sizes = Sizes(
            sizes.tile, min(sizes.panel, _PANEL), sizes.stripe, sizes.table, sizes.pairs
        )
        file = _file_of(scaled.vectors)
        task = _Task(file, scaled.rows, scaled.shift, scaled.factor, self.sizes)
        # A task and not scattered data: it is made again where the worker that holds it
        # is lost. Of vectors, each worker has a copy, and a new one gets another's.
        vectors = (
            None if file else client.scatter(scaled.vectors, broadcast=True, hash=False)
        )
        self._shared = client.submit(_same, task, pure=False), vectors

    def greatest(self, blocks: Iterable[list[Pair]]) -> Iterator[Greatest]:
        """Yield what each pair of tiles adds to the table."""
        calls = ((block,) for block in blocks)
        for results in map_on_cluster(
            self._client, _greatest_there, self._shared, calls
        ):
            yield from results

    def search(self, requests: Iterable[Request]) -> Iterator[Pairs]:
        """Yield the pairs that could be nearest, of each request."""
        calls = ((request,) for request in requests)
        yield from map_on_cluster(self._client, _search_there, self._shared, calls)


Workers = Here | Cluster


@dataclass(frozen=True)
class _File:
    """Where vectors lie that each worker reads by itself."""

    path: str
    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    order: Literal["C", "F"]

    def open(self) -> np.ndarray:
        try:
            return np.memmap(
                self.path,
                self.dtype,
                mode="r",
                offset=self.offset,
                shape=self.shape,
                order=self.order,
            )
        except (OSError, ValueError) as error:
            raise RuntimeError(
                f"vectors lie in {self.path}, which a worker cannot read ({error}); "
                "put them where all workers can, or hand over np.array(vectors)"
            ) from error


@dataclass(frozen=True)
class _Task:
    """All that tasks share but for vectors that lie in no file."""

    file: _File | None
    rows: np.ndarray
    shift: np.ndarray
    factor: float
    sizes: Sizes
    token: str = field(default_factory=lambda: secrets.token_hex(8))

    def __hash__(self) -> int:
        return hash(self.token)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Task) and self.token == other.token

    def scaled(self, vectors: np.ndarray | None) -> ScaledVectors:
        if self.file is not None:
            vectors = self.file.open()
        assert vectors is not None
        return ScaledVectors(vectors, self.rows, self.shift, self.factor)


@lru_cache(maxsize=2)
def _tiles_of(task: _Task) -> dict[str, Tiles]:
    """Room for the tiles that a worker keeps ready from one task to the next."""
    return {}


def _greatest_there(
    task: _Task, vectors: np.ndarray | None, block: list[Pair]
) -> list[Greatest]:
    room = _tiles_of(task)
    # Taken out while it is used: a worker may have several threads.
    tiles = room.pop("tiles", None) or Tiles(task.scaled(vectors), task.sizes)
    results = list(tiles.greatest(block))
    room["tiles"] = tiles
    return results


def _search_there(task: _Task, vectors: np.ndarray | None, request: Request) -> Pairs:
    return nearest_pairs(task.scaled(vectors), request, task.sizes)


def _same(task: _Task) -> _Task:
    return task


def _file_of(vectors: np.ndarray) -> _File | None:
    """The file that holds just these vectors, if they lie in one."""
    # A part of a map has an array as its base, and mode "c" is not what the file has.
    if not isinstance(vectors, np.memmap) or not isinstance(vectors.base, mmap.mmap):
        return None
    if vectors.filename is None or vectors.mode == "c":
        return None
    if vectors.mode != "r":
        vectors.flush()
    order = "C" if vectors.flags.c_contiguous else "F"
    path = str(Path(vectors.filename).resolve())
    return _File(path, vectors.dtype, vectors.shape, int(vectors.offset), order)
