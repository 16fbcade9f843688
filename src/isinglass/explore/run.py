"""A sweep from a recipe, and the going on with one in a folder."""

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isinglass.dynamics import (
    Measure,
    PrecisionWarning,
    Section,
    SweepWarning,
    hysteresis,
)
from isinglass.dynamics.sweep import diagrams as sweep
from isinglass.explore import maps
from isinglass.explore import words as texts
from isinglass.explore.origin import Recipe

if TYPE_CHECKING:
    import xarray as xr

RESULTS = "results.zarr"
# What the command line calls the arguments that messages of `isinglass.dynamics` begin
# with.
OPTIONS = {
    "cluster": "--cluster",
    "direction": "--continue",
    "cluster_options": "--cluster-option",
    "component": "--section",
    "exponents": "--exponents",
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
class Crew:
    """Who computes, as `isinglass.dynamics.bifurcation` is told it."""

    scheduler: str | None = None
    cluster: str | None = None
    cluster_options: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Swept:
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
    dataset: "xr.Dataset"
    labels: tuple[str, ...]
    section: int | None
    hysteresis: list[tuple[float, float]] | None

    @property
    def store(self) -> Path:
        """Where the results are, for `xarray.open_zarr`."""
        return self.directory / RESULTS


def measure_of(
    *,
    transient: int,
    steps: int,
    exponents: str,
    qr_every: str,
    points: int,
    section: str | None,
    section_tolerance: float,
    precision: str,
) -> Measure:
    """What is measured, of what the command line says.

    Args:
        transient: As in `Measure`, and so are others.
        steps: Steps that are measured.
        exponents: A number, or "all".
        qr_every: A number, or "auto".
        points: Most points to keep.
        section: ``COMPONENT`` or ``COMPONENT=LEVEL``.
        section_tolerance: How near to it.
        precision: "float64" or "float32".

    Raises:
        ValueError: If something is out of range; it names the option.
    """
    with _as_options():
        interval = texts.whole("--qr-every", qr_every, "auto")
        plane = (
            None
            if section is None
            else Section(*texts.section(section), section_tolerance)
        )
        return Measure(
            transient=transient,
            steps=steps,
            exponents=texts.whole("--exponents", exponents, "all"),
            qr_every="auto" if interval is None else interval,
            points=points,
            section=plane,
            precision=precision,
        )


def start(
    recipe: Recipe,
    vary: Mapping[str, Any],
    fixed: Mapping[str, float],
    measure: Measure,
    directory: Path,
    *,
    direction: str | None = None,
    lanes: int = 250,
    crew: Crew | None = None,
    progress: Progress | None = None,
) -> Swept:
    """Sweep the map of a recipe; go on if the folder holds this very sweep.

    Args:
        recipe: The map and its start.
        vary: Values of one parameter (bifurcation diagram, continuation) or two (phase
            diagram).
        fixed: Fixed parameters; the others have their usual values.
        measure: What is measured in each cell.
        directory: Folder for the results.
        direction: "up", "down" or "both" for a continuation; None for none.
        lanes: Most cells computed side by side.
        crew: Who computes; this machine if None.
        progress: Is told the cells done, and how many there are.

    Raises:
        ValueError: For what cannot be; it names the option of the command line.
        OSError: As `isinglass.dynamics.bifurcation`.
    """
    crew = crew or Crew()
    chosen = maps.build(recipe)
    parameters = maps.parameters(chosen, vary, fixed)
    first = {name: float(values[0]) for name, values in vary.items()}
    _check_measure(measure, *maps.sizes(chosen, {**parameters, **first}))
    arguments: dict[str, Any] = {
        "store": directory,
        "progress": progress,
        "lanes": lanes,
    }
    arguments |= {"recipe": recipe.plain(), **vars(crew)}
    if direction is not None:
        if len(vary) != 1:
            raise ValueError(
                "--continue needs one parameter to follow, got --vary twice"
            )
        function, arguments["direction"] = sweep.continuation, direction
    else:
        function = sweep.bifurcation if len(vary) == 1 else sweep.phase_diagram
    with _as_options(), _sent_whole(chosen, crew):
        dataset = function(
            chosen.step, chosen.start, parameters, vary, measure, **arguments
        )
    return _swept(directory, dataset, chosen)


def resume(
    directory: Path, *, crew: Crew | None = None, progress: Progress | None = None
) -> Swept:
    """Go on with the sweep in a folder that `start` made.

    Args:
        directory: The folder.
        crew: Who computes; this machine if None.
        progress: Is told the cells done, and how many there are.

    Raises:
        ValueError: If the folder holds no sweep of `start`, or the map is no longer
            that of it.
        OSError: As `isinglass.dynamics.bifurcation`.
    """
    crew = crew or Crew()
    recipe = Recipe.read(sweep.read_plan(directory).recipe, directory)
    chosen = maps.build(recipe)
    with _as_options(), _sent_whole(chosen, crew):
        dataset = sweep.resume(
            directory, chosen.step, chosen.start, progress=progress, **vars(crew)
        )
    return _swept(directory, dataset, chosen)


@contextlib.contextmanager
def warnings_told(tell: Callable[[str], Any]) -> Iterator[None]:
    """Hand each warning to a function, as text without the place in the code."""
    with warnings.catch_warnings():
        for category in (PrecisionWarning, SweepWarning):
            warnings.simplefilter("always", category)
        warnings.showwarning = lambda message, *_, **__: tell(str(message))
        yield


def _swept(directory: Path, dataset: "xr.Dataset", chosen: maps.Map) -> Swept:
    differ = None
    if dataset.sizes.get("direction") == 2 and "points" in dataset:
        differ = [(interval.low, interval.high) for interval in hysteresis(dataset)]
    section = sweep.read_plan(directory).measure["section"]
    component = None if section is None else section["component"]
    return Swept(chosen.name, directory, dataset, chosen.labels, component, differ)


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
def _as_options() -> Iterator[None]:
    """Let an error name the option and not the argument."""
    try:
        yield
    except ValueError as error:
        raise ValueError(texts.as_options(str(error), OPTIONS)) from error


@contextlib.contextmanager
def _sent_whole(chosen: maps.Map, crew: Crew) -> Iterator[None]:
    """Send a map out of a file to other machines with all its code, which they do not have."""
    if crew.scheduler is None and crew.cluster is None:
        yield
        return
    try:
        import cloudpickle
        import distributed  # noqa: F401
    except ImportError:
        raise ValueError(
            "--scheduler and --cluster need what is not installed: pip install "
            "'isinglass[cluster]'"
        ) from None
    if chosen.module is None:
        yield
        return
    cloudpickle.register_pickle_by_value(chosen.module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(chosen.module)
