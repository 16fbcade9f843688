"""The list of experiments for the terminal, in 80 columns."""

import itertools
from collections.abc import Iterable

from rich import box
from rich.table import Table
from rich.text import Text

from isinglass.report import numbers
from isinglass.reproduce.catalogue import Entry


def table(entries: Iterable[Entry]) -> Table:
    """What can be reproduced, from which paper, and how long it takes on two cores."""
    rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    rows.add_column("Experiment")
    for title in ("Takes", "Quick", "Full"):
        rows.add_column(title, justify="right", no_wrap=True)
    for paper, group in itertools.groupby(entries, lambda entry: entry.paper):
        rows.add_section()
        rows.add_row(Text(paper.citation, style="italic"))
        for entry in group:
            rows.add_row(_description(entry), *_durations(entry))
    return rows


def _description(entry: Entry) -> Text:
    experiment = entry.experiment
    return Text.assemble(
        (entry.name, "bold"),
        f"\n{experiment.title}",
        (f" · {experiment.source}", "dim"),
    )


def _durations(entry: Entry) -> list[str]:
    seconds = entry.experiment.seconds
    return [
        numbers.duration(seconds[resolution]) if resolution in seconds else ""
        for resolution in ("default", "quick", "full")
    ]
