"""Fig. 2 of Tang 2020: a picture on the floor, time upwards, signals to the corners."""

from typing import Any

import matplotlib.figure
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.colors import to_rgb
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

from isinglass.experiments.interference.setting import CLASSES
from isinglass.figures.style import COLOURS, INK
from isinglass.reproduce import Figure

INKED = 0.25  # mean grey value of a patch from which its signals are drawn


def draw(measured: xr.Dataset, digit: int) -> Figure:
    """Draw the routes from the inked patches of a picture.

    Args:
        measured: ``picture``, and ``probability``, ``source_place`` and
            ``target_place`` of the routes as `worldlines.measure` gives them.
        digit: What the picture shows.
    """
    canvas = matplotlib.figure.Figure(figsize=(9, 7.2))
    axes: Any = canvas.add_axes(
        (0.0, 0.0, 1.0, 1.0), projection="3d", computed_zorder=False
    )
    pixels = measured.picture.values[:27, :27] / 255
    draw_floor(axes, pixels)
    inked = pixels.reshape(9, 3, 9, 3).mean(axis=(1, 3)).ravel() > INKED
    sources = measured.source_place.values[inked]
    sent = (measured.probability / measured.probability.max()).values[inked]
    steps = sent.shape[-1]
    for index, target in enumerate(measured.target_place.values):
        draw_signals(axes, sources, target, sent[:, index], COLOURS[index])
        style = {"ha": "center", "weight": "bold", "size": 12}
        name = f"target {CLASSES[index]}"
        axes.text(*target, steps + 0.6, name, color=COLOURS[index], **style)
    axes.set(xlim=(-5, 5), ylim=(-5, 5), zlim=(0, steps))
    axes.set_box_aspect((1, 1, 0.85), zoom=0.94)
    axes.view_init(elev=33, azim=-62)
    axes.set_axis_off()
    label = f"floor: a digit {digit} at time 0\nupwards: time"
    axes.text2D(0.03, 0.04, label, transform=axes.transAxes, color=INK)
    return Figure(
        canvas,
        f"A digit {digit} in space and time, after training with five pictures per "
        "class. Time runs upwards. Every inked patch sends signals to the four targets "
        "at the corners; a line is a route, its strength the learned probability of "
        "its travel duration. Sources that were similar to a class's field send to its "
        "target.",
        part="spacetime",
    )


def draw_floor(axes: Any, pixels: Float[np.ndarray, "27 27"]) -> None:
    """The picture as tiles at time 0: pixel (14, 14) at the origin, 3 pixels a unit."""
    corner = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]])
    sheet = Poly3DCollection(
        [4.5 * corner], facecolors="#f1eee6", edgecolors="none", zorder=0
    )
    axes.add_collection3d(sheet)
    dark = np.argwhere(pixels > 0.1)
    tiles = [np.array([*(place - 13) / 3, 0]) + corner / 6 for place in dark]
    shades = [(0.11, 0.15, 0.2, pixels[i, j]) for i, j in dark]
    axes.add_collection3d(
        Poly3DCollection(tiles, facecolors=shades, edgecolors="none", zorder=1)
    )


def draw_signals(
    axes: Any,
    sources: Float[np.ndarray, "S 2"],
    target: Float[np.ndarray, "2"],
    strength: Float[np.ndarray, "S T"],
    colour: str,
) -> None:
    """Lines from sources at time 0 to the target at each duration, strong if likely."""
    routes = np.argwhere(strength > 0.02)
    lines = [[(*sources[s], 0), (*target, delta)] for s, delta in routes]
    weight = strength[tuple(routes.T)]
    colours = [(*to_rgb(colour), 0.06 + 0.44 * w) for w in weight]
    collection = Line3DCollection(
        lines, colors=colours, linewidths=0.3 + 1.4 * weight, zorder=2
    )
    axes.add_collection3d(collection)
    post = np.column_stack([target, target])
    axes.plot(*post, [0, strength.shape[1] - 1], color=colour, linewidth=2.5, zorder=3)
