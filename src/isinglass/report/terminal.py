"""Tables for the terminal: readable without colour, and in 60 columns."""

from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from isinglass.report import numbers
from isinglass.report.counts import verdict_counts, verdict_label
from isinglass.reproduce.ledger import Row
from isinglass.reproduce.results import Result
from isinglass.reproduce.verdicts import Verdict

COLOURS = {
    Verdict.IN_INTERVAL: "bold green",
    Verdict.ONE_RUN: "green",
    Verdict.DIFFERS: "yellow",
}


def result_table(result: Result, width: int = 80) -> Table:
    """The ledger of one experiment: the paper's value, ours and the verdict.

    What was judged comes first, what has no published value last. Where there are fewer
    columns than 80, quantities take more lines, so that no verdict is cut off.
    """
    table = Table(
        Column("Quantity", min_width=24 if width >= 80 else 12, ratio=1),
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
    table.add_column("Verdict", min_width=12, max_width=18)
    for row in sorted(result.rows, key=_place):
        table.add_row(
            escape(row.quantity),
            numbers.paper_value(row),
            numbers.our_value(row),
            str(row.n),
            Text(numbers.verdict(row), style=COLOURS.get(row.verdict, "dim")),
        )
    if any(row.tolerance for row in result.rows):
        table.caption = (
            "± after a verdict: what it turned on, a stated tolerance or the scatter "
            "of single runs; the report says which"
        )
        table.caption_justify = "left"
    return table


def _place(row: Row) -> int:
    """Judged rows, then those that have no verdict, then those of ours alone."""
    return 2 if row.paper is None else 0 if row.verdict.is_judgement else 1


def summary(results: Sequence[Result]) -> Text:
    """One line that counts the verdicts of all results."""
    counts = verdict_counts(results)
    parts = [
        Text(
            f"{counts[verdict]} {verdict_label(verdict, counts[verdict])}",
            COLOURS.get(verdict, "dim"),
        )
        for verdict in Verdict
        if counts[verdict] or verdict.is_judgement
    ]
    return Text.assemble(f"{counts.total()} numbers: ", Text(", ").join(parts), ".")
