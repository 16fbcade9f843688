"""Who computes the tiles of a sweep: threads here, or workers of a Dask cluster."""

import contextlib
import functools
import importlib
import platform
import queue
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np

from isinglass._common.checks import check_choice
from isinglass._common.cluster import check_software, versions
from isinglass._common.machine import cores
from isinglass.dynamics.sweep.store import Folder, Memory
from isinglass.dynamics.sweep.tile_work import Leaves, Work, compute
from isinglass.dynamics.sweep.tiles import Tile

Result = tuple[dict[str, np.ndarray], Leaves]
Report = Callable[[float, int], Any]
Cluster = Literal["slurm", "pbs", "sge", "lsf", "htcondor", "oar"]
CLUSTERS: dict[Cluster, str] = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
}
POLL = 0.1  # seconds between two looks at what is done, where nothing is


@dataclass(frozen=True)
class Workers:
    """Who computes the tiles of a sweep.

    Without arguments this machine does: all its cores, or all accelerators that JAX
    sees. Others need the same software, of which the versions of this package, of JAX
    and of NumPy are checked; one that is lost costs only its tiles. Results come here
    to be written.

    Attributes:
        scheduler: A `distributed.Client`, or the address of a Dask scheduler.
        cluster: Instead of a scheduler: "slurm" (or "pbs", "sge", "lsf", "htcondor",
            "oar") starts workers as jobs by dask-jobqueue, while the sweep lasts.
        cluster_options: Arguments of the dask-jobqueue cluster, such as ``queue``,
            ``cores``, ``memory``, ``walltime``; and ``jobs``, how many to keep running,
            by default 1.

    Raises:
        ImportError: If the extra that is needed is not installed.
        RuntimeError: While a sweep runs, if a worker has another version of this
            package, of jax, jaxlib or numpy; the message says which.
        ValueError: If they name nobody, or two at a time.
    """

    scheduler: Any = None
    cluster: Cluster | None = None
    cluster_options: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.scheduler is not None and self.cluster is not None:
            raise ValueError(
                "scheduler and cluster cannot both be given: each names the workers"
            )
        if self.cluster is None and self.cluster_options is not None:
            raise ValueError("cluster_options needs a cluster, got None")
        if self.cluster is not None:
            check_choice(CLUSTERS, cluster=self.cluster)
            _import("dask_jobqueue", "cluster")
        if self.scheduler is not None:
            Client = _import("distributed", "scheduler").Client
            if not isinstance(self.scheduler, str) and not (
                isinstance(self.scheduler, Client) and not self.scheduler.asynchronous
            ):
                raise ValueError(
                    "scheduler must be None, a dask.distributed Client that is not "
                    "asynchronous, or the address of a Dask scheduler, got "
                    f"{self.scheduler!r}"
                )


class Stopped(Exception):
    """Raised inside a thread to leave a tile that nobody waits for."""


class ThreadPool:
    """One thread per core, or per accelerator where there are any."""

    def __init__(self, work: Work) -> None:
        devices = jax.local_devices()
        self._size = cores() if devices[0].platform == "cpu" else len(devices)
        self._work = work
        self._executor = ThreadPoolExecutor(
            self._size, thread_name_prefix="isinglass-sweep"
        )
        self._futures: dict[Future[Result], Tile] = {}
        self._shares: dict[int, float] = {}
        self._stop = threading.Event()

    def room(self) -> bool:
        """One tile more than there are threads, so that none waits for the writing."""
        return len(self._futures) <= self._size

    def submit(self, tile: Tile, before: Leaves | None) -> None:
        """Queue a tile for the next free thread."""
        self._shares[tile.index] = 0.0
        self._futures[self._executor.submit(self._compute, tile, before)] = tile

    def finished(self) -> list[tuple[Tile, Result]]:
        """Tiles done, after at most a tenth of a second."""
        done, _ = wait(self._futures, timeout=POLL, return_when=FIRST_COMPLETED)
        # In order, so that a run that is repeated writes in the same order where it
        # can.
        finished = sorted(
            ((self._futures.pop(future), future) for future in done), key=_index
        )
        for tile, _ in finished:
            del self._shares[tile.index]
        return [(tile, future.result()) for tile, future in finished]

    def under_way(self) -> float:
        """Cells done in tiles under way."""
        return sum(
            tile.cells * self._shares[tile.index] for tile in self._futures.values()
        )

    def close(self) -> None:
        """Leave what is under way."""
        self._stop.set()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def _compute(self, tile: Tile, before: Leaves | None) -> Result:
        def tick(share: float) -> None:
            if self._stop.is_set():
                raise Stopped
            self._shares[tile.index] = share

        tick(0.0)
        return compute(self._work, tile, before, tick)


class ClusterPool:
    """The workers of a Dask cluster; those that are lost are made up for by the others.

    Args:
        work: What the sweep is.
        client: A connected ``distributed.Client``.
    """

    def __init__(self, work: Work, client: Any) -> None:
        import cloudpickle

        self._client = client
        self._run = secrets.token_hex(4)
        payload = cloudpickle.dumps(work)
        # A task and not scattered data: it is made again where the worker holding it is
        # lost.
        self._payload = client.submit(
            _same, payload, key=f"isinglass-sweep-{self._run}"
        )
        self._tiles: dict[Any, Tile] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def room(self) -> bool:
        """Two tiles per thread of the cluster, and some for workers still to come."""
        return len(self._tiles) < 8 or len(self._tiles) < 2 * sum(
            self._client.nthreads().values()
        )

    def submit(self, tile: Tile, before: Leaves | None) -> None:
        """Queue a tile for the cluster."""
        future = self._client.submit(
            _compute_remotely,
            self._payload,
            tile,
            before,
            versions(),
            key=f"isinglass-tile-{self._run}-{tile.index}",
        )
        self._tiles[future] = tile
        future.add_done_callback(self._ended.put)

    def finished(self) -> list[tuple[Tile, Result]]:
        """Tiles done, after at most a tenth of a second."""
        ended = []
        with contextlib.suppress(queue.Empty):
            ended.append(self._ended.get(timeout=POLL))
            while True:
                ended.append(self._ended.get_nowait())
        return [(self._tiles[future], self._result(future)) for future in ended]

    def under_way(self) -> float:
        """Nothing: a worker tells no share of a tile."""
        return 0.0

    def close(self) -> None:
        """Cancel what is under way."""
        self._client.cancel([*self._tiles, self._payload], force=True)

    def _result(self, future: Any) -> Result:
        from distributed.scheduler import KilledWorker

        try:
            # If its worker was lost meanwhile, this waits until another has computed it
            # again.
            result = future.result()
        except KilledWorker as error:
            tile = self._tiles[future]
            raise RuntimeError(
                f"tile {tile.index} was given up: each worker that computed it was "
                f"lost, perhaps for lack of memory; try fewer lanes ({error})"
            ) from error
        del self._tiles[future]
        future.release()
        return result


def compute_all(
    tiles: Sequence[Tile],
    store: Memory | Folder,
    pool: ThreadPool | ClusterPool,
    report: Report,
) -> None:
    """Have all tiles computed that are not done, and store each as it comes.

    Args:
        tiles: All tiles of the sweep.
        store: Where they are stored.
        pool: Who computes them.
        report: Called with the cells done, and how many there are.
    """
    total = sum(tile.cells for tile in tiles)
    done = sum(tile.cells for tile in tiles if tile.index in store.done)
    followers = {tile.after: tile for tile in tiles if tile.after is not None}
    ready = deque(
        tile
        for tile in tiles
        if tile.index not in store.done
        and (tile.after is None or tile.after in store.done)
    )
    at_work = 0
    report(done, total)
    while ready or at_work:
        while ready and pool.room():
            tile = ready.popleft()
            pool.submit(tile, None if tile.after is None else store.state(tile.after))
            at_work += 1
        for tile, (data, state) in pool.finished():
            store.write(tile, data, state)
            at_work -= 1
            done += tile.cells
            follower = followers.get(tile.index)
            if follower is not None and follower.index not in store.done:
                ready.append(follower)
        report(done + pool.under_way(), total)


@contextlib.contextmanager
def pool_of(workers: Workers, work: Work) -> Iterator[ThreadPool | ClusterPool]:
    """The workers at work on a sweep, until the block is left."""
    with contextlib.ExitStack() as stack:
        client = _client(stack, workers)
        pool = ThreadPool(work) if client is None else ClusterPool(work, client)
        stack.callback(pool.close)
        yield pool


def _client(stack: contextlib.ExitStack, workers: Workers) -> Any:
    if workers.scheduler is None and workers.cluster is None:
        return None
    Client = _import("distributed", "scheduler").Client
    if workers.cluster is not None:
        cluster = _start(workers.cluster, workers.cluster_options)
        return stack.enter_context(Client(stack.enter_context(cluster)))
    if isinstance(workers.scheduler, str):
        return stack.enter_context(Client(workers.scheduler))
    return workers.scheduler


def _import(module: str, argument: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{argument} needs {module.replace('_', '-')}, which is not installed: "
            "pip install 'isinglass[cluster]'"
        ) from error


@contextlib.contextmanager
def _start(cluster: Cluster, options: Mapping[str, Any] | None) -> Iterator[Any]:
    options = dict(options or {})
    jobs = options.pop("jobs", 1)
    kind = getattr(_import("dask_jobqueue", "cluster"), CLUSTERS[cluster])
    with kind(**options) as started:
        # Not merely scaled: a job that ends at its time limit is replaced.
        started.adapt(minimum_jobs=jobs, maximum_jobs=jobs)
        yield started


def _index(item: tuple[Tile, Any]) -> int:
    return item[0].index


def _same(payload: bytes) -> bytes:
    return payload


def _compute_remotely(
    payload: bytes, tile: Tile, before: Leaves | None, expected: Mapping[str, str]
) -> Result:
    # By each task, and before the work is unpacked: workers come and go.
    check_software(platform.node(), versions(), expected)
    return compute(_unpacked(payload), tile, before)


# The same objects for all tiles on a worker: what is compiled for the first serves the
# others.
@functools.lru_cache(maxsize=2)
def _unpacked(payload: bytes) -> Work:
    import cloudpickle

    with jax.enable_x64(
        True
    ):  # arrays of float64 that the map holds would be cut to float32
        return cloudpickle.loads(payload)
