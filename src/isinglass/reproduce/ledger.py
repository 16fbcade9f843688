"""The reproduction ledger: every published number beside ours, with a verdict by rule.

The rule: *reproduced* if the paper's value lies in the 95 % confidence interval of our
mean, or within a tolerance that is stated with its reason; *cannot be compared* if the
paper gives no value or measured something else, or we have one sample only, with the
reason; *differs* otherwise. What the paper states of one run is *reproduced* if it
holds in more than 5 % of ours (`Ledger.claim`).
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, NamedTuple

from isinglass._common.intervals import (
    Interval,
    checked_samples,
    mean_interval,
    single_draw_half_width,
    wilson_interval,
)
from isinglass._common.types import ArrayLike

Samples = ArrayLike

ONE_SAMPLE = "One sample of our own has no interval"
RARE = 0.05  # share of our runs below which one run of the paper would be a surprise


class Verdict(StrEnum):
    """What the rule says of a published number."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    INCOMPARABLE = "cannot be compared"


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
        n: Number of independent samples (seeds) behind it.
        unit: Unit of ``paper``, ``ours``, ``low`` and ``high``; "" for a pure number.
        tolerance: Difference from our mean that still counted as reproduced, where the
            verdict turned on it; None where the interval decided.
        verdict: What the rule says.
        rule: One sentence that says how the verdict was reached.
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


class Published(NamedTuple):
    """What a paper states of a quantity.

    Attributes:
        value: The number, or None where it gives none.
        tolerance: Difference from our mean that still counts as reproduced.
        because: Why that tolerance is right, why the numbers cannot be compared, or
            what explains a difference.
        comparable: False where it was measured differently.
    """

    value: float | None
    tolerance: float | None = None
    because: str = ""
    comparable: bool = True


class Judgement(NamedTuple):
    """What the rule says.

    Attributes:
        tolerance: The tolerance if the verdict turned on it.
        verdict: The verdict.
        rule: One sentence that says how it was reached.
    """

    tolerance: float | None
    verdict: Verdict
    rule: str


@dataclass(frozen=True)
class Ledger:
    """The rows of one experiment, written one by one.

    What several rows have in common is said once, by `using`::

        percent = ledger.using(unit="%", valid_range=(0, 100))
        percent.one_run("accuracy, K = 5", accuracy, paper=83.5)

    Attributes:
        experiment: Name of the experiment, such as "interference-few-shot".
        source: Where the paper states the numbers, such as "Table 1".
        unit: Unit of numbers that do not say theirs themselves.
        valid_range: Least and largest value that the quantity can have; intervals end
            there. Empty for no limit.
        because: Why a tolerance is right, why numbers cannot be compared, or what
            explains a difference, for rows that do not say it themselves.
        rows: The rows written so far.
    """

    experiment: str
    source: str
    unit: str = ""
    valid_range: Sequence[float] = ()
    because: str = ""
    rows: list[Row] = field(default_factory=list)

    def using(self, **fields: Any) -> Ledger:
        """The same ledger with other values of `source`, `unit` and so on."""
        return replace(self, **fields)

    def mean(
        self,
        quantity: str,
        samples: Samples,
        paper: float | None,
        *,
        tolerance: float | None = None,
        because: str | None = None,
    ) -> None:
        """Compare the mean of our samples with a published value.

        Args:
            quantity: What was measured.
            samples: Our independent measurements, shape (n,); an `xarray.DataArray`
                says its unit and valid range by the attributes "units" and
                "valid_range".
            paper: The published value, or None where the paper gives none.
            tolerance: Difference from our mean that still counts as reproduced.
            because: See the class. Required with a tolerance, and where paper is None.

        Raises:
            ValueError: If the samples are empty, not one-dimensional or not finite, if
                ``paper`` is not finite, if ``tolerance`` is negative, or if a required
                reason is missing.
        """
        reason = self.because if because is None else because
        published = Published(paper, tolerance, reason)
        if (
            len(checked_samples(samples)) == 1
            and paper is not None
            and tolerance is None
        ):
            published = Published(paper, None, ONE_SAMPLE, comparable=False)
        self._write(quantity, samples, published)

    def one_run(
        self, quantity: str, samples: Samples, paper: float, *, runs: int = 1
    ) -> None:
        """Compare with a number that the paper took from one run, or the mean of a few.

        The spread of single runs is then the tolerance. With one sample of our own
        nothing is known of it, and nothing can be compared.

        Args:
            quantity: As in `mean`.
            samples: As in `mean`.
            paper: As in `mean`.
            runs: Over how many runs the paper averaged, at least 1.

        Raises:
            ValueError: As `mean`.
        """
        if len(checked_samples(samples)) == 1:
            self.mean(quantity, samples, paper)
            return
        what = "the paper reports one run, and 95 % of single runs"
        if runs > 1:
            what = f"the paper averages a few runs, and 95 % of means of {runs} runs"
        self.mean(
            quantity,
            samples,
            paper,
            tolerance=single_draw_half_width(samples) / math.sqrt(runs),
            because=f"{what} fall within it",
        )

    def other_setting(
        self,
        quantity: str,
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
        self._write(quantity, samples, Published(paper, None, reason, comparable=False))

    def ours_alone(
        self, quantity: str, samples: Samples, *, because: str | None = None
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
        self, quantity: str, interval: Interval, n: int, paper: float | None = None
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
        judgement = judge(interval, Published(paper, None, self.because), self.unit)
        self._add(quantity, paper, interval, n, self.unit, judgement)

    def share(
        self,
        quantity: str,
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
        judgement = judge(interval, Published(paper, tolerance, reason), "%")
        self._add(quantity, paper, interval, n, "%", judgement)

    def claim(self, statement: str, held: int, n: int, *, because: str = "") -> None:
        """Check a statement that the paper makes of one run.

        It held in the paper's run. That is compatible with ours, and reproduced, if it
        holds in more than 5 % of our runs; the row says in how many.

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
        if because:
            published = Published(100.0, None, because, comparable=False)
            judgement = judge(interval, published, "%")
            self._add(statement, 100.0, interval, n, "%", judgement)
            return
        compatible = held > RARE * n
        rule = (
            f"The paper states it of one run; it holds in {interval.mean:.0f} % of "
            f"ours, {'which is compatible' if compatible else 'too rarely for that'}."
        )
        verdict = Verdict.REPRODUCED if compatible else Verdict.DIFFERS
        self._add(statement, 100.0, interval, n, "%", Judgement(None, verdict, rule))

    def _write(self, quantity: str, samples: Samples, published: Published) -> None:
        attributes = getattr(samples, "attrs", {})
        unit = attributes.get("units", self.unit)
        interval = mean_interval(samples)
        judgement = judge(interval, published, unit)
        ends = attributes.get("valid_range", self.valid_range)
        if len(ends):
            low, high = max(interval.low, ends[0]), min(interval.high, ends[1])
            interval = Interval(interval.mean, low, high)
        n = checked_samples(samples).size
        self._add(quantity, published.value, interval, n, unit, judgement)

    def _add(
        self,
        quantity: str,
        paper: float | None,
        interval: Interval,
        n: int,
        unit: str,
        judgement: Judgement,
    ) -> None:
        place = (self.experiment, self.source, quantity)
        self.rows.append(Row(*place, paper, *interval, n, unit, *judgement))


def judge(interval: Interval, published: Published, unit: str = "") -> Judgement:
    """Apply the rule of this module to an interval of ours and a published value.

    Raises:
        ValueError: If a number is not finite, or a required reason is missing.
    """
    paper, tolerance, because, comparable = published
    if paper is not None and not math.isfinite(paper):
        raise ValueError(f"paper must be a finite number or None, got {paper}")
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(
            f"tolerance must be a finite number ≥ 0 or None, got {tolerance}"
        )
    if not because and (tolerance is not None or paper is None or not comparable):
        raise ValueError(
            "because must say why a tolerance is right or why the numbers cannot be "
            "compared, got an empty reason"
        )
    if paper is None or not comparable:
        return Judgement(None, Verdict.INCOMPARABLE, _sentence(because))
    if interval.low <= paper <= interval.high:
        inside = "The paper's value lies in our 95 % confidence interval."
        return Judgement(None, Verdict.REPRODUCED, inside)
    return _judge_outside(paper - interval.mean, published, f" {unit}" if unit else "")


def _judge_outside(difference: float, published: Published, unit: str) -> Judgement:
    """Of a published value that lies outside our interval."""
    tolerance = published.tolerance
    reason = f": {published.because}" if published.because else ""
    side = "above" if difference > 0 else "below"
    outside = (
        "The paper's value lies outside our 95 % confidence interval, "
        f"{abs(difference):.3g}{unit} {side} our mean"
    )
    if tolerance is None:
        return Judgement(None, Verdict.DIFFERS, _sentence(outside + reason))
    within = abs(difference) <= tolerance
    verdict = Verdict.REPRODUCED if within else Verdict.DIFFERS
    place = "within" if within else "and outside"
    bound = f"{place} the tolerance of {tolerance:.3g}{unit}"
    return Judgement(tolerance, verdict, _sentence(f"{outside}, {bound}{reason}"))


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


def _sentence(text: str) -> str:
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]
