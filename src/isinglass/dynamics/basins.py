"""Which starts reach which attractor, and where two ways through a parameter disagree."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from isinglass._machine import cores
from isinglass.dynamics.attractor import Kind
from isinglass.dynamics.maps import DelayState, Parameters, State, Step
from isinglass.dynamics.measure import Measure, measure_cells

if TYPE_CHECKING:
    import xarray as xr

DIVERGED = -1
UNASSIGNED = -2
CYCLE_TOLERANCE = 1e-6
BATCHES = (4, 8, 16)


@dataclass(frozen=True)
class Reached:
    """An attractor that some starts reached.

    Attributes:
        kind: What it is.
        period: In steps; 1 for a fixed point, 0 where there is none.
        share: Share of all starts that reached it.
        points: One period of a cycle, or else the last values of the first orbit to reach it.
    """

    kind: Kind
    period: int
    share: float
    points: Float[np.ndarray, "points d"]


@dataclass(frozen=True)
class Basins:
    """What `basins` found.

    Attributes:
        labels: For each start, which of ``attractors`` it reached; −1 where it diverged, −2 where
            there were more attractors than asked for.
        attractors: In the order in which the starts reach them first.
        kinds: `Kind` of each start's orbit.
    """

    labels: Int[np.ndarray, "n"]
    attractors: tuple[Reached, ...]
    kinds: Int[np.ndarray, "n"]


@dataclass(frozen=True)
class Interval:
    """Where two branches of a diagram differ.

    Attributes:
        low, high: The first and the last value of the parameter at which they do.
        gap: The greatest distance between them, in the observable's unit; infinite where one of
            them has no points.
    """

    low: float
    high: float
    gap: float


def basins(
    step: Step,
    states: State,
    parameters: Parameters,
    *,
    transient: int = 1000,
    steps: int = 1000,
    max_period: int = 64,
    tolerance: float = 1e-9,
    closeness: float = 0.1,
    most: int = 64,
    observable: Any = None,
    lanes: int = 250,
) -> Basins:
    """Attractors that many starts reach at one set of parameters, and who reaches which.

    Two orbits are on one attractor if they are of one kind and period and their points lie on one
    another: to 10⁻⁶ of their size for cycles; for all else, if the mean distance from the points of
    each to the nearest of the other is at most ``closeness`` of the attractor's extent. So tori
    nested more closely than that, as in a conservative map, count as one.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        states: The starts: a state whose leaves have n of them along a new first axis. The phase of
            a `DelayState` is common to all, and may be a single number.
        parameters: The map's parameters, one set for all.
        transient: Steps before anything is looked at.
        steps: Steps over which the leading exponent is measured.
        max_period: The longest period looked for, steps.
        tolerance: How closely a cycle must return; see `classify`.
        closeness: See above; a share.
        most: How many attractors to tell apart.
        observable: ``observable(state) -> (d,)``, by which attractors are told apart; by default
            the state, which for a `DelayMap` is its newest value.
        lanes: How many starts to run at once.

    Raises:
        ValueError: If an argument is out of range or not finite.
    """
    count = _count(states)
    for name, value in (("most", most), ("lanes", lanes)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if not (np.isfinite(closeness) and closeness > 0):
        raise ValueError(f"closeness must be finite and positive, got {closeness}")
    measure = Measure(
        transient=transient,
        steps=steps,
        exponents=1,
        points=min(steps, 4 * max_period),
        observable=observable,
        max_period=max_period,
        tolerance=tolerance,
    )
    cells = _measured(step, states, parameters, measure, count, min(lanes, count))
    labels, firsts = _labels(cells["points"], cells["kind"], cells["period"], closeness, most)
    found = []
    for label, first in enumerate(firsts):
        period = int(cells["period"][first])
        points = cells["points"][first]
        found.append(
            Reached(
                kind=Kind(int(cells["kind"][first])),
                period=period,
                share=float(np.mean(labels == label)),
                points=points[-period:] if period else points,
            )
        )
    return Basins(labels, tuple(found), cells["kind"])


def _count(states: State) -> int:
    """How many starts there are."""
    # A delay map's phase is the clock of all, and may be given once.
    leaves = jax.tree.leaves(states.window if isinstance(states, DelayState) else states)
    counts = {np.shape(leaf)[:1] for leaf in leaves}
    if len(counts) != 1 or counts & {(), (0,)}:
        shapes = [np.shape(leaf) for leaf in leaves]
        raise ValueError(f"states must have n starts along its leaves' first axis, got {shapes}")
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves):
        raise ValueError("states must be finite")
    if isinstance(states, DelayState) and np.unique(np.asarray(states.phase)).size != 1:
        raise ValueError("states must all be at the same phase")
    return counts.pop()[0]


def _measured(
    step: Step, states: State, parameters: Parameters, measure: Measure, count: int, lanes: int
) -> dict[str, np.ndarray]:
    """Points, kind and period of the orbit from each start, `lanes` at a time."""
    spread = jax.tree.map(lambda value: _repeated(value, lanes), parameters)

    def batch(low: int) -> dict[str, np.ndarray]:
        # The last batch is filled up with its last start, so that one compiled program does all.
        rows = np.minimum(np.arange(low, low + lanes), count - 1)
        measured = measure_cells(step, _lanes(states, rows), spread, measure)
        kept = min(lanes, count - low)
        return {name: measured[name][:kept] for name in ("points", "kind", "period")}

    with ThreadPoolExecutor(cores()) as pool:
        parts = list(pool.map(batch, range(0, count, lanes)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _lanes(states: State, rows: np.ndarray) -> State:
    """Some of the starts, along a last axis."""
    if isinstance(states, DelayState):
        return DelayState(_lanes(states.window, rows), jnp.asarray(states.phase).ravel()[0])
    return jax.tree.map(lambda leaf: np.moveaxis(np.asarray(leaf)[rows], 0, -1), states)


def _repeated(value: Any, lanes: int) -> np.ndarray:
    array = np.asarray(value, dtype=np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"parameters must be finite, got {value}")
    return np.repeat(array[..., None], lanes, axis=-1)


def _labels(
    points: Float[np.ndarray, "n W d"],
    kind: Int[np.ndarray, "n"],
    period: Int[np.ndarray, "n"],
    closeness: float,
    most: int,
) -> tuple[Int[np.ndarray, "n"], list[int]]:
    """Label of each orbit, and for each label the first orbit that has it."""
    labels = np.where(kind == Kind.DIVERGED, DIVERGED, UNASSIGNED)
    firsts: list[int] = []
    while len(firsts) < most:
        left = np.flatnonzero(labels == UNASSIGNED)
        if left.size == 0:
            break
        first = int(left[0])
        alike = left[(kind[left] == kind[first]) & (period[left] == period[first])]
        cycle = int(period[first])
        kept = slice(-cycle, None) if cycle else slice(None)
        here = points[first][kept]
        if cycle:
            allowed = CYCLE_TOLERANCE * max(1.0, float(np.abs(here).max()))
        else:
            allowed = closeness * float(np.ptp(here, axis=0).max())
        near = _near(points[alike][:, kept], here, allowed)
        labels[alike[near]] = len(firsts)
        labels[first] = len(firsts)
        firsts.append(first)
    return labels, firsts


def _near(
    clouds: Float[np.ndarray, "n W d"], cloud: Float[np.ndarray, "V d"], allowed: float
) -> Bool[np.ndarray, "n"]:
    """Which clouds of points are within a `cloud_distance` of one."""
    near = KDTree(cloud).query(clouds)[0].mean(axis=-1) <= allowed
    # The way back takes a tree for each, so only where the way there leaves it open.
    for index in np.flatnonzero(near):
        near[index] = KDTree(clouds[index]).query(cloud)[0].mean() <= allowed
    return near


def cloud_distance(one: Float[np.ndarray, "W d"], other: Float[np.ndarray, "V d"]) -> float:
    """How far apart two sets of points are, in their unit.

    The mean distance from a point of one to the nearest of the other, the larger of both ways.
    Rows with NaN are left out; 0 between two empty sets, infinite if only one is empty.
    """
    one, other = _complete(one), _complete(other)
    if len(one) == 0 or len(other) == 0:
        return 0.0 if len(one) == len(other) else float("inf")
    there, back = KDTree(other).query(one)[0], KDTree(one).query(other)[0]
    return float(max(there.mean(), back.mean()))


def _complete(points: np.ndarray) -> np.ndarray:
    return points[np.isfinite(points).all(axis=-1)]


def hysteresis(
    up: "xr.Dataset | xr.DataArray",
    down: "xr.Dataset | xr.DataArray | None" = None,
    *,
    tolerance: float = 0.01,
    run: int = 1,
) -> list[Interval]:
    """Where a diagram depends on the way in which its parameter is swept.

    The branches differ at a value if the `cloud_distance` of their points exceeds ``tolerance`` of
    the extent of the whole diagram, plus twice what one half of a branch's points differs from the
    other half (for a cycle nothing; for chaos, the scatter of a finite sample).

    That is all where one of them recurs, to 10⁻⁶ of its size. Two orbits that do not can be parts
    of one attractor and lie apart all the same: near a p/q resonance a rotation stays for long in
    q short arcs, which lie where its phase puts them. So there the mean or the standard deviation
    of some component must differ too, by more than ``tolerance`` of the extent and three standard
    errors. These come from batches and, for an orbit that has drifted less than the distance of
    its q arcs from each other, from what the mean of q points on a closed curve can be wrong by,
    taken as 2/q² of the extent of both branches. Tori, or chaotic attractors, that agree in all
    means and deviations are not told apart, and neither are orbits that have hardly moved and do
    not recur.

    An end of an interval is known to one spacing of the values.

    Args:
        up: The diagram of the sweep upwards: points with the dimensions "point", in order of time,
            "component" and that of the parameter, or a Dataset that has them as ``points``. Or what
            `continuation` returns, with both directions in it, and no ``down``.
        down: The same of the sweep downwards, at the same values in any order.
        tolerance: A share of the diagram's extent.
        run: At how many neighbouring values the branches must differ to make an interval.

    Returns:
        The intervals, ascending; empty if the way does not matter.

    Raises:
        ValueError: If the two are not diagrams over the same values of one parameter, or a number
            is out of range.
    """
    if not (np.isfinite(tolerance) and tolerance >= 0):
        raise ValueError(f"tolerance must be finite and not negative, got {tolerance}")
    if run < 1:
        raise ValueError(f"run must be at least 1, got {run}")
    if down is None:
        if "direction" not in up.dims or set(up["direction"].values) != {"up", "down"}:
            raise ValueError('up must hold the directions "up" and "down", or down be given')
        up, down = up.sel(direction="up"), up.sel(direction="down")
    values, rising = _diagram("up", up)
    others, falling = _diagram("down", down)
    if not np.array_equal(values, others):
        raise ValueError("up and down must hold the same values of the parameter")
    both = _complete(np.concatenate([rising, falling], axis=1))
    extent = float(np.ptp(both, axis=0).max()) if len(both) else 0.0
    gaps = np.array([cloud_distance(a, b) for a, b in zip(rising, falling, strict=True)])
    differ = np.array(
        [
            _differ(_complete(a), _complete(b), gap, tolerance * extent)
            for a, b, gap in zip(rising, falling, gaps, strict=True)
        ]
    )
    return [
        Interval(float(values[first]), float(values[last]), float(gaps[first : last + 1].max()))
        for first, last in runs(differ)
        if last - first + 1 >= run
    ]


def _differ(
    one: Float[np.ndarray, "W d"], other: Float[np.ndarray, "V d"], gap: float, allowed: float
) -> bool:
    """Whether two orbits are on different attractors, by the rule of `hysteresis`."""
    scatter = [_scatter(one), _scatter(other)]
    if gap <= allowed + 2 * max(scatter):
        return False
    if len(one) == 0 or len(other) == 0:
        return True
    size = max(1.0, float(np.abs(one).max()), float(np.abs(other).max()))
    if min(scatter) <= CYCLE_TOLERANCE * size:
        return True
    extent = np.ptp(np.concatenate([one, other]), axis=0)
    error = np.hypot(*(_batch_error(points) for points in (one, other)))
    unseen = [2 / arcs**2 for arcs in map(_arcs, (one, other)) if arcs]
    moved = np.abs(_moments(one) - _moments(other))
    return bool((moved > allowed + 3 * error + max(unseen, default=0.0) * extent).any())


def _moments(points: Float[np.ndarray, "*batch W d"]) -> Float[np.ndarray, "2 *batch d"]:
    """Mean and standard deviation of each component: neither depends on the order in time."""
    return np.stack([points.mean(axis=-2), points.std(axis=-2)])


def _batch_error(points: Float[np.ndarray, "W d"]) -> Float[np.ndarray, "2 d"]:
    """Standard error of the moments from batches, the largest over some numbers of them."""
    errors = [np.zeros((2, points.shape[1]))]
    for count in BATCHES:
        length = len(points) // count
        if length >= 2:
            parts = points[-length * count :].reshape(count, length, -1)
            errors.append(_moments(parts).std(axis=1, ddof=1) / np.sqrt(count))
    return np.max(errors, axis=0)


def _arcs(points: Float[np.ndarray, "W d"]) -> int:
    """In how many short arcs an orbit near a resonance still lies; 0 if they have met."""
    count, extent = len(points), float(np.ptp(points, axis=0).max())
    for q in range(1, count // 4 + 1):
        drift = np.linalg.norm(points[q:] - points[:-q], axis=1).mean() * count / q
        if drift >= 2 * extent:
            continue
        if q == 1:  # it creeps: one arc, whatever its length
            return 1
        if drift < np.median(KDTree(points[:q]).query(points[:q], 2)[0][:, 1]):
            return q
    return 0


def _diagram(name: str, given: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ascending values of the parameter, and the points at each, (n, W, d)."""
    points = given["points"] if hasattr(given, "data_vars") else given
    missing = {"point", "component"} - set(points.dims)
    varied = [dim for dim in points.dims if dim not in ("point", "component")]
    if missing or len(varied) != 1:
        raise ValueError(
            f'{name} must have the dimensions "point", "component" and one parameter, '
            f"got {tuple(points.dims)}"
        )
    ordered = points.transpose(varied[0], "point", "component").sortby(varied[0])
    return np.asarray(ordered[varied[0]]), np.asarray(ordered, dtype=np.float64)


def _scatter(points: Float[np.ndarray, "W d"]) -> float:
    """How far the first half of the points is from the second."""
    points = _complete(points)
    half = len(points) // 2
    return cloud_distance(points[:half], points[half:]) if half else 0.0


def runs(flags: Bool[np.ndarray, "n"]) -> Sequence[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(first), int(end) - 1) for first, end in zip(firsts, ends, strict=True)]
