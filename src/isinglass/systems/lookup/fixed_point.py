"""Features as whole numbers of some bits, as a circuit has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from isinglass._common.checks import (
    as_array,
    check_finite,
    check_flag,
    check_in,
    check_positive,
    check_real,
    check_whole,
)
from isinglass.systems.lookup.thermometer import Thermometer

MOST_BITS = 32


@dataclass(frozen=True)
class FixedPoint:
    """Features as whole numbers q, which stand for q / unit.

    Attributes:
        bits: Of a feature, from 1 to 32.
        unit: What stands for 1: 1 for whole numbers, 255 for pixels of a byte that a
            network has learned as numbers from 0 to 1, 2^p for p bits behind the point.
        signed: Whether q is from −2^(bits−1) to 2^(bits−1) − 1, else from 0 to
            2^bits − 1.

    Raises:
        ValueError: If a value is out of range.
        TypeError: If signed is neither True nor False.
    """

    bits: int = 8
    unit: float = 1.0
    signed: bool = False

    def __post_init__(self) -> None:
        check_whole(bits=self.bits)
        check_in(f"[1, {MOST_BITS}]", bits=self.bits)
        check_positive(unit=self.unit)
        check_flag(signed=self.signed)
        object.__setattr__(self, "bits", int(self.bits))
        object.__setattr__(self, "unit", float(self.unit))
        if self.unit < 2.0**-900:
            raise ValueError(f"unit must be at least 2^-900, got {self.unit}")

    @property
    def least(self) -> int:
        """The least whole number."""
        return -(1 << self.bits - 1) if self.signed else 0

    @property
    def most(self) -> int:
        """The largest whole number."""
        return self.least + (1 << self.bits) - 1

    def integers(self, samples: Num[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Return the whole numbers that are nearest to samples, of their shape.

        Raises:
            ValueError: If samples are not finite and real, or beyond the range.
        """
        array = np.asarray(as_array("samples", samples))
        check_real(samples=array)
        check_finite(samples=array)
        with np.errstate(over="ignore"):
            rounded = np.rint(array.astype(np.float64) * self.unit)
        if rounded.size and not self.least <= rounded.min() <= rounded.max() <= (
            self.most
        ):
            raise ValueError(
                f"samples must be from {self.least / self.unit} to "
                f"{self.most / self.unit} in {self}, got some from {array.min()} to "
                f"{array.max()}"
            )
        return rounded.astype(np.int64)

    def values(self, integers: Int[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """Return the numbers that whole numbers stand for, q / unit in float64.

        Raises:
            ValueError: If they are no whole numbers.
        """
        array = np.asarray(as_array("integers", integers))
        if array.dtype.kind not in "iu":
            raise ValueError(f"integers must be whole numbers, got {array.dtype}")
        return array / self.unit


def least_passing(points: FixedPoint, thresholds: Any) -> Int[np.ndarray, "bits"]:
    """The least whole number that passes each threshold (bits,); of none, most + 1.

    By halving, each time with the thermometer's own comparison of q / unit: so bits of
    whole numbers are its bits exactly, whatever rounds.
    """
    thermometer = Thermometer(thresholds[:, None])
    below = np.zeros(len(thresholds), np.int64)  # how many do not pass
    for power in reversed(range(points.bits + 1)):
        more = below + (1 << power)
        last = np.minimum(points.least + more - 1, points.most)
        stays = ~thermometer(points.values(last))[:, 0]
        below = np.where(stays & (more <= 1 << points.bits), more, below)
    return points.least + below


def comparator(points: FixedPoint, feature: int, least: int) -> str:
    """Verilog for whether a feature is at least some whole number."""
    if least <= points.least:
        return "1'b1"
    if least > points.most:
        return "1'b0"
    bits, low = points.bits, feature * points.bits
    value = f"features[{low + bits - 1}:{low}]"
    if not points.signed:
        return f"{value} >= {bits}'d{least}"
    # In hexadecimal digits: the least signed number has no decimal ones.
    return f"$signed({value}) >= {bits}'sh{least % (1 << bits):x}"
