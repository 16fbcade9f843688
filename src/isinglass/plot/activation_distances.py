"""Distances between activations, layer by layer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from isinglass.plot._axes import refuse
from isinglass.plot.style import COLOURS, INK, MUTED, house_style, subplots

if TYPE_CHECKING:
    import xarray as xr


NEEDED = {"histogram", "median", "quantile_distance", "asymptote", "twice_asymptote"}


def radius_figure(dataset: xr.Dataset) -> Figure:
    """Draw histograms of the last layer's distances, and the medians of all layers.

    Shares of the sample have colours of their own. Dashed is √(n/2πe), the radius with
    which the paper compares (Niu et al. 2024, appendix F.1).

    Args:
        dataset: What `isinglass.systems.memory.layer_radius` returns. With one layer
            alone there are histograms alone.

    Returns:
        The figure, which has no window: ``plot.render(figure, "png")`` are the bytes
        of its file.

    Raises:
        TypeError: If ``dataset`` is no such report.
    """
    if not hasattr(dataset, "data_vars") or not set(dataset.data_vars) >= NEEDED:
        raise refuse("dataset", dataset, "what layer_radius returns")
    several = dataset.sizes["layer"] > 1
    width = 9.5 if several else 6.5
    with house_style():
        figure, axes = subplots(1, 1 + several, width=width, squeeze=False)
        _draw_histograms(axes[0, 0], dataset.isel(layer=-1))
        if several:
            _draw_layers(axes[0, 1], dataset)
    return figure


def _draw_histograms(axes: Axes, layer: xr.Dataset) -> None:
    edges = layer["bin_edges"].values
    for number, fraction in enumerate(layer["fraction"].values):
        counts = layer["histogram"].sel(fraction=fraction).values
        density = counts / (counts.sum() * np.diff(edges))
        colour = COLOURS[number % len(COLOURS)]
        axes.stairs(density, edges, color=colour, label=f"{fraction:.0%} of the sample")
    lines = (("asymptote", "√(n/2πe)", "--"), ("twice_asymptote", "twice that", ":"))
    for name, label, style in lines:
        radius = float(layer[name])
        axes.axvline(radius, color=INK, linestyle=style, linewidth=1.2, label=label)
    axes.set(
        title=f"Layer {layer['layer'].item()}",
        xlabel="distance to the nearest other activation",
        ylabel="density",
    )
    axes.legend(fontsize="small")


def _draw_layers(axes: Axes, dataset: xr.Dataset) -> None:
    layers = np.arange(dataset.sizes["layer"])
    for number, fraction in enumerate(dataset["fraction"].values):
        medians = dataset["median"].sel(fraction=fraction).values
        colour, label = COLOURS[number % len(COLOURS)], f"{fraction:.0%}"
        axes.plot(layers, medians, "o-", color=colour, markersize=3, label=label)
    spread = dataset.sel(fraction=dataset["fraction"].max())["quantile_distance"]
    low, high = spread.min("quantile"), spread.max("quantile")
    axes.fill_between(layers, low, high, color=MUTED, alpha=0.2)
    axes.axhline(float(dataset["asymptote"]), color=INK, linestyle="--", linewidth=1.2)
    axes.set(title="Median by layer", xlabel="layer", ylabel="distance", xticks=layers)
    turn = 90 if len(layers) > 8 else 0
    axes.set_xticklabels(dataset["layer"].values, rotation=turn)
    # Distances of layers differ by orders; a median of 0 is not drawn, and stands in
    # the table.
    if float(dataset["median"].max()) > 0:
        axes.set_yscale("log", nonpositive="mask")
