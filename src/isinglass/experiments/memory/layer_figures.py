"""How passes through layers are drawn: shares of starts by the radius of the balls."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.experiments.memory.setting import over
from isinglass.plot import COLOURS, MUTED, subplots

TITLES = (
    "Global energy never rises",
    "Ends at its own pattern",
    "Order of layers matters",
)


def draw_shares(percent: xr.Dataset) -> Figure:
    """A row a separation, with a panel for each of the titles."""
    separations, places = percent.separation.values, np.arange(percent.radius.size)
    rows, labels = len(separations), names(percent.radius)
    figure, panels = subplots(
        rows, 3, width=10.5, height=3.3 * rows, squeeze=False, sharex=True
    )
    percent = percent.assign_coords(radius=places)
    for separation, row in zip(separations, panels, strict=True):
        _draw_row(row, percent.sel(separation=separation))
        row[0].set_ylabel(f"separation {separation:g}\n%")
    for panel in panels.flat:
        panel.set(ylim=(-4, 104))
        panel.set_xticks(places, labels)
    for panel, title in zip(panels[0], TITLES, strict=True):
        panel.set_title(title)
    for panel in panels[-1]:
        panel.set_xlabel("radius δ of each ball, separations")
    for panel in panels[0, :2]:
        panel.legend(fontsize=8.5)
    return figure


def names(radii: xr.DataArray) -> list[str]:
    """Radii as they are written."""
    return [f"{radius:g}".replace("inf", "∞") for radius in radii.values]


def _draw_row(panels: Any, percent: xr.Dataset) -> None:
    """One separation: by split, by the layer of the pattern, and by split again."""
    line = {"along": "radius", "marker": "o", "markersize": 4}
    left, middle, right = panels
    for panel, share in ((left, percent.falls), (right, percent.by_order)):
        by_split = over(share, "seed", "radius", "split")
        plot.band(by_split, panel, hue="split", **line)
    for share, colour, label in (
        (percent.in_last, COLOURS[4], "pattern in the last layer"),
        (percent.elsewhere, COLOURS[3], "in one before"),
        (percent.one_layer, MUTED, "all in one layer"),
    ):
        mean = over(share, "seed", "radius")
        plot.band(mean, middle, colours=[colour], label=label, **line)
