"""The figure of a sweep: a diagram over one parameter, or maps of two."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Num
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isinglass._common import files
from isinglass.figures.attractors import (
    CHAOTIC,
    DIVERGED,
    KIND_STYLES,
    draw_cloud,
    edges,
    kind_legend,
    kind_scale,
    kind_strip,
)
from isinglass.figures.style import INK, MUTED, house_style, render, subplots

if TYPE_CHECKING:
    import xarray as xr

NAME = "diagram"
GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon"}
    | {"theta", "kappa", "lambda", "mu", "rho", "sigma", "omega"}
)
MOST_LINES = 24


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


def write(dataset: xr.Dataset, directory: Path, about: About) -> tuple[Path, Path]:
    """Draw a sweep into a folder, as ``diagram.png`` and ``diagram.svg``.

    Args:
        dataset: What `isinglass.dynamics.bifurcation`, `continuation` or
            `phase_diagram` returns, with kinds.
        directory: The folder.
        about: The map.

    Returns:
        Paths of both files.

    Raises:
        OSError: If they cannot be written.
    """
    with house_style():
        figure = draw(dataset, about)
    png, svg = (directory / f"{NAME}.{kind}" for kind in ("png", "svg"))
    files.write_together({svg: render(figure, "svg"), png: render(figure, "png")})
    return png, svg


def draw(dataset: xr.Dataset, about: About) -> Figure:
    """Draw a sweep: a diagram over one parameter, or maps over two.

    Args:
        dataset: As for `write`.
        about: The map.
    """
    names = varied(dataset)
    ordered = dataset.sortby(names)
    return (
        _planes(ordered, names, about)
        if len(names) == 2
        else _diagram(ordered, names[0], about)
    )


def _title(dataset: xr.Dataset, about: About) -> str:
    """The map with its fixed parameters."""
    fixed = json.loads(dataset.attrs["parameters"])
    values = [f"{symbol(name)} = {value:g}" for name, value in fixed.items()]
    return ", ".join([_plain(about.name), *values])


def varied(dataset: xr.Dataset) -> list[str]:
    """Return the names of the varied parameters, in the order of the grid."""
    return [
        str(name) for name in dataset["kind"].dims if name not in ("direction", "start")
    ]


def symbol(name: str) -> str:
    """Return a parameter's name as it is set in a figure, with Greek letters in TeX."""
    if name in GREEK:
        return f"$\\{name}$"
    return f"${name}$" if name.isalpha() and len(name) == 1 else _plain(name)


def _plain(text: str) -> str:
    """Text in which nothing is taken for TeX."""
    return text.replace("$", r"\$")


# -- one parameter ---------------------------------------------------------------------


def _diagram(dataset: xr.Dataset, name: str, about: About) -> Figure:
    branches = _branches(dataset)
    points, exponents = "points" in dataset, "exponents" in dataset
    many = exponents and dataset.sizes["exponent"] > 1
    height = 4.2 if len(branches) == 1 else 2.6
    ratios = [height, 0.24] * len(branches) if points else [0.24] * len(branches)
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
    for direction, branch in branches.items():
        if points:
            _draw_points(next(rows), values, branch, about, direction)
        kind_strip(next(rows), values, branch["kind"].values)
    if exponents:
        _draw_leading(next(rows), values, branches)
    if many:
        _draw_spectrum(next(rows), values, next(iter(branches.values())))
    kind_legend(figure, dataset["kind"].values.ravel())
    axes[0, 0].set_title(_title(dataset, about))
    figure.align_ylabels()
    last = axes[-1, 0]
    last.set_xlabel(symbol(name))
    last.set_xlim(values[0], values[-1])
    if _by_ratios(values):
        last.set_xscale("log")
    return figure


def _branches(dataset: xr.Dataset) -> dict[str, xr.Dataset]:
    """Directions of a continuation by name; other sweeps whole, under an empty name."""
    if "direction" not in dataset.dims:
        return {"": dataset}
    return {
        str(name): dataset.sel(direction=name) for name in dataset["direction"].values
    }


def _draw_points(
    axes: Axes,
    values: Num[np.ndarray, " n"],
    branch: xr.Dataset,
    about: About,
    direction: str,
) -> None:
    # On a section, its own component is nearly constant: the other one is drawn.
    component = 1 if about.section == 0 and branch.sizes["component"] > 1 else 0
    kinds = branch["kind"].values
    points = branch["points"].isel(component=component).values.astype(float)
    points[kinds == DIVERGED] = np.nan
    draw_cloud(axes, values, points, kinds)
    count = branch.sizes["component"]
    labels = about.labels or [f"component {n}" for n in range(count)]
    label = labels[component] + (f", {direction}wards" if direction else "")
    if about.section is not None:
        label += f"\nwhere {labels[about.section]} is on the section"
    axes.set_ylabel(label)


def _draw_leading(
    axes: Axes, values: Num[np.ndarray, " n"], branches: dict[str, xr.Dataset]
) -> None:
    first = [_finite(branch["exponents"].values[:, 0]) for branch in branches.values()]
    for index, (direction, leading) in enumerate(zip(branches, first, strict=True)):
        colour = KIND_STYLES[0].colour if index else INK
        if not index:
            axes.fill_between(
                values,
                0,
                leading,
                where=leading > 0,
                color=KIND_STYLES[CHAOTIC].colour,
                alpha=0.4,
                linewidth=0,
            )
        label = f"{direction}wards"
        axes.plot(values, leading, color=colour, linewidth=0.9, label=label)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    unit = next(iter(branches.values()))["exponents"].attrs["units"]
    low, high = _limits(np.concatenate(first))
    axes.set_ylim(low, high)
    axes.set_ylabel(f"$\\lambda_1$\n({unit})")
    if len(branches) > 1:
        axes.legend(loc="lower right", ncols=2, fontsize="small")


def _draw_spectrum(
    axes: Axes, values: Num[np.ndarray, " n"], branch: xr.Dataset
) -> None:
    exponents = _finite(branch["exponents"].values)
    count = exponents.shape[1]
    shades = mpl.colormaps["viridis"](np.linspace(0, 0.9, min(count, MOST_LINES)))
    for exponent, colour in zip(exponents.T, shades, strict=False):
        axes.plot(values, exponent, color=colour, linewidth=0.7)
    axes.axhline(0, color=MUTED, linewidth=0.7)
    low, high = _limits(exponents)
    axes.set_ylim(low, high)
    unit = branch["exponents"].attrs["units"]
    axes.set_ylabel(f"{count} $\\lambda_i$\n({unit})")


def _finite(exponents: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    return np.where(np.isfinite(exponents), exponents, np.nan)


def _limits(exponents: Float[np.ndarray, "*n"]) -> tuple[float, float]:
    """Limits that show all but the few deepest dips, and zero."""
    finite = exponents[np.isfinite(exponents)]
    if not finite.size:
        return -1.0, 1.0
    low = min(float(np.quantile(finite, 0.02)), 0.0)
    high = max(float(finite.max()), 0.0)
    room = 0.08 * (high - low) or 0.1
    return low - room, high + room


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
    left.pcolormesh(across, along, kinds, **kind_scale(), rasterized=True)
    left.set_title(_title(dataset, about))
    if exponents:
        leading = dataset["exponents"].isel(exponent=0).transpose(*names[::-1])
        _draw_plane_of_exponents(figure, axes[0, 1], across, along, leading)
    for panel in axes[0]:
        panel.grid(False)
        panel.set_xlabel(symbol(names[0]))
        panel.set_xlim(across[0], across[-1])
        panel.set_ylim(along[0], along[-1])
        if _by_ratios(dataset[names[0]].values):
            panel.set_xscale("log")
        if _by_ratios(dataset[names[1]].values):
            panel.set_yscale("log")
    left.set_ylabel(symbol(names[1]))
    kind_legend(figure, kinds.ravel())
    return figure


def _draw_plane_of_exponents(
    figure: Figure,
    axes: Axes,
    across: Any,
    along: Any,
    exponents: xr.DataArray,
) -> None:
    leading, unit = exponents.values, exponents.attrs["units"]
    sizes = np.abs(leading[np.isfinite(leading)])
    limit = (float(np.quantile(sizes, 0.95)) if sizes.size else 0.0) or 1.0
    drawn = axes.pcolormesh(
        across,
        along,
        np.where(np.isneginf(leading), -1e3, leading),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        rasterized=True,
    )
    axes.set_facecolor(KIND_STYLES[DIVERGED].colour)  # shows where there is no exponent
    axes.set_title("Leading Lyapunov exponent")
    bar = figure.colorbar(drawn, ax=axes, extend="both", pad=0.02)
    bar.set_label(f"$\\lambda_1$ ({unit})")
    bar.outline.set_visible(False)


def _borders(values: Num[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    return np.exp(edges(np.log(values))) if _by_ratios(values) else edges(values)


def _by_ratios(values: Num[np.ndarray, " n"]) -> bool:
    """Whether the values grow by equal ratios, and not by equal steps."""
    if len(values) < 3 or values[0] <= 0:
        return False
    ratios, steps = values[1:] / values[:-1], np.diff(values)
    return bool(np.allclose(ratios, ratios[0]) and not np.allclose(steps, steps[0]))
