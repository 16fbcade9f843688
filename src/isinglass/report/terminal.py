"""Tables for the terminal: readable without colour, and in 80 columns."""

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from isinglass.report import numbers
from isinglass.report.counts import verdict_counts, verdict_label
from isinglass.reproduce.ledger import Verdict
from isinglass.reproduce.results import Result

COLOURS = {
    Verdict.REPRODUCED: "green",
    Verdict.DIFFERS: "yellow",
    Verdict.INCOMPARABLE: "dim",
}


def result_table(result: Result) -> Table:
    """The ledger of one experiment: the paper's value, ours and the verdict."""
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
