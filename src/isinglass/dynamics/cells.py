"""The measuring of many orbits side by side."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from isinglass.dynamics._lanes import Lanes, Segment
from isinglass.dynamics._layout import first_lane, lanes_first
from isinglass.dynamics._precision import at_precision, in_precision
from isinglass.dynamics._runner import runner_of
from isinglass.dynamics.angles import embedded, offset, wrapped
from isinglass.dynamics.flows import time_of_step
from isinglass.dynamics.kinds import classify
from isinglass.dynamics.maps import Parameters, State, Step
from isinglass.dynamics.measure import Measure

BATCHES = 20  # whose means give the standard error of an exponent
# Steps between two ticks of progress; also bounds the rows that are held at a time.
SEGMENT_STEPS = 2048


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
        was chosen; ``kind``, ``period``, ``confidence``. And ``final_state``, a state
        with the cells in the first axis of every leaf but the phase.
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

    def run(self) -> dict[str, Any]:
        measure, lanes = self.measure, self.lanes
        for _ in self._segments(measure.transient, lanes.block(), 0.0):
            pass
        qr_every = self._settle_tangents()
        tail_rows = max(
            measure.points * (measure.section is None), 2 * measure.max_period + 2
        )
        points = _Points(measure, lanes.count)
        tail = _Tail(tail_rows)
        segments: list[Segment] = []
        skipped = self._skip(tail_rows)
        share = (measure.transient + skipped) / (measure.transient + measure.steps)
        steps, block = measure.steps - skipped, lanes.block(qr_every)
        for segment in self._segments(steps, block, share, qr_every, True):
            segments.append(segment)
            assert segment.rows is not None
            rows = wrapped(segment.rows, measure.circles, axis=1)
            points.take(rows)
            tail.take(rows)
        last = tail.result()
        result = points.result(last) | self._growth(segments, qr_every)
        if self.exponents:
            result["qr_every"] = np.full(lanes.count, qr_every, np.int32)
        result |= self._kinds(last, result)
        for name in {"exponents", "exponent_error"} & result.keys():
            result[name] = result[name] / time_of_step(lanes.runner.step)
        result["final_state"] = jax.tree.map(
            np.asarray, lanes_first(lanes.runner.step, lanes.state())
        )
        return result

    def _skip(self, tail_rows: int) -> int:
        """Take those measured steps of which nothing is needed, and count them.

        With tangents every step is observed: it costs little beside them, and a program
        that does not observe would have to be compiled, too.
        """
        measure, block = self.measure, self.lanes.block()
        if self.exponents or measure.section is not None:
            return 0
        skipped = max(measure.steps - tail_rows, 0) // block * block
        share = measure.transient / (measure.transient + measure.steps)
        for _ in self._segments(skipped, block, share):
            pass
        return skipped

    def _settle_tangents(self) -> int:
        if not self.exponents:
            return 1
        self.lanes.start_tangents(self.exponents)
        return self.lanes.settle(self.measure.qr_every, self.measure.precision)

    def _segments(
        self,
        steps: int,
        block: int,
        done: float,
        qr_every: int = 1,
        observed: bool = False,
    ) -> Iterator[Segment]:
        """Segments of whole blocks; of enough, a whole number makes a batch."""
        blocks = -(-steps // block)
        longest = max(SEGMENT_STEPS // block, 1)
        count = min(blocks, BATCHES * -(-blocks // (BATCHES * longest)))
        ends = (
            [round(index * blocks / count) for index in range(count + 1)]
            if count
            else [0]
        )
        room = max((end - start for start, end in pairwise(ends)), default=0)
        total = self.measure.transient + self.measure.steps
        for start, end in pairwise(ends):
            yield self.lanes.go(end - start, qr_every, room * block if observed else 0)
            self.tick(min(done + end * block / total, 1.0))

    def _growth(self, segments: list[Segment], qr_every: int) -> dict[str, np.ndarray]:
        if not self.exponents:
            return {}
        per_batch = -(-len(segments) // BATCHES)
        groups = [
            segments[i : i + per_batch] for i in range(0, len(segments), per_batch)
        ]
        logs = np.stack([sum(s.logs for s in group) for group in groups])
        steps = np.array([sum(s.qrs for s in group) for group in groups]) * qr_every
        with np.errstate(invalid="ignore"):
            exponents = logs.sum(axis=0) / steps.sum()
            means = logs / steps[:, None, None]
            spread = (
                means.std(axis=0, ddof=1)
                if len(groups) > 1
                else np.full_like(logs[0], np.nan)
            )
        unresolved = sum(s.lost for s in segments) / sum(s.qrs for s in segments)
        growth = {
            "exponents": exponents,
            "exponent_error": spread / np.sqrt(len(groups)),
            "unresolved": np.asarray(unresolved),
        }
        order = descending(exponents)
        return {
            name: np.take_along_axis(value, order, axis=0).T.astype(
                self.measure.precision
            )
            for name, value in growth.items()
        }

    def _kinds(
        self, tail: np.ndarray, result: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        measure = self.measure
        if not measure.classify:
            return {}
        tail = embedded(tail.astype(np.float64), measure.circles, axis=1)
        exponents, error = result.get("exponents"), result.get("exponent_error")
        if exponents is not None and error is not None:
            exponents, error = exponents.astype(np.float64), error.astype(np.float64)
        kind, period, confidence = classify(
            tail, exponents, error, measure.steps, measure.max_period, measure.tolerance
        )
        return {"kind": kind, "period": period, "confidence": confidence}


class _Tail:
    """Collects the last rows of the orbits."""

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self.parts: list[np.ndarray] = []

    def take(self, rows: np.ndarray) -> None:
        """Add rows, and drop what is no longer among the last."""
        self.parts = [*self.parts, rows] if len(rows) < self.rows else [rows]
        while sum(map(len, self.parts[1:])) >= self.rows:
            self.parts = self.parts[1:]

    def result(self) -> np.ndarray:
        """The last rows, as many as there are."""
        return np.concatenate(self.parts)[-self.rows :]


class _Points:
    """Collects the points of the orbits."""

    def __init__(self, measure: Measure, cells: int) -> None:
        self.measure = measure
        self.count = np.zeros(cells, np.int64)
        self.points: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> None:
        """Keep those of the rows that are near the section."""
        section, room = self.measure.section, self.measure.points
        if section is None or not room:
            return
        if section.component >= rows.shape[1]:
            raise ValueError(
                f"component must be less than {rows.shape[1]}, the size of the "
                f"observable, got {section.component}"
            )
        if self.points is None:
            self.points = np.full(
                (len(self.count), room, rows.shape[1]), np.nan, rows.dtype
            )
        height = rows[:, section.component] - section.level
        period = dict(self.measure.circles).get(section.component)
        near = np.abs(offset(height, period)) <= section.tolerance
        times, cells = np.nonzero(near)
        order = np.argsort(cells, kind="stable")
        times, cells = times[order], cells[order]
        starts = np.searchsorted(cells, np.arange(len(self.count)))
        places = self.count[cells] + np.arange(len(cells)) - starts[cells]
        fits = places < room
        self.points[cells[fits], places[fits]] = rows[times[fits], :, cells[fits]]
        self.count = np.minimum(
            self.count + np.bincount(cells, minlength=len(self.count)), room
        )

    def result(self, last: np.ndarray) -> dict[str, np.ndarray]:
        """``points`` and ``point_count``; without a section the last rows."""
        room, cells = self.measure.points, len(self.count)
        if not room:
            return {}
        if self.measure.section is None:
            rows = np.moveaxis(last[-room:], -1, 0)
            padding = np.full(
                (cells, room - rows.shape[1], rows.shape[2]), np.nan, rows.dtype
            )
            count = np.full(cells, rows.shape[1])
            return {"points": np.concatenate([rows, padding], 1), "point_count": count}
        assert self.points is not None
        return {"points": self.points, "point_count": self.count}


def descending(exponents: np.ndarray) -> np.ndarray:
    """Descending order of exponents along the first axis.

    Neighbours may have come out a little in the wrong order.
    """
    return np.argsort(-exponents, axis=0, kind="stable")
