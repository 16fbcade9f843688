"""Which starts reach which attractor."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Int

from isinglass._common.checks import (
    check_finite,
    check_positive,
    check_whole,
    or_default,
)
from isinglass._common.machine import cores
from isinglass._common.notebook import html_picture, html_table
from isinglass.dynamics._checks import check_map
from isinglass.dynamics._layout import (
    first_lane,
    lane_axes,
    lanes_last,
    pick,
    repeated,
)
from isinglass.dynamics._precision import (
    at_precision,
    in_precision,
    warn_of_single_precision,
)
from isinglass.dynamics._runner import runner_of
from isinglass.dynamics.angles import embedded, offset
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.clouds import cycle_tolerance, extent, near_cloud
from isinglass.dynamics.cycles import multipliers_at
from isinglass.dynamics.flows import time_of_step
from isinglass.dynamics.kinds import Kind
from isinglass.dynamics.maps import DelayMap, DelayState, Parameters, State, Step
from isinglass.dynamics.measure import Measure
from isinglass.dynamics.trajectories import trajectory

DIVERGED = -1
UNASSIGNED = -2
UNSTABLE = -3  # and below

NEUTRAL = 1e-6  # by how much a multiplier must exceed 1 to be a growth
MOST_NUMBERS = 256  # in a state whose multipliers are computed
NUDGE, NUDGED = 1e-6, 3  # how far copies are moved, as a share of extent; their number
POINTS = 256  # of what is no cycle


@dataclass(frozen=True)
class Reached:
    """A set on which the orbits of some starts ended.

    Attributes:
        kind: What it is.
        period: In steps; 1 for a fixed point, 0 where there is none.
        share: Share of all starts that reached it.
        points: One period of a cycle, or else the last values of the first orbit to
            reach it.
        leading_exponent: λ₁ of that orbit, nats per step or, of a `Flow`, per unit of
            time.
        multipliers: Of a cycle, (D,), largest modulus first, as of a `Cycle`; None for
            all else, and where the state has more than 256 numbers or is on no cycle
            though what is observed is.
    """

    kind: Kind
    period: int
    share: float
    points: Float[np.ndarray, "points d"]
    leading_exponent: float
    multipliers: Complex[np.ndarray, " D"] | None

    def __repr__(self) -> str:
        period = f", period={self.period}" if self.period > 1 else ""
        return (
            f"Reached({self.kind.name}{period}, by {self.share:.1%} of the starts, "
            f"leading_exponent={self.leading_exponent:.4g})"
        )


@dataclass(frozen=True)
class Basins:
    """Attractors, and which starts reach them.

    Attributes:
        labels: For each start, which of ``attractors`` it reached; −1 where it
            diverged, −2 where there were more sets than told apart, −3 − k where it
            ended on ``unstable[k]``.
        attractors: In the order in which the starts reach them first.
        unstable: Saddles and other sets that attract nothing from outside: the starts
            that ended there lie on their stable manifolds, to rounding.
        kinds: `Kind` of each start's orbit.
    """

    labels: Int[np.ndarray, "n"]
    attractors: tuple[Reached, ...]
    unstable: tuple[Reached, ...]
    kinds: Int[np.ndarray, "n"]

    def __repr__(self) -> str:
        sets = "".join(f"\n    {reached}," for reached in self.attractors)
        unstable = f"\n    {len(self.unstable)} unstable" if self.unstable else ""
        return f"Basins({len(self.labels)} starts on{sets}{unstable})"

    def _repr_html_(self) -> str:
        sets = [(str(i), reached) for i, reached in enumerate(self.attractors)]
        sets += [
            (str(UNSTABLE - k), reached) for k, reached in enumerate(self.unstable)
        ]
        table = html_table(
            f"Where {len(self.labels):,} starts end; labels below 0 are unstable",
            ("label", "kind", "period", "share of starts", "λ₁"),
            [
                (
                    label,
                    reached.kind.name,
                    str(reached.period or "–"),
                    f"{reached.share:.1%}",
                    f"{reached.leading_exponent:.4g}",
                )
                for label, reached in sets
            ],
        )
        picture = ""
        if self.attractors:
            # In two components, or in one with a line for each attractor.
            dots = [
                np.column_stack([of.points, np.full(len(of.points), number)])[:, :2]
                for number, of in enumerate(self.attractors)
            ]
            x, y = np.concatenate(dots).T
            picture = html_picture("attractors", x, y, "dots")
        return f"<div>{table}{picture}</div>"


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
    lie on one another: for cycles to 10⁻⁶ of the extent of all starts and orbits that
    stayed finite; for all else, if the mean distance from the points of each to the
    nearest of the other is at most a tenth (or what ``resolution`` says) of the
    attractor's extent. So tori nested more closely than that, as in a conservative map,
    count as one. Neither the unit nor, up to rounding, the origin matters.

    A start can end on what does not attract: on a saddle, if it lies on its stable
    manifold, as grids through the origin and symmetric starts do. A cycle is unstable
    if a multiplier is outside the unit circle by more than 10⁻⁶, or, if it has none, if
    λ₁ > 3 standard errors + 10/T. A chaotic set is unstable if three copies of its
    state, moved by 10⁻⁶ of its extent in directions of their own, all end elsewhere,
    though the state itself, run on, stays or ends without chaos: a chaotic transient,
    or chaos within a subspace that does not attract.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        states: The starts: a state whose leaves have n of them along a new first axis.
            The phase of a `DelayState` is common to all, and may be a single number.
        parameters: The map's parameters, one set for all.
        measure: Of it ``transient``, ``steps``, ``max_period``, ``tolerance``,
            ``observable`` (by which attractors are told apart), ``angles``,
            ``extensions``, ``qr_every`` and ``precision`` count; `Measure()` if None.
        resolution: How finely attractors are told apart; `Resolution()` if None.
        lanes: How many starts to run at once.

    Raises:
        ValueError: If an argument is out of range or not finite, or the map does not
            return a state like the one it is given.
    """
    check_whole(lanes=lanes)
    measure = or_default(Measure, measure=measure)
    resolution = or_default(Resolution, resolution=resolution)
    if isinstance(step, DelayMap) and isinstance(states, DelayState):
        states = states._replace(phase=_common_phase(states))
    count = _count(step, states)
    warn_of_single_precision(measure.precision)
    check_map(step, pick(states, 0), parameters, measure.precision, "states")
    points = min(measure.steps, max(POINTS, measure.max_period))
    measure = replace(measure, exponents=1, points=points, section=None, classify=True)
    search = _Search(step, parameters, measure, min(lanes, count))
    return search.basins(states, resolution)


class _Orbits(NamedTuple):
    """What the orbits of many starts gave, one row each.

    Attributes:
        shown: Their last values, (n, points, d).
        points: The same where distances are taken: angles on their circles.
        kind, period: What they are on.
        leading, error: λ₁ and its standard error.
        steps: How many steps it is of.
        final: Their last states, along the first axis of every leaf but a phase.
    """

    shown: np.ndarray
    points: np.ndarray
    kind: np.ndarray
    period: np.ndarray
    leading: np.ndarray
    error: np.ndarray
    steps: np.ndarray
    final: State

    def rows(self, low: int, count: int) -> "_Orbits":
        """Some of them, but for the final states."""
        part = slice(low, low + count)
        return _Orbits._make((*(column[part] for column in self[:-1]), None))

    def cycle(self, orbit: int) -> np.ndarray:
        """One period of a cycle, or else all points."""
        return self.points[orbit][self.last(orbit)]

    def last(self, orbit: int) -> slice:
        """The rows of one period of a cycle, or else all."""
        period = int(self.period[orbit])
        return slice(-period if period else None, None)


class _Search(NamedTuple):
    """The search for attractors of one map at one set of parameters.

    Attributes:
        step: The map.
        parameters: Its parameters.
        measure: What is measured of each orbit.
        lanes: How many run at once.
    """

    step: Step
    parameters: Parameters
    measure: Measure
    lanes: int

    def basins(self, states: State, resolution: Resolution) -> Basins:
        orbits = self.orbits(states)
        stays = orbits.kind != Kind.DIVERGED
        begin = _observed(self.step, states, self.measure)
        scale = extent(
            np.concatenate(
                [begin[stays], orbits.points[stays].reshape(-1, begin.shape[1])]
            )
        )
        threshold = _Threshold(resolution, scale, self.measure.precision)
        groups, firsts = _labels(orbits, threshold)
        leaves = self._leaves(orbits, firsts, threshold)
        attractors: list[Reached] = []
        unstable: list[Reached] = []
        labels = groups.copy()
        for group, first in enumerate(firsts):
            reached = self._set(orbits, groups == group, first, scale)
            if first in leaves or self._repels(orbits, first, reached):
                labels[groups == group] = UNSTABLE - len(unstable)
                unstable.append(reached)
            else:
                labels[groups == group] = len(attractors)
                attractors.append(reached)
        return Basins(labels, tuple(attractors), tuple(unstable), orbits.kind)

    def orbits(self, states: State) -> _Orbits:
        """Measure the orbit from each start, `lanes` at a time."""
        count, lanes = _count(self.step, states), self.lanes
        states = jax.tree.map(np.asarray, states)
        every = jax.tree.map(
            lambda value: repeated(np.asarray(value, np.float64), lanes),
            self.parameters,
        )

        def batch(low: int) -> _Orbits:
            # The last batch is filled up with its last start, so that one compiled
            # program does all.
            rows = np.minimum(np.arange(low, low + lanes), count - 1)
            starts = lanes_last(self.step, pick(states, rows))
            cells = measure_cells(self.step, starts, every, self.measure)
            filled = slice(min(lanes, count - low))
            shown = cells["points"][filled]
            return _Orbits(
                shown,
                embedded(shown, self.measure.circles),
                cells["kind"][filled],
                cells["period"][filled],
                cells["exponents"][filled, 0],
                cells["exponent_error"][filled, 0],
                cells["measured_steps"][filled],
                pick(cells["final_state"], filled),
            )

        with ThreadPoolExecutor(cores()) as pool:
            parts = list(pool.map(batch, range(0, count, lanes)))
        # A phase is the same in all.
        return jax.tree.map(
            lambda *leaves: np.concatenate(leaves) if leaves[0].ndim else leaves[0],
            *parts,
        )

    def _set(
        self, orbits: _Orbits, here: np.ndarray, first: int, scale: float
    ) -> Reached:
        period, multipliers = int(orbits.period[first]), None
        if period and self._size(orbits) <= MOST_NUMBERS:
            multipliers = multipliers_at(
                self.step,
                pick(orbits.final, first),
                self.parameters,
                period,
                self._closes(cycle_tolerance(orbits.points[first], scale)),
            )
        return Reached(
            kind=Kind(int(orbits.kind[first])),
            period=period,
            share=float(np.mean(here)),
            points=orbits.shown[first][orbits.last(first)],
            leading_exponent=float(orbits.leading[first]),
            multipliers=multipliers,
        )

    def _closes(self, within: float) -> Callable[[np.ndarray], bool]:
        """Whether a state that is off by so much has come round."""
        circles = dict(self.measure.circles) if self.measure.observable is None else {}

        def closes(gap: np.ndarray) -> bool:
            # What is observed is the state, or of a delay map the newest part of it.
            length = self.step.length if isinstance(self.step, DelayMap) else 1
            parts = gap.reshape(length, -1).T
            parts = [offset(part, circles.get(i)) for i, part in enumerate(parts)]
            return bool(np.abs(parts).max() <= within)

        return closes

    def _repels(self, orbits: _Orbits, first: int, reached: Reached) -> bool:
        """Whether orbits near a cycle leave it."""
        if not reached.period:
            return False
        if reached.multipliers is not None:
            return bool(np.abs(reached.multipliers[0]) > 1 + NEUTRAL)
        time = orbits.steps[first] * time_of_step(self.step)
        return bool(orbits.leading[first] > 3 * orbits.error[first] + 10 / time)

    def _leaves(
        self, orbits: _Orbits, firsts: list[int], threshold: "_Threshold"
    ) -> set[int]:
        """Those chaotic orbits whose copies all end elsewhere."""
        chaotic = [k for k in firsts if orbits.kind[k] == Kind.CHAOTIC]
        if not chaotic:
            return set()
        copies = [self._nudged(pick(orbits.final, k)) for k in chaotic]
        stacked = jax.tree.map(
            lambda *leaves: np.concatenate(leaves) if leaves[0].ndim else leaves[0],
            *copies,
        )
        ends = self.orbits(stacked)
        return {
            first
            for first, low in zip(
                chaotic, range(0, len(ends.kind), NUDGED + 1), strict=True
            )
            if self._is_left(orbits, first, ends.rows(low, NUDGED + 1), threshold)
        }

    def _is_left(
        self, orbits: _Orbits, first: int, ends: _Orbits, threshold: "_Threshold"
    ) -> bool:
        """Whether copies of an orbit leave it: `ends` are those of it and of them."""
        finite = np.isfinite(ends.points).all(axis=(1, 2))
        near = np.zeros(finite.shape, bool)
        near[finite] = near_cloud(
            ends.points[finite],
            orbits.points[first],
            threshold.allowed(orbits, first),
        )
        # Where the orbit itself, run on, is not near what it was, its points are too
        # few to say anything; unless it has left for something that is no chaos.
        says = near[0] or ends.kind[0] != Kind.CHAOTIC
        return bool(says and not near[1:].any())

    def _nudged(self, state: State) -> State:
        """A state, and copies beside it, along a new first axis."""
        orbit = trajectory(
            self.step,
            state,
            self.parameters,
            POINTS,
            observable=_all_of_it,
            precision=self.measure.precision,
        )
        is_real = [leaf.dtype.kind == "f" for leaf in jax.tree.leaves(orbit)]
        spans = [
            float(np.ptp(leaf, axis=0).max(initial=0.0))
            for leaf, real in zip(jax.tree.leaves(orbit), is_real, strict=True)
            if real
        ]
        size, random = NUDGE * max(spans), np.random.default_rng(0)

        def moved(leaf: np.ndarray) -> np.ndarray:
            copies = np.repeat(np.asarray(leaf)[None], NUDGED + 1, axis=0)
            if copies.dtype.kind == "f":
                copies[1:] += size * random.standard_normal(copies[1:].shape)
            return copies

        copies = jax.tree.map(moved, state)
        if isinstance(state, DelayState):
            copies = copies._replace(phase=np.asarray(state.phase))
        return copies

    def _size(self, orbits: _Orbits) -> int:
        leaves = jax.tree.leaves(orbits.final)
        return sum(leaf[0].size for leaf in leaves if leaf.ndim)


def _all_of_it(state: State) -> State:
    return state


def _observed(step: Step, states: State, measure: Measure) -> np.ndarray:
    """What is observed of the starts, (n, d)."""
    with in_precision(measure.precision):
        states = at_precision(lanes_last(step, states), measure.precision)
        observe = runner_of(
            step, first_lane(step, states), measure.observable
        ).observable
        axes = lane_axes(step, states)
        shown = jax.vmap(lambda x: jnp.ravel(observe(x)), in_axes=(axes,))(states)
        return embedded(np.asarray(shown, np.float64), measure.circles)


def _common_phase(states: DelayState) -> np.ndarray:
    """The phase of a delay map's starts: the clock of all, which may be given once."""
    phases = np.unique(np.asarray(states.phase))
    if phases.size != 1:
        raise ValueError("states must all be at the same phase")
    return phases.reshape(())


def _count(step: Step, states: State) -> int:
    """How many starts there are."""
    leaves = jax.tree.leaves(states.window if isinstance(step, DelayMap) else states)
    for leaf in leaves:
        check_finite(states=leaf)
    counts = {np.shape(leaf)[:1] for leaf in leaves}
    if len(counts) != 1 or counts & {(), (0,)}:
        shapes = [np.shape(leaf) for leaf in leaves]
        raise ValueError(
            f"states must have n starts along its leaves' first axis, got {shapes}"
        )
    return counts.pop()[0]


class _Threshold(NamedTuple):
    """How near orbits must lie to be on one attractor.

    Attributes:
        resolution: As asked for.
        scale: Extent of all starts and orbits.
        precision: Of the orbits.
    """

    resolution: Resolution
    scale: float
    precision: str

    def allowed(self, orbits: _Orbits, first: int) -> float:
        orbit = orbits.cycle(first)
        eps = float(np.finfo(self.precision).eps)
        least = cycle_tolerance(orbit, self.scale, eps)
        if orbits.period[first]:
            return least
        return max(least, self.resolution.closeness * extent(orbit))


def _labels(
    orbits: _Orbits, threshold: _Threshold
) -> tuple[Int[np.ndarray, "n"], list[int]]:
    """Label of each orbit, and for each label the first orbit that has it."""
    kind, period = orbits.kind, orbits.period
    labels = np.where(kind == Kind.DIVERGED, DIVERGED, UNASSIGNED)
    firsts: list[int] = []
    while len(firsts) < threshold.resolution.attractors:
        left = np.flatnonzero(labels == UNASSIGNED)
        if left.size == 0:
            break
        first = int(left[0])
        alike = left[(kind[left] == kind[first]) & (period[left] == period[first])]
        orbit = orbits.cycle(first)
        clouds = orbits.points[alike][:, -len(orbit) :]
        near = near_cloud(clouds, orbit, threshold.allowed(orbits, first))
        labels[alike[near]] = len(firsts)
        labels[first] = len(firsts)
        firsts.append(first)
    return labels, firsts
