"""Basins of attraction: which starts end on which attractor."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from isinglass.plot._axes import drawn_on, has, numbers, refuse
from isinglass.plot.kinds import KIND_STYLES, edges
from isinglass.plot.style import COLOURS, GRID, INK


def basins(result: Any, starts: Any, ax: Axes | None = None) -> Axes:
    """Draw which starts in the plane reach which attractor, by colour.

    Starts that are a grid, all pairs of some x and some y, fill the plane; others are
    dots. Attractors are dots with an edge. Starts that diverged are grey, and white
    those that ended on something unstable, or on what was not told apart.

    Args:
        result: What `isinglass.dynamics.basins` returns, of n starts.
        starts: The starts, (n, 2), in the same order.
        ax: Where to draw; None for a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: If ``result`` is none of `basins`, or ``starts`` are no numbers.
        ValueError: If there are not as many starts, or they are not of the plane.

    Example:
        >>> import jax.numpy as jnp, numpy as np
        >>> from isinglass import Measure, basins, plot
        >>> def two_wells(state, parameters):
        ...     x, y = state
        ...     return jnp.stack([x + 0.2 * (x + y - x**3), 0.9 * y])
        >>> x, y = np.meshgrid(np.linspace(-1.5, 1.5, 10), [-0.9, -0.3, 0.3, 0.9])
        >>> starts = np.stack([x.ravel(), y.ravel()], -1)
        >>> result = basins(two_wells, starts, {}, Measure(transient=200, steps=200))
        >>> ax = plot.basins(result, starts)
    """
    if not has(result, ("labels", "attractors", "unstable")):
        raise refuse("result", result, "what isinglass.dynamics.basins returns")
    places = numbers("starts", starts, "points of the plane, (n, 2)")
    labels = np.asarray(result.labels)
    if places.shape != (len(labels), 2):
        raise ValueError(
            f"starts must be the {len(labels)} points of the plane that the basins are "
            f"of, ({len(labels)}, 2), got shape {places.shape}"
        )
    count = len(result.attractors)
    with drawn_on(ax, (6.4, 4.2)) as axes:
        _draw_starts(axes, places, np.clip(labels, -2, None), count)
        for number, reached in enumerate(result.attractors):
            points = np.asarray(reached.points)
            label = f"{KIND_STYLES[int(reached.kind)].label}, {reached.share:.0%}"
            colour = COLOURS[number % len(COLOURS)]
            style = {"color": colour, "markeredgecolor": INK, "markersize": 5}
            axes.plot(*points[:, :2].T, "o", label=label, **style)
        axes.set(xlabel="component 0", ylabel="component 1")
        axes.grid(visible=False)
        if ax is None and count:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small")
    return axes


def _draw_starts(
    axes: Axes, places: Float[np.ndarray, "n 2"], labels: Int[np.ndarray, " n"], n: int
) -> None:
    """Starts in the colours of their labels, as an image if they are a grid."""
    colours = ["white", GRID, *(COLOURS[k % len(COLOURS)] for k in range(n))]
    scale = {"cmap": ListedColormap(colours), "vmin": -2.5, "vmax": n - 0.5}
    x, y = (np.unique(column) for column in places.T)
    order = np.lexsort(places.T)  # by y, and of one y by x
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    if min(len(x), len(y)) > 1 and np.array_equal(places[order], grid):
        image = labels[order].reshape(len(y), len(x))
        axes.pcolormesh(edges(x), edges(y), image, alpha=0.6, rasterized=True, **scale)
    else:
        axes.scatter(*places.T, c=labels, s=12, alpha=0.6, **scale)
