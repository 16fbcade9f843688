"""The reproduction ledger: every published number beside ours, with a verdict by rule.

The rule: *reproduced* if the paper's value lies in the 95 % confidence interval of our
mean, or within a tolerance that is stated with its reason; *cannot be compared* if the
paper gives no value or measured something else, or we have one sample only, with the
reason; *differs* otherwise. What the paper states of one run is *reproduced* if it
holds in more than 5 % of ours (`claim`).
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any

from isinglass._common.intervals import (
    Interval,
    checked_samples,
    mean_interval,
    single_draw_half_width,
    wilson_interval,
)
from isinglass._common.types import ArrayLike

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
    def from_dict(cls, record: Mapping[str, Any]) -> "Row":
        """Read a row back from what ``dataclasses.asdict`` or JSON gave.

        Raises:
            ValueError: If a field is missing, unknown, of the wrong type or not finite.
        """
        names = {field.name for field in fields(cls)}
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

    def between(self, low: float = 0.0, high: float = 100.0) -> "Row":
        """The row with an interval that ends where its quantity does, such as a share at 100 %."""
        return replace(self, low=max(self.low, low), high=min(self.high, high))


def compare(
    experiment: str,
    source: str,
    quantity: str,
    samples: ArrayLike,
    *,
    paper: float | None,
    unit: str = "",
    tolerance: float | None = None,
    because: str = "",
    comparable: bool = True,
) -> Row:
    """Compare the mean of our samples with a published value.

    Args:
        experiment: Name of the experiment.
        source: Where the paper states the number.
        quantity: What was measured.
        samples: Our independent measurements, shape (n,), in ``unit``.
        paper: The published value in ``unit``, or None where the paper gives none.
        unit: Unit of the samples, such as "%".
        tolerance: Difference from our mean, in ``unit``, that still counts as
            reproduced.
        because: Why that tolerance is right, why the numbers cannot be compared, or
            what explains a difference. Required with a tolerance and for what cannot be
            compared.
        comparable: False where the paper gives a value that was measured differently:
            both are then shown and no verdict is passed.

    Raises:
        ValueError: If the samples are empty, not one-dimensional or not finite, if
            ``paper`` is not finite, if ``tolerance`` is negative, or if a required
            reason is missing.
    """
    interval = mean_interval(samples)
    n = checked_samples(samples).size
    if n == 1 and tolerance is None and paper is not None and comparable:
        comparable, because = False, "One sample of our own has no interval"
    judgement = judge(interval, paper, unit, tolerance, because, comparable)
    return Row(experiment, source, quantity, paper, *interval, n, unit, *judgement)


def compare_run(
    experiment: str,
    source: str,
    quantity: str,
    samples: ArrayLike,
    *,
    paper: float,
    unit: str = "",
    runs: int = 1,
) -> Row:
    """Compare with a number that the paper took from one run, or from the mean of a few.

    The spread of single runs is then the tolerance. With one sample of our own nothing
    is known of it, and nothing can be compared.

    Args:
        experiment: As in `compare`.
        source: As in `compare`.
        quantity: As in `compare`.
        samples: As in `compare`.
        paper: As in `compare`.
        unit: As in `compare`.
        runs: Over how many runs the paper averaged, at least 1.

    Raises:
        ValueError: As `compare`.
    """
    if checked_samples(samples).size == 1:
        return compare(experiment, source, quantity, samples, paper=paper, unit=unit)
    tolerance = single_draw_half_width(samples) / math.sqrt(runs)
    what = "the paper reports one run, and 95 % of single runs"
    if runs > 1:
        what = f"the paper averages a few runs, and 95 % of means of {runs} runs"
    because = f"{what} fall within it"
    return compare(
        experiment,
        source,
        quantity,
        samples,
        paper=paper,
        unit=unit,
        tolerance=tolerance,
        because=because,
    )


def share(
    experiment: str,
    source: str,
    quantity: str,
    successes: int,
    n: int,
    *,
    paper: float | None,
    tolerance: float | None = None,
    because: str = "",
    comparable: bool = True,
) -> Row:
    """Compare how often something held, in percent, with a published percentage.

    The interval is Wilson's. ``paper`` and ``tolerance`` are in percent; the other
    arguments are those of `compare`.

    Args:
        experiment: Name of the experiment.
        source: Where the paper states the number.
        quantity: What was counted.
        successes: How often it held.
        n: How often it was tried, at least 1.
        paper: The published percentage, or None.
        tolerance: As in `compare`, in percentage points.
        because: As in `compare`.
        comparable: As in `compare`.

    Raises:
        ValueError: If the counts are impossible, or as in `compare`.
    """
    interval = Interval(*(100 * value for value in wilson_interval(successes, n)))
    judgement = judge(interval, paper, "%", tolerance, because, comparable)
    return Row(experiment, source, quantity, paper, *interval, n, "%", *judgement)


def claim(experiment: str, source: str, statement: str, held: int, n: int) -> Row:
    """Check a statement that the paper makes of one run ("the diagonal is the largest").

    It held in the paper's run. That is compatible with ours, and reproduced, if it
    holds in more than 5 % of our runs; the row says in how many.

    Args:
        experiment: Name of the experiment.
        source: Where the paper states it.
        statement: The statement, as a sentence that can hold or fail in one run.
        held: In how many of our runs it held.
        n: Number of our runs, at least 1.

    Raises:
        ValueError: If the counts are impossible.
    """
    interval = Interval(*(100 * value for value in wilson_interval(held, n)))
    compatible = held > RARE * n
    rule = (
        f"The paper states it of one run; it holds in {interval.mean:.0f} % of ours, "
        f"{'which is compatible' if compatible else 'too rarely for that'}."
    )
    verdict = Verdict.REPRODUCED if compatible else Verdict.DIFFERS
    return Row(
        experiment, source, statement, 100.0, *interval, n, "%", None, verdict, rule
    )


def judge(
    interval: Interval,
    paper: float | None,
    unit: str,
    tolerance: float | None,
    because: str,
    comparable: bool,
) -> tuple[float | None, Verdict, str]:
    """Apply the rule of this module.

    Returns:
        The tolerance if the verdict turned on it, the verdict, and one sentence that
        says how it was reached.
    """
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
        return None, Verdict.INCOMPARABLE, _sentence(because)
    reason = f": {because}" if because else ""
    if interval.low <= paper <= interval.high:
        inside = "The paper's value lies in our 95 % confidence interval."
        return None, Verdict.REPRODUCED, inside
    difference = paper - interval.mean
    unit = f" {unit}" if unit else ""
    outside = (
        "The paper's value lies outside our 95 % confidence interval, "
        f"{abs(difference):.3g}{unit} {'above' if difference > 0 else 'below'} our mean"
    )
    if tolerance is None:
        return None, Verdict.DIFFERS, _sentence(outside + reason)
    within = abs(difference) <= tolerance
    verdict = Verdict.REPRODUCED if within else Verdict.DIFFERS
    bound = f"{'within' if within else 'and outside'} the tolerance of {tolerance:.3g}{unit}"
    return tolerance, verdict, _sentence(f"{outside}, {bound}{reason}")


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
    """Write rows as CSV with a header line; a published value that is missing stays empty."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, [field.name for field in fields(Row)], lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return text.getvalue()


def _sentence(text: str) -> str:
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]
