"""Rows of a ledger laid out as tables: a matrix where the paper prints a matrix."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from isinglass.reproduce.ledger import Row
from isinglass.reproduce.verdicts import Verdict


@dataclass(frozen=True)
class RowList:
    """Rows below each other.

    Attributes:
        caption: What they are.
        rows: The rows, in the order of the ledger.
    """

    caption: str
    rows: Sequence[Row]

    @property
    def unit(self) -> str:
        """The unit that all rows share, or ""."""
        return shared_unit(self.rows)

    @property
    def has_units(self) -> bool:
        """Whether rows have units that they do not share."""
        return not self.unit and any(row.unit for row in self.rows)


@dataclass(frozen=True)
class Matrix:
    """Rows by the line and the column that they name.

    Attributes:
        caption: What they are.
        rows: The rows, in the order of the ledger; each names its line and column.
    """

    caption: str
    rows: Sequence[Row]

    @property
    def unit(self) -> str:
        """The unit that all cells share, or ""."""
        return shared_unit(self.rows)

    @property
    def columns(self) -> list[str]:
        """Names of the columns, in the order of the ledger."""
        return list(dict.fromkeys(row.column for row in self.rows))

    @property
    def lines(self) -> dict[str, list[Row | None]]:
        """The cells of every line by its name; None where there is no number."""
        place = {(row.row, row.column): row for row in self.rows}
        return {
            name: [place.get((name, column)) for column in self.columns]
            for name in dict.fromkeys(row.row for row in self.rows)
        }

    def unit_of(self, column: str) -> str:
        """The unit of a column, where the table has none and the column has one."""
        cells = [row for row in self.rows if row.column == column]
        return "" if self.unit else shared_unit(cells)

    @property
    def runs(self) -> str:
        """How many runs are behind the cells: "100", or "20 to 100"."""
        counts = sorted({row.n for row in self.rows})
        ends = dict.fromkeys((counts[0], counts[-1]))
        return " to ".join(f"{count:,}" for count in ends)

    @property
    def verdicts(self) -> list[Verdict]:
        """Which verdicts cells have, in the order of summaries."""
        return [kind for kind in Verdict if any(r.verdict is kind for r in self.rows)]


Table = RowList | Matrix


@dataclass(frozen=True)
class Layout:
    """The tables of an experiment, what can be compared first.

    Attributes:
        compared: Tables with a published value that ours are judged by.
        beside: Tables with a published value that is of something else.
        alone: Tables of what the paper has no value of.
    """

    compared: Sequence[Table]
    beside: Sequence[Table]
    alone: Sequence[Table]


def layout(rows: Sequence[Row]) -> Layout:
    """Lay rows out: cells of a table stay together, other rows go by what they are.

    A table with cells goes where the most telling of its cells belongs, so that a
    published table stands whole.
    """
    cells = [row for row in rows if row.column]
    others = [row for row in rows if not row.column]
    parts: list[list[Table]] = [[], [], []]
    for group in _groups(cells):
        parts[min(map(rank, group))].append(Matrix(_caption(group), group))
    for part, tables in enumerate(parts):
        for group in _groups(row for row in others if rank(row) == part):
            tables.append(RowList(_caption(group), group))
    return Layout(*parts)


def rank(row: Row) -> int:
    """0 for what can be judged, 1 for a value that is of something else, 2 for none."""
    if row.verdict is Verdict.UNPUBLISHED:
        return 2
    return 1 if row.verdict is Verdict.NOT_COMPARABLE else 0


def by_rule(rows: Sequence[Row]) -> dict[str, list[str]]:
    """What has the same reason, by the reason: quantities, or the name of a table.

    A matrix whose cells all have the same reason is named once.
    """
    of_table: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if row.column:
            of_table.setdefault((row.source, row.table), set()).add(row.rule)
    reasons: dict[str, dict[str, None]] = {}
    for row in rows:
        whole = row.column and len(of_table[row.source, row.table]) == 1
        name = _caption([row]) if whole else row.quantity
        reasons.setdefault(row.rule, {})[name] = None
    return {rule: list(names) for rule, names in reasons.items()}


def shared_unit(rows: Sequence[Row]) -> str:
    """The unit of all these rows, or "" where they have several."""
    units = {row.unit for row in rows}
    return units.pop() if len(units) == 1 else ""


def _groups(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows of one source and table, in the order in which these first come."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for key, part in groupby(rows, lambda row: (row.source, row.table)):
        groups.setdefault(key, []).extend(part)
    return list(groups.values())


def _caption(rows: Sequence[Row]) -> str:
    source, table = rows[0].source, rows[0].table
    caption = f"{table} ({source})" if table else source
    return caption[:1].upper() + caption[1:]
