"""How many published numbers have each verdict, and how one says it."""

from collections import Counter
from collections.abc import Iterable

from isinglass.reproduce.ledger import Verdict
from isinglass.reproduce.results import Result


def verdict_counts(results: Iterable[Result]) -> Counter[Verdict]:
    """How many rows of these results have each verdict."""
    return Counter(row.verdict for result in results for row in result.rows)


def verdict_label(verdict: Verdict, count: int) -> str:
    """The verdict as it reads after a count: "1 differs", "4 differ"."""
    return "differ" if verdict is Verdict.DIFFERS and count != 1 else verdict.value
