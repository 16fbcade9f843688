"""Numbers as people read them: as many digits as their interval justifies."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from isinglass._common.numerals import typeset
from isinglass.reproduce.verdicts import Verdict

if TYPE_CHECKING:
    from isinglass.reproduce.ledger import Row

GROUPED = 10_000  # from here on digits are grouped: 123,456
SMALL = 1e-4  # what is smaller and has no interval is written as a power of ten
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def decimals(half_width: float, value: float) -> int:
    """Digits after the point that show two significant digits of ``half_width``.

    Where there is no interval, four significant digits of ``value`` are shown instead.
    """
    scale, digits = (half_width, 2) if half_width > 0 else (abs(value), 4)
    if scale == 0:
        return 0
    return min(max(digits - 1 - math.floor(math.log10(scale)), 0), 12)


def paper_value(row: Row) -> str:
    """The published value with its unit, or a dash where the paper gives none."""
    number = paper_number(row)
    return number if row.paper is None else _with_unit(number, row.unit)


def paper_number(row: Row) -> str:
    """The published value without its unit, or a dash where the paper gives none."""
    return "–" if row.paper is None else typeset(f"{row.paper:.12g}")


def our_value(row: Row) -> str:
    """Our mean with its interval: "83.1 ± 0.5 %", or "97.0 [91.5, 99.0] %" if lopsided.

    A single sample has no interval, and the mean stands alone.
    """
    return _with_unit(our_number(row), row.unit)


def our_number(row: Row) -> str:
    """As `our_value`, without the unit."""
    half_width = (row.high - row.low) / 2
    digits = decimals(half_width, row.ours)

    def shown(value: float) -> str:
        grouping = "," if abs(value) >= GROUPED else ""
        return typeset(f"{value:{grouping}.{digits}f}")

    if half_width == 0:
        return _power(row.ours) if 0 < abs(row.ours) < SMALL else shown(row.ours)
    lopsided = abs((row.high + row.low) / 2 - row.ours) > 0.05 * half_width
    if lopsided:
        return f"{shown(row.ours)} [{shown(row.low)}, {shown(row.high)}]"
    return f"{shown(row.ours)} ± {shown(half_width)}"


def _power(value: float) -> str:
    """A small number, such as "2.2 × 10⁻¹⁶"."""
    digits, exponent = f"{value:.1e}".split("e")
    return f"{typeset(digits)} × 10{str(int(exponent)).translate(SUPERSCRIPTS)}"


def verdict(row: Row) -> str:
    """The verdict, with what it turned on: "consistent with one run ± 16".

    Within a stated tolerance it reads "within ± 0.05".
    """
    if not row.tolerance:
        return row.verdict.value
    words = row.verdict.value
    if row.verdict is Verdict.IN_INTERVAL:
        words = "within"
    return f"{words} ± {row.tolerance:.2g}"


def duration(seconds: float) -> str:
    """A duration in words: "0.4 s", "12 s", "3 min", "1 h 20 min", "31 h", "5 days"."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    if minutes < 600:
        return f"{minutes // 60} h {minutes % 60} min".removesuffix(" 0 min")
    hours = round(minutes / 60)
    return f"{hours} h" if hours < 48 else f"{round(hours / 24)} days"


def _with_unit(number: str, unit: str) -> str:
    return f"{number} {unit}" if unit else number
