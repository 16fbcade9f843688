"""The findings of an experiment: a Jinja text beside its module, told from its numbers.

A text sees every variable of the measurement by its name, ``measured`` itself,
``resolution``, and what the module's ``tell(measured)`` adds where there is one. A name
that is not there is an error, so that no text outlives its numbers. Filters say numbers
as people read them::

    After five waves the accuracy is {{ accuracy.sel(noise="program") | interval }} %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np

from isinglass._common.intervals import mean_interval
from isinglass._common.numerals import typeset
from isinglass.reproduce.grids import at_an_edge


def render(template: str, names: Mapping[str, Any]) -> str:
    """The findings as plain paragraphs with a blank line between them.

    Args:
        template: The text.
        names: What it may speak of.

    Raises:
        jinja2.TemplateError: If the text is wrong, or speaks of what is not there.
    """
    text = ENVIRONMENT.from_string(template).render(names)
    return "\n\n".join(paragraphs(text))


def paragraphs(text: str) -> list[str]:
    """Split plain text at its blank lines."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def mean(values: Any) -> float:
    """The mean of all numbers."""
    return float(np.mean(np.asarray(values, dtype=float)))


def number(value: Any, style: str = ".3g") -> str:
    """A number in a Python format such as ".3g" or ",", with a true minus sign.

    Of several numbers the mean.
    """
    plain = value if isinstance(value, int) else mean(value)
    return typeset(format(plain, style))


def percent(value: Any, style: str = ".1f") -> str:
    """A percentage: "87.0 %"."""
    return f"{number(value, style)} %"


def points(value: Any, style: str = ".1f") -> str:
    """A difference of percentages: "2.4 points"."""
    return f"{number(value, style)} points"


def interval(values: Any, low: float = -np.inf, high: float = np.inf) -> str:
    """A mean with its 95 % confidence interval: "97 [91.5, 99]".

    Args:
        values: Independent samples, (n,); an `xarray.DataArray` may say by an attribute
            "valid_range" what values there are.
        low: The least value that the quantity can have.
        high: The largest.
    """
    valid_range = getattr(values, "attrs", {}).get("valid_range", (low, high))
    center, low, high = mean_interval(np.asarray(values), valid_range)
    if np.size(values) == 1:
        return number(center)
    return f"{number(center)} [{number(low)}, {number(high)}]"


def span(values: Any, style: str = ".3g") -> str:
    """The least and the largest of several numbers: "0.9 to 1.1", or one of them."""
    low, high = (number(end(np.asarray(values)), style) for end in (np.min, np.max))
    return low if low == high else f"{low} to {high}"


def listing(words: Sequence[Any], word: str = "and") -> str:
    """Words as people say them: "A, B and C"."""
    *first, last = map(str, words)
    return f"{', '.join(first)} {word} {last}" if first else last


def plural(count: Any, singular: str, several: str = "") -> str:
    """A count with its noun: "1 seed", "3 seeds"."""
    noun = singular if int(count) == 1 else several or f"{singular}s"
    return f"{int(count):,} {noun}"


def edges(chosen: Any, searched: Any, what: str = "learning rate") -> str:
    """A sentence on how many of the values that were chosen end what was searched.

    Beyond them there may be a better one. Empty where none do, or nothing was searched.

    Args:
        chosen: The values, of any shape; NaN where nothing was chosen.
        searched: What they were chosen from: the same for all, (n,), or of each its
            own, (..., n), of which the least and the largest are enough.
        what: What they are called.
    """
    values = np.asarray(chosen, float)
    ends, counts = np.unique(values[at_an_edge(values, searched)], return_counts=True)
    if not len(ends):
        return ""
    pairs = zip(ends, counts, strict=True)
    parts = ", ".join(f"{end:g} {n:,} ×" for end, n in pairs)
    return (
        f"At the edge of what was searched: {counts.sum():,} of "
        f"{plural((~np.isnan(values)).sum(), what)} ({parts}); beyond it there may be "
        "a better one."
    )


ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
ENVIRONMENT.filters |= {
    "mean": mean,
    "number": number,
    "percent": percent,
    "points": points,
    "interval": interval,
    "span": span,
    "listing": listing,
    "plural": plural,
    "edges": edges,
}
