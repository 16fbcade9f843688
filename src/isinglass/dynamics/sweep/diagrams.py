"""Sweeps of a map over its parameters: bifurcation diagrams, continuations, phase diagrams."""

import contextlib
import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from isinglass._common.types import ArrayLike
from isinglass.dynamics._precision import warn_of_single_precision
from isinglass.dynamics.cells import bytes_while_measuring
from isinglass.dynamics.maps import Step
from isinglass.dynamics.measure import Measure
from isinglass.dynamics.sweep import plan as _plan
from isinglass.dynamics.sweep import store as _store
from isinglass.dynamics.sweep import workers as _schedule
from isinglass.dynamics.sweep.plan import Plan, read_plan
from isinglass.dynamics.sweep.request import (
    _Asked,
    _first_state,
    _measure_of,
    _positive,
)
from isinglass.dynamics.sweep.store import SweepWarning
from isinglass.dynamics.sweep.tiles import chain, cut, tile_shape

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "Plan",
    "SweepWarning",
    "bifurcation",
    "continuation",
    "phase_diagram",
    "read_plan",
    "resume",
]

TITLES = {
    "bifurcation": "Bifurcation diagram over",
    "continuation": "Continuation over",
    "phase_diagram": "Phase diagram over",
}
DIRECTIONS = {"both": ("up", "down"), "up": ("up",), "down": ("down",)}
# What one tile may take in memory, with its results; there is one per core at a time.
TILE_BYTES = 2**27

Progress = Callable[[float, int], Any] | bool | None
Store = str | Path | None


def bifurcation(
    step: Step,
    state: Any,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    measure: Measure | None = None,
    *,
    starts: int | None = None,
    store: Store = None,
    resume: bool = True,
    lanes: int = 250,
    scheduler: Any = None,
    cluster: str | None = None,
    cluster_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
    recipe: Mapping[str, Any] | None = None,
) -> "xr.Dataset":
    """Measure a map at each of many values of one parameter, always from the same start.

    The values are computed in tiles, side by side within a tile. With ``store``, each
    finished tile is on disk for good: the same call on the same folder goes on after
    whatever stopped it, and on one machine the result is the same to the last bit as
    that of an uninterrupted run.

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
        starts: If given, every leaf of the state has a leading axis of so many initial
            states; each value is run from all of them, and the result has a dimension
            "start".
        store: Folder for the results; made if it does not exist. None keeps them in
            memory.
        resume: Whether to go on with what the folder holds, if it is this very sweep.
        lanes: Most cells computed side by side; fewer where the results of a tile would
            take more than 128 MiB with what is needed to get them. Cells of a tile
            share one ``qr_every``: where that is "auto", other lanes can mean other
            intervals, and then another number of whole blocks and another sample of a
            chaotic orbit.
        scheduler: Who computes: None for this machine (all cores, or all accelerators
            that JAX sees), a `distributed.Client`, or the address of a Dask scheduler.
            Workers need the same software; one that is lost costs only its tiles.
            Results come here to be written.
        cluster: Instead of ``scheduler``: "slurm" (or "pbs", "sge", "lsf", "htcondor",
            "oar") starts workers as jobs by dask-jobqueue, while the sweep lasts.
        cluster_options: Arguments of the dask-jobqueue cluster, such as ``queue``,
            ``cores``, ``memory``, ``walltime``; and ``jobs``, how many to keep running,
            by default 1.
        progress: True for a bar with the time left on standard error; or a function
            that is called a few times a second with the cells done and their number.
        recipe: Noted in the folder's plan for whoever has to build the map and the
            state again (see `read_plan`): names and numbers, lists and mappings of
            them.

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
        ImportError: If ``scheduler`` or ``cluster`` needs an extra that is not
            installed.
    """
    asked = _Asked(
        "bifurcation", step, state, parameters, vary, measure, starts, recipe
    )
    tile = _tile_of_lanes(asked, lanes)
    return _run(
        asked, tile, store, resume, scheduler, cluster, cluster_options, progress
    )


def phase_diagram(
    step: Step,
    state: Any,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    measure: Measure | None = None,
    *,
    starts: int | None = None,
    store: Store = None,
    resume: bool = True,
    lanes: int = 250,
    scheduler: Any = None,
    cluster: str | None = None,
    cluster_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
    recipe: Mapping[str, Any] | None = None,
) -> "xr.Dataset":
    """Measure a map on a grid of two parameters, always from the same start.

    Args:
        step: As in `bifurcation`, and so are all others but ``vary``.
        state: The initial state, or a function of the parameters.
        parameters: The parameters that are not varied.
        vary: Names and values of the two varied parameters, one axis each.
        measure: What is measured in each cell.
        starts: How many initial states the leaves of ``state`` hold.
        store: Folder for the results.
        resume: Whether to go on with what the folder holds.
        lanes: Most cells computed side by side.
        scheduler: Who computes.
        cluster: A kind of batch system to start workers on.
        cluster_options: Arguments of that cluster.
        progress: True for a bar, or a function.
        recipe: Noted in the folder's plan.

    Returns:
        Dataset over both parameters with the variables of the measure.

    Raises:
        ValueError: As `bifurcation`, and so are the others.
        OSError: If the disk is full or fails; what was finished is kept.
        ImportError: If ``scheduler`` or ``cluster`` needs an extra that is not
            installed.
    """
    asked = _Asked(
        "phase_diagram", step, state, parameters, vary, measure, starts, recipe
    )
    tile = _tile_of_lanes(asked, lanes)
    return _run(
        asked, tile, store, resume, scheduler, cluster, cluster_options, progress
    )


def continuation(
    step: Step,
    state: Any,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    measure: Measure | None = None,
    *,
    direction: str = "both",
    starts: int | None = None,
    store: Store = None,
    resume: bool = True,
    block: int = 32,
    lanes: int = 250,
    scheduler: Any = None,
    cluster: str | None = None,
    cluster_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
    recipe: Mapping[str, Any] | None = None,
) -> "xr.Dataset":
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
        direction: "up", "down" or "both".
        starts: How many initial states the leaves of ``state`` hold: each is followed
            by itself.
        store: Folder for the results.
        resume: Whether to go on with what the folder holds.
        block: Values between two checkpoints: what is lost at most where a run is
            stopped.
        lanes: Most starts run side by side.
        scheduler: Who computes.
        cluster: A kind of batch system to start workers on.
        cluster_options: Arguments of that cluster.
        progress: True for a bar, or a function.
        recipe: Noted in the folder's plan.

    Returns:
        Dataset over "direction" and the varied parameter with the variables of the
        measure.

    Raises:
        ValueError: As `bifurcation`, and so are the others.
        OSError: If the disk is full or fails; what was finished is kept.
        ImportError: If ``scheduler`` or ``cluster`` needs an extra that is not
            installed.
    """
    if direction not in DIRECTIONS:
        raise ValueError(f"direction must be 'up', 'down' or 'both', got {direction!r}")
    asked = _Asked(
        "continuation",
        step,
        state,
        parameters,
        vary,
        measure,
        starts,
        recipe,
        DIRECTIONS[direction],
    )
    side = _positive("block", block)
    tile = (1, min(side, asked.axes[next(iter(asked.vary))]))
    if starts is not None:
        (some,) = tile_shape([starts], _positive("lanes", lanes))
        tile = (1, some, tile[-1])
    return _run(
        asked, tile, store, resume, scheduler, cluster, cluster_options, progress
    )


def resume(
    directory: str | Path,
    step: Step,
    state: Any,
    *,
    observable: Callable[[Any], Any] | None = None,
    scheduler: Any = None,
    cluster: str | None = None,
    cluster_options: Mapping[str, Any] | None = None,
    progress: Progress = None,
) -> "xr.Dataset":
    """Go on with the sweep in a folder, of which only the map and the start need be given again.

    Args:
        directory: The folder that was given as ``store``.
        step: The map.
        state: The initial state, or the function of the parameters that gives it.
        observable: The measure's observable, if it had one.
        scheduler: As in `bifurcation`, and so are the others; they may differ from the
            first time.
        cluster: A kind of batch system to start workers on.
        cluster_options: Arguments of that cluster.
        progress: True for a bar, or a function.

    Returns:
        The whole Dataset.

    Raises:
        FileNotFoundError: If the folder holds no plan of a sweep.
        ValueError: If the plan is damaged, or the map, state or observable are not
            those of it.
        OSError: As `bifurcation`.
        ImportError: As `bifurcation`.
    """
    plan = read_plan(directory)
    wanted = plan.measure.get("observable")
    if (wanted is None) != (observable is None):
        named = "none" if wanted is None else wanted["callable"]
        raise ValueError(
            f"observable must be that of the sweep in {directory}: {named}"
        )
    vary = {
        name: np.array(values, dtype=np.float64) for name, values in plan.vary.items()
    }
    asked = _Asked(
        plan.kind,
        step,
        state,
        plan.parameters,
        vary,
        _measure_of(plan, observable),
        plan.starts,
        plan.recipe,
        plan.directions,
        plan.attributes,
    )
    return _run(
        asked, plan.tile, directory, True, scheduler, cluster, cluster_options, progress
    )


def _run(
    asked: _Asked,
    tile: tuple[int, ...],
    store: Store,
    resume: bool,
    scheduler: Any,
    cluster: str | None,
    cluster_options: Mapping[str, Any] | None,
    progress: Progress,
) -> "xr.Dataset":
    _schedule.check_crew(scheduler, cluster, cluster_options)
    warn_of_single_precision(asked.measure.precision)
    work = asked.work(tile)
    plan = asked.plan(work)
    sizes = list(asked.axes.values())
    tiles = (
        chain(sizes, tile, asked.directions) if asked.directions else cut(sizes, tile)
    )
    with contextlib.ExitStack() as stack:
        keeper = _keeper(plan, asked, store, resume)
        if isinstance(keeper, _store.Folder):
            stack.callback(keeper.close)
            keeper.note_versions(len(tiles))
        if len(keeper.done) < len(tiles):
            report = stack.enter_context(_reporter(progress, TITLES[asked.kind]))
            hired = stack.enter_context(
                _schedule.crew(work, scheduler, cluster, cluster_options)
            )
            _schedule.run(tiles, keeper, hired, report)
        return keeper.dataset()


def _keeper(
    plan: Plan, asked: _Asked, store: Store, resume: bool
) -> _store.Memory | _store.Folder:
    coordinates: dict[str, Any] = {}
    if asked.directions:
        about = {"long_name": "direction in which the parameter was followed"}
        coordinates["direction"] = (np.array(asked.directions), about)
    for name, values in asked.vary.items():
        coordinates[name] = (values, dict(asked.attributes[name]))
    described = _described(plan)
    if store is None:
        return _store.Memory(plan, coordinates, described)
    return _store.Folder(Path(store), plan, coordinates, described, resume)


def _described(plan: Plan) -> dict[str, str]:
    """Attributes of the Dataset: text only, which every file format can hold."""
    measure = plan.measure
    told = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in measure.items()
        if value is not None
    ]
    versions = _plan.versions()
    return {
        "title": f"{TITLES[plan.kind]} {' and '.join(plan.vary)}",
        "source": f"isinglass {versions['isinglass']}, isinglass.dynamics.{plan.kind}",
        "map": plan.map_name,
        "parameters": json.dumps(dict(plan.parameters)),
        "measured": "; ".join(told),
        "versions": ", ".join(
            f"{name} {version}" for name, version in versions.items()
        ),
    }


@contextlib.contextmanager
def _reporter(progress: Progress, title: str) -> Iterator[Callable[[float, int], Any]]:
    if progress is None or progress is False:
        yield lambda done, total: None
    elif callable(progress):
        yield progress
    else:
        with _bar(title) as report:
            yield report


@contextlib.contextmanager
def _bar(title: str) -> Iterator[Callable[[float, int], None]]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("elapsed"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    disable = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=disable) as bars:
        task = bars.add_task(title, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _tile_of_lanes(asked: _Asked, lanes: int) -> tuple[int, ...]:
    kept = sum(
        math.prod(about["shape"]) * np.dtype(about["dtype"]).itemsize
        for about in asked.variables.values()
    )
    state, _ = _first_state(asked)
    cell = kept + bytes_while_measuring(asked.step, state, asked.measure)
    most = min(_positive("lanes", lanes), max(1, TILE_BYTES // cell))
    return tile_shape(list(asked.axes.values()), most)
