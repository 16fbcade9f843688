"""Work on a user's Dask cluster: who may take part, and tasks as they end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

Result = TypeVar("Result")

SAME = ("isinglass", "jax", "jaxlib", "numpy")  # packages of which all need one version


def check_client(client: Any) -> None:
    """Refuse what is no client of Dask, and workers that compute with other software.

    Raises:
        TypeError: If it is none.
        RuntimeError: If a worker has another version of a package, naming it.
    """
    if not all(hasattr(client, name) for name in ("submit", "scatter", "run")):
        raise TypeError(f"client must be a Client of Dask, got {client!r}")
    here = versions()
    for worker, there in client.run(versions).items():
        check_software(worker, there, here)


def check_software(
    worker: str, there: Mapping[str, str], here: Mapping[str, str]
) -> None:
    """Refuse a worker with other versions than this process, or whoever sent a task.

    Raises:
        RuntimeError: If one differs, naming it.
    """
    unlike = [
        f"{name} {there.get(name, 'none')} there, {version} here"
        for name, version in here.items()
        if there.get(name) != version
    ]
    if unlike:
        raise RuntimeError(
            f"worker {worker} has other software ({'; '.join(unlike)}): results could "
            "differ; install the same versions there"
        )


def versions() -> dict[str, str]:
    """What results depend on, in this process."""
    return {package: version(package) for package in SAME}


def map_on_cluster(
    client: Any,
    function: Callable[..., Result],
    shared: tuple[Any, ...],
    calls: Iterable[tuple[Any, ...]],
) -> Iterator[Result]:
    """Yield `function(*shared, *call)` of each call, as workers end them.

    A task is taken from `calls` when a worker is about to be free. One that is lost
    with its worker is computed by another.

    Args:
        client: A `distributed.Client`.
        function: What workers compute; importable by them.
        shared: Futures, or what is small.
        calls: Arguments of each task.

    Raises:
        RuntimeError: If all workers that computed a task were lost with it.
    """
    from distributed import as_completed
    from distributed.scheduler import KilledWorker

    calls = iter(calls)
    under_way = as_completed()

    def submit() -> None:
        for call in calls:
            under_way.add(client.submit(function, *shared, *call, pure=False))
            if under_way.count() >= max(8, 2 * sum(client.nthreads().values())):
                return

    submit()
    for future in under_way:
        try:
            result = future.result()
        except KilledWorker as error:
            raise RuntimeError(
                "a task was given up: each worker that computed it was lost, perhaps "
                f"for lack of memory ({error})"
            ) from error
        future.release()
        yield result
        submit()
