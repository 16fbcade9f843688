"""How long work says how far it is: the protocol, and silence.

`isinglass._common.bars` draws it in a terminal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")

Report = Callable[[float, float], None]  # takes how much is done, and how much there is


@runtime_checkable
class Progress(Protocol):
    """Where long work says how far it is."""

    def track(
        self,
        items: Iterable[T],
        description: str,
        total: int | None = None,
        *,
        seconds: Sequence[float] = (),
    ) -> Iterator[T]:
        """Yield the items, showing how many of ``total`` (default: len) are done.

        Where it is known how many ``seconds`` each item will take, the time left is
        told by them, else by how long the items so far took.
        """
        ...

    def step(self, description: str) -> None:
        """Say what is being done, where there is nothing to count; "" for nothing."""
        ...

    def follow(self, description: str) -> AbstractContextManager[Report]:
        """A block with a function that takes how much is done, and of how much."""
        ...

    def expect(
        self, description: str, seconds: float
    ) -> AbstractContextManager[object]:
        """A block of work that will take about so long; what it counts is below it."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    def track(
        self,
        items: Iterable[T],
        description: str,
        total: int | None = None,
        *,
        seconds: Sequence[float] = (),
    ) -> Iterator[T]:
        """Yield the items."""
        yield from items

    def step(self, description: str) -> None:
        """Do nothing."""

    def follow(self, description: str) -> AbstractContextManager[Report]:
        """A function that does nothing."""
        return nullcontext(lambda done, total: None)

    def expect(
        self, description: str, seconds: float
    ) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()
