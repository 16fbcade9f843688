"""Trainings of an experiment side by side in one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from isinglass._common.machine import cores, memory_maps

if TYPE_CHECKING:
    from isinglass.reproduce.experiment import Context, Progress

T = TypeVar("T")

# A training with its measurements compiles programs of up to 15,000 maps of memory, of
# 65,530 that Linux gives: so many trainings at a time, and programs are forgotten once
# there are so many maps.
AT_ONCE, MANY_MAPS = 3, 16_000


class StoppedError(Exception):
    """A job is not to go on: another one has failed, or the run was interrupted."""


class UntilStopped(NamedTuple):
    """A `Progress` that ends whoever tells it how far they are, once it is stopped.

    Attributes:
        progress: Where to tell until then.
        stopped: Whether it is.
    """

    progress: Progress
    stopped: Event

    def track(
        self, items: Iterable[T], description: str, total: int | None = None
    ) -> Iterator[T]:
        """Yield the items one by one."""
        return self.progress.track(items, description, total)

    def step(self, description: str) -> None:
        """Say what is being done now."""
        self.progress.step(description)

    @contextmanager
    def follow(self, description: str) -> Iterator[Callable[[float, float], None]]:
        """A function that takes how much is done and how much there is, or raises."""
        with self.progress.follow(description) as tell:

            def or_stop(done: float, total: float) -> None:
                if self.stopped.is_set():
                    raise StoppedError
                tell(done, total)

            yield or_stop


def side_by_side(
    context: Context,
    do: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    told: str | None = None,
    same: tuple[Any, ...] = (),
) -> dict[Any, Any]:
    """What ``do(context, *same, *job)`` gives of every job: some at a time, as there are cores.

    Where one fails, or the run is interrupted, the others end when they next tell how
    far they are, and those not yet begun do not begin.

    Args:
        context: Where to tell; jobs are given it so that they can be stopped.
        do: What to do.
        jobs: Arguments of each.
        told: What to call them where they are counted; not counted if None.
        same: Arguments that all have.
    """
    stopped = Event()
    stoppable = replace(context, progress=UntilStopped(context.progress, stopped))

    def one(job: tuple[Any, ...]) -> Any:
        try:
            return do(stoppable, *same, *job)
        finally:
            _forget_programs()

    with ThreadPoolExecutor(min(cores(), AT_ONCE)) as pool:
        futures = {job: pool.submit(one, job) for job in jobs}
        done: Iterable[Future[Any]] = as_completed(futures.values())
        if told is not None:
            done = context.progress.track(done, told, total=len(jobs))
        try:
            for future in done:
                future.result()
        except BaseException:  # Ctrl-C included
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {job: future.result() for job, future in futures.items()}


def _forget_programs() -> None:
    """Give back the memory maps of compiled programs; those at work compile theirs once more."""
    import jax

    if memory_maps() > MANY_MAPS:
        jax.clear_caches()
