"""One experiment for the terminal or for a program: what it is, and how to run it."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from isinglass.report import numbers
from isinglass.reproduce.catalogue import Entry
from isinglass.reproduce.experiment import Resolution

ABSTRACTS = "https://arxiv.org/abs/"
# How each resolution is asked for.
FLAGS = {
    Resolution.DEFAULT: "",
    Resolution.QUICK: " --quick",
    Resolution.FULL: " --full",
}


def record(entry: Entry) -> dict[str, Any]:
    """Everything that is declared of an experiment, as JSON has it."""
    experiment, paper = entry.experiment, entry.paper
    return {
        "name": entry.name,
        "system": entry.system,
        "title": experiment.title,
        "source": experiment.source,
        "question": experiment.question,
        "paper": {
            "citation": paper.citation,
            "title": paper.title,
            "url": _address(entry) or None,
        },
        "seeds": dict(experiment.seeds),
        "seconds": dict(experiment.seconds),
        "inputs": [f"--{source.name}" for source in experiment.inputs],
        "commands": commands(entry),
    }


def commands(entry: Entry) -> dict[str, str]:
    """The command line for each resolution that the experiment has."""
    return {
        str(resolution): f"isinglass reproduce {entry.name}{flag}"
        for resolution, flag in FLAGS.items()
        if resolution in entry.experiment.seconds
    }


def card(entry: Entry) -> Group:
    """What an experiment asks, of which paper, what it takes, and how to run it."""
    experiment, paper = entry.experiment, entry.paper
    facts = _grid()
    facts.add_row("Paper", f"{paper.citation}, {paper.title}")
    if paper.arxiv:
        facts.add_row("", _address(entry))
    facts.add_row("Source", experiment.source)
    facts.add_row("Question", experiment.question)
    for source in experiment.inputs:
        option = f"--{source.name} {'DIR' if source.is_folder else 'FILE'}"
        facts.add_row("Input", f"{option}: {source.help}")
    runs = _grid()
    for resolution, command in commands(entry).items():
        seeds = experiment.repetitions(Resolution(resolution))
        duration = numbers.duration(experiment.seconds[resolution])
        runs.add_row("Run", command)
        times = f"{seeds} seed{'' if seeds == 1 else 's'}"
        runs.add_row("", Text(f"{times}, about {duration} on two cores", style="dim"))
    title = Text.assemble((entry.name, "bold"), f": {experiment.title}")
    return Group(title, Padding(facts, (1, 0)), runs)


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True, min_width=8)
    table.add_column(overflow="fold")
    return table


def _address(entry: Entry) -> str:
    return f"{ABSTRACTS}{entry.paper.arxiv}" if entry.paper.arxiv else ""
