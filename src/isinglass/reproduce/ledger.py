"""The reproduction ledger: every published number beside ours, with a verdict by rule.

`isinglass.reproduce.verdicts` holds the rule.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, NamedTuple

from isinglass._common.intervals import (
    Interval,
    checked_samples,
    mean_interval,
    single_draw_half_width,
    wilson_interval,
)
from isinglass._common.types import ArrayLike
from isinglass.reproduce.verdicts import (
    Judgement,
    Published,
    Verdict,
    judge,
    judge_statement,
)

Samples = ArrayLike


@dataclass(frozen=True)
class Row:
    """One published number beside ours.

    Attributes:
        experiment: Name of the experiment, such as "interference-few-shot".
        source: Where the paper states it, such as "Table 1".
        quantity: What was measured, such as "Ours+SeqTrn, K=5, 1 epoch".
        paper: The published value, or None where the paper gives none.
        ours: Our mean.
        low: Lower end of the 95 % confidence interval of the mean.
        high: Upper end of it.
        n: Number of independent samples (seeds) behind it; 1 for what is exact.
        unit: Unit of ``paper``, ``ours``, ``low`` and ``high``; "" for a pure number.
        tolerance: Difference from our mean on which the verdict turned: a stated
            tolerance, or the scatter of single runs; None where the interval decided.
        verdict: What the rule says.
        rule: How the verdict was reached.
        table: The table that it has a place in, such as "Accuracy"; "" for none.
        row: Its line of that table, such as "BP+SeqTrn"; "" outside of a matrix.
        column: Its column of that table, such as "K=5, 1 epoch"; "" as above.
    """

    experiment: str
    source: str
    quantity: str
    paper: float | None
    ours: float
    low: float
    high: float
    n: int
    unit: str
    tolerance: float | None
    verdict: Verdict
    rule: str
    table: str = ""
    row: str = ""
    column: str = ""

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Row:
        """Read a row back from what ``dataclasses.asdict`` or JSON gave.

        Raises:
            ValueError: If a field is missing, unknown, of the wrong type or not finite.
        """
        names = {column.name for column in fields(cls)}
        if set(record) != names:
            raise ValueError(
                f"a ledger row has the fields {sorted(names)}, got {sorted(record)}"
            )
        optional = [name for name in ("paper", "tolerance") if record[name] is not None]
        for name in ("ours", "low", "high", *optional):
            value = record[name]
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise ValueError(
                    f"{name} of a ledger row must be a finite number, got {value!r}"
                )
        return cls(**{**record, "verdict": Verdict(record["verdict"])})


class Cell(NamedTuple):
    """A quantity that has a place in a table with rows and columns.

    Attributes:
        row: Its row, such as "learner 0".
        column: Its column, such as "digit 1".
        name: How it is called where rows stand below each other; "" for both names.
    """

    row: str
    column: str
    name: str = ""

    def __str__(self) -> str:
        """The quantity in words."""
        return self.name or f"{self.row}, {self.column}"


Quantity = str | Cell


@dataclass(frozen=True)
class Ledger:
    """The rows of one experiment, written one by one.

    What several rows have in common is said once, by `using`::

        percent = ledger.using(unit="%", valid_range=(0, 100))
        percent.one_run("accuracy, K = 5", accuracy, paper=83.5)

    A quantity that is a `Cell` says its place, so that the page shows the table as the
    paper prints it::

        energies = ledger.using(table="Energies")
        energies.one_run(Cell("learner 0", "digit 1"), energy, paper=0.19)

    Attributes:
        experiment: Name of the experiment, such as "interference-few-shot".
        source: Where the paper states the numbers, such as "Table 1".
        table: What the numbers are a table of; "" for none.
        unit: Unit of numbers that do not say theirs themselves.
        valid_range: Least and largest value that the quantity can have; intervals stay
            between. Empty for no limit.
        because: Why a tolerance is right, why numbers cannot be compared, or what
            explains a difference, for rows that do not say it themselves.
        rows: The rows written so far.
    """

    experiment: str
    source: str
    table: str = ""
    unit: str = ""
    valid_range: Sequence[float] = ()
    because: str = ""
    rows: list[Row] = field(default_factory=list)

    def using(self, **fields: Any) -> Ledger:
        """The same ledger with other values of `source`, `unit` and so on."""
        return replace(self, **fields)

    def mean(
        self,
        quantity: Quantity,
        samples: Samples,
        paper: float | None,
        *,
        tolerance: float | None = None,
        because: str | None = None,
    ) -> None:
        """Compare the mean of our samples with a published value.

        Args:
            quantity: What was measured, in words or as a `Cell` of a table.
            samples: Our independent measurements, shape (n,); an `xarray.DataArray`
                says its unit and valid range by the attributes "units" and
                "valid_range".
            paper: The published value, or None where the paper gives none.
            tolerance: Difference from our mean that is nothing, such as the paper's
                rounding.
            because: See the class. Required with a tolerance, and where paper is None.

        Raises:
            ValueError: If the samples are empty, not one-dimensional or not finite, if
                ``paper`` is not finite, if ``tolerance`` is negative, or if a required
                reason is missing.
        """
        reason = self.because if because is None else because
        self._write(quantity, samples, Published(paper, reason, tolerance))

    def exact(
        self,
        quantity: Quantity,
        value: Samples,
        paper: float,
        *,
        tolerance: float,
        because: str,
    ) -> None:
        """Compare a number that is computed, not sampled: it needs no seeds.

        Args:
            quantity: As in `mean`.
            value: Our number, or an array of shape (1,).
            paper: The published value.
            tolerance: Difference that is nothing, such as the paper's rounding.
            because: Why that tolerance is right.

        Raises:
            ValueError: As `mean`, or if there are several values.
        """
        count = checked_samples(value).size
        if count != 1:
            raise ValueError(f"value must be one number, got {count}")
        published = Published(paper, because, tolerance, is_exact=True)
        self._write(quantity, value, published)

    def one_run(
        self,
        quantity: Quantity,
        samples: Samples,
        paper: float,
        *,
        runs: int = 1,
        more: tuple[float, str] = (0.0, ""),
    ) -> None:
        """Compare with a number that the paper took from one run, or the mean of a few.

        It may lie as far from our mean as single runs of ours do (their 95 %
        prediction interval): then it is consistent with one run.

        Args:
            quantity: As in `mean`.
            samples: As in `mean`.
            paper: As in `mean`.
            runs: Over how many runs the paper averaged, at least 1.
            more: By how much the paper's run may differ beyond that, and why.

        Raises:
            ValueError: As `mean`.
        """
        what = "the paper reports one run, and 95 % of single runs"
        if runs > 1:
            what = f"the paper averages a few runs, and 95 % of means of {runs} runs"
        width, why = more
        scatter = None
        if checked_samples(samples).size > 1:
            scatter = single_draw_half_width(samples) / math.sqrt(runs) + width
        because = f"{what} fall within it{why and f'; {why}'}"
        self._write(quantity, samples, Published(paper, because, scatter=scatter))

    def other_setting(
        self,
        quantity: Quantity,
        samples: Samples,
        paper: float | None,
        *,
        because: str | None = None,
    ) -> None:
        """Set beside a published value that was measured differently: no verdict.

        Args:
            quantity: As in `mean`.
            samples: As in `mean`.
            paper: As in `mean`.
            because: What is different.

        Raises:
            ValueError: As `mean`.
        """
        reason = self.because if because is None else because
        self._write(quantity, samples, Published(paper, reason, comparable=False))

    def ours_alone(
        self, quantity: Quantity, samples: Samples, *, because: str | None = None
    ) -> None:
        """Write down a number that the paper does not have.

        Args:
            quantity: As in `mean`.
            samples: As in `mean`.
            because: Why there is nothing to compare it with.

        Raises:
            ValueError: As `mean`.
        """
        self.other_setting(quantity, samples, None, because=because)

    def estimate(
        self, quantity: Quantity, interval: Interval, n: int, paper: float | None = None
    ) -> None:
        """Compare an estimate that has a 95 % interval of its own, as of a bootstrap.

        Args:
            quantity: What was estimated.
            interval: Our value with the ends of its interval.
            n: Number of independent samples behind it.
            paper: The published value, or None.

        Raises:
            ValueError: As `mean`.
        """
        judgement = judge(interval, n, Published(paper, self.because), self.unit)
        self._add(quantity, paper, interval, n, self.unit, judgement)

    def share(
        self,
        quantity: Quantity,
        successes: int,
        n: int,
        paper: float | None = None,
        *,
        tolerance: float | None = None,
        because: str | None = None,
    ) -> None:
        """Compare how often something held, in percent, with a published percentage.

        The interval is Wilson's.

        Args:
            quantity: What was counted.
            successes: How often it held.
            n: How often it was tried, at least 1.
            paper: The published percentage, or None.
            tolerance: As in `mean`, in percentage points.
            because: As in `mean`.

        Raises:
            ValueError: If the counts are impossible, or as in `mean`.
        """
        reason = self.because if because is None else because
        interval = Interval(*(100 * end for end in wilson_interval(successes, n)))
        judgement = judge(interval, n, Published(paper, reason, tolerance), "%")
        self._add(quantity, paper, interval, n, "%", judgement)

    def claim(self, statement: str, held: int, n: int, *, because: str = "") -> None:
        """Check a statement that the paper makes of one run.

        It held in the paper's run. That is consistent with ours if it holds in more
        than 5 % of them; the row says in how many.

        Args:
            statement: The statement ("the diagonal is the largest"), as a sentence that
                can hold or fail in one run.
            held: In how many of our runs it held.
            n: Number of our runs, at least 1.
            because: Why it cannot be said of our runs, where it cannot: no verdict.

        Raises:
            ValueError: If the counts are impossible.
        """
        interval = Interval(*(100 * end for end in wilson_interval(held, n)))
        judgement = judge_statement(held, n)
        if because:
            published = Published(100.0, because, comparable=False)
            judgement = judge(interval, n, published, "%")
        self._add(statement, 100.0, interval, n, "%", judgement)

    def _write(
        self, quantity: Quantity, samples: Samples, published: Published
    ) -> None:
        attributes = getattr(samples, "attrs", {})
        unit = attributes.get("units", self.unit)
        valid_range = attributes.get("valid_range", self.valid_range)
        interval, n = mean_interval(samples, valid_range), checked_samples(samples).size
        judgement = judge(interval, n, published, unit)
        self._add(quantity, published.value, interval, n, unit, judgement)

    def _add(
        self,
        quantity: Quantity,
        paper: float | None,
        interval: Interval,
        n: int,
        unit: str,
        judgement: Judgement,
    ) -> None:
        name = (self.experiment, self.source, str(quantity))
        row = Row(*name, paper, *interval, n, unit, *judgement, table=self.table)
        if isinstance(quantity, Cell):
            row = replace(row, row=quantity.row, column=quantity.column)
        self.rows.append(row)


def to_json(rows: Iterable[Row]) -> str:
    """Write rows as a JSON array of objects, numbers at full precision."""
    return (
        json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False) + "\n"
    )


def from_json(text: str) -> list[Row]:
    """Read what `to_json` wrote.

    Raises:
        ValueError: If ``text`` is not such a ledger.
    """
    records = json.loads(text)
    if not isinstance(records, list):
        raise ValueError(f"a ledger is a JSON array, got {type(records).__name__}")
    return [Row.from_dict(record) for record in records]


def to_csv(rows: Iterable[Row]) -> str:
    """Write rows as CSV with a header line; a missing published value stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [column.name for column in fields(Row)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()
