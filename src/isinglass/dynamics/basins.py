"""Which starts reach which attractor."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import check_positive, check_whole
from isinglass._common.machine import cores
from isinglass.dynamics._checks import check_map
from isinglass.dynamics._layout import lanes_last, pick, repeated
from isinglass.dynamics._precision import warn_of_single_precision
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.clouds import CYCLE_TOLERANCE, near_cloud
from isinglass.dynamics.kinds import Kind
from isinglass.dynamics.maps import DelayMap, DelayState, Parameters, State, Step
from isinglass.dynamics.measure import Measure

DIVERGED = -1
UNASSIGNED = -2


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
    """Attractors, and which starts reach them.

    Attributes:
        labels: For each start, which of ``attractors`` it reached; −1 where it
            diverged, −2 where there were more attractors than told apart.
        attractors: In the order in which the starts reach them first.
        kinds: `Kind` of each start's orbit.
    """

    labels: Int[np.ndarray, "n"]
    attractors: tuple[Reached, ...]
    kinds: Int[np.ndarray, "n"]


@dataclass(frozen=True)
class Resolution:
    """How finely attractors are told apart.

    Attributes:
        closeness: How near the points of two orbits must lie that are on one attractor
            and on no cycle, as a share of its extent.
        attractors: How many to tell apart at most.

    Raises:
        ValueError: If a number is out of range.
    """

    closeness: float = 0.1
    attractors: int = 64

    def __post_init__(self) -> None:
        check_whole(attractors=self.attractors)
        check_positive(closeness=self.closeness)


def basins(
    step: Step,
    states: State,
    parameters: Parameters,
    measure: Measure | None = None,
    *,
    resolution: Resolution | None = None,
    lanes: int = 250,
) -> Basins:
    """Find the attractors that many starts reach at one set of parameters.

    Two orbits are on one attractor if they are of one kind and period and their points
    lie on one another: to 10⁻⁶ of their size for cycles; for all else, if the mean
    distance from the points of each to the nearest of the other is at most a tenth (or
    what ``resolution`` says) of the attractor's extent. So tori nested more closely
    than that, as in a conservative map, count as one.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        states: The starts: a state whose leaves have n of them along a new first axis.
            The phase of a `DelayState` is common to all, and may be a single number.
        parameters: The map's parameters, one set for all.
        measure: Of it ``transient``, ``steps``, ``max_period``, ``tolerance``,
            ``observable`` (by which attractors are told apart), ``qr_every`` and
            ``precision`` count; `Measure()` if None.
        resolution: How finely attractors are told apart; `Resolution()` if None.
        lanes: How many starts to run at once.

    Raises:
        ValueError: If an argument is out of range or not finite, or the map does not
            return a state like the one it is given.
    """
    check_whole(lanes=lanes)
    measure, resolution = measure or Measure(), resolution or Resolution()
    if isinstance(step, DelayMap) and isinstance(states, DelayState):
        states = states._replace(phase=_common_phase(states))
    count = _count(step, states)
    warn_of_single_precision(measure.precision)
    check_map(step, pick(states, 0), parameters, measure.precision)
    points = min(measure.steps, 4 * measure.max_period)
    measure = replace(measure, exponents=1, points=points, section=None, classify=True)
    cells = _measured(step, states, parameters, measure, min(lanes, count))
    labels, firsts = _labels(cells, resolution)
    reached = []
    for label, first in enumerate(firsts):
        period = int(cells["period"][first])
        orbit = cells["points"][first]
        reached.append(
            Reached(
                kind=Kind(int(cells["kind"][first])),
                period=period,
                share=float(np.mean(labels == label)),
                points=orbit[-period:] if period else orbit,
            )
        )
    return Basins(labels, tuple(reached), cells["kind"])


def _common_phase(states: DelayState) -> np.ndarray:
    """The phase of a delay map's starts: the clock of all, which may be given once."""
    phases = np.unique(np.asarray(states.phase))
    if phases.size != 1:
        raise ValueError("states must all be at the same phase")
    return phases.reshape(())


def _count(step: Step, states: State) -> int:
    """How many starts there are."""
    leaves = jax.tree.leaves(states.window if isinstance(step, DelayMap) else states)
    counts = {np.shape(leaf)[:1] for leaf in leaves}
    if len(counts) != 1 or counts & {(), (0,)}:
        shapes = [np.shape(leaf) for leaf in leaves]
        raise ValueError(
            f"states must have n starts along its leaves' first axis, got {shapes}"
        )
    if not all(np.isfinite(np.asarray(leaf)).all() for leaf in leaves):
        raise ValueError("states must be finite")
    return counts.pop()[0]


def _measured(
    step: Step, states: State, parameters: Parameters, measure: Measure, lanes: int
) -> dict[str, np.ndarray]:
    """Points, kind and period of the orbit from each start, `lanes` at a time."""
    count = _count(step, states)
    states = jax.tree.map(np.asarray, states)
    every = jax.tree.map(
        lambda value: repeated(np.asarray(value, np.float64), lanes), parameters
    )

    def batch(low: int) -> dict[str, np.ndarray]:
        # The last batch is filled up with its last start, so that one compiled program
        # does all.
        rows = np.minimum(np.arange(low, low + lanes), count - 1)
        starts = lanes_last(step, pick(states, rows))
        measured = measure_cells(step, starts, every, measure)
        filled = min(lanes, count - low)
        return {name: measured[name][:filled] for name in ("points", "kind", "period")}

    with ThreadPoolExecutor(cores()) as pool:
        parts = list(pool.map(batch, range(0, count, lanes)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _labels(
    cells: dict[str, np.ndarray], resolution: Resolution
) -> tuple[Int[np.ndarray, "n"], list[int]]:
    """Label of each orbit, and for each label the first orbit that has it."""
    points, kind, period = cells["points"], cells["kind"], cells["period"]
    labels = np.where(kind == Kind.DIVERGED, DIVERGED, UNASSIGNED)
    firsts: list[int] = []
    while len(firsts) < resolution.attractors:
        left = np.flatnonzero(labels == UNASSIGNED)
        if left.size == 0:
            break
        first = int(left[0])
        alike = left[(kind[left] == kind[first]) & (period[left] == period[first])]
        cycle = int(period[first])
        last = slice(-cycle, None) if cycle else slice(None)
        orbit = points[first][last]
        if cycle:
            allowed = CYCLE_TOLERANCE * max(1.0, float(np.abs(orbit).max()))
        else:
            allowed = resolution.closeness * float(np.ptp(orbit, axis=0).max())
        near = near_cloud(points[alike][:, last], orbit, allowed)
        labels[alike[near]] = len(firsts)
        labels[first] = len(firsts)
        firsts.append(first)
    return labels, firsts
