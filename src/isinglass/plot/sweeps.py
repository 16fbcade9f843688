"""The whole figure of a sweep: a diagram over one parameter, or maps of two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num
from matplotlib.figure import Figure

from isinglass._common import files
from isinglass._common.plain_checks import check_kind, check_whole
from isinglass.plot._axes import refuse
from isinglass.plot.bifurcations import (
    branches,
    by_ratios,
    diagram,
    plain,
    set_parameter,
    symbol,
    varied,
)
from isinglass.plot.bifurcations import exponents as draw_exponents
from isinglass.plot.kinds import (
    DIVERGED,
    KIND_STYLES,
    edges,
    kind_legend,
    kind_map,
    kind_strip,
)
from isinglass.plot.planes import exponent_map
from isinglass.plot.style import house_style, render, subplots

if TYPE_CHECKING:
    import xarray as xr

NAME = "diagram"


class About(NamedTuple):
    """What is to be written of a map that its sweep does not store.

    Attributes:
        name: Name of the map.
        labels: Names of the observable's components in TeX; empty if they have none.
        section: The component that is near a plane in all points; None for points
            without.
    """

    name: str
    labels: Sequence[str] = ()
    section: int | None = None


def write(sweep: xr.Dataset, directory: Path, about: About) -> tuple[Path, Path]:
    """Draw a sweep into a folder, as ``diagram.png`` and ``diagram.svg``.

    Args:
        sweep: As for `sweep_figure`.
        directory: The folder.
        about: The map.

    Returns:
        Paths of both files.

    Raises:
        OSError: If they cannot be written.
    """
    figure = sweep_figure(sweep, *about)
    png, svg = (directory / f"{NAME}.{kind}" for kind in ("png", "svg"))
    files.write_together({svg: render(figure, "svg"), png: render(figure, "png")})
    return png, svg


def sweep_figure(
    sweep: xr.Dataset,
    name: str = "",
    labels: Sequence[str] = (),
    section: int | None = None,
) -> Figure:
    """Draw all of a sweep: a diagram with kinds and exponents, or maps over two.

    It is what ``isinglass sweep`` draws: above one axis of the parameter a `diagram`, a
    strip of kinds and `exponents`. Of a phase diagram there are a map of the kinds and
    one of the leading exponent.

    Args:
        sweep: What `isinglass.dynamics.bifurcation`, `continuation` or `phase_diagram`
            returns, with kinds.
        name: What the map is called in the title, before its fixed parameters.
        labels: Names of the observable's components, in TeX; numbers if there are none.
        section: The component that is near a plane in all points, if they are those of
            a Poincaré section; another one is drawn.

    Returns:
        The figure, which has no window: ``plot.render(figure, "png")`` are
        the bytes of its file.

    Raises:
        TypeError: If ``sweep`` is no such result, or ``labels`` no sequence.
        ValueError: If its points have more components than there are labels, or no
            component ``section``.

    Example:
        >>> import numpy as np
        >>> from isinglass import Measure, bifurcation, plot
        >>> from isinglass.dynamics.textbook import logistic
        >>> r = {"r": np.linspace(2.8, 4, 12)}
        >>> sweep = bifurcation(logistic, np.array([0.3]), {}, r, Measure(steps=500))
        >>> figure = plot.sweep_figure(sweep, "logistic map", ["x"])
        >>> [axes.get_ylabel() for axes in figure.axes][0]
        'x'
    """
    if not hasattr(sweep, "data_vars") or "kind" not in sweep:
        raise refuse("sweep", sweep, "a sweep that has the variable 'kind'")
    _check_about(sweep, name, labels, section)
    names, about = varied(sweep), About(name, labels, section)
    ordered = sweep.sortby(names)
    with house_style():
        if len(names) == 2:
            return _planes(ordered, names, about)
        return _diagram(ordered, names[0], about)


def _check_about(
    sweep: xr.Dataset, name: Any, labels: Any, section: int | None
) -> None:
    check_kind(str, name=name)
    check_kind(Sequence, labels=labels)
    if section is not None:
        check_whole(0, section=section)
    if "points" not in sweep:
        return
    count = sweep.sizes["component"]
    if labels and len(labels) < count:
        raise ValueError(f"labels must name the {count} components, got {len(labels)}")
    if section is not None and section >= count:
        raise ValueError(f"section must be below {count}, got {section}")


def _title(dataset: xr.Dataset, about: About) -> str:
    """The map with its fixed parameters."""
    fixed = json.loads(dataset.attrs.get("parameters", "{}"))
    values = [f"{symbol(name)} = {value:g}" for name, value in fixed.items()]
    return ", ".join(filter(None, [plain(about.name), *values]))


# -- one parameter ---------------------------------------------------------------------


def _diagram(dataset: xr.Dataset, name: str, about: About) -> Figure:
    parts = branches(dataset)
    points, exponents = "points" in dataset, "exponents" in dataset
    many = exponents and dataset.sizes["exponent"] > 1
    height = 4.2 if len(parts) == 1 else 2.6
    ratios = [height, 0.24] * len(parts) if points else [0.24] * len(parts)
    ratios += [1.9] * (exponents + many)
    figure, axes = subplots(
        len(ratios),
        1,
        width=7.5,
        height=1.0 + 1.02 * sum(ratios),
        sharex=True,
        squeeze=False,
        gridspec_kw={"height_ratios": ratios},
    )
    rows = iter(axes[:, 0])
    values = dataset[name].values
    for direction, branch in parts.items():
        if points:
            panel = diagram(branch, next(rows), component=_component(branch, about))
            panel.set_ylabel(_label(branch, about, direction))
        kind_strip(values, branch["kind"].values, next(rows))
    if exponents:
        draw_exponents(dataset, next(rows), count=1)
    if many:
        draw_exponents(next(iter(parts.values())), next(rows))
    kind_legend(figure, dataset["kind"].values.ravel())
    axes[0, 0].set_title(_title(dataset, about))
    figure.align_ylabels()
    for panel in axes[:-1, 0]:
        panel.set_xlabel("")
    set_parameter(axes[-1, 0], name, values)
    return figure


def _label(branch: xr.Dataset, about: About, direction: str) -> str:
    """What the drawn component is called, of which direction and section."""
    count = branch.sizes["component"]
    labels = about.labels or [f"component {n}" for n in range(count)]
    label = str(labels[_component(branch, about)])
    label += f", {direction}wards" if direction else ""
    if about.section is not None:
        label += f"\nwhere {labels[about.section]} is on the section"
    return label


def _component(branch: xr.Dataset, about: About) -> int:
    """On a section, its own component is nearly constant: the other one is drawn."""
    return 1 if about.section == 0 and branch.sizes["component"] > 1 else 0


# -- two parameters --------------------------------------------------------------------


def _planes(dataset: xr.Dataset, names: list[str], about: About) -> Figure:
    exponents = "exponents" in dataset
    figure, axes = subplots(
        1,
        1 + exponents,
        width=5.4 + 4.6 * exponents,
        height=4.6,
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    across, along = (_borders(dataset[name].values) for name in names)
    kinds = dataset["kind"].transpose(*names[::-1]).values
    left = axes[0, 0]
    kind_map(across, along, kinds, left)
    left.set_title(_title(dataset, about))
    if exponents:
        leading = dataset["exponents"].isel(exponent=0).transpose(*names[::-1])
        exponent_map(across, along, leading, axes[0, 1])
        # What shows where there is no exponent.
        axes[0, 1].set_facecolor(KIND_STYLES[DIVERGED].colour)
        axes[0, 1].set_title("Leading Lyapunov exponent")
    for panel in axes[0]:
        panel.grid(False)
        panel.set_xlabel(symbol(names[0]))
        panel.set_xlim(across[0], across[-1])
        panel.set_ylim(along[0], along[-1])
        if by_ratios(dataset[names[0]].values):
            panel.set_xscale("log")
        if by_ratios(dataset[names[1]].values):
            panel.set_yscale("log")
    left.set_ylabel(symbol(names[1]))
    kind_legend(figure, kinds.ravel())
    return figure


def _borders(values: Num[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    return np.exp(edges(np.log(values))) if by_ratios(values) else edges(values)
