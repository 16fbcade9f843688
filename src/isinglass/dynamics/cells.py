"""TODO: docstring."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import numpy as np

from isinglass.dynamics._flow import flow_of
from isinglass.dynamics._lanes import Lanes, Segment
from isinglass.dynamics._precision import at_precision, in_precision
from isinglass.dynamics._side_by_side import cells_first, first_lane
from isinglass.dynamics.kinds import Kind, classify
from isinglass.dynamics.maps import Parameters, State, Step
from isinglass.dynamics.measure import Measure

BATCHES = 20


# Steps between two ticks of progress; also bounds the rows that are held at a time.
SEGMENT_STEPS = 2048


def dimension(state: State) -> int:
    """Number of real numbers in one state: how many Lyapunov exponents there are."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    return sum(leaf.size for leaf in leaves if np.issubdtype(leaf.dtype, np.floating))


def measure_cells(
    step: Step,
    state: State,
    parameters: Parameters,
    measure: Measure,
    tick: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Run n orbits side by side and measure them.

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
        descending, nats per step, with ``exponent_error`` (standard error from 20 batch
        means; NaN where an exponent is −∞) and ``unresolved`` (share of QRs at which
        rounding swallowed the direction: the exponent is then an upper bound) and
        ``qr_every`` (n,), the interval that was chosen; ``kind``, ``period``,
        ``confidence``. And ``final_state``, a state with the cells in the first axis of
        every leaf but the phase.
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
        one = first_lane(step, state)
        self.lanes = Lanes(flow_of(step, one, measure.observable), state, parameters)
        self.measure, self.tick = measure, tick
        wanted = measure.exponents
        self.exponents = self.lanes.dimension if wanted is None else wanted
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
        tail: list[np.ndarray] = []
        segments: list[Segment] = []
        unseen = self._unseen(tail_rows)
        share = (measure.transient + unseen) / (measure.transient + measure.steps)
        seen = measure.steps - unseen
        for segment in self._segments(
            seen, lanes.block(qr_every), share, qr_every, True
        ):
            segments.append(segment)
            assert segment.rows is not None
            points.take(segment.rows)
            tail = (
                [*tail, segment.rows]
                if len(segment.rows) < tail_rows
                else [segment.rows]
            )
            while sum(map(len, tail[1:])) >= tail_rows:
                tail = tail[1:]
        last = np.concatenate(tail)[-tail_rows:]
        result = points.result(last) | self._growth(segments, qr_every)
        if self.exponents:
            result["qr_every"] = np.full(lanes.count, qr_every, np.int32)
        result |= self._kinds(last, result)
        result["final_state"] = jax.tree.map(
            np.asarray, cells_first(lanes.flow.step, lanes.state())
        )
        return result

    def _unseen(self, tail_rows: int) -> int:
        """Take the measured steps of which nothing is kept, and say how many they were.

        With tangents every step is observed: it costs little beside them, and a program
        that does not observe would have to be compiled, too.
        """
        measure, block = self.measure, self.lanes.block()
        if self.exponents or measure.section is not None:
            return 0
        unseen = max(measure.steps - tail_rows, 0) // block * block
        share = measure.transient / (measure.transient + measure.steps)
        for _ in self._segments(unseen, block, share):
            pass
        return unseen

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
        """Segments of whole blocks; where there are enough, a whole number of them per batch."""
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
        found = {
            "exponents": exponents,
            "exponent_error": spread / np.sqrt(len(groups)),
            "unresolved": np.asarray(unresolved),
        }
        order = descending(exponents)
        return {
            name: np.take_along_axis(value, order, axis=0).T.astype(
                self.measure.precision
            )
            for name, value in found.items()
        }

    def _kinds(
        self, tail: np.ndarray, result: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        measure = self.measure
        if not measure.classify:
            return {}
        tail = tail.astype(np.float64)
        exponents, error = result.get("exponents"), result.get("exponent_error")
        if exponents is not None and error is not None:
            exponents, error = exponents.astype(np.float64), error.astype(np.float64)
        kind, period, confidence = classify(
            tail, exponents, error, measure.steps, measure.max_period, measure.tolerance
        )
        return {"kind": kind, "period": period, "confidence": confidence}


class _Points:
    """Collects the points that are kept."""

    def __init__(self, measure: Measure, cells: int) -> None:
        self.measure = measure
        self.count = np.zeros(cells, np.int64)
        self.kept: np.ndarray | None = None

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
        if self.kept is None:
            self.kept = np.full(
                (len(self.count), room, rows.shape[1]), np.nan, rows.dtype
            )
        near = np.abs(rows[:, section.component] - section.level) <= section.tolerance
        times, cells = np.nonzero(near)
        order = np.argsort(cells, kind="stable")
        times, cells = times[order], cells[order]
        starts = np.searchsorted(cells, np.arange(len(self.count)))
        places = self.count[cells] + np.arange(len(cells)) - starts[cells]
        fits = places < room
        self.kept[cells[fits], places[fits]] = rows[times[fits], :, cells[fits]]
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
        assert self.kept is not None
        return {"points": self.kept, "point_count": self.count}


def descending(exponents: np.ndarray) -> np.ndarray:
    """Order of exponents along the first axis: those next to each other may be a little off."""
    return np.argsort(-exponents, axis=0, kind="stable")


def bytes_while_measuring(step: Step, state: State, measure: Measure) -> int:
    """Memory that one cell takes while it is measured, beside its results: rows and tangents."""
    found = variables(step, state, replace(measure, points=1))
    width = found["points"][0][1][1]
    size = dimension(state)
    tangents = size * (size if measure.exponents is None else measure.exponents)
    return 8 * (min(measure.steps, SEGMENT_STEPS) * width + 4 * tangents)


def variables(
    step: Step, state: State, measure: Measure
) -> dict[str, tuple[Any, Any, Any]]:
    """What `measure_cells` returns of one state, but for the final state.

    Returns:
        For each name: the dimensions after the cell, as (name, size) pairs; the dtype;
        and the attributes that go with it.

    Raises:
        ValueError: If the measure asks for more than the state or its observable has.
    """
    with in_precision(measure.precision):
        one = at_precision(state, measure.precision)
        observe = flow_of(step, one, measure.observable).observable
        width = int(np.prod(jax.eval_shape(observe, one).shape, dtype=int))
    total = dimension(state)
    count = total if measure.exponents is None else measure.exponents
    if count > total:
        raise ValueError(
            f"exponents must be at most {total}, the dimension of the state, got "
            f"{count}"
        )
    if measure.section is not None and measure.section.component >= width:
        raise ValueError(
            f"component must be less than {width}, the size of the observable, "
            f"got {measure.section.component}"
        )
    real = np.dtype(measure.precision)
    found: dict[str, tuple[Any, Any, Any]] = {}
    if measure.points:
        dims = (("point", measure.points), ("component", width))
        found["points"] = (dims, real, {"long_name": "observable on the attractor"})
        found["point_count"] = (
            (),
            np.dtype(np.int64),
            {"long_name": "number of points kept"},
        )
    if count:
        dims = (("exponent", count),)
        nats = {"units": "nats per step"}
        found["exponents"] = (dims, real, {"long_name": "Lyapunov exponents", **nats})
        found["exponent_error"] = (
            dims,
            real,
            {"long_name": "their standard error", **nats},
        )
        lost = {"long_name": "share of QRs lost in rounding", "units": "1"}
        found["unresolved"] = (dims, real, lost)
        interval = {"long_name": "interval of orthonormalisations", "units": "steps"}
        found["qr_every"] = ((), np.dtype(np.int32), interval)
    if measure.classify:
        flags = {
            "long_name": "kind of attractor",
            "flag_values": [int(kind) for kind in Kind],
            "flag_meanings": " ".join(kind.name.lower() for kind in Kind),
        }
        found["kind"] = ((), np.dtype(np.int8), flags)
        found["period"] = (
            (),
            np.dtype(np.int32),
            {"long_name": "period", "units": "steps"},
        )
        found["confidence"] = ((), np.dtype(np.float64), {"units": "1"})
    return found
