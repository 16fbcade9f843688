"""What a sweep is to compute, written down to tell it from any other sweep."""

import dataclasses
import functools
import hashlib
import json
import math
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from isinglass._common import cluster
from isinglass._common.checks import as_path
from isinglass._common.files import write_text
from isinglass.dynamics.flows import Flow
from isinglass.dynamics.maps import DelayMap

FORMAT, VERSION = "isinglass-sweep", 1
FILE = "plan.json"
# What a rounding of another processor may change in a few steps, and no edit of a map
# is below.
PROBE_TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class Plan:
    """What a sweep is to compute.

    All of it is plain data, as it stands in ``plan.json``.

    Attributes:
        kind: "bifurcation", "continuation" or "phase_diagram".
        vary: Values of each varied parameter, by name, in the order of the grid.
        parameters: Values of all parameters that are not varied, by name.
        measure: Fields of the `isinglass.dynamics.Measure`; of a callable only its
            name.
        map_name: Name of the map.
        probe: Numbers that a few steps of the map give at the ends of the grid: they
            tell a map and an initial state from others.
        tile: Cells along each axis of the grid that are computed and stored together.
        variables: Dimensions, shape, type and attributes of what is stored per cell, by
            name.
        directions: Directions of a continuation, empty for other kinds.
        starts: How many initial states each cell is run from; None for one without an
            axis.
        attributes: Attributes of the varied parameters, by name.
        versions: Versions of the software that computed it, one mapping per change of
            them.
        recipe: What the caller noted to build the map and the initial state again.
    """

    kind: str
    vary: Mapping[str, list[float]]
    parameters: Mapping[str, Any]
    measure: Mapping[str, Any]
    map_name: str
    probe: list[float | None]
    tile: tuple[int, ...]
    variables: Mapping[str, Mapping[str, Any]]
    directions: tuple[str, ...] = ()
    starts: int | None = None
    attributes: Mapping[str, Mapping[str, str]] = dataclasses.field(
        default_factory=dict
    )
    versions: tuple[Mapping[str, str], ...] = ()
    recipe: Mapping[str, Any] | None = None

    @property
    def axes(self) -> dict[str, int]:
        """Names and sizes of the axes of the grid, in order."""
        sizes = {name: len(values) for name, values in self.vary.items()}
        if self.starts is not None:
            sizes = {"start": self.starts, **sizes}
        if self.directions:
            sizes = {"direction": len(self.directions), **sizes}
        return sizes

    @property
    def digest(self) -> str:
        """Hash of all that the results depend on."""
        content = self._content()
        for name in ("versions", "recipe"):
            del content[name]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def text(self) -> str:
        """The plan as JSON."""
        return json.dumps(
            {"format": FORMAT, "version": VERSION, **self._content()}, indent=1
        )

    def differences(self, other: "Plan") -> list[str]:
        """What another plan asks for that this one does not, in words."""
        old, new = self._content(), other._content()
        unlike = [
            *_unlike("kind of sweep", old["kind"], new["kind"]),
            *_unlike("varied parameters", list(old["vary"]), list(new["vary"])),
            *_unlike("directions", old["directions"], new["directions"]),
            *_unlike("starts", old["starts"], new["starts"]),
            *_unlike_fields("parameter ", old["parameters"], new["parameters"]),
            *_unlike_fields("measure.", old["measure"], new["measure"]),
        ]
        for name in sorted({*old["vary"]} & {*new["vary"]}):
            unlike += _unlike_values(name, old["vary"][name], new["vary"][name])
        if unlike:
            return unlike  # all below follows from it
        unlike += _unlike("cells in a tile (lanes, block)", old["tile"], new["tile"])
        if not _same_probe(self.probe, other.probe):
            names = f"{self.map_name} there, {other.map_name} asked for"
            unlike.append(
                f"first steps of the map, initial state or observable ({names})"
            )
        return unlike or _unlike_fields("variable ", old["variables"], new["variables"])

    def _content(self) -> dict[str, Any]:
        # Through JSON, so that a plan and its copy from disk are alike to the last
        # tuple.
        fields = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(self)
        }
        return json.loads(json.dumps(fields, allow_nan=False))


def write_plan(directory: Path, plan: Plan) -> None:
    """Write a plan into a folder, whole or not at all."""
    write_text(directory / FILE, plan.text())


def read_plan(directory: str | Path) -> Plan:
    """Read what a sweep's folder is the result of.

    Args:
        directory: The folder given as ``store``.

    Returns:
        The plan; its ``recipe`` is what the caller noted when the sweep began.

    Raises:
        FileNotFoundError: If there is no plan in the folder.
        ValueError: If the plan is damaged, or not one that this version reads.
    """
    path = as_path("directory", directory) / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"{directory} holds no {FILE}: it is not the folder of a sweep"
        )
    try:
        content = json.loads(path.read_bytes())
        form = content.pop("format", None), content.pop("version", None)
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged, no plan can be read from it: {error}"
        ) from None
    if form != (FORMAT, VERSION):
        raise ValueError(
            f"{path} has format {form[0]!r} version {form[1]!r}; expected {FORMAT!r} "
            f"version {VERSION}"
        )
    try:
        for name in ("tile", "directions", "versions"):
            content[name] = tuple(content[name])
        plan = Plan(**content)
        _ = plan.digest, plan.axes
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    return plan


@functools.cache
def versions() -> Mapping[str, str]:
    """Versions of what the numbers depend on, and the kind of device, by name."""
    return {
        **cluster.versions(),
        "python": platform.python_version(),
        "device": f"{platform.machine()} {jax.devices()[0].device_kind}",
    }


def plain(value: Any) -> Any:
    """A value as JSON can hold it: a dataclass by its fields, a callable by name."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if callable(value):
        return {"callable": name_of(value)}
    return value


def name_of(function: Callable[..., Any]) -> str:
    """What to call a function, a partial of one, or an object that acts as one."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    if isinstance(function, DelayMap | Flow):
        inner = (
            function.head if isinstance(function, DelayMap) else function.vector_field
        )
        return f"{type(function).__name__} of {name_of(inner)}"
    return getattr(function, "__qualname__", type(function).__qualname__)


def _unlike(what: str, old: Any, new: Any) -> list[str]:
    return [] if old == new else [_difference(what, old, new)]


def _difference(what: str, old: Any, new: Any) -> str:
    return f"{what}: {_short(old)} there, {_short(new)} asked for"


def _unlike_fields(
    prefix: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[str]:
    unlike = []
    for name in sorted({*old, *new}):
        before, after = old.get(name, "none"), new.get(name, "none")
        # A callable is what it does, which the probe holds, and not its name.
        if not (_is_callable(before) and _is_callable(after)):
            unlike += _unlike(f"{prefix}{name}", before, after)
    return unlike


def _is_callable(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"callable"}


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}…"


def _unlike_values(name: str, old: list[float], new: list[float]) -> list[str]:
    ends = [
        f"{len(values)} from {values[0]!r} to {values[-1]!r}" for values in (old, new)
    ]
    if ends[0] != ends[1]:
        return [_difference(f"values of {name}", *ends)]
    pairs = enumerate(zip(old, new, strict=True))
    places = [i for i, (before, after) in pairs if before != after]
    return [_difference(f"value {i} of {name}", old[i], new[i]) for i in places[:1]]


def _same_probe(old: list[float | None], new: list[float | None]) -> bool:
    if len(old) != len(new):
        return False
    first, second = (
        np.array([math.nan if x is None else x for x in probe]) for probe in (old, new)
    )
    close = {"rtol": PROBE_TOLERANCE, "atol": 1e-3 * PROBE_TOLERANCE}
    return np.allclose(first, second, equal_nan=True, **close)
