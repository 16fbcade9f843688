"""Trainings of an experiment side by side in one process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from isinglass._machine import cores, memory_maps

if TYPE_CHECKING:
    from isinglass.reproduce.registry import Context

# A training with its measurements compiles programs of up to 15,000 maps of memory, of 65,530 that
# Linux gives: so many trainings at a time, and programs are forgotten once there are so many maps.
AT_ONCE, MANY_MAPS = 3, 16_000


def side_by_side(
    context: Context,
    do: Callable[..., Any],
    jobs: Sequence[tuple[Any, ...]],
    told: str | None = None,
) -> dict[Any, Any]:
    """What ``do(*job)`` gives of every job: as many at a time as there are cores, and `AT_ONCE`.

    Args:
        context: Where to tell.
        do: What to do.
        jobs: Arguments for each.
        told: What to call them where they are counted; not counted if None.
    """

    def one(job: tuple[Any, ...]) -> Any:
        try:
            return do(*job)
        finally:
            _forget_programs()

    with ThreadPoolExecutor(min(cores(), AT_ONCE)) as pool:
        done = pool.map(one, jobs)
        if told is not None:
            done = context.progress.track(done, told, total=len(jobs))
        return dict(zip(jobs, done, strict=True))


def _forget_programs() -> None:
    """Give back the memory maps of compiled programs; those at work compile theirs once more."""
    import jax

    if memory_maps() > MANY_MAPS:
        jax.clear_caches()
