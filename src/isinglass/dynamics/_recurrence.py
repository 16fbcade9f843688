"""Whether orbits return, since when, and whether they still near a cycle.

Nothing here has a scale of its own. Two values agree if they differ in no component by
more than tolerance · extent + 1000 · eps · size, where the extent is the largest
peak-to-peak of any component, the size the largest of all numbers, and eps the rounding
of the precision: so neither a unit nor an origin matters, as far as rounding allows.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

NEAR = (
    0.01  # as near to a cycle as this share of its extent, an orbit has settled on it
)
FALL = 0.7  # most that a distance may keep of itself, where an orbit nears a cycle
TOGETHER = 4  # values that must return together to be a nearest return
FLIPPED = 4.0  # 2/(e^(1/2) − 1), rounded up: a flip beside half a nat of approach
QUARTERS = 4  # of the second half of a stretch, in each of which an approach goes on


class Marks(NamedTuple):
    """Values of orbits at some times, the last of them at the end.

    Attributes:
        values: In order of time, (m, d, n).
        before_end: How many steps before the end each of them was, (m,).
    """

    values: Float[np.ndarray, "m d n"]
    before_end: Int[np.ndarray, "m"]


class Closeness(NamedTuple):
    """What counts as a return.

    Attributes:
        max_period: Longest period to look for; half of the values is the most.
        tolerance: How closely a cycle must return, as a share of the orbit's extent.
        eps: Distance from 1 to the next number of the precision, or by how much each
            orbit is rounded.
    """

    max_period: int
    tolerance: float
    eps: float | Float[np.ndarray, "n"]


class Doubts(NamedTuple):
    """Where it matters how nearly orbits on no cycle return.

    Attributes:
        converges: Where averages converge: on a torus, or on the way to a long cycle.
        contracts: Where tangents shrink: on the way to a cycle.
    """

    converges: Bool[np.ndarray, "n"]
    contracts: Bool[np.ndarray, "n"]


class Returns(NamedTuple):
    """The cycles that orbits are on, or come ever closer to.

    Attributes:
        period: The smallest period in steps, 0 for none, (n,).
        settled: How many steps before the end the orbit had settled on it, (n,).
        is_approach: Whether the orbit only comes closer as yet, (n,).
        narrows: Whether an orbit on no cycle returns ever more nearly, (n,).
    """

    period: Int[np.ndarray, "n"]
    settled: Int[np.ndarray, "n"]
    is_approach: Bool[np.ndarray, "n"]
    narrows: Bool[np.ndarray, "n"]


def find_returns(
    tail: Float[np.ndarray, "W d n"],
    marks: Marks,
    steps: int,
    closeness: Closeness,
    doubts: Doubts,
) -> Returns:
    """Find the cycles that orbits are on, or come ever closer to.

    Args:
        tail: Their last values, all finite.
        marks: Values at times spread over all that was looked at.
        steps: Length of the last stretch, the one that is judged.
        closeness: What counts as a return.
        doubts: Where it matters how nearly an orbit on no cycle returns.
    """
    max_period, tolerance, eps = closeness
    extent = np.ptp(tail, axis=0).max(axis=0)
    allowed = tolerance * extent + 1000 * eps * np.abs(tail).max(axis=(0, 1))
    longest = min(max_period, len(tail) // 2)
    distance = _distances(tail, longest)
    period = _recurrent(tail, distance <= allowed, allowed)
    nearest = np.ones_like(period)
    lanes = np.flatnonzero((period == 0) & (doubts.converges | doubts.contracts))
    if lanes.size:
        # The last value alone may be near to another of its cycle by chance.
        distance = distance[:, lanes]
        for back in range(1, min(TOGETHER, len(tail) - longest)):
            distance = np.maximum(distance, _distances(tail[:-back, :, lanes], longest))
        nearest[lanes] = 1 + distance.argmin(axis=0)
    narrows = np.zeros(len(period), bool)
    for lane in np.flatnonzero((period == 0) & doubts.converges):
        narrows[lane] = _narrows(tail[..., lane], int(nearest[lane]))
    settled = np.zeros(len(period), np.int64)
    is_approach = np.zeros(len(period), bool)
    lanes = np.flatnonzero((period > 0) | doubts.contracts)
    if lanes.size:
        period[lanes], settled[lanes], is_approach[lanes] = _on_cycles(
            tail[..., lanes],
            marks._replace(values=marks.values[..., lanes]),
            steps,
            (period[lanes], nearest[lanes]),
            allowed[lanes],
        )
    return Returns(period, settled, is_approach, narrows)


def _on_cycles(
    tail: Float[np.ndarray, "W d n"],
    marks: Marks,
    steps: int,
    candidates: tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]],
    allowed: Float[np.ndarray, "n"],
) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
    """Period, when it was settled on, and whether it is only neared.

    The candidates are the period with which an orbit recurs, or 0, and that of its
    nearest return.
    """
    period, nearest = candidates
    farthest = _farthest(tail, marks, np.where(period > 0, period, nearest))
    ends = steps * np.arange(QUARTERS, 0, -1) // (2 * QUARTERS)
    at = np.searchsorted(-marks.before_end, -ends)
    falls = (farthest[at[1:]] <= FALL * farthest[at[:-1]]).all(axis=0)
    # The last period itself, which is at no distance, must not reach that far back.
    is_approach = (period == 0) & falls & (nearest <= steps // (4 * QUARTERS))
    period = np.where(is_approach, nearest, period)
    period = _least(tail, period, steps, allowed)
    scale = NEAR * _scale(tail, marks, period)
    first = (farthest <= np.maximum(scale, allowed)).argmax(axis=0)
    return period, np.where(period > 0, marks.before_end[first], 0), is_approach


def _distances(
    tail: Float[np.ndarray, "W d n"], longest: int
) -> Float[np.ndarray, "P n"]:
    """How far the last value is from the one p steps before, in row p − 1."""
    return np.abs(tail[-1] - tail[-2 : -2 - longest : -1]).max(axis=1)


def _recurrent(
    tail: Float[np.ndarray, "W d n"],
    is_near: Bool[np.ndarray, "P n"],
    allowed: Float[np.ndarray, "n"],
) -> Int[np.ndarray, "n"]:
    """Smallest period with which the end of each orbit recurs, 0 for none."""
    period = np.zeros(tail.shape[2], np.int32)
    for p in 1 + np.flatnonzero(is_near.any(axis=1)):
        lanes = np.flatnonzero(is_near[p - 1] & (period == 0))
        if not lanes.size:
            continue
        # Held against the last period, not against each other: a drift adds up.
        periods = max(2, -(-len(tail) // (4 * p)))
        periods = min(periods, len(tail) // p)
        rows = tail[len(tail) - periods * p :, :, lanes]
        rows = rows.reshape(periods, p, *rows.shape[1:])
        recurs = (np.abs(rows - rows[-1]) <= allowed[lanes]).all(axis=(0, 1, 2))
        period[lanes[recurs]] = p
    return period


def _least(
    tail: Float[np.ndarray, "W d n"],
    multiple: Int[np.ndarray, "n"],
    steps: int,
    allowed: Float[np.ndarray, "n"],
) -> Int[np.ndarray, "n"]:
    """The period of which another may be a multiple.

    A multiplier −0.99 makes every second return nearer, so that what nears a cycle of p
    steps looks like one of 2p. It is one of p if its returns after p steps are at last
    about as near as those to 2p were an eighth of a stretch ago.
    """
    period = multiple.copy()
    for q in np.unique(multiple[multiple > 1]):
        back = min(steps // 8, len(tail) - q) // q * q
        end = tail[len(tail) - q - max(back, q) :]
        for p in range(1, q // 2 + 1):
            if q % p:
                continue
            lanes = np.flatnonzero((multiple == q) & (period == q))
            values = end[..., lanes]
            early = values[len(end) - q - back : len(end) - back]
            before = np.abs(values[-q:] - early).max(axis=(0, 1))
            moved = np.abs(values[-q:] - values[-q - p : -p]).max(axis=(0, 1))
            is_less = moved <= np.maximum(FLIPPED * before, allowed[lanes])
            period[lanes[is_less]] = p
    is_least = (period == multiple).all()
    return period if is_least else _least(tail, period, steps, allowed)


def _narrows(tail: Float[np.ndarray, "W d"], p: int) -> bool:
    """Whether returns after p steps come nearer from the first half to the last.

    On a torus they stay as near as they are.
    """
    moved = np.abs(tail[p:] - tail[:-p]).max(axis=1)
    half = len(moved) // 2
    return bool(moved[half:].mean() <= FALL * moved[:half].mean())


def _farthest(
    tail: Float[np.ndarray, "W d n"], marks: Marks, period: Int[np.ndarray, "n"]
) -> Float[np.ndarray, "m n"]:
    """The farthest that an orbit ever was from its last period, from each mark on."""
    rows = len(tail) - 1 - marks.before_end[:, None] % period
    cycle = tail[rows, :, np.arange(tail.shape[2])]
    distance = np.abs(np.moveaxis(marks.values, 1, -1) - cycle).max(axis=-1)
    return np.maximum.accumulate(distance[::-1], axis=0)[::-1]


def _scale(
    tail: Float[np.ndarray, "W d n"], marks: Marks, period: Int[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """Extent of a cycle; for a fixed point, which has none, of all that led to it."""
    scale = np.ptp(marks.values, axis=0).max(axis=0)
    for p in np.unique(period[period > 1]):
        lanes = period == p
        scale[lanes] = np.ptp(tail[-p:][..., lanes], axis=0).max(axis=0)
    return scale
