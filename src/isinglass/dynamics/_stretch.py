"""What is kept of a stretch of many orbits, while it runs."""

from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from isinglass.dynamics._batches import BATCHES, descending
from isinglass.dynamics._birkhoff import WeightedAverages
from isinglass.dynamics._lanes import Segment
from isinglass.dynamics._recurrence import Marks
from isinglass.dynamics.angles import check_components, embedded, offset, wrapped
from isinglass.dynamics.kinds import MARKS, tail_rows
from isinglass.dynamics.measure import Measure


class Stretch:
    """What is kept of the steps of a stretch: bounded, however long it is.

    Args:
        measure: What is measured.
        blocks: Number of blocks of steps.
        block: Steps in each.
        cells: Number of orbits, n.
    """

    def __init__(self, measure: Measure, blocks: int, block: int, cells: int) -> None:
        self.steps, self.block = blocks * block, block
        self.angles = measure.circles
        # The farthest from 0 that angles got, in radians, where none wraps them: so
        # much coarser is their rounding.
        self.turned = np.ones(cells)
        marks = min(blocks, MARKS)
        self.edges = np.array([i * blocks // marks for i in range(marks + 1)])
        self.averages = WeightedAverages(self.steps) if measure.classify else None
        self.points = _Points(measure, cells)
        self.tail = _Tail(max(measure.points, tail_rows(measure.max_period)))
        self.done = 0
        self.values: list[np.ndarray] = []  # at the first step, and at each later edge
        self.growth: np.ndarray | None = None  # (marks, 2, k, n)

    def take(self, segment: Segment) -> None:
        """Add the next steps."""
        rows, growth = segment.rows, segment.growth
        assert rows is not None
        assert growth is not None
        check_components(self.angles, rows.shape[1])
        for component, period in self.angles:
            angle = np.abs(rows[:, component]).max(axis=0) * (2 * np.pi / period)
            self.turned = np.fmax(self.turned, angle)
        rows = wrapped(rows, self.angles, axis=1)
        self.points.take(rows)
        self.tail.take(rows)
        rows = embedded(rows, self.angles, axis=1)
        if self.averages is not None:
            self.averages.take(rows)
        first, self.done = self.done, self.done + len(growth)
        if not first:
            self.values.append(rows[:1])
            self.growth = np.zeros((len(self.edges) - 1, *growth.shape[1:]))
        assert self.growth is not None
        inside = self.edges[(self.edges > first) & (self.edges <= self.done)]
        self.values.append(rows[(inside - first) * self.block - 1])
        mark = np.searchsorted(self.edges, np.arange(first, self.done), "right") - 1
        starts = np.flatnonzero(np.diff(mark, prepend=-1))
        with np.errstate(invalid="ignore"):
            for start, end in pairwise([*starts, len(mark)]):
                self.growth[mark[start]] += growth[start:end].sum(axis=0)

    def marks(self) -> Marks:
        """Values at the first step and at up to 240 later ones, evenly spread."""
        times = np.concatenate([[1], self.edges[1:] * self.block])
        return Marks(np.concatenate(self.values), self.steps - times)

    def contracts(self) -> Bool[np.ndarray, "n"]:
        """Where all tangents shrink in the last half of the stretch."""
        assert self.growth is not None
        logs = self.growth[len(self.growth) // 2 :, 0]
        if not logs.shape[1]:
            return np.zeros(logs.shape[2], bool)
        with np.errstate(invalid="ignore"):
            return logs.sum(axis=0).max(axis=0) < 0

    def exponents(
        self, settled: Int[np.ndarray, "n"], qr_every: int
    ) -> tuple[dict[str, Float[np.ndarray, "n k"]], Int[np.ndarray, "n"]]:
        """Exponents of the part of the stretch after each orbit has settled.

        Args:
            settled: How many steps before the end that was; as many as the stretch has,
                or more, for all of it.
            qr_every: Steps between orthonormalisations.

        Returns:
            The measured variables; and how many steps they are of, (n,).
        """
        before_end = (self.edges[-1] - self.edges) * self.block
        # The first edge at which it had settled; what is settled at the first step is
        # so from the start.
        first = np.searchsorted(-before_end, -settled)
        first[settled >= self.steps - 1] = 0
        assert self.growth is not None
        shape = self.growth.shape[2:]
        result = {
            name: np.full(shape, np.nan)
            for name in ("exponents", "exponent_error", "unresolved")
        }
        for start in np.unique(first):
            lanes = first == start
            part = self._of_part(int(start), self.growth[start:][..., lanes], qr_every)
            for name, value in part.items():
                result[name][:, lanes] = value
        order = descending(result["exponents"])
        result = {
            name: np.take_along_axis(value, order, axis=0).T
            for name, value in result.items()
        }
        return result, before_end[first]

    def _of_part(
        self, start: int, growth: np.ndarray, qr_every: int
    ) -> dict[str, np.ndarray]:
        """Exponents from an edge on, with errors from the means of batches."""
        edges, marks = self.edges[start:] * self.block, len(growth)
        if not marks:
            return {}
        batches = min(BATCHES, marks)
        ends = np.array([i * marks // batches for i in range(batches + 1)])
        taken = np.diff(edges[ends])
        with np.errstate(invalid="ignore"):
            logs = np.add.reduceat(growth[:, 0], ends[:-1])
            means = logs / taken[:, None, None]
            spread = means.std(axis=0, ddof=1) if batches > 1 else np.nan
        steps = taken.sum()
        return {
            "exponents": logs.sum(axis=0) / steps,
            "exponent_error": spread / np.sqrt(batches),
            "unresolved": growth[:, 1].sum(axis=0) * qr_every / steps,
        }


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
