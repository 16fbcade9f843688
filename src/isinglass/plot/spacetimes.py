"""A picture in space and time: signals on their way from its patches to targets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

from isinglass._common.plain_checks import as_list, check_kind
from isinglass.plot._axes import numbers
from isinglass.plot.style import COLOURS, INK, house_style

SIDE, PATCH = 27, 3  # pixels
INKED = 0.25  # mean grey value of a patch from which its signals are drawn


def spacetime_figure(
    picture: Any,
    probability: Any,
    sources: Any,
    targets: Any,
    names: Iterable[str] | None = None,
    label: str = "",
) -> Figure:
    """Draw a picture on the floor, time upwards, and the routes to its targets.

    Every inked patch sends signals to the targets; a line is a route, its strength the
    probability of its travel duration (Tang 2020, Fig. 2).

    Args:
        picture: Grey values from 0 to 1, (27, 27), whose 9 × 9 patches of 3 × 3 pixels
            are the sources.
        probability: Of each duration, (81, targets, durations).
        sources: Place of every patch in the plane, (81, 2), the middle at 0 and a patch
            of size 1.
        targets: Place of every target, (targets, 2).
        names: What stands above the targets, as many; None for nothing.
        label: What stands below on the left.

    Returns:
        The figure, which has no window.

    Raises:
        TypeError: If one is no array of numbers, or a name no text.
        ValueError: If shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> patches = np.arange(9.0) - 4
        >>> sources = np.stack(np.meshgrid(patches, patches), -1).reshape(81, 2)
        >>> probability = np.full((81, 1, 12), 1 / 12)
        >>> picture = np.zeros((27, 27))
        >>> picture[9:18] = 1
        >>> figure = plot.spacetime_figure(picture, probability, sources, [[4, 4]])
    """
    pixels, sent, starts, ends = _arrays(picture, probability, sources, targets)
    words = [] if names is None else as_list("names", names)
    if words and len(words) != len(ends):
        raise ValueError(f"names must name the {len(ends)} targets, got {len(words)}")
    check_kind(str, label=label, **{f"names[{i}]": w for i, w in enumerate(words)})
    with house_style():
        figure = Figure(figsize=(9, 7.2))
        axes: Any = figure.add_axes(
            (0.0, 0.0, 1.0, 1.0), projection="3d", computed_zorder=False
        )
        _draw_floor(axes, pixels)
        cells = pixels.reshape(SIDE // PATCH, PATCH, SIDE // PATCH, PATCH)
        inked = cells.mean(axis=(1, 3)).ravel() > INKED
        sent = (sent / sent.max())[inked]
        steps = sent.shape[-1]
        for index, target in enumerate(ends):
            colour = COLOURS[index % len(COLOURS)]
            _draw_signals(axes, starts[inked], target, sent[:, index], colour)
            if words:
                style = {"ha": "center", "weight": "bold", "size": 12}
                axes.text(*target, steps + 0.6, words[index], color=colour, **style)
        axes.set(xlim=(-5, 5), ylim=(-5, 5), zlim=(0, steps))
        axes.set_box_aspect((1, 1, 0.85), zoom=0.94)
        axes.view_init(elev=33, azim=-62)
        axes.set_axis_off()
        if label:
            axes.text2D(0.03, 0.04, label, transform=axes.transAxes, color=INK)
    return figure


def _arrays(picture: Any, probability: Any, sources: Any, targets: Any) -> Any:
    pixels = numbers("picture", picture, "grey values, (27, 27)")
    sent = numbers("probability", probability, "probabilities, (81, targets, n)")
    starts = numbers("sources", sources, "places, (81, 2)")
    ends = numbers("targets", targets, "places, (targets, 2)")
    count = (SIDE // PATCH) ** 2
    shapes = (pixels.shape, starts.shape, sent.shape[:2], ends.shape[1:])
    if (
        sent.ndim != 3
        or ends.ndim != 2
        or not sent.size
        or shapes
        != (
            (SIDE, SIDE),
            (count, 2),
            (count, len(ends)),
            (2,),
        )
    ):
        raise ValueError(
            "picture must be of shape (27, 27), probability of (81, targets, n), "
            "sources of (81, 2) and targets of (targets, 2), got "
            f"{pixels.shape}, {sent.shape}, {starts.shape} and {ends.shape}"
        )
    return pixels, sent, starts, ends


def _draw_floor(axes: Any, pixels: Float[np.ndarray, "27 27"]) -> None:
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


def _draw_signals(
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
