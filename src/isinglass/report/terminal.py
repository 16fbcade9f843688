"""Tables for the terminal: readable without colour, and in 80 columns."""

import itertools
from collections.abc import Iterable, Sequence

from rich import box
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from isinglass.report import numbers
from isinglass.report.counts import verdict_counts, verdict_label
from isinglass.reproduce.experiment import Experiment
from isinglass.reproduce.ledger import Verdict
from isinglass.reproduce.results import Result

COLOURS = {
    Verdict.REPRODUCED: "green",
    Verdict.DIFFERS: "yellow",
    Verdict.INCOMPARABLE: "dim",
}


def experiments_table(experiments: Iterable[Experiment]) -> Table:
    """What can be reproduced, from which paper, and how long it takes on two cores."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Experiment")
    table.add_column("Takes", justify="right", no_wrap=True)
    table.add_column("Quick", justify="right", no_wrap=True)
    table.add_column("Full", justify="right", no_wrap=True)
    for paper, group in itertools.groupby(
        experiments, lambda experiment: experiment.paper
    ):
        table.add_section()
        table.add_row(Text(paper, style="italic"))
        for experiment in group:
            full = experiment.full_duration
            table.add_row(
                Text.assemble(
                    (experiment.name, "bold"),
                    f"\n{experiment.title}",
                    (f" · {experiment.source}", "dim"),
                ),
                numbers.duration(experiment.duration),
                numbers.duration(experiment.quick_duration),
                "" if full is None else numbers.duration(full),
            )
    return table


def result_table(result: Result) -> Table:
    """The ledger of one experiment: the paper's value, ours, the seeds and the verdict."""
    table = Table(
        Column("Quantity", min_width=12, ratio=1),
        title=escape(
            f"{result.name}: {result.title} ({result.paper}, {result.source})"
        ),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    table.add_column("Paper", justify="right")
    table.add_column("Ours (95 % CI)", justify="right")
    table.add_column("n", justify="right", no_wrap=True)
    table.add_column("Verdict")
    for row in result.rows:
        table.add_row(
            escape(row.quantity),
            numbers.paper_value(row),
            numbers.our_value(row),
            str(row.n),
            Text(numbers.verdict(row), style=COLOURS[row.verdict]),
        )
    if any(row.tolerance for row in result.rows):
        table.caption = (
            "± after a verdict: the tolerance it turned on; the report gives the reason"
        )
        table.caption_justify = "left"
    return table


def summary(results: Sequence[Result]) -> Text:
    """One line that counts the verdicts of all results."""
    counts = verdict_counts(results)
    parts = [
        Text(
            f"{counts[verdict]} {verdict_label(verdict, counts[verdict])}",
            COLOURS[verdict],
        )
        for verdict in Verdict
    ]
    return Text.assemble(f"{counts.total()} numbers: ", Text(", ").join(parts), ".")
