"""The rule by which a published number gets its verdict.

Two shades of reproduced are told apart. *In our interval*: the paper's value lies in
the 95 % confidence interval of our mean, or within a tolerance that is stated with its
reason. *Consistent with one run*: it lies outside, but the paper took it from one run
(or a few), and 95 % of such runs of ours fall as far from our mean; what the paper
states of one run is consistent with ours if it holds in more than 5 % of them. It
*differs* otherwise. From fewer than five runs nothing is judged.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from isinglass._common.intervals import Interval

FEWEST = 5  # runs: below, a t interval is so wide that it holds nearly anything
RARE = 0.05  # share of our runs below which one run of the paper would be a surprise


class Verdict(StrEnum):
    """What the rule says of a number; the order is that of summaries."""

    IN_INTERVAL = "in our interval"
    ONE_RUN = "consistent with one run"
    DIFFERS = "differs"
    TOO_FEW = "too few runs to judge"
    NOT_COMPARABLE = "not comparable"
    UNPUBLISHED = "no published value"

    @property
    def is_judgement(self) -> bool:
        """Whether the number was judged: it holds, or it differs."""
        return self in (Verdict.IN_INTERVAL, Verdict.ONE_RUN, Verdict.DIFFERS)


class Published(NamedTuple):
    """What a paper states of a quantity, and what may be asked of ours.

    Attributes:
        value: The number, or None where it gives none.
        because: Why a tolerance is right, why the numbers cannot be compared, or what
            explains a difference.
        tolerance: Difference from our mean that is nothing, such as the paper's
            rounding.
        scatter: Difference from our mean within which 95 % of single runs (or means of
            a few) fall, where the paper's value is of such.
        comparable: False where it was measured differently.
        is_exact: Whether ours is computed and has no scatter, so that one is enough.
    """

    value: float | None
    because: str = ""
    tolerance: float | None = None
    scatter: float | None = None
    comparable: bool = True
    is_exact: bool = False


class Judgement(NamedTuple):
    """What the rule says.

    Attributes:
        tolerance: The tolerance or scatter if the verdict turned on it.
        verdict: The verdict.
        rule: A sentence or two that say how it was reached.
    """

    tolerance: float | None
    verdict: Verdict
    rule: str


def judge(
    interval: Interval, n: int, published: Published, unit: str = ""
) -> Judgement:
    """Apply the rule of this module to an interval of ours and a published value.

    Args:
        interval: Our mean and its 95 % confidence interval.
        n: Number of independent runs behind it.
        published: The paper's value, and what may be asked of ours.
        unit: Unit of all these.

    Raises:
        ValueError: If a number is not finite, or a required reason is missing.
    """
    _check(published)
    paper, because = published.value, published.because
    if paper is None:
        return Judgement(None, Verdict.UNPUBLISHED, sentence(because))
    if not published.comparable:
        return Judgement(None, Verdict.NOT_COMPARABLE, sentence(because))
    if n < FEWEST and not published.is_exact:
        return too_few(n)
    if interval.low <= paper <= interval.high:
        inside = "The paper's value lies in our 95 % confidence interval."
        return Judgement(None, Verdict.IN_INTERVAL, inside)
    return _judge_outside(paper - interval.mean, published, f" {unit}" if unit else "")


def judge_statement(held: int, n: int) -> Judgement:
    """The verdict on a statement that the paper makes of one run.

    Args:
        held: In how many of our runs it held.
        n: Number of our runs.
    """
    if n < FEWEST:
        return too_few(n)
    states = "The paper states it of one run; it holds in"
    if held == n:
        return Judgement(None, Verdict.IN_INTERVAL, f"{states} all of ours.")
    share = f"{states} {100 * held / n:.0f} % of ours"
    if held > RARE * n:
        rule = f"{share}, which is consistent with that."
        return Judgement(None, Verdict.ONE_RUN, rule)
    return Judgement(None, Verdict.DIFFERS, f"{share}, too rarely for that.")


def too_few(n: int) -> Judgement:
    """No verdict from so few runs."""
    runs = "one run" if n == 1 else f"{n} runs"
    rule = f"We have {runs}, and nothing is judged from fewer than {FEWEST}."
    return Judgement(None, Verdict.TOO_FEW, rule)


def sentence(text: str) -> str:
    """The text with a capital at its beginning and a full stop at its end."""
    ended = text if text.endswith((".", "!", "?")) else f"{text}."
    return ended[:1].upper() + ended[1:]


def _check(published: Published) -> None:
    paper, tolerance = published.value, published.tolerance
    if paper is not None and not math.isfinite(paper):
        raise ValueError(f"paper must be a finite number or None, got {paper}")
    if tolerance is not None and not (math.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(
            f"tolerance must be a finite number ≥ 0 or None, got {tolerance}"
        )
    needs_reason = tolerance is not None or paper is None or not published.comparable
    if needs_reason and not published.because:
        raise ValueError(
            "because must say why a tolerance is right or why the numbers cannot be "
            "compared, got an empty reason"
        )


def _judge_outside(difference: float, published: Published, unit: str) -> Judgement:
    """Of a published value that lies outside our interval."""
    reason = f": {published.because}" if published.because else ""
    side = "above" if difference > 0 else "below"
    ours = "our exact value" if published.is_exact else "our mean"
    outside = f"The paper's value lies {abs(difference):.3g}{unit} {side} {ours}"
    if not published.is_exact:
        outside += ", outside its 95 % confidence interval"
    bounds = (
        (published.tolerance, "tolerance", Verdict.IN_INTERVAL),
        (published.scatter, "scatter of single runs", Verdict.ONE_RUN),
    )
    widest, name = None, ""
    for bound, name_of_bound, verdict in bounds:
        if bound is None:
            continue
        widest, name = bound, name_of_bound
        if abs(difference) <= bound:
            rule = f"{outside}, within the {name} of {bound:.3g}{unit}{reason}"
            return Judgement(bound, verdict, sentence(rule))
    if widest is not None:
        outside += f", and outside the {name} of {widest:.3g}{unit}"
    return Judgement(widest, Verdict.DIFFERS, sentence(outside + reason))
