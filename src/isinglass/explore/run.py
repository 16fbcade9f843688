"""A sweep from a recipe, and the going on with one in a folder."""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import xarray as xr

from isinglass import dynamics
from isinglass.dynamics import (
    Measure,
    PrecisionWarning,
    Run,
    Section,
    SweepWarning,
    Workers,
    bifurcation,
    continuation,
    hysteresis,
    phase_diagram,
    read_plan,
)
from isinglass.explore import maps, notation
from isinglass.explore.recipe import Recipe

RESULTS = "results.zarr"
# What the command line calls the arguments that messages of `isinglass.dynamics` begin
# with.
OPTIONS = {
    "angles": "--angle",
    "cluster": "--cluster",
    "direction": "--continue",
    "cluster_options": "--cluster-option",
    "component": "--section",
    "exponents": "--exponents",
    "extensions": "--extensions",
    "lanes": "--lanes",
    "level": "--section",
    "points": "--points",
    "precision": "--precision",
    "qr_every": "--qr-every",
    "scheduler": "--scheduler",
    "steps": "--steps",
    "store": "--out",
    "tolerance": "--section-tolerance",
    "transient": "--transient",
    "vary": "--vary",
}

Progress = Callable[[float, int], Any]


@dataclass(frozen=True)
class SweepResult:
    """What a sweep gave.

    Attributes:
        name: Name of the map.
        directory: Its folder.
        dataset: Its results, read when asked for.
        labels: Names of the observable's components in TeX; empty if they have none.
        section: The component that is near a plane in all points; None for points
            without.
        hysteresis: Lowest and highest value of each range where the directions of a
            continuation differ; None if there are not two.
    """

    name: str
    directory: Path
    dataset: xr.Dataset
    labels: tuple[str, ...]
    section: int | None
    hysteresis: list[tuple[float, float]] | None

    @property
    def store(self) -> Path:
        """Where the results are, for `xarray.open_zarr`."""
        return self.directory / RESULTS


@dataclass(frozen=True)
class MeasureOptions:
    """What a command line says of the measure.

    Attributes:
        transient: Steps before measuring.
        steps: Steps that are measured.
        exponents: A number, or "all".
        qr_every: A number, or "auto".
        points: Most points to keep.
        section: ``COMPONENT`` or ``COMPONENT=LEVEL``; None for no section.
        section_tolerance: How near to it, in the observable's units.
        precision: "float64" or "float32".
        angles: ``COMPONENT=PERIOD`` of each angle.
        extensions: How often an orbit of uncertain kind is run on.
    """

    transient: int
    steps: int
    exponents: str
    qr_every: str
    points: int
    section: str | None
    section_tolerance: float | None
    precision: str
    angles: Iterable[str] = ()
    extensions: int = 2

    def measure(self) -> Measure:
        """Read what is measured.

        Raises:
            ValueError: If something is out of range; it names the option.
        """
        with as_options():
            interval = notation.whole("--qr-every", self.qr_every, "auto")
            plane = self._plane()
            return Measure(
                transient=self.transient,
                steps=self.steps,
                exponents=notation.whole("--exponents", self.exponents, "all"),
                qr_every="auto" if interval is None else interval,
                points=self.points,
                angles=notation.angles(self.angles),
                section=plane,
                extensions=self.extensions,
                precision=cast(Any, self.precision),
            )

    def _plane(self) -> Section | None:
        if self.section is None:
            return None
        if self.section_tolerance is None:
            raise ValueError(
                "--section needs --section-tolerance, how near to the level points "
                "must be, in the component's units"
            )
        component, level = notation.section(self.section)
        return Section(component, level, tolerance=self.section_tolerance)


def workers_of(
    scheduler: str | None, cluster: str | None, options: Iterable[str] | None
) -> Workers:
    """Read who computes, of what a command line says.

    Args:
        scheduler: Address of a Dask scheduler.
        cluster: A kind of batch system.
        options: Its options, as ``KEY=VALUE``.

    Raises:
        ValueError: If they name nobody, or two at a time, or need what is not
            installed; it names the option.
    """
    values = notation.options(options) if options else None
    with as_options():
        try:
            # Workers checks it.
            return Workers(scheduler, cast(Any, cluster), values)
        except ImportError:
            raise ValueError(
                "--scheduler and --cluster need what is not installed: pip install "
                "'isinglass[cluster]'"
            ) from None


def run_of(
    directory: Path,
    workers: Workers,
    progress: Progress,
    *,
    direction: str | None = None,
    lanes: int | None = None,
) -> Run:
    """Read how a sweep is run, of what a command line says.

    Args:
        directory: Folder for the results.
        workers: Who computes.
        progress: Called with the cells done, and how many there are.
        direction: "up", "down" or "both" for a continuation; None for none.
        lanes: Most cells computed side by side; None for what suits this machine.

    Raises:
        ValueError: If something is out of range; it names the option.
    """
    with as_options():
        return Run(
            direction=cast(Any, direction),  # Run checks it
            lanes=lanes,
            store=directory,
            workers=workers,
            progress=progress,
        )


def start(
    recipe: Recipe,
    vary: Mapping[str, Any],
    fixed: Mapping[str, float],
    measure: Measure,
    run: Run,
) -> SweepResult:
    """Sweep the map of a recipe; go on if the folder holds this very sweep.

    Args:
        recipe: The map and its start.
        vary: Values of one parameter (bifurcation diagram, continuation) or two (phase
            diagram).
        fixed: Fixed parameters; the others have their usual values.
        measure: What is measured in each cell.
        run: How the sweep is run, as `run_of` says: one with a ``direction`` is a
            continuation.

    Raises:
        ValueError: For what cannot be; it names the option of the command line.
        OSError: As `isinglass.dynamics.bifurcation`.
    """
    chosen = maps.build(recipe)
    if not measure.angles:
        measure = replace(measure, angles=chosen.angles)
    parameters = maps.parameters(chosen, vary, fixed)
    first = {name: float(values[0]) for name, values in vary.items()}
    _check_measure(measure, *maps.sizes(chosen, {**parameters, **first}))
    if run.direction is not None:
        if len(vary) != 1:
            raise ValueError(
                "--continue needs one parameter to follow, got --vary twice"
            )
        function = continuation
    else:
        function = bifurcation if len(vary) == 1 else phase_diagram
    recipe = recipe.beside(Path(str(run.store)))
    run = replace(run, recipe=recipe.plain())
    with as_options(), _sent_whole(chosen, run.workers):
        dataset = function(chosen.step, chosen.start, parameters, vary, measure, run)
    return _result(Path(str(run.store)), dataset, chosen)


def resume(
    directory: Path,
    workers: Workers,
    progress: Progress | None = None,
    *,
    target: str | None = None,
) -> SweepResult:
    """Go on with the sweep in a folder that `start` made.

    Args:
        directory: The folder.
        workers: Who computes.
        progress: Called with the cells done, and how many there are.
        target: ``path/to/file.py:function``, where the map is that has moved away from
            its results.

    Raises:
        ValueError: If the folder holds no sweep of `start`, or the map is no longer
            that of it.
        OSError: As `isinglass.dynamics.bifurcation`.
    """
    noted = Recipe.read(read_plan(directory).recipe, directory)
    recipe = noted.located(directory, target)
    chosen = maps.build(recipe)
    with as_options(), _sent_whole(chosen, workers):
        dataset = dynamics.resume(
            directory, chosen.step, chosen.start, workers=workers, progress=progress
        )
    return _result(directory, dataset, chosen)


@contextlib.contextmanager
def warnings_as_text(show: Callable[[str], Any]) -> Iterator[None]:
    """Hand each warning to a function, as text without the place in the code."""
    with warnings.catch_warnings():
        for category in (PrecisionWarning, SweepWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = lambda message, *_, **__: show(str(message))
        yield


def _result(directory: Path, dataset: xr.Dataset, chosen: maps.Map) -> SweepResult:
    differ = None
    if dataset.sizes.get("direction") == 2 and "points" in dataset:
        differ = [(interval.low, interval.high) for interval in hysteresis(dataset)]
    section = read_plan(directory).measure["section"]
    component = None if section is None else section["component"]
    return SweepResult(
        chosen.name, directory, dataset, chosen.labels, component, differ
    )


def _check_measure(measure: Measure, dimension: int, width: int) -> None:
    """Refuse what the map's size forbids before anything is written."""
    if (measure.exponents or 0) > dimension:
        raise ValueError(
            f"--exponents must be at most {dimension}, the dimension of the state, or "
            f"'all', got {measure.exponents}"
        )
    if measure.section is not None and measure.section.component >= width:
        raise ValueError(
            f"--section must name a component from 0 to {width - 1}, "
            f"got {measure.section.component}"
        )


@contextlib.contextmanager
def as_options() -> Iterator[None]:
    """Let an error that is raised within name the option and not the argument."""
    try:
        yield
    except ValueError as error:
        raise ValueError(notation.as_options(str(error), OPTIONS)) from error


@contextlib.contextmanager
def _sent_whole(chosen: maps.Map, workers: Workers) -> Iterator[None]:
    """Send a map out of a file to other machines with its code, which they lack."""
    if workers.scheduler is None and workers.cluster is None:
        yield
        return
    if chosen.module is None:
        yield
        return
    import cloudpickle

    cloudpickle.register_pickle_by_value(chosen.module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(chosen.module)
