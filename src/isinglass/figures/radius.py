"""TODO: docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from isinglass.figures.style import COLOURS, INK, MUTED, subplots

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure


def draw(dataset: xr.Dataset) -> Figure:
    """Histograms of the last layer by share of the sample; medians of all layers beside them.

    Args:
        dataset: As for `rows`.
    """
    several = dataset.sizes["layer"] > 1
    figure, axes = subplots(
        1, 1 + several, width=9.5 if several else 6.5, squeeze=False
    )
    _draw_histograms(axes[0, 0], dataset.isel(layer=-1))
    if several:
        _draw_layers(axes[0, 1], dataset)
    return figure


def _draw_histograms(axes: Any, one: xr.Dataset) -> None:
    edges = one["bin_edges"].values
    for number, fraction in enumerate(one["fraction"].values):
        counts = one["histogram"].sel(fraction=fraction).values
        density = counts / (counts.sum() * np.diff(edges))
        colour = COLOURS[number % len(COLOURS)]
        axes.stairs(density, edges, color=colour, label=f"{fraction:.0%} of the sample")
    for name, label, style in (
        ("asymptote", "√(n/2πe)", "--"),
        ("twice_asymptote", "twice that", ":"),
    ):
        axes.axvline(
            float(one[name]), color=INK, linestyle=style, linewidth=1.2, label=label
        )
    axes.set(
        title=f"Layer {one['layer'].item()}",
        xlabel="distance to the nearest other activation",
        ylabel="density",
    )
    axes.legend(fontsize="small")


def _draw_layers(axes: Any, dataset: xr.Dataset) -> None:
    at = np.arange(dataset.sizes["layer"])
    for number, fraction in enumerate(dataset["fraction"].values):
        one, colour = dataset.sel(fraction=fraction), COLOURS[number % len(COLOURS)]
        axes.plot(
            at,
            one["median"].values,
            "o-",
            color=colour,
            markersize=3,
            label=f"{fraction:.0%}",
        )
    spread = dataset.sel(fraction=dataset["fraction"].max())["quantile_distance"]
    axes.fill_between(
        at, spread.min("quantile"), spread.max("quantile"), color=MUTED, alpha=0.2
    )
    axes.axhline(float(dataset["asymptote"]), color=INK, linestyle="--", linewidth=1.2)
    axes.set(title="Median by layer", xlabel="layer", ylabel="distance", xticks=at)
    axes.set_xticklabels(dataset["layer"].values, rotation=90 if len(at) > 8 else 0)
    # Distances of layers differ by orders; a median of 0 is not drawn, and stands in
    # the table.
    if float(dataset["median"].max()) > 0:
        axes.set_yscale("log", nonpositive="mask")
