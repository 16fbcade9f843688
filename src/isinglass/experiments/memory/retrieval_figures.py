"""How retrieval is drawn: maps over noise, half points with theory, and errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.experiments.memory.half_points import (
    DOUBLINGS,
    POWERS,
    SEPARATED,
    WRONG,
)
from isinglass.plot import COLOURS, INK, MUTED, subplots

Points = Mapping[str, Sequence[xr.Dataset]]


def draw_maps(measured: xr.Dataset) -> Figure:
    """Shares retrieved by noise and number of patterns, a panel an energy."""
    share = measured.retrieved.mean("seed").transpose("energy", "patterns", "noise")
    figure, panels = subplots(2, 3, width=10.0, height=5.6, sharex=True, sharey=True)
    counts, noises = share.patterns.values, 100 * share.noise.values
    places = np.arange(len(counts))
    for panel, values in zip(panels.flat, share, strict=True):
        shades = {"cmap": "viridis", "vmin": 0, "vmax": 1, "shading": "nearest"}
        plot.heat_map(noises, places, values, panel, **shades)
        if values.min() < 0.5 < values.max():
            line = {"levels": [0.5], "colors": "white", "linewidths": 1.6}
            plot.contours(noises, places, values, panel, **line)
        panel.set_title(values.energy.item(), color=INK, fontsize=9.5)
        panel.grid(False)
        panel.set_yticks(places, [f"{count:,}" for count in counts])
    for panel in panels[1]:
        panel.set_xlabel("turned signs, %")
    for panel in panels[:, 0]:
        panel.set_ylabel("patterns m")
    bar = figure.colorbar(panels[0, 0].collections[0], ax=panels, pad=0.01, aspect=30)
    bar.set_label("share retrieved")
    bar.outline.set_visible(False)
    return figure


def draw_halves(measured: xr.Dataset, points: Points, lengths: int) -> Figure:
    """Half points of powers, of the exponential, and by separation; unequal lengths.

    Args:
        measured: The measurement.
        points: Half points within the numbers tried, by kind.
        lengths: How many patterns of unequal lengths there were.
    """
    figure, panels = subplots(2, 2, width=10.0, height=7.0)
    powers, exponential, continuous, last = panels.flat
    kinds = measured.kind.values
    of_powers = [kind for kind in kinds if kind in (*POWERS, WRONG)]
    of_exponential = [kind for kind in reversed(DOUBLINGS) if kind in kinds]
    for panel, names in (
        (powers, of_powers),
        (exponential, of_exponential),
        (continuous, [SEPARATED]),
    ):
        for colour, kind in zip(COLOURS, names, strict=False):
            _draw_points(panel, measured.sel(kind=kind), points[kind], colour)
        panel.set(yscale="log", xlabel="dimension n", ylabel="patterns at half")
        plot.line([], [], panel, "--", color=MUTED, linewidth=1.2, label="estimate")
        panel.legend(fontsize=8.5)
    powers.set(xscale="log", title="Powers: $n^{k-1}$")
    _tick(powers, measured, of_powers)
    powers.minorticks_off()
    exponential.set_title("Exponential")
    _tick(exponential, measured, of_exponential)
    continuous.set_xlabel("separation of patterns")
    continuous.set_title(f"Continuous, n = {int(measured.dimension)}")
    percent = 100 * measured.by_length.assign_coords(width=100 * measured.width)
    band = {"along": "width", "hue": "continuous", "quantiles": (0.05, 0.95)}
    plot.band(percent, last, marker="o", **band)
    last.set(xlabel="lengths within ± %", ylabel="retrieved, %", ylim=(0, 104))
    last.set_title(f"Patterns of unequal lengths, m = {lengths}")
    last.legend(fontsize=8.5)
    return figure


def _tick(panel: Any, measured: xr.Dataset, kinds: Sequence[str]) -> None:
    """A tick at each dimension."""
    places = np.unique(measured.place.sel(kind=list(kinds)))
    sizes = [int(place) for place in places if np.isfinite(place)]
    panel.set_xticks(sizes, [str(size) for size in sizes])


def _draw_points(
    panel: Any, kind: xr.Dataset, points: Sequence[xr.Dataset], colour: str
) -> None:
    """Half points with their intervals, and what theory expects."""
    if points:
        places = [float(point.place) for point in points]
        middle, low, high = np.array([point.number.values for point in points]).T
        plot.line(
            places,
            middle,
            panel,
            "o",
            error=np.maximum([middle - low, high - middle], 0),
            color=colour,
            markersize=5,
            capsize=2.5,
            linewidth=1.2,
            label=_label(kind.kind.item()),
        )
    plot.line(kind.place, kind.theory, panel, "--", color=colour, linewidth=1.2)


def _label(kind: str) -> str:
    return "nearest neighbour, β = 1" if kind == SEPARATED else kind


def draw_errors(measured: xr.Dataset) -> Figure:
    """Errors by noise, a panel a separation."""
    error = measured.error.assign_coords(noise=100 * measured.noise)
    separations = error.separation.values
    figure, panels = subplots(1, len(separations), width=10.0, height=3.8, sharey=True)
    for panel, separation in zip(panels, separations, strict=True):
        for colour, count in zip(COLOURS, error["count"].values, strict=False):
            plot.band(
                error.sel(separation=separation, count=count),
                panel,
                along="noise",
                quantiles=(0.05, 0.95),
                colours=[colour],
                marker="o",
                label=f"m = {count:,}",
            )
        start = 2 * np.sqrt(measured.noise)
        plot.line(error.noise, start, panel, ":", color=INK, label="at the start")
        panel.set(xlabel="turned signs, %", title=f"Separation {separation:g}")
    panels[0].set_ylabel("|x − ρ| / |ρ| in the end")
    panels[0].set_ylim(bottom=0)
    labels = panels[0].get_legend_handles_labels()
    figure.legend(*labels, loc="outside lower center", ncols=5, fontsize=9)
    return figure
