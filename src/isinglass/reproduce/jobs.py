"""Trainings of an experiment side by side in one process."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from threading import Event
from typing import Any, NamedTuple, TypeVar

import jax

from isinglass._common.machine import cores, memory_maps
from isinglass._common.progress import Progress, Report
from isinglass.reproduce.context import Context

T = TypeVar("T")
Job = TypeVar("Job", bound=Hashable)

# A training with its measurements compiles programs of up to 15,000 maps of memory, of
# 65,530 that Linux gives: so many trainings at a time, and programs are forgotten once
# there are so many maps.
AT_ONCE, MANY_MAPS = 3, 16_000


class StoppedError(Exception):
    """A job is not to go on: another one has failed, or the run was interrupted."""


class UntilStopped(NamedTuple):
    """A `Progress` that ends whoever reports to it, once it is stopped.

    Attributes:
        progress: Where to report until then.
        stopped: Whether it is.
    """

    progress: Progress
    stopped: Event

    def track(
        self,
        items: Iterable[T],
        description: str,
        total: int | None = None,
        *,
        seconds: Sequence[float] = (),
    ) -> Iterator[T]:
        """Yield the items, until it is stopped."""
        for item in self.progress.track(items, description, total, seconds=seconds):
            if self.stopped.is_set():
                raise StoppedError
            yield item

    def step(self, description: str) -> None:
        """Say what is being done now."""
        self.progress.step(description)

    @contextmanager
    def follow(self, description: str) -> Iterator[Report]:
        """A function that takes how much is done and how much there is, or raises."""
        with self.progress.follow(description) as report:

            def report_or_stop(done: float, total: float) -> None:
                if self.stopped.is_set():
                    raise StoppedError
                report(done, total)

            yield report_or_stop

    def expect(
        self, description: str, seconds: float
    ) -> AbstractContextManager[object]:
        """A block of work that will take about so long."""
        return self.progress.expect(description, seconds)


def side_by_side(
    context: Context,
    work: Callable[[Context, Job], Any],
    jobs: Sequence[Job],
    what: str | None = None,
) -> dict[Job, Any]:
    """Do ``work(context, job)`` for every job, some at a time, as there are cores.

    Where one fails, or the run is interrupted, the others end when they next report how
    far they are, and those not yet begun do not begin.

    Args:
        context: How the experiment is run; jobs get it with a progress that stops them.
        work: What to do.
        jobs: What to do it for; they are the keys of the result.
        what: What to call them where they are counted; not counted if None.

    Returns:
        What came out, by job.
    """
    stopped = Event()
    stoppable = replace(context, progress=UntilStopped(context.progress, stopped))

    def do(job: Job) -> Any:
        try:
            return work(stoppable, job)
        finally:
            _forget_programs()

    with ThreadPoolExecutor(min(cores(), AT_ONCE)) as pool:
        futures = {job: pool.submit(do, job) for job in jobs}
        done: Iterable[Future[Any]] = as_completed(futures.values())
        if what is not None:
            done = context.progress.track(done, what, total=len(jobs))
        try:
            for future in done:
                future.result()
        except BaseException:  # Ctrl-C included
            stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {job: future.result() for job, future in futures.items()}


def _forget_programs() -> None:
    """Give back the memory maps of compiled programs; those at work compile anew."""
    if memory_maps() > MANY_MAPS:
        jax.clear_caches()
