"""What an experiment is: a declaration that says what is asked, apart from the running.

A folder of experiments (`isinglass.experiments.interference`) declares in its
``__init__`` a `PAPER` and its `EXPERIMENTS`; the module of the same name beside it
measures (`isinglass.reproduce.catalogue` says how the two are brought together).
Nothing here imports JAX, so that ``isinglass list`` answers at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from isinglass.reproduce.inputs import Input

LONG = 300.0  # seconds


class Resolution(StrEnum):
    """How finely an experiment looks."""

    QUICK = "quick"
    DEFAULT = "default"
    FULL = "full"


@dataclass(frozen=True)
class Paper:
    """A paper whose tables and figures are run again.

    Attributes:
        citation: Short form, such as "Tang 2020".
        title: Its title.
        arxiv: Its number at arXiv, such as "2008.11111"; "" if it has none.
    """

    citation: str
    title: str
    arxiv: str = ""

    @property
    def address(self) -> str:
        """Where it can be read, or "" where it has no number at arXiv."""
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


@dataclass(frozen=True)
class Experiment:
    """A published table or figure, and what it takes to run it again.

    Attributes:
        name: Without its system, such as "double-slit"; the module ``double_slit``
            beside the declaration measures it.
        title: What it is, in a few words.
        source: What of the paper it reproduces, such as "Table 1".
        question: What was asked, in one to three sentences.
        seeds: Independent repetitions by resolution, "default" and "quick" at least.
        seconds: Expected duration on two cores by resolution. One that has "full" runs
            the published resolution where that is asked for; of others the default is
            what the paper did.
        inputs: What of the user's it can read.
        paper: The paper it is of, where its group has several; the group's `PAPER` if
            None.
    """

    name: str
    title: str
    source: str
    question: str
    seeds: Mapping[str, int]
    seconds: Mapping[str, float]
    inputs: Sequence[Input] = ()
    paper: Paper | None = None

    @property
    def is_long(self) -> bool:
        """Whether a run that was stopped is worth going on with."""
        return Resolution.FULL in self.seconds or self.seconds["default"] > LONG

    def resolution(self, *, quick: bool = False, full: bool = False) -> Resolution:
        """The resolution to run at: full only where there is such a run."""
        if quick:
            return Resolution.QUICK
        has_full = full and Resolution.FULL in self.seconds
        return Resolution.FULL if has_full else Resolution.DEFAULT

    def expected_seconds(self, resolution: Resolution, seeds: int) -> float:
        """How long so many repetitions take on two cores, from the declared time."""
        seconds = self.seconds.get(resolution, self.seconds["default"])
        return seconds * seeds / self.repetitions(resolution)

    def repetitions(self, resolution: Resolution) -> int:
        """Seeds at a resolution where the user names no number."""
        return self.seeds.get(resolution, self.seeds["default"])
