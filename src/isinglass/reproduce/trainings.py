"""Where a training of an experiment keeps its checkpoint, and says how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from isinglass.reproduce.context import Context
from isinglass.training.devices import Devices
from isinglass.training.run import Runtime


@contextmanager
def following(
    context: Context, name: str, what: str, devices: Devices = None
) -> Iterator[Runtime]:
    """A block in which a training is followed, with its runtime.

    Args:
        context: Where to say how far it is, and where checkpoints lie.
        name: Of its checkpoint.
        what: What it is called while it runs.
        devices: As `Runtime` has them.
    """
    with context.follow(what) as report:
        yield Runtime(
            context.store(name), lambda now: report(now.step, now.steps), devices
        )
