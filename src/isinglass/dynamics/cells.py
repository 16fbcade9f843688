"""The measuring of many orbits side by side."""

import copy
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from isinglass.dynamics._lanes import PILOT_BLOCKS, Lanes
from isinglass.dynamics._layout import first_lane, lanes_first
from isinglass.dynamics._precision import at_precision, in_precision
from isinglass.dynamics._recurrence import Closeness, Doubts, Marks, find_returns
from isinglass.dynamics._runner import runner_of
from isinglass.dynamics._stretch import Stretch
from isinglass.dynamics.angles import embedded
from isinglass.dynamics.flows import time_of_step
from isinglass.dynamics.kinds import (
    CERTAIN,
    CONVERGED,
    Growth,
    decide,
    has_diverged,
    tail_rows,
)
from isinglass.dynamics.maps import DelayMap, Parameters, State, Step
from isinglass.dynamics.measure import Measure

# Steps between two ticks of progress; also bounds the rows that are held at a time.
SEGMENT_STEPS = 2048
SEGMENTS = 4  # of a long stretch, at least
FEWEST_ROWS = 256  # that there is room for, so that most stretches share a program
# A program that is there is run even if it computes more than is asked for: tangents in
# a transient, or lanes that need not be run on. To compile another would take longer
# than that, up to so many steps times lanes, of which FEW cost as much as fewer.
MORE_BEFORE, FEW = 2**15, 16
MORE_AFTER, MANY = 2**19, 64
# Lanes that are run on are filled up to one of these shares of all, so that few numbers
# of lanes need a compiled program of their own; and to so many at least.
SHARES, FEWEST = (16, 4, 2, 1), 8
FIRST_SHARE = 0.8  # of the progress, before orbits are run on


def measure_cells(
    step: Step,
    state: State,
    parameters: Parameters,
    measure: Measure,
    tick: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Run n orbits side by side, and measure them.

    The same input gives the same bits, whatever else runs.

    Args:
        step: The map.
        state: Their initial states: n cells in the last axis of every leaf, but for the
            phase of a `DelayState`, which they share.
        parameters: Their parameters, likewise.
        measure: What to measure.
        tick: Called now and then with the share that is done, 0 to 1.

    Returns:
        Arrays with the cells in the first axis, as far as asked for: ``points`` (n,
        points, d), padded with NaN; ``point_count`` (n,); ``exponents`` (n, k),
        descending, nats per step or, of a `Flow`, per unit of time, with
        ``exponent_error`` (standard error from 20 batch means; NaN where an exponent is
        −∞) and ``unresolved`` (share of QRs at which rounding swallowed the direction:
        the exponent is then an upper bound) and ``qr_every`` (n,), the interval that
        was chosen; ``kind``, ``period``, ``confidence``; ``measured_steps`` (n,), how
        many steps exponents and kind are of, and ``transient_steps`` (n,), how many
        went before. All is of the last stretch that an orbit was run for. And
        ``final_state``, a state with the cells in the first axis of every leaf but the
        phase.
    """
    with in_precision(measure.precision):
        state, parameters = (
            at_precision(tree, measure.precision) for tree in (state, parameters)
        )
        return _Cells(step, state, parameters, measure, tick or _ignore).run()


def _ignore(_: float) -> None:
    pass


class _Cells:
    """One run of `measure_cells`."""

    def __init__(
        self,
        step: Step,
        state: State,
        parameters: Parameters,
        measure: Measure,
        tick: Callable[[float], None],
    ) -> None:
        runner = runner_of(step, first_lane(step, state), measure.observable)
        self.lanes = Lanes(runner, state, parameters)
        self.measure, self.tick = measure, tick
        count = measure.exponents
        self.exponents = self.lanes.dimension if count is None else count
        if self.exponents > self.lanes.dimension:
            raise ValueError(
                f"exponents must be at most {self.lanes.dimension}, the dimension of "
                f"the state, got {self.exponents}"
            )
        # Without exponents no length would show chaos.
        goes_on = bool(self.exponents) and measure.classify
        self.extensions = measure.extensions if goes_on else 0
        self.qr_every = 1
        self.intervals = np.ones(self.lanes.count, int)  # between QRs, of each cell
        self.unit = self.lanes.block()  # of which a stretch has a whole number of steps
        self.steps = measure.steps  # of the first stretch
        self.transient = 0  # steps before measuring
        self.before = 0  # steps before the stretch that runs

    def run(self) -> dict[str, Any]:
        """Measure all cells, those of one interval of orthonormalisations at a time."""
        self._settle()
        intervals = np.unique(self.intervals)
        if len(intervals) == 1:
            return self._with_interval(int(intervals[0]), self.lanes, self.lanes.count)
        total, passed = self.lanes.count, 0
        result: dict[str, Any] = {}
        for interval in intervals:
            places = np.flatnonzero(self.intervals == interval)
            some = copy.copy(self)
            some.tick = _share_of(
                self.tick, passed / total, (passed + len(places)) / total
            )
            passed += len(places)
            lanes = self.lanes.pick(_filled(places, total))
            part = some._with_interval(int(interval), lanes, len(places))
            _spread_out(result, part, places, total)
        return result

    def _with_interval(self, qr_every: int, lanes: Lanes, count: int) -> dict[str, Any]:
        """Measure lanes, of which the first `count` count, with QRs so often."""
        self.qr_every = qr_every
        running, marks = np.arange(count), None
        result: dict[str, Any] = {}
        final: Any = None
        for extension in range(self.extensions + 1):
            stretch = self._stretch(lanes, extension, count)
            part, marks = self._judged(stretch, marks)
            state = jax.tree.map(
                np.array, lanes_first(lanes.runner.step, lanes.state())
            )
            if extension:
                _put(result, part, running[:count])
                for whole, later in zip(
                    jax.tree.leaves(final), jax.tree.leaves(state), strict=True
                ):
                    if whole.ndim:  # all but a phase, which is the same
                        whole[running[:count]] = later[:count]
            else:
                result, final = part, state
            self.before += stretch.steps
            if extension == self.extensions:
                break
            doubtful = np.flatnonzero(part["confidence"] < CERTAIN)
            if not doubtful.size:
                break
            count = doubtful.size
            marks = marks._replace(values=marks.values[..., doubtful])
            running = running[doubtful]
            lanes = lanes.pick(self._to_run_on(doubtful, 2 * stretch.steps))
        self.tick(1.0)
        return result | {"final_state": final}

    def _settle(self) -> None:
        """Run the transient, and let the tangents turn."""
        lanes, measure = self.lanes, self.measure
        pilot, unit = 1, lanes.block()
        if self.exponents:
            pilot = lanes.pilot_interval(measure.qr_every, measure.precision)
            # Whatever a cell's own interval, so that all take as many steps.
            self.unit = lanes.block(pilot)
        self.transient = -(-measure.transient // unit) * unit
        skipped = self._skipped()
        self.steps -= skipped
        before = self.transient + skipped
        if before % self.unit or before * max(lanes.count, FEW) > MORE_BEFORE:
            self._run_transient(before, 1, 0)
        else:
            lanes.start_tangents(self.exponents)
            self._run_transient(before, pilot, self._room(pilot))
        if self.exponents:
            lanes.start_tangents(self.exponents)
            room = self._room(pilot)
            self.intervals = lanes.settle(measure.qr_every, measure.precision, room)
            self.transient += PILOT_BLOCKS * self.unit
        self.before = self.transient + skipped

    def _run_transient(self, steps: int, qr_every: int, most_rows: int) -> None:
        """Go on by the steps before measuring, some at a time."""
        lanes, measure, block = self.lanes, self.measure, self.lanes.block(qr_every)
        share = self._first_share() * measure.transient
        share /= measure.transient + measure.steps
        blocks, longest = steps // block, (most_rows or SEGMENT_STEPS) // block
        for done in range(0, blocks, max(longest, 1)):
            taken = min(max(longest, 1), blocks - done)
            lanes.go(taken, qr_every, most_rows)
            self.tick(share * (done + taken) / blocks)

    def _to_run_on(self, places: np.ndarray, steps: int) -> np.ndarray:
        """Places of lanes to be run on, and of others so that a program is there."""
        lanes = self.lanes.count
        if lanes <= MANY and lanes * steps <= MORE_AFTER:
            return np.resize(places, lanes)
        return _filled(places, lanes)

    def _room(self, qr_every: int) -> int:
        """Steps of a stretch that are run at a time: so many rows are held."""
        block = self.lanes.block(qr_every)
        first = -(-self.steps // self.unit) * self.unit // block
        fewest = max(PILOT_BLOCKS, -(-FEWEST_ROWS // block))
        longest = min(-(-first // SEGMENTS), max(SEGMENT_STEPS // block, 1))
        return max(longest, fewest) * block

    def _skipped(self) -> int:
        """Steps of a stretch that need not be looked at, where there are no exponents.

        Recurrence and averages are then judged by the last values alone.
        """
        measure, block = self.measure, self.lanes.block()
        if self.exponents or measure.section is not None:
            return 0
        rows = max(measure.points, tail_rows(measure.max_period) * measure.classify)
        return max(measure.steps - rows, 0) // block * block

    def _first_share(self) -> float:
        """Share of the progress up to where some orbits are run on."""
        return FIRST_SHARE if self.extensions else 1.0

    def _stretch(self, lanes: Lanes, extension: int, count: int) -> Stretch:
        """Run the first stretch, or one that goes on for 2, 4, … times its steps.

        What is kept of it is of the first `count` lanes.
        """
        step, block = lanes.runner.step, lanes.block(self.qr_every)
        first = -(-self.steps // self.unit) * self.unit // block
        if extension and isinstance(step, DelayMap):
            # Whole periods, so that all lanes end at the phase of the first stretch.
            unit = math.lcm(block, step.period) // block
            blocks = -(-first * 2**extension // unit) * unit
        else:
            blocks = first * 2**extension
        stretch = Stretch(self.measure, blocks, block, count)
        room = self._room(self.qr_every)
        while stretch.done < blocks:
            taken = min(room // block, blocks - stretch.done)
            segment = lanes.go(taken, self.qr_every, room)
            stretch.take(segment.of_first(count))
            self._tell(extension, stretch.done / blocks)
        return stretch

    def _tell(self, extension: int, done: float) -> None:
        """Tick with the share that is done."""
        first, measure = self._first_share(), self.measure
        if not extension:
            transient = measure.transient / (measure.transient + measure.steps)
            self.tick(first * (transient + (1 - transient) * done))
            return
        # Stretches of 2, 4, … times the first; most lanes are through before the last.
        passed = 2**extension * (1 + done) - 2
        share = passed / (2 ** (self.extensions + 1) - 2)
        self.tick(min(first + (1 - first) * share, 1.0))

    def _judged(
        self, stretch: Stretch, earlier: Marks | None
    ) -> tuple[dict[str, np.ndarray], Marks]:
        """What the stretch gives, and its marks after those of earlier ones."""
        measure, last = self.measure, stretch.tail.result()
        marks, cells = stretch.marks(), last.shape[2]
        if earlier is not None:
            marks = Marks(
                np.concatenate([earlier.values, marks.values]),
                np.concatenate([earlier.before_end + stretch.steps, marks.before_end]),
            )
        result = stretch.points.result(last)
        if not measure.classify:
            whole = np.full(cells, stretch.steps)
            exponents, _ = self._growth(stretch, whole)
            return result | exponents, marks
        assert stretch.averages is not None
        eps = float(np.finfo(measure.precision).eps)
        ratio = stretch.averages.ratio(eps)
        gone = has_diverged(marks, stretch.averages, stretch.steps, eps)
        returns = find_returns(
            np.where(gone, 0.0, embedded(last, measure.circles, axis=1)),
            marks._replace(values=np.where(gone, 0.0, marks.values)),
            stretch.steps,
            Closeness(measure.max_period, measure.tolerance, eps * stretch.turned),
            Doubts(ratio <= CONVERGED, stretch.contracts()),
        )
        is_cycle = (returns.period > 0) & ~gone
        settled = np.where(is_cycle, returns.settled, stretch.steps)
        exponents, growth = self._growth(stretch, settled)
        kind, period, confidence = decide(gone, returns, ratio, growth, stretch.steps)
        before = np.where(
            settled >= marks.before_end[0],
            self.transient,
            self.before + stretch.steps - settled,
        )
        kinds = {
            "kind": kind,
            "period": period,
            "confidence": confidence,
            "transient_steps": np.where(is_cycle, before, self.before),
            "measured_steps": growth.steps.astype(np.int64),
        }
        return result | exponents | kinds, marks

    def _growth(
        self, stretch: Stretch, settled: np.ndarray
    ) -> tuple[dict[str, np.ndarray], Growth]:
        """Exponents since orbits have settled, as they are told and for the rule."""
        if not self.exponents:
            missing = np.full(len(settled), np.nan)
            taken = np.minimum(settled, stretch.steps)
            return {}, Growth(missing, missing, taken.astype(float))
        exponents, taken = stretch.exponents(settled, self.qr_every)
        # The rule of kinds counts in steps, whatever time they take.
        growth = Growth(
            exponents["exponents"][:, 0].copy(),
            exponents["exponent_error"][:, 0].copy(),
            taken.astype(float),
        )
        dt = time_of_step(self.lanes.runner.step)
        exponents["exponents"] /= dt
        exponents["exponent_error"] /= dt
        precision = self.measure.precision
        result = {name: value.astype(precision) for name, value in exponents.items()}
        result["qr_every"] = np.full(len(settled), self.qr_every, np.int32)
        return result, growth


def _share_of(
    tick: Callable[[float], None], begin: float, end: float
) -> Callable[[float], None]:
    """A tick that fills one part of the progress."""
    return lambda share: tick(begin + (end - begin) * share)


def _spread_out(
    result: dict[str, Any], part: dict[str, Any], places: np.ndarray, total: int
) -> None:
    """Write what some cells gave into the arrays of all, made where there are none."""

    def written(whole: np.ndarray | None, some: np.ndarray) -> np.ndarray:
        if not some.ndim:  # a phase, which all share
            return some
        if whole is None:
            whole = np.empty((total, *some.shape[1:]), some.dtype)
        whole[places] = some[: len(places)]
        return whole

    for name, value in part.items():
        if name in result:
            result[name] = jax.tree.map(written, result[name], value)
        else:
            result[name] = jax.tree.map(partial(written, None), value)


def _put(
    result: dict[str, np.ndarray], part: dict[str, np.ndarray], places: np.ndarray
) -> None:
    """Write the first of what some orbits gave over what they gave before."""
    for name, value in part.items():
        result[name][places] = value[: len(places)]


def _filled(places: np.ndarray, lanes: int) -> np.ndarray:
    """As many places as a share of all lanes, the last of them repeated."""
    sizes = (max(-(-lanes // share), min(FEWEST, lanes)) for share in SHARES)
    size = min(size for size in sizes if size >= len(places))
    return places[np.minimum(np.arange(size), len(places) - 1)]
