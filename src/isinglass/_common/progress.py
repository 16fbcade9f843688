"""How long work says how far it is: the protocol, silence, and bars in a terminal."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Protocol, TypeVar, runtime_checkable

from rich import progress as rich_progress
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

T = TypeVar("T")

Report = Callable[[float, float], None]  # takes how much is done, and how much there is


@runtime_checkable
class Progress(Protocol):
    """Where long work says how far it is."""

    def track(
        self, items: Iterable[T], description: str, total: int | None = None
    ) -> Iterator[T]:
        """Yield the items, showing how many of ``total`` (default: len) are done."""
        ...

    def step(self, description: str) -> None:
        """Say what is being done now, where there is nothing to count."""
        ...

    def follow(self, description: str) -> AbstractContextManager[Report]:
        """A block with a function that takes how much is done, and of how much."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    def track(
        self, items: Iterable[T], description: str, total: int | None = None
    ) -> Iterator[T]:
        """Yield the items."""
        yield from items

    def step(self, description: str) -> None:
        """Do nothing."""

    def follow(self, description: str) -> AbstractContextManager[Report]:
        """A function that does nothing."""
        return nullcontext(lambda done, total: None)


class Bars:
    """A `Progress` that draws bars while it is entered.

    Each `track` under way has a line, and one more line tells the last `step`. Where
    the console is no terminal, nothing is drawn.

    Args:
        console: Where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._bars = rich_progress.Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("elapsed"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._step: TaskID | None = None

    def __enter__(self) -> "Bars":
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def track(
        self, items: Iterable[T], description: str, total: int | None = None
    ) -> Iterator[T]:
        """Yield the items, and draw how many of ``total`` (default: len) are done."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        task = self._bars.add_task(description, total=total)
        try:
            for item in items:
                yield item
                self._bars.advance(task)
        finally:
            self._bars.remove_task(task)

    def step(self, description: str) -> None:
        """Say what is being done now, where there is nothing to count."""
        if self._step is None:
            self._step = self._bars.add_task(description, total=None)
        else:
            self._bars.reset(self._step, description=description)

    @contextmanager
    def follow(self, description: str) -> Iterator[Callable[[float, float], None]]:
        """A line that shows how much is done, and of how much."""
        task = self._bars.add_task(description, total=None)
        try:
            yield lambda done, total: self._bars.update(
                task, completed=done, total=total
            )
        finally:
            self._bars.remove_task(task)
