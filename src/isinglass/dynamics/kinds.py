"""The kind of attractor that an orbit has reached, by one rule with a confidence.

The rule looks at the last rows of an orbit, and at its leading Lyapunov exponent λ₁
(nats per step) with standard error SE, measured over T steps. In this order:

1. *diverged*: a value that is not finite, or larger than 10¹² in size;
2. *fixed point* (p = 1) or *periodic* (p > 1): the smallest p up to `max_period` with
   |x(t+p) − x(t)| ≤ `tolerance` · max(1, max |x|) all along, seen over two periods at
   least;
3. with floor = 3 SE + 10/T: *chaotic* if λ₁ > floor. The second term is there because
   the exponent of an orbit that is not chaotic ends on its value only as 1/T;
4. |λ₁| ≤ floor: *quasi-periodic*, with two exceptions that are *undecided*: where SE >
   20/T, for growth along a torus only swings to and fro and its batch means differ by a
   few nats over a batch, while those of weak chaos wander; and where the orbit still
   visibly approaches a cycle (the distance between nearest returns falls in each eighth
   of the rows), as it does for long next to a bifurcation;
5. *undecided* otherwise: the orbit contracts without recurring, so that its transient
   is not over or its period is longer than `max_period`. Also wherever step 3 has no
   exponent to look at.

Confidence. With σ = floor/3 as the uncertainty of λ₁, and Φ the normal distribution:
chaotic Φ((λ₁ − floor)/σ); quasi-periodic Φ((floor − λ₁)/σ) − Φ((−floor − λ₁)/σ); fixed
point and periodic 1 − residual/(2 · tolerance · max(1, max |x|)), from 1 for an exact
cycle to ½ at the tolerance, times Φ((floor − λ₁)/σ), which is next to 0 for a cycle
that repels: an orbit put on it stays there, but it is no attractor; diverged 1;
undecided 0.
"""

from enum import IntEnum

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import ndtr

from isinglass._common.checks import check_whole

DIVERGED_BEYOND = 1e12
SEGMENTS = 8  # eighths of the rows
STEADY = 20.0  # most that a torus' standard error of λ₁ is, times steps


class Kind(IntEnum):
    """Kind of attractor; the numbers are those stored by sweeps."""

    FIXED_POINT = 0
    PERIODIC = 1
    QUASI_PERIODIC = 2
    CHAOTIC = 3
    DIVERGED = 4
    UNDECIDED = 5


def classify(
    tail: Float[np.ndarray, "W d n"],
    exponents: Float[np.ndarray, "n k"] | None,
    error: Float[np.ndarray, "n k"] | None,
    steps: int,
    max_period: int = 64,
    tolerance: float = 1e-9,
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Decide kind, period and confidence of n orbits, by the rule of this module.

    Args:
        tail: The last W successive values of each orbit, in the map's units. Periods up
            to W/2 can be seen.
        exponents: Lyapunov exponents, descending, nats per step; only the first column
            is used. None if they were not measured: then all that does not recur or
            diverge is undecided.
        error: Their standard errors.
        steps: T, how many steps the exponents were measured over.
        max_period: The longest period looked for, steps.
        tolerance: How closely a cycle must return, relative to the size of the orbit,
            and absolute for orbits smaller than 1.

    Returns:
        The `Kind` (int8); the period in steps (int32), 1 for a fixed point and 0 where
        there is none; the confidence in [0, 1].

    Raises:
        ValueError: If the tail has fewer than 2 rows, only one of ``exponents`` and
            ``error`` is given, or a number is out of range.
    """
    _check(tail, exponents, error, steps, max_period, tolerance)
    with np.errstate(invalid="ignore"):
        diverged = ~(np.abs(tail) <= DIVERGED_BEYOND).all(axis=(0, 1))
    # Cells that diverged take part as a harmless constant; they are overwritten at the
    # end.
    tail = np.where(diverged, 0.0, tail)
    period, residual = _recurrence(tail, max_period, tolerance)
    recurs = period > 0
    leading, floor = _leading(exponents, error, steps, tail.shape[2])
    spread = floor / 3
    with np.errstate(
        invalid="ignore"
    ):  # a missing or infinite exponent compares as it should
        chaotic = ~recurs & (leading > floor)
        quasi_periodic = ~recurs & (np.abs(leading) <= floor)
        below = ndtr((floor - leading) / spread)
        above = ndtr((leading - floor) / spread)
        within = below - ndtr((-floor - leading) / spread)
        quasi_periodic &= ~(floor > (10 + 3 * STEADY) / steps)
    quasi_periodic[quasi_periodic] = ~_settles(tail[..., quasi_periodic], max_period)
    # An exponent that was not measured speaks against nothing; one of unknown error for
    # nothing.
    stays = np.where(np.isnan(leading), 1.0, np.nan_to_num(below))

    cases = [diverged, period == 1, recurs, chaotic, quasi_periodic]
    kinds = [
        Kind.DIVERGED,
        Kind.FIXED_POINT,
        Kind.PERIODIC,
        Kind.CHAOTIC,
        Kind.QUASI_PERIODIC,
    ]
    kind = np.select(
        cases, [np.int8(value) for value in kinds], np.int8(Kind.UNDECIDED)
    )
    returns = (1 - residual / 2) * stays
    confidence = np.select(cases, [1.0, returns, returns, above, within], 0.0)
    return (
        kind.astype(np.int8),
        np.where(diverged, 0, period).astype(np.int32),
        confidence,
    )


def _check(
    tail: np.ndarray,
    exponents: np.ndarray | None,
    error: np.ndarray | None,
    steps: int,
    max_period: int,
    tolerance: float,
) -> None:
    if tail.shape[0] < 2:
        raise ValueError(f"tail must hold at least 2 rows, got {tail.shape[0]}")
    if (exponents is None) != (error is None):
        raise ValueError("exponents and error must be given together, or neither")
    if exponents is not None and exponents.shape[1] == 0:
        raise ValueError(
            "exponents must hold the leading one at least; give None for none"
        )
    check_whole(steps=steps, max_period=max_period)
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be finite and not negative, got {tolerance}")


def _recurrence(
    tail: Float[np.ndarray, "W d n"], max_period: int, tolerance: float
) -> tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """Smallest period, 0 for none, and its residual as a share of what is tolerated."""
    rows, _, cells = tail.shape
    allowed = tolerance * np.maximum(1.0, np.abs(tail).max(axis=(0, 1)))
    period = np.zeros(cells, np.int32)
    residual = np.zeros(cells)
    for p in range(1, min(max_period, rows // 2) + 1):
        # The last row alone rules out nearly all, at 1/W of the price.
        near = (np.abs(tail[-1] - tail[-1 - p]) <= allowed).all(axis=0)
        candidates = np.flatnonzero(near & (period == 0))
        if candidates.size == 0:
            continue
        orbits = tail[..., candidates]
        distance = np.abs(orbits[p:] - orbits[:-p]).max(axis=(0, 1))
        recurs = distance <= allowed[candidates]
        hits = candidates[recurs]
        period[hits] = p
        residual[hits] = distance[recurs] / np.maximum(
            allowed[hits], np.finfo(float).tiny
        )
    return period, residual


def _leading(
    exponents: np.ndarray | None, error: np.ndarray | None, steps: int, cells: int
) -> tuple[Float[np.ndarray, "n"], Float[np.ndarray, "n"]]:
    """λ₁ (NaN if unknown) and the floor that it is held against."""
    if exponents is None or error is None:
        return np.full(cells, np.nan), np.ones(cells)
    leading = exponents[:, 0].astype(np.float64)
    # A superstable orbit has λ₁ = −∞, of which no error can be given and none is
    # needed.
    spread = np.where(leading == -np.inf, 0.0, error[:, 0])
    return leading, 3.0 * spread + 10.0 / steps


def _settles(
    tail: Float[np.ndarray, "W d n"], max_period: int
) -> Bool[np.ndarray, "n"]:
    """Whether an orbit still nears a cycle: its returns get nearer all along."""
    rows, _, cells = tail.shape
    length = rows // 2 // SEGMENTS
    if length == 0 or cells == 0:
        return np.zeros(cells, bool)
    nearest = np.full(cells, np.inf)
    falls = np.zeros(cells, bool)
    longest = min(max_period, rows // 2)
    for p in range(1, longest + 1):
        moved = ((tail[p:] - tail[:-p]) ** 2).sum(axis=1)
        length = moved.shape[0] // SEGMENTS
        parts = moved[: length * SEGMENTS].reshape(SEGMENTS, length, cells).mean(axis=1)
        total = parts.sum(axis=0)
        nearer = total < nearest
        nearest[nearer] = total[nearer]
        falls[nearer] = (np.diff(parts[:, nearer], axis=0) < 0).all(axis=0)
    return falls
