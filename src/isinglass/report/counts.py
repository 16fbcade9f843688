"""How many published numbers have each verdict, and how one says it."""

from collections import Counter
from collections.abc import Iterable

from isinglass.reproduce.results import Result
from isinglass.reproduce.verdicts import Verdict

AFTER_COUNT = {
    Verdict.TOO_FEW: "with too few runs to judge",
    Verdict.UNPUBLISHED: "without a published value",
}


def verdict_counts(results: Iterable[Result]) -> Counter[Verdict]:
    """How many rows of these results have each verdict."""
    return Counter(row.verdict for result in results for row in result.rows)


def summary(result: Result) -> str:
    """The verdicts on a result's published numbers: "2 in our interval, 1 differs"."""
    counts = verdict_counts([result])
    return ", ".join(
        f"{count} {verdict_label(verdict, count)}"
        for verdict in Verdict
        if (count := counts[verdict]) and verdict is not Verdict.UNPUBLISHED
    )


def verdict_label(verdict: Verdict, count: int) -> str:
    """The verdict as it reads after a count: "1 differs", "4 differ"."""
    if verdict is Verdict.DIFFERS and count != 1:
        return "differ"
    return AFTER_COUNT.get(verdict, verdict.value)
