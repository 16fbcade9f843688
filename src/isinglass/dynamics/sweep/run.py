"""How a sweep is run: from which starts, where its results go, and who computes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from isinglass._common.checks import (
    as_path,
    check_choice,
    check_flag,
    check_kind,
    check_whole,
)
from isinglass.dynamics.sweep.workers import Workers

Direction = Literal["up", "down", "both"]
DIRECTIONS: dict[Direction, tuple[str, ...]] = {
    "both": ("up", "down"),
    "up": ("up",),
    "down": ("down",),
}

Progress = Callable[[float, int], Any] | bool | None


@dataclass(frozen=True)
class Run:
    """How a sweep is run; what is swept and measured are arguments of their own.

    With ``store``, each finished tile (cells that are computed together) is on disk for
    good: the same call on the same folder goes on after whatever stopped it, and on one
    machine the result is the same to the last bit as that of an uninterrupted run.

    Attributes:
        starts: If given, every leaf of the state has a leading axis of so many initial
            states; each value is run from all of them, and the result has a dimension
            "start". A continuation follows each of them by itself.
        direction: Of a continuation: "up", "down" or "both", which None stands for.
        lanes: Most cells computed side by side; None for as many as suit the caches and
            cores of this machine, or, where ``store`` holds a sweep of this grid, as
            many as that began with, on whatever machine. Fewer where the results of a
            tile would take more than 128 MiB, or a quarter of a core's share of the
            memory, with what is needed to get them. Other lanes can change results
            by rounding, and so the sample that is taken of a chaotic orbit.
        block: Of a continuation: values between two checkpoints, what is lost at most
            where it is stopped.
        store: Folder for the results; made if it does not exist. None keeps them in
            memory.
        resume: Whether to go on with what the folder holds, if it is this very sweep.
        recipe: Noted in the folder's plan for whoever has to build the map and the
            state again (see `read_plan`): names and numbers, lists and mappings of
            them.
        workers: Who computes the tiles; by default this machine.
        progress: True for a bar with the time left on standard error; or a function
            that is called a few times a second with the cells done and their number.

    Raises:
        ValueError: If a number is out of range, or there is no such direction.
    """

    starts: int | None = None
    direction: Direction | None = None
    lanes: int | None = None
    block: int = 32
    store: str | Path | None = None
    resume: bool = True
    recipe: Mapping[str, Any] | None = None
    workers: Workers = field(default_factory=Workers)
    progress: Progress = None

    def __post_init__(self) -> None:
        if self.starts is not None:
            check_whole(starts=self.starts)
        if self.lanes is not None:
            check_whole(lanes=self.lanes)
        check_whole(block=self.block)
        check_choice((*DIRECTIONS, None), direction=self.direction)
        check_flag(resume=self.resume)
        check_kind(Workers, workers=self.workers)
        if self.store is not None:
            as_path("store", self.store)

    @property
    def directions(self) -> tuple[str, ...]:
        """In which directions a continuation goes."""
        return DIRECTIONS[self.direction or "both"]
