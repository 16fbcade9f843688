"""Fig. 4 of Tang 2020 for one picture: a tower with squashed ranks and one without."""

import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass import plot
from isinglass.plot import subplots
from isinglass.reproduce import Figure

NAMES = {
    "squashed": ("picture", "squashed_1", "squashed_2"),
    "ranks": ("picture", "rank_1", "rank_2", "rank_2_field"),
}
TITLES = {
    "picture": "28 × 28 scalars",
    "squashed_1": "13 × 13 mean fields",
    "squashed_2": "6 × 6 mean fields",
    "rank_1": "13 × 13 vectors of 9",
    "rank_2": "6 × 6 tensors of 81",
    "rank_2_field": "6 × 6 mean fields",
}


def draw_towers(measured: xr.Dataset) -> Figure:
    """Both towers from left to right, one below the other."""
    figure, panels = subplots(2, 4, width=11, height=5.8)
    for row, names in zip(panels, NAMES.values(), strict=True):
        for panel in row:
            panel.set_axis_off()
        for panel, name in zip(row, names, strict=False):
            maps = tiled(measured[name].values)
            top = float(np.abs(maps).max())
            plot.picture(maps, panel, cmap="RdBu_r", vmin=-top, vmax=top)
            panel.set_title(TITLES[name])
    return Figure(
        figure,
        "Two towers over one picture (Fig. 4 of the paper). Above: every level "
        "squashes its tensors to mean fields, which the next one aggregates. Below: "
        "the attended vectors themselves are aggregated to tensors of rank 2, drawn "
        "window by window, and squashed at the end. Red is along the host, blue "
        "against it.",
        part="towers",
    )


def tiled(maps: Float[np.ndarray, "r c d"]) -> np.ndarray:
    """Tensors laid out as squares of their elements, in the place of their windows."""
    rows, columns, elements = maps.shape
    side = round(elements**0.5)
    if elements == 81:  # windows of windows: 3 × 3 of 3 × 3
        blocks = maps.reshape(rows, columns, 3, 3, 3, 3).swapaxes(3, 4)
    else:
        blocks = maps
    blocks = blocks.reshape(rows, columns, side, side).swapaxes(1, 2)
    return blocks.reshape(rows * side, columns * side)
