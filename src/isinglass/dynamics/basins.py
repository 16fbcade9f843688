"""Which starts reach which attractor, and where two ways through a parameter disagree."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import KDTree

from isinglass._common.machine import cores
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.kinds import Kind
from isinglass.dynamics.maps import DelayState, Parameters, State, Step
from isinglass.dynamics.measure import Measure

if TYPE_CHECKING:
    pass

DIVERGED = -1
UNASSIGNED = -2
CYCLE_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Reached:
    """An attractor that some starts reached.

    Attributes:
        kind: What it is.
        period: In steps; 1 for a fixed point, 0 where there is none.
        share: Share of all starts that reached it.
        points: One period of a cycle, or else the last values of the first orbit to
            reach it.
    """

    kind: Kind
    period: int
    share: float
    points: Float[np.ndarray, "points d"]


@dataclass(frozen=True)
class Basins:
    """What `basins` found.

    Attributes:
        labels: For each start, which of ``attractors`` it reached; −1 where it
            diverged, −2 where there were more attractors than asked for.
        attractors: In the order in which the starts reach them first.
        kinds: `Kind` of each start's orbit.
    """

    labels: Int[np.ndarray, "n"]
    attractors: tuple[Reached, ...]
    kinds: Int[np.ndarray, "n"]


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

    Two orbits are on one attractor if they are of one kind and period and their points
    lie on one another: to 10⁻⁶ of their size for cycles; for all else, if the mean
    distance from the points of each to the nearest of the other is at most
    ``closeness`` of the attractor's extent. So tori nested more closely than that, as
    in a conservative map, count as one.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        states: The starts: a state whose leaves have n of them along a new first axis.
            The phase of a `DelayState` is common to all, and may be a single number.
        parameters: The map's parameters, one set for all.
        transient: Steps before anything is looked at.
        steps: Steps over which the leading exponent is measured.
        max_period: The longest period looked for, steps.
        tolerance: How closely a cycle must return; see `classify`.
        closeness: See above; a share.
        most: How many attractors to tell apart.
        observable: ``observable(state) -> (d,)``, by which attractors are told apart;
            by default the state, which for a `DelayMap` is its newest value.
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
    labels, firsts = _labels(
        cells["points"], cells["kind"], cells["period"], closeness, most
    )
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
    leaves = jax.tree.leaves(
        states.window if isinstance(states, DelayState) else states
    )
    counts = {np.shape(leaf)[:1] for leaf in leaves}
    if len(counts) != 1 or counts & {(), (0,)}:
        shapes = [np.shape(leaf) for leaf in leaves]
        raise ValueError(
            f"states must have n starts along its leaves' first axis, got {shapes}"
        )
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves):
        raise ValueError("states must be finite")
    if isinstance(states, DelayState) and np.unique(np.asarray(states.phase)).size != 1:
        raise ValueError("states must all be at the same phase")
    return counts.pop()[0]


def _measured(
    step: Step,
    states: State,
    parameters: Parameters,
    measure: Measure,
    count: int,
    lanes: int,
) -> dict[str, np.ndarray]:
    """Points, kind and period of the orbit from each start, `lanes` at a time."""
    spread = jax.tree.map(lambda value: _repeated(value, lanes), parameters)

    def batch(low: int) -> dict[str, np.ndarray]:
        # The last batch is filled up with its last start, so that one compiled program
        # does all.
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
        return DelayState(
            _lanes(states.window, rows), jnp.asarray(states.phase).ravel()[0]
        )
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
