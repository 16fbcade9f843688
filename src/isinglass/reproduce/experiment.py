"""TODO: docstring."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from isinglass.reproduce.ledger import Row

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


T = TypeVar("T")


LONG = 300.0  # seconds


@runtime_checkable
class Progress(Protocol):
    """How an experiment says how far it is."""

    def track(
        self, items: Iterable[T], description: str, total: int | None = None
    ) -> Iterator[T]:
        """Yield the items one by one, showing how many of ``total`` (default: len) are done."""
        ...

    def step(self, description: str) -> None:
        """Say what is being done now, where there is nothing to count."""
        ...

    def follow(
        self, description: str
    ) -> AbstractContextManager[Callable[[float, float], None]]:
        """A function that takes how much is done and how much there is, while it is entered."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    def track(
        self, items: Iterable[T], description: str, total: int | None = None
    ) -> Iterator[T]:
        """Yield the items one by one."""
        yield from items

    def step(self, description: str) -> None:
        """Do nothing."""

    def follow(
        self, description: str
    ) -> AbstractContextManager[Callable[[float, float], None]]:
        """A function that does nothing."""
        return nullcontext(lambda done, total: None)


@dataclass(frozen=True)
class Context:
    """What a run of an experiment is given.

    Attributes:
        seeds: Number of independent repetitions asked for, at least 1.
        quick: True where a rough answer in seconds is wanted.
        seed: Base seed, at least 0; the repetitions draw theirs from it.
        mnist: Folder of IDX files, to be handed to `isinglass.data.mnist.load`; None
            for its default.
        progress: Where to say how far it is.
        full: True where the published resolution is wanted, whatever it takes.
        sweeps: Folder for sweeps that take long, which a resumed run finds as it was
            left; None to keep them in memory.
        text: File of text to train and measure on; None for what the experiment has of
            its own.
        model: Folder of a GPT-2 in Hugging Face's format, to be measured too; None for
            none.
    """

    seeds: int
    quick: bool = False
    seed: int = 0
    mnist: str | Path | None = None
    progress: Progress = field(default_factory=Silent)
    full: bool = False
    sweeps: Path | None = None
    text: Path | None = None
    model: Path | None = None

    def store(self, name: str) -> Path | None:
        """Folder for one sweep, or the checkpoint of one training; None where none is kept."""
        return None if self.sweeps is None else self.sweeps / name


@dataclass(frozen=True)
class Figure:
    """A figure of an experiment.

    Attributes:
        name: File stem, unique among all experiments, such as "interference-few-shot".
        figure: The Matplotlib figure.
        caption: What it shows and how to read it, in plain text.
    """

    name: str
    figure: MatplotlibFigure
    caption: str


@dataclass(frozen=True)
class Outcome:
    """What an experiment found.

    Attributes:
        rows: Its part of the ledger.
        figures: Its figures, in order.
        findings: What came out, as plain paragraphs with a blank line between them,
            written from the computed numbers.
    """

    rows: Sequence[Row]
    figures: Sequence[Figure] = ()
    findings: str = ""


@dataclass(frozen=True)
class Experiment:
    """A published table or figure, and how to run it.

    Attributes:
        name: Name for the command line; starts with its system, such as
            "interference-…".
        title: What it is, in a few words.
        paper: Short citation, such as "Tang 2020".
        source: What it reproduces, such as "Table 1".
        question: What was asked, in one to three sentences.
        duration: Expected seconds of a default run on two cores.
        quick_duration: Expected seconds of a ``--quick`` run on two cores.
        default_seeds: Repetitions of a default run.
        quick_seeds: Repetitions of a ``--quick`` run.
        run: The experiment itself.
        needs_digits: Whether it uses MNIST.
        full_duration: Expected seconds of a ``--full`` run on two cores; None where
            there is no such run, because the default is what the paper did.
        uses_text: Whether it reads the text of a context.
        uses_model: Whether it reads the model of a context.
    """

    name: str
    title: str
    paper: str
    source: str
    question: str
    duration: float
    quick_duration: float
    default_seeds: int
    quick_seeds: int
    run: Callable[[Context], Outcome]
    needs_digits: bool = True
    full_duration: float | None = None
    uses_text: bool = False
    uses_model: bool = False

    @property
    def is_long(self) -> bool:
        """Whether a run that was stopped is worth going on with."""
        return self.full_duration is not None or self.duration > LONG
