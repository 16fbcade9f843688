"""Sweeps of a map over its parameters: bifurcation, continuation and phase diagrams."""

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from isinglass._common.bars import Bars
from isinglass._common.checks import or_default
from isinglass._common.shared_console import SharedConsole
from isinglass._common.types import ArrayLike
from isinglass.dynamics._precision import warn_of_single_precision
from isinglass.dynamics.maps import Step
from isinglass.dynamics.measure import Measure
from isinglass.dynamics.sweep.plan import Plan, read_plan, versions
from isinglass.dynamics.sweep.request import Request, measure_of
from isinglass.dynamics.sweep.run import Direction, Progress, Run
from isinglass.dynamics.sweep.sizes import lanes_in_memory, lanes_that_suit
from isinglass.dynamics.sweep.store import Folder, Memory
from isinglass.dynamics.sweep.tiles import chain, cut, tile_shape
from isinglass.dynamics.sweep.workers import Workers, compute_all, pool_of
from isinglass.dynamics.variables import bytes_while_measuring, dimension

TITLES = {
    "bifurcation": "Bifurcation diagram over",
    "continuation": "Continuation over",
    "phase_diagram": "Phase diagram over",
}


def bifurcation(
    step: Step,
    state: Any,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    measure: Measure | None = None,
    run: Run | None = None,
) -> xr.Dataset:
    """Measure a map at many values of one parameter, always from the same start.

    The values are computed in tiles, side by side within a tile. Where and by whom, and
    whether the results stay on disk, is what ``run`` says.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX. ``parameters`` is
            a mapping from names to numbers or arrays.
        state: The initial state, a pytree of arrays; or a pure JAX function
            ``state(parameters) -> state`` for one that depends on the parameters.
        parameters: Values of all parameters but the varied ones, by name, numbers or
            arrays. One that stands here too is overruled by ``vary``.
        vary: Name of the varied parameter and its values, one axis, all different. A
            unit is taken from the ``attrs`` of an `xarray.DataArray`, else the values
            have none.
        measure: What is measured at each value; by default ``Measure()``.
        run: How the sweep is run; by default here and now, ``Run()``.

    Returns:
        Dataset over the varied parameter with the variables of the measure: read from
        memory, or from ``store/results.zarr`` when asked for. ``attrs`` say what was
        measured, and with what.

    Raises:
        ValueError: For values that are empty, repeated, NaN or infinite, a name that
            the map does not read, and other arguments that cannot be; or where
            ``store`` holds anything else than this sweep: the message says what
            differs, and nothing in it is touched.
        FileExistsError: If ``store`` holds this sweep and ``resume`` is off.
        BlockingIOError: If another process is at work on the same ``store``.
        OSError: If the disk is full or fails; what was finished is kept.
    """
    run = _without_direction(run)
    measure = or_default(Measure, measure=measure)
    request = Request("bifurcation", step, state, parameters, vary, measure, run)
    return _swept(request, _tile_of_lanes(request), run)


def phase_diagram(
    step: Step,
    state: Any,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    measure: Measure | None = None,
    run: Run | None = None,
) -> xr.Dataset:
    """Measure a map on a grid of two parameters, always from the same start.

    Args:
        step: As in `bifurcation`, and so are all others but ``vary``.
        state: The initial state, or a function of the parameters.
        parameters: The parameters that are not varied.
        vary: Names and values of the two varied parameters, one axis each.
        measure: What is measured in each cell.
        run: How the sweep is run.

    Returns:
        Dataset over both parameters with the variables of the measure.

    Raises:
        ValueError: As `bifurcation`, and so are the others.
        OSError: If the disk is full or fails; what was finished is kept.
    """
    run = _without_direction(run)
    measure = or_default(Measure, measure=measure)
    request = Request("phase_diagram", step, state, parameters, vary, measure, run)
    return _swept(request, _tile_of_lanes(request), run)


def continuation(
    step: Step,
    state: Any,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    measure: Measure | None = None,
    run: Run | None = None,
) -> xr.Dataset:
    """Follow the attractors of a map along one parameter, upwards and downwards.

    Each value is run from the final state of its neighbour, and so stays on the same
    branch while there is one: where the two directions differ, there is hysteresis. A
    run that has left for infinity (beyond 1e12) starts afresh at the next value.

    The values of one direction can only follow each other; the directions run at the
    same time.

    Args:
        step: As in `bifurcation`, and so are all others but these.
        state: The initial state at the first value, or a function of the parameters.
        parameters: The parameters that are not varied.
        vary: Name of the varied parameter and its values, increasing.
        measure: What is measured at each value; its transient is run at every value.
        run: How the sweep is run; its ``direction`` and ``block`` are of continuations
            only.

    Returns:
        Dataset over "direction" and the varied parameter with the variables of the
        measure.

    Raises:
        ValueError: As `bifurcation`, and so are the others.
        OSError: If the disk is full or fails; what was finished is kept.
    """
    run = or_default(Run, run=run)
    measure = or_default(Measure, measure=measure)
    request = Request("continuation", step, state, parameters, vary, measure, run)
    tile = (1, min(run.block, request.axes[next(iter(request.vary))]))
    if run.starts is not None:
        tile = (1, _starts_together(request, run.starts), tile[-1])
    return _swept(request, tile, run)


def resume(
    directory: str | Path,
    step: Step,
    state: Any,
    *,
    observable: Callable[[Any], Any] | None = None,
    workers: Workers | None = None,
    progress: Progress = None,
) -> xr.Dataset:
    """Go on with the sweep in a folder.

    Only what cannot be written down has to be handed over again: the map and the start.

    Args:
        directory: The folder that was the ``store`` of its `Run`.
        step: The map.
        state: The initial state, or the function of the parameters that gives it.
        observable: The measure's observable, if it had one.
        workers: As in `Run`, and so is ``progress``; they may differ from the first
            time.
        progress: True for a bar, or a function.

    Returns:
        The whole Dataset.

    Raises:
        FileNotFoundError: If the folder holds no plan of a sweep.
        ValueError: If the plan is damaged, or the map, state or observable are not
            those of it.
        OSError: As `bifurcation`.
    """
    plan = read_plan(directory)
    stored = plan.measure.get("observable")
    if (stored is None) != (observable is None):
        name = "none" if stored is None else stored["callable"]
        raise ValueError(f"observable must be that of the sweep in {directory}: {name}")
    run = Run(
        starts=plan.starts,
        direction=_direction(plan),
        store=directory,
        recipe=plan.recipe,
        workers=or_default(Workers, workers=workers),
        progress=progress,
    )
    vary = {
        name: xr.DataArray(values, dims=name, attrs=plan.attributes.get(name))
        for name, values in plan.vary.items()
    }
    measure = measure_of(plan, observable)
    request = Request(plan.kind, step, state, plan.parameters, vary, measure, run)
    return _swept(request, plan.tile, run)


def _without_direction(run: Run | None) -> Run:
    """How to run a diagram whose values do not follow each other."""
    run = or_default(Run, run=run)
    if run.direction is not None:
        raise ValueError(
            f"direction must be None but for a continuation, got {run.direction!r}"
        )
    return run


def _direction(plan: Plan) -> Direction | None:
    ways = plan.directions
    if len(ways) == 2:
        return "both"
    return next((way for way in ("up", "down") if way in ways), None)


def _tile_of_lanes(request: Request) -> tuple[int, ...]:
    """Sides of the tiles: those of the sweep that the folder holds, or what suits."""
    stored = _stored_tile(request)
    if stored is not None:
        return stored
    results = sum(
        math.prod(about["shape"]) * np.dtype(about["dtype"]).itemsize
        for about in request.variables.values()
    )
    working = bytes_while_measuring(request.step, request.first_state, request.measure)
    room = lanes_in_memory(results + working)
    sizes = list(request.axes.values())
    return tile_shape(sizes, min(room, _lanes(request, math.prod(sizes))))


def _starts_together(request: Request, starts: int) -> int:
    """How many of the starts of a continuation are followed side by side."""
    stored = _stored_tile(request)
    if stored is not None:
        return stored[1]
    return tile_shape([starts], _lanes(request, starts))[0]


def _lanes(request: Request, cells: int) -> int:
    """Cells side by side: what the caller says, or what suits this machine."""
    if request.run.lanes is not None:
        return request.run.lanes
    size = dimension(request.first_state)
    count = request.measure.exponents
    return lanes_that_suit(cells, size, size if count is None else count)


def _stored_tile(request: Request) -> tuple[int, ...] | None:
    """The tile with which the sweep in the folder began, on whatever machine.

    None where the caller names a size, or the folder holds no sweep of this grid; it is
    examined in full where it is opened.
    """
    run = request.run
    if run.lanes is not None or run.store is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        plan = read_plan(run.store)
        if plan.axes == request.axes:
            return tuple(plan.tile)
    return None


def _swept(request: Request, tile: tuple[int, ...], run: Run) -> xr.Dataset:
    """Compute what is not done yet, and return all."""
    warn_of_single_precision(request.measure.precision)
    work = request.work(tile)
    plan = request.plan(work)
    sizes = list(request.axes.values())
    directions = request.directions
    tiles = chain(sizes, tile, directions) if directions else cut(sizes, tile)
    with contextlib.ExitStack() as stack:
        store = _store(plan, request, run)
        if isinstance(store, Folder):
            stack.callback(store.close)
            store.note_versions(len(tiles))
        if len(store.done) < len(tiles):
            report = stack.enter_context(
                _reporter(run.progress, _title(plan.kind, plan.vary))
            )
            pool = stack.enter_context(pool_of(run.workers, work))
            compute_all(tiles, store, pool, report)
        return store.dataset()


def _store(plan: Plan, request: Request, run: Run) -> Memory | Folder:
    coordinates: dict[str, Any] = {}
    if request.directions:
        about = {"long_name": "direction in which the parameter was followed"}
        coordinates["direction"] = (np.array(request.directions), about)
    for name, values in request.vary.items():
        coordinates[name] = (values, dict(request.attributes[name]))
    attributes = _attributes(plan)
    if run.store is None:
        return Memory(plan, coordinates, attributes)
    return Folder(Path(run.store), plan, coordinates, attributes, run.resume)


def _attributes(plan: Plan) -> dict[str, str]:
    """Attributes of the Dataset: text only, which every file format can hold."""
    measured = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in plan.measure.items()
        if value not in (None, (), [])
    ]
    software = versions()
    return {
        "title": _title(plan.kind, plan.vary),
        "source": f"isinglass {software['isinglass']}, isinglass.dynamics.{plan.kind}",
        "map": plan.map_name,
        "parameters": json.dumps(dict(plan.parameters)),
        "measured": "; ".join(measured),
        "versions": ", ".join(
            f"{name} {version}" for name, version in software.items()
        ),
    }


def _title(kind: str, vary: Iterable[str]) -> str:
    return f"{TITLES[kind]} {' and '.join(vary)}"


@contextlib.contextmanager
def _reporter(progress: Progress, title: str) -> Iterator[Callable[[float, int], Any]]:
    """What to call with the cells done and their number."""
    if progress is None or progress is False:
        yield lambda done, total: None
    elif callable(progress):
        yield progress
    else:
        with Bars(SharedConsole(stderr=True)) as bars, bars.follow(title) as report:
            yield report
