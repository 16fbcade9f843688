"""The kind of attractor that an orbit has reached, by one rule with a confidence.

All is of one stretch of T steps: the values of the orbit at its end and at times spread
over it, the leading Lyapunov exponent λ₁ (nats per step) with its standard error SE,
and weighted Birkhoff averages (`isinglass.dynamics._birkhoff`). Nothing has a scale of
its own, so that neither a unit nor an origin matters. With floor = 3 SE + 10/T (its
second term is there because the exponent of an orbit that is not chaotic ends on its
value only as 1/T), in this order:

1. *diverged*: a value that is not finite; or an orbit whose extent (peak-to-peak) at
   least doubles in each eighth of the stretch, and grows by 1/eps in all. A drift, such
   as that of an angle that is not wrapped, does neither.
2. *fixed point* (p = 1) or *periodic* (p > 1): the smallest p up to `max_period` at
   which the last quarter of the values, or their last two periods if these are longer,
   agree with their last period: to within tolerance · extent + 1000 · eps · size, with
   the largest extent of any component and the largest number. Or that to which the
   orbit comes nearer all along: the distance to its last period falls to 0.7 of itself
   or less in each eighth of the second half of the stretch, while λ₁ lies below −(3 SE
   + 4/T), more than at a bifurcation, where it falls as a power of time. λ₁ and T are
   then those of the part since which the orbit has settled on the cycle, staying within
   a hundredth of its extent (for a fixed point, of the extent of the stretch); a part
   of less than a fifteenth of the stretch is too short to decide.
3. *chaotic*: λ₁ > floor.
4. *quasi-periodic*: |λ₁| ≤ floor, and the averages converge. Let e(L) be the spread of
   the averages of x and of x² over windows of L steps, as a share of extent and
   extent², at the worst over the components. In chaos e falls as L^(−½), by 0.7 from L
   to 2L. Here both ratios q = e(T/4)/e(T/8) and e(T/2)/e(T/4) must be at most ¼, and
   e(T/2) at most 0.01; what is at rounding (10⁻¹¹, or as far as the origin is away) has
   converged. And the nearest returns of the orbit do not come nearer, by 0.7 or less
   from one half of the values to the next, as they do on the way to a long cycle.
   Without exponents this alone decides.
5. *undecided* otherwise. Chaos without exponents is.

A cycle longer than half of the values that are looked at, on an invariant curve or
through so many doublings that λ₁ is 0 within its error, cannot be told from a torus.

Confidence, with σ = floor/3 as the uncertainty of λ₁, and Φ the normal distribution:
chaotic Φ((λ₁ − floor)/σ); quasi-periodic 1 − 4 q² with the larger q, times Φ((floor −
λ₁)/σ) − Φ((−floor − λ₁)/σ); fixed point and periodic Φ((floor − λ₁)/σ), which is next
to 0 for a cycle that repels: an orbit put on it stays there, but it is no attractor;
for a cycle only neared Φ(3 (−f − λ₁)/f) with f = 3 SE + 4/T; diverged 1; undecided 0.
How often answers are right is measured by ``benchmarks/kinds.py``.
"""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from isinglass._common.checks import check_in, check_real, check_shapes, check_whole
from isinglass.dynamics._birkhoff import WeightedAverages
from isinglass.dynamics._recurrence import (
    Closeness,
    Doubts,
    Marks,
    Returns,
    find_returns,
)

MARKS = 240  # times of a stretch at which values and growth are kept
CONVERGED = 0.25  # most that an average's error may keep of itself, from L to 2 L
SHORTEST = 256  # steps without which averages say nothing
APPROACH = 4.0  # nats over the stretch, that at least an approach contracts by
CERTAIN = 0.95  # an orbit of less confidence is run on
SHORTEST_TAIL = 128  # values that are looked at for recurrence, at least


class Kind(IntEnum):
    """Kind of attractor; the numbers are those stored by sweeps."""

    FIXED_POINT = 0
    PERIODIC = 1
    QUASI_PERIODIC = 2
    CHAOTIC = 3
    DIVERGED = 4
    UNDECIDED = 5


@dataclass(frozen=True)
class Growth:
    """Leading exponents of n orbits, each with the steps that it was measured over.

    Attributes:
        leading: λ₁, nats per step, NaN where it was not measured, (n,).
        error: Its standard error, (n,).
        steps: T, (n,).
    """

    leading: Float[np.ndarray, "n"]
    error: Float[np.ndarray, "n"]
    steps: Float[np.ndarray, "n"]

    def floor(self, nats: float = 10.0) -> Float[np.ndarray, "n"]:
        """What |λ₁| is held against: 3 SE + 10/T, or another number of nats by T."""
        # A superstable orbit has λ₁ = −∞, of which no error can be given and none is
        # needed.
        error = np.where(self.leading == -np.inf, 0.0, self.error)
        with np.errstate(divide="ignore"):
            floor = 3 * error + nats / self.steps
        return np.where(np.isnan(self.leading), 1.0, floor)


def classify(
    orbit: Float[np.ndarray, "T d n"],
    exponents: Float[np.ndarray, "n k"] | None,
    error: Float[np.ndarray, "n k"] | None,
    max_period: int = 512,
    tolerance: float = 1e-9,
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Decide kind, period and confidence of n orbits, by the rule of this module.

    Args:
        orbit: T successive values of each orbit, in the map's units. Periods up to T/2
            can be found.
        exponents: Lyapunov exponents over the same steps, descending, nats per step;
            only the first column is used. None if they were not measured: nothing is
            then called chaotic.
        error: Their standard errors.
        max_period: The longest period looked for, steps.
        tolerance: How closely a cycle must return, as a share of the orbit's extent.

    Returns:
        The `Kind` (int8); the period in steps (int32), 1 for a fixed point and 0 where
        there is none; the confidence in [0, 1].

    Raises:
        ValueError: If the orbit has fewer than 2 rows, only one of ``exponents`` and
            ``error`` is given, or a number is out of range.
    """
    _check(orbit, exponents, error, max_period, tolerance)
    steps, _, cells = orbit.shape
    orbit = np.asarray(orbit)
    if orbit.dtype.kind != "f":
        orbit = orbit.astype(float)
    averages = WeightedAverages(steps)
    averages.take(orbit)
    times = np.unique(np.linspace(0, steps - 1, MARKS + 1).round().astype(int))
    marks = Marks(orbit[times], steps - 1 - times)
    eps = float(np.finfo(orbit.dtype).eps)
    unknown = np.full(cells, np.nan)
    growth = Growth(
        unknown if exponents is None else exponents[:, 0].astype(np.float64),
        unknown if error is None else error[:, 0].astype(np.float64),
        np.full(cells, float(steps)),
    )
    gone, ratio = has_diverged(marks, averages, steps, eps), averages.ratio(eps)
    returns = find_returns(
        np.where(gone, 0.0, orbit[-tail_rows(max_period) :]),
        marks._replace(values=np.where(gone, 0.0, marks.values)),
        steps,
        Closeness(max_period, tolerance, eps),
        Doubts(ratio <= CONVERGED, growth.leading < 0),
    )
    return decide(gone, returns, ratio, growth, steps)


def tail_rows(max_period: int) -> int:
    """How many of the last values are looked at for recurrence, at the most."""
    return max(SHORTEST_TAIL, 2 * max_period)


def has_diverged(
    marks: Marks, averages: WeightedAverages, steps: int, eps: float
) -> Bool[np.ndarray, "n"]:
    """Whether an orbit has left the finite numbers, or grows exponentially all along.

    Args:
        marks: Values at times over the stretch, and maybe before it.
        averages: Of the stretch.
        steps: Length of the stretch.
        eps: Distance from 1 to the next number of the precision.
    """
    finite = np.isfinite(averages.low) & np.isfinite(averages.high)
    ends = np.searchsorted(-marks.before_end, -(steps * np.arange(8, 0, -1) // 8))
    ends = [*ends, len(marks.before_end)]
    with np.errstate(all="ignore"):
        extents = np.stack(
            [
                np.ptp(marks.values[start : max(end, start + 1)], axis=0).max(axis=0)
                for start, end in pairwise(ends)
            ]
        )
        doubles = (extents[1:] >= 2 * extents[:-1]).all(axis=0) & (extents[0] > 0)
        grows = doubles & (extents[-1] >= extents[0] / eps)
    return ~finite.all(axis=0) | grows


def decide(
    gone: Bool[np.ndarray, "n"],
    returns: Returns,
    ratio: Float[np.ndarray, "n"],
    growth: Growth,
    steps: int,
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Kind, period and confidence by the evidence of one stretch.

    Args:
        gone: Whether the orbit has diverged.
        returns: The cycles that were looked for.
        ratio: How the error of averages falls as windows double.
        growth: Leading exponents, of the part of the stretch that is on the cycle.
        steps: Length of the stretch.
    """
    leading, floor = growth.leading, growth.floor()
    approach = growth.floor(APPROACH)
    spread, missing = floor / 3, np.isnan(growth.leading)
    # A missing exponent speaks for nothing and against nothing; one of unknown error
    # is none.
    with np.errstate(invalid="ignore"):
        below = np.nan_to_num(ndtr((floor - leading) / spread))
        above = np.nan_to_num(ndtr((leading - floor) / spread))
        low = np.nan_to_num(ndtr((-floor - leading) / spread))
        falls = np.nan_to_num(ndtr(3 * (-approach - leading) / approach))
        chaotic = leading > floor
        neutral = missing | (np.abs(leading) <= floor)
        contracts = leading < -approach
    within = np.where(missing, 1.0, below - low) * (1 - 4 * np.minimum(ratio, 0.5) ** 2)
    below, falls = (np.where(missing, 1.0, share) for share in (below, falls))
    is_long = ~(growth.steps < steps / 15)
    cycle = (returns.period > 0) & is_long & (~returns.is_approach | contracts)
    quasi_periodic = neutral & (ratio <= CONVERGED) & (steps >= SHORTEST)
    quasi_periodic &= (returns.period == 0) & ~returns.narrows
    chaotic &= returns.period == 0
    returning = np.where(returns.is_approach, falls, below)
    cases = [gone, cycle & (returns.period == 1), cycle, chaotic, quasi_periodic]
    kinds = [
        Kind.DIVERGED,
        Kind.FIXED_POINT,
        Kind.PERIODIC,
        Kind.CHAOTIC,
        Kind.QUASI_PERIODIC,
    ]
    kind = np.select(cases, [np.int8(kind) for kind in kinds], np.int8(Kind.UNDECIDED))
    confidence = np.select(cases, [1.0, returning, returning, above, within], 0.0)
    period = np.where(cycle & ~gone, returns.period, 0)
    return kind.astype(np.int8), period.astype(np.int32), confidence


def _check(
    orbit: np.ndarray,
    exponents: np.ndarray | None,
    error: np.ndarray | None,
    max_period: int,
    tolerance: float,
) -> None:
    check_shapes(orbit=(orbit, "T d n"))
    check_real(orbit=orbit)
    if orbit.shape[0] < 2:
        raise ValueError(f"orbit must hold at least 2 rows, got {orbit.shape[0]}")
    if (exponents is None) != (error is None):
        raise ValueError("exponents and error must be given together, or neither")
    if exponents is not None and error is not None:
        check_real(exponents=exponents, error=error)
        if exponents.shape[1:] == (0,):
            raise ValueError(
                "exponents must hold the leading one at least; give None for none"
            )
        check_shapes(
            orbit=(orbit, "T d n"), exponents=(exponents, "n k"), error=(error, "n k")
        )
    check_whole(max_period=max_period)
    check_in("[0, inf)", tolerance=tolerance)
