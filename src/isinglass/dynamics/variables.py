"""What measuring a cell gives: names, dimensions, types and units."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from isinglass.dynamics._precision import at_precision, in_precision
from isinglass.dynamics._runner import runner_of
from isinglass.dynamics.angles import check_components
from isinglass.dynamics.cells import FEWEST_ROWS, SEGMENT_STEPS
from isinglass.dynamics.flows import unit_of_time
from isinglass.dynamics.kinds import MARKS, Kind, tail_rows
from isinglass.dynamics.maps import State, Step
from isinglass.dynamics.measure import Measure


def dimension(state: State) -> int:
    """Number of real numbers in one state: how many Lyapunov exponents there are."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]
    return sum(leaf.size for leaf in leaves if np.issubdtype(leaf.dtype, np.floating))


def bytes_while_measuring(step: Step, state: State, measure: Measure) -> int:
    """Memory that one cell takes while it is measured, beside its results.

    That is for rows and tangents.
    """
    width = _width(step, state, measure)
    size = dimension(state)
    count = size if measure.exponents is None else measure.exponents
    rows = max(min(measure.steps, SEGMENT_STEPS), FEWEST_ROWS)
    if measure.classify:
        rows += min(measure.steps, tail_rows(measure.max_period)) + MARKS
    return 8 * (rows * width + 2 * MARKS * count + 4 * size * count)


class Variable(NamedTuple):
    """A variable that is measured in every cell.

    Attributes:
        dims: Name and size of the dimensions after the cell.
        dtype: Type of its numbers.
        attrs: What it is, and its unit, as in an `xarray.DataArray`.
    """

    dims: tuple[tuple[str, int], ...]
    dtype: np.dtype
    attrs: Mapping[str, Any]


def variables(step: Step, state: State, measure: Measure) -> dict[str, Variable]:
    """Describe what `measure_cells` returns of a state, but for the final state.

    Raises:
        ValueError: If the measure asks for more than the state or its observable has.
    """
    width = _width(step, state, measure)
    total = dimension(state)
    count = total if measure.exponents is None else measure.exponents
    if count > total:
        raise ValueError(
            f"exponents must be at most {total}, the dimension of the state, got "
            f"{count}"
        )
    check_components(measure.circles, width)
    if measure.section is not None and measure.section.component >= width:
        raise ValueError(
            f"component must be less than {width}, the size of the observable, "
            f"got {measure.section.component}"
        )
    real = np.dtype(measure.precision)
    return {
        **(_of_points(measure, width, real) if measure.points else {}),
        **(_of_exponents(count, real, unit_of_time(step)) if count else {}),
        **(_of_kinds() if measure.classify else {}),
    }


def _width(step: Step, state: State, measure: Measure) -> int:
    """How many numbers are observed of a state."""
    with in_precision(measure.precision):
        state = at_precision(state, measure.precision)
        observe = runner_of(step, state, measure.observable).observable
        return int(np.prod(jax.eval_shape(observe, state).shape, dtype=int))


def _of_points(measure: Measure, width: int, real: np.dtype) -> dict[str, Variable]:
    dims = (("point", measure.points), ("component", width))
    count = {"long_name": "number of points kept"}
    shown = {"long_name": "observable on the attractor"}
    if measure.circles:  # as text, which every file format can hold
        shown["angles"] = json.dumps(measure.circles)
    return {
        "points": Variable(dims, real, shown),
        "point_count": Variable((), np.dtype(np.int64), count),
    }


def _of_exponents(count: int, real: np.dtype, time: str) -> dict[str, Variable]:
    dims, nats = (("exponent", count),), {"units": f"nats per {time}"}
    exponents = {"long_name": "Lyapunov exponents", **nats}
    error = {"long_name": "their standard error", **nats}
    lost = {"long_name": "share of QRs lost in rounding", "units": "1"}
    interval = {"long_name": "interval of orthonormalisations", "units": "steps"}
    return {
        "exponents": Variable(dims, real, exponents),
        "exponent_error": Variable(dims, real, error),
        "unresolved": Variable(dims, real, lost),
        "qr_every": Variable((), np.dtype(np.int32), interval),
    }


def _of_kinds() -> dict[str, Variable]:
    kind = {
        "long_name": "kind of attractor",
        "flag_values": [int(kind) for kind in Kind],
        "flag_meanings": " ".join(kind.name.lower() for kind in Kind),
    }
    period = {"long_name": "period", "units": "steps"}
    transient = {"long_name": "steps before the attractor", "units": "steps"}
    measured = {"long_name": "steps that were judged", "units": "steps"}
    return {
        "kind": Variable((), np.dtype(np.int8), kind),
        "period": Variable((), np.dtype(np.int32), period),
        "confidence": Variable((), np.dtype(np.float64), {"units": "1"}),
        "transient_steps": Variable((), np.dtype(np.int64), transient),
        "measured_steps": Variable((), np.dtype(np.int64), measured),
    }
