"""Progress in a terminal: a line for whatever is under way, with the time left."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import TypeVar

from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from isinglass._common.compiling import WATCH
from isinglass._common.shared_console import SharedConsole

T = TypeVar("T")

REDRAWN = 8  # times a second
SAMPLES = 100
LARGEST_COUNT = 9999  # above it a share is shown
# The bar's columns in terminals at least so wide; the description has what is left.
BAR_WIDTHS = ((110, 30), (75, 16), (0, 6))
WIDE = 75  # columns in which there is room for the word "elapsed"
MIN_WIDTHS = (5, 4, 10)  # of count, elapsed and left, which then seldom move
MANY_HOURS, DAY = 100 * 3600.0, 24 * 3600.0


@dataclass
class Row:
    """A line of progress: what is done, how much, since when.

    Attributes:
        description: What is done.
        total: How much there is to do, in the unit of `done`; None if it is not known.
        seconds: How long each of the ``total`` items is expected to take, or the one
            thing that cannot be counted; () if that is not known.
        begun: When it began, on the monotonic clock.
        done: How much of it is done.
        is_uncounted: Whether there is nothing in it to count.
    """

    description: str
    total: float | None = None
    seconds: Sequence[float] = ()
    begun: float = field(default_factory=time.monotonic)
    done: float = 0.0
    is_uncounted: bool = False
    _reported: float = 0.0  # when `done` was last raised,
    _part: float = 0.0  # and by how much
    # When how much was done: the first reports, and then some hundred more.
    _samples: list[tuple[float, float]] = field(default_factory=list)

    def report(self, done: float, total: float | None, now: float) -> None:
        """Note how much is done."""
        if done != self.done or not self._samples:
            self._reported, self._part = now, max(done - self.done, 0.0)
            samples = self._samples
            if (
                len(samples) < SAMPLES
                or done - samples[-1][1] >= (total or 0) / SAMPLES
            ):
                samples.append((now, done))
        self.done, self.total = done, total

    def left(self, now: float) -> float | None:
        """Seconds left: as expected, else at the pace so far; None if unknown."""
        if self.seconds:
            current = int(self.done)
            spent = now - (self._reported or self.begun)
            ahead = sum(self.seconds[current + 1 :])
            return ahead + max(sum(self.seconds[current : current + 1]) - spent, 0.0)
        if self.total is None or not self._samples or self.done <= self._samples[0][1]:
            return None
        # The pace of the latter half, as what comes first waits for compilation.
        half = (self._samples[0][1] + self.done) / 2
        since = [sample for sample in self._samples if sample[1] <= half][-1]
        done, rest = self.done - since[1], self.total - self.done
        part = min(self._part, rest)
        pace = (self._reported - since[0]) / done
        expected = pace * rest - min(now - self._reported, pace * part)
        # Where the part under way takes longer than those before, so may the others.
        return max(expected, (now - since[0]) / (done + part) * (rest - part), 0.0)

    def share(self, now: float) -> float | None:
        """How much of it is done, from 0 to 1; None if unknown."""
        if self.total:
            return min(self.done / self.total, 1.0)
        if self.total is None and self.seconds:
            return min((now - self.begun) / max(sum(self.seconds), 1e-9), 0.99)
        return None

    def count(self, now: float) -> str:
        """How much is done, as "3/12" or "25 %"; "" if unknown."""
        share = self.share(now)
        if share is None:
            return ""
        if self.total is None or self.total > LARGEST_COUNT:
            return f"{100 * share:.0f} %"
        return f"{int(self.done)}/{int(self.total)}"


class Bars:
    """A `Progress` that draws its lines while it is entered.

    Each `track`, `follow` and `expect` under way has a line, and one more line tells
    the last `step`. Of a line that does not fit the terminal, the description is cut.
    Where the console is no terminal, nothing is drawn.

    Args:
        console: Where to draw.
    """

    def __init__(self, console: SharedConsole) -> None:
        self._console = console
        self._rows: list[Row] = []
        self._step: Row | None = None
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        # A thread of rich's own would draw while another prints.
        self._live = Live(
            console=console,
            get_renderable=self.table,
            auto_refresh=False,
            transient=True,
        )
        self._is_left = threading.Event()
        self._thread = threading.Thread(
            target=self._draw, name="isinglass-bars", daemon=True
        )

    def __enter__(self) -> "Bars":
        if self._console.is_terminal:
            with self._console.writing:
                self._live.start()
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_left.set()
        with self._console.writing:
            self._live.stop()

    def _draw(self) -> None:
        while not self._is_left.wait(1 / REDRAWN):
            self._refresh()

    def track(
        self,
        items: Iterable[T],
        description: str,
        total: int | None = None,
        *,
        seconds: Sequence[float] = (),
    ) -> Iterator[T]:
        """Yield the items, and draw how many of ``total`` (default: len) are done.

        The time left is that of ``seconds``, of each item, else at the pace so far.
        """
        if total is None and isinstance(items, Sized):
            total = len(items)
        with self._row(Row(description, total, seconds)) as row:
            row.report(0, total, time.monotonic())
            for done, item in enumerate(items, start=1):
                yield item
                row.report(done, total, time.monotonic())

    def step(self, description: str) -> None:
        """Say what is being done, where there is nothing to count; "" for nothing."""
        with self._lock:
            self._drop(self._step)
            self._step = Row(description, is_uncounted=True) if description else None
            self._rows += [self._step] if self._step else []
        self._redraw()

    @contextmanager
    def follow(self, description: str) -> Iterator[Callable[[float, float], None]]:
        """A line that shows how much is done, and of how much."""
        with self._row(Row(description)) as row:

            def report(done: float, total: float) -> None:
                WATCH.listen()  # JAX may have been imported since the line began
                row.report(done, total, time.monotonic())

            yield report

    @contextmanager
    def expect(self, description: str, seconds: float) -> Iterator[None]:
        """A line of what will take about so many seconds."""
        with self._row(Row(description, seconds=(seconds,))):
            try:
                yield
            finally:
                with self._lock:
                    self._drop(self._step)
                    self._step = None

    @contextmanager
    def _row(self, row: Row) -> Iterator[Row]:
        with self._lock:
            self._rows.append(row)
        self._redraw()
        try:
            yield row
        finally:
            with self._lock:
                self._drop(row)

    def _drop(self, row: Row | None) -> None:
        self._rows = [other for other in self._rows if other is not row]

    def _redraw(self) -> None:
        """Draw a new line at once: what follows may hold the interpreter for long."""
        WATCH.listen()
        self._refresh()

    def _refresh(self) -> None:
        with self._console.writing:
            if self._live.is_started:
                self._live.refresh()

    def table(self) -> Table:
        """All lines, in the width of the console."""
        width = self._console.width
        bar = next(columns for least, columns in BAR_WIDTHS if width >= least)
        table = Table.grid(
            Column(no_wrap=True),
            Column(no_wrap=True, ratio=1, overflow="ellipsis"),
            Column(no_wrap=True, min_width=bar),
            *(Column(no_wrap=True, justify="right", min_width=n) for n in MIN_WIDTHS),
            padding=(0, 1, 0, 0),
            expand=True,
        )
        now = time.monotonic()
        with self._lock:
            rows = list(self._rows)
        is_compiling = bool(rows) and WATCH.is_compiling()
        left = [_left(row, now) for row in rows]
        # The last line is the innermost. Its pace is nothing to go by meanwhile, but
        # what was expected is.
        if is_compiling and not rows[-1].seconds:
            left[-1], is_compiling = "compiling", False
        for row, its_left in zip(rows, left, strict=True):
            table.add_row(
                self._spinner,
                Text(row.description),
                _bar(row.share(now), bar),
                Text(row.count(now), style="green"),
                Text(_elapsed(row, now, width), style="yellow"),
                Text(its_left, style="cyan"),
            )
        if is_compiling:
            table.add_row(self._spinner, "compiling")
        return table


def _bar(share: float | None, width: int) -> ProgressBar | str:
    return "" if share is None else ProgressBar(1.0, share, width=width)


def _elapsed(row: Row, now: float, width: int) -> str:
    elapsed = clock(now - row.begun)
    return f"{elapsed} elapsed" if width >= WIDE else elapsed


def _left(row: Row, now: float) -> str:
    """The time left, or why there is none to say."""
    left = row.left(now)
    if left is not None:
        return "overdue" if row.seconds and left == 0 else f"{clock(left)} left"
    if row.total is None:
        return "" if row.is_uncounted else "starting"
    return "estimating"


def clock(seconds: float) -> str:
    """A time as "0:09", "12:34", "1:02:03", or "26 days"."""
    if seconds >= MANY_HOURS:
        return f"{seconds / DAY:.0f} days"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
