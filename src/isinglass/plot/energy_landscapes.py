"""An energy in the plane, and how states run down it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from isinglass._common.plain_checks import (
    as_list,
    check_in,
    check_whole,
    shown,
)
from isinglass.plot._axes import drawn_on, has, numbers, refuse
from isinglass.plot.style import COLOURS, INK

if TYPE_CHECKING:
    import xarray as xr

STAR = COLOURS[4]  # colour of patterns
MARGIN = 0.35  # around patterns and paths, as a share of their extent
TOP = 0.98  # quantile of the heights from which all is drawn as the highest
LEVELS = 25


def landscape(
    energy: Any,
    ax: Axes | None = None,
    *,
    patterns: Any = None,
    descent: Any = None,
    bounds: tuple[float, float] | None = None,
    resolution: int = 121,
) -> Axes:
    """Draw an energy of the plane with its patterns, and states on their way down.

    Contours are evenly spaced in the root of the energy above the lowest: around a
    pattern, where an energy is like a squared distance, evenly in distance. Patterns
    are stars; a descent is a line from its start, a dot, to its end, a ring.

    Args:
        energy: An energy of `isinglass.energy`, such as ``NearestNeighbour(4.0)``; a
            function of states (…, 2) and patterns (m, 2) that returns their energies
            (…); or a DataArray of two dimensions, the first across, with coordinates.
        ax: Where to draw; None for a new figure.
        patterns: (m, 2); needed unless ``energy`` is a DataArray.
        descent: States on their way, (steps, …, 2), the first the start; or what
            `isinglass.energy.descend_layers` returns. None for no descent.
        bounds: Lowest and highest energy of the colours, to give panels one scale; None
            for the lowest, and for what 98 % of the plane lies below.
        resolution: Places along each side, where ``energy`` is computed.

    Returns:
        The axes; their first collection are the filled contours, for a colour bar.

    Raises:
        TypeError: If ``energy`` is none.
        ValueError: If something is not of the plane, ``bounds`` do not ascend, or
            without them ``energy`` is infinite, NaN or the same in most of the plane.

    Example:
        >>> import numpy as np
        >>> from isinglass import NearestNeighbour, plot
        >>> patterns = np.array([[-1.0, 0.0], [1.0, 0.5]], np.float32)
        >>> start = np.array([[0.2, -0.5]], np.float32)
        >>> energy = NearestNeighbour(4.0)
        >>> path = [start, energy.update(start, patterns)]
        >>> ax = plot.landscape(energy, patterns=patterns, descent=path)
    """
    check_whole(2, resolution=resolution)
    stars = _places("patterns", patterns)
    path = _places("descent", getattr(descent, "states", descent))
    x, y, heights = _heights(energy, stars, path, resolution)
    low, high = _range(heights) if bounds is None else _bounds(bounds)
    roots = np.sqrt(np.clip(heights - low, 0, high - low)).T
    levels = np.linspace(0, np.sqrt(high - low), LEVELS)
    with drawn_on(ax, (5.0, 4.4)) as axes:
        axes.contourf(x, y, roots, levels=levels, cmap="viridis")
        white = {"colors": "white", "linewidths": 0.35, "alpha": 0.55}
        axes.contour(x, y, roots, levels=levels[2::2], **white)
        edge = {"markeredgecolor": "black", "markeredgewidth": 0.5, "zorder": 3}
        if stars is not None:
            axes.plot(*stars.T, "*", color=STAR, markersize=9, **edge)
        if path is not None:
            _draw_descent(axes, path.reshape(len(path), -1, 2))
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]), aspect="equal")
        axes.set(xlabel="$x_1$", ylabel="$x_2$")
        axes.grid(visible=False)
    return axes


def force_lines(energy: xr.DataArray, ax: Axes | None = None) -> Axes:
    """Draw which way an energy of the plane falls, by thin lines with arrows.

    Args:
        energy: A DataArray of two dimensions, the first across, with coordinates at
            equal distances, as `landscape` takes it.
        ax: Where to draw, in white as on a `landscape`; None for a new figure.

    Returns:
        The axes, which show the whole plane.

    Raises:
        TypeError: If ``energy`` is none.
        ValueError: If it is not of the plane.

    Example:
        >>> import numpy as np, xarray as xr
        >>> from isinglass import plot
        >>> x = np.linspace(-2, 2, 20)
        >>> bowl = xr.DataArray(x[:, None] ** 2 + x**2, {"x": x, "y": x})
        >>> ax = plot.force_lines(bowl, plot.landscape(bowl))
    """
    if not has(energy, ("dims", "coords", "values")):
        raise refuse("energy", energy, "a DataArray of two dimensions")
    x, y, heights = _stored(energy)
    across, up = np.gradient(-heights, x, y)
    thin: dict[str, Any] = {"linewidth": 0.5, "density": 0.7, "arrowsize": 0.6}
    with drawn_on(ax, (5.0, 4.4)) as axes:
        colour = INK if ax is None else (1, 1, 1, 0.45)
        axes.streamplot(x, y, across.T, up.T, color=colour, **thin)
        axes.set(xlim=(x[0], x[-1]), ylim=(y[0], y[-1]))  # not those of arrows
        if not axes.get_xlabel():
            axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
        axes.grid(visible=False)
    return axes


def _range(heights: Float[np.ndarray, "x y"]) -> tuple[float, float]:
    """The lowest energy, and that below which nearly all of the plane lies."""
    low, high = float(heights.min()), float(np.quantile(heights, TOP))
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(
            f"energy must be finite, and not the same in {TOP:.0%} of the plane, "
            f"unless there are bounds; got {low:g} as lowest, and {TOP:.0%} up to "
            f"{high:g}"
        )
    return low, high


def _bounds(bounds: Any) -> tuple[float, float]:
    pair = as_list("bounds", bounds)
    if len(pair) != 2:
        raise ValueError(f"bounds must be two energies, got {shown(bounds)}")
    for place, bound in enumerate(pair):
        check_in("(-inf, inf)", **{f"bounds[{place}]": bound})
    low, high = map(float, pair)
    if not low < high:
        raise ValueError(f"bounds must ascend, got {low:g} and {high:g}")
    return low, high


def _draw_descent(axes: Axes, path: Float[np.ndarray, "steps n 2"]) -> None:
    for states in path.transpose(1, 2, 0):
        axes.plot(*states, color="white", linewidth=1.4, zorder=3)
    edge = {"markeredgecolor": "white", "zorder": 4}
    axes.plot(*path[0].T, "o", color=INK, markersize=5, **edge)
    ring = {"markerfacecolor": "none", "markeredgewidth": 1.6} | edge
    axes.plot(*path[-1].T, "o", markersize=11, **ring)


def _heights(
    energy: Any, stars: np.ndarray | None, path: np.ndarray | None, resolution: int
) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "x y"]]:
    """Places along both sides and the energy at each pair of them."""
    if has(energy, ("dims", "coords", "values")):
        return _stored(energy)
    function = getattr(energy, "energy", energy)
    if not callable(function) or isinstance(energy, type):
        accepted = (
            "an energy such as NearestNeighbour(1.0), a function of states and "
            "patterns, or a DataArray of two dimensions"
        )
        raise refuse("energy", energy, accepted)
    if stars is None:
        raise ValueError("patterns must be there to compute an energy among, got None")
    every = [stars.reshape(-1, 2), *([] if path is None else [path.reshape(-1, 2)])]
    places = np.concatenate(every)
    low, high = places.min(axis=0), places.max(axis=0)
    room = MARGIN * (high - low).max() or 1.0
    x, y = np.linspace(low - room, high + room, resolution).T
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1)
    # As single precision, in which energies are computed.
    states, rows = grid.astype(np.float32), stars.astype(np.float32)
    heights = np.asarray(function(states, rows), float)
    if heights.shape != grid.shape[:2]:
        raise ValueError(
            f"energy must be a number for each state, (…), got {heights.shape} for "
            f"states {grid.shape}"
        )
    return x, y, heights


def _stored(
    energy: xr.DataArray,
) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "x y"]]:
    if len(energy.dims) != 2:
        raise ValueError(f"energy must have two dimensions, got {energy.dims}")
    across, up = energy.dims
    heights = numbers("energy", energy.values, "numbers, in two dimensions")
    return energy[across].values, energy[up].values, heights


def _places(name: str, value: Any) -> Float[np.ndarray, "... 2"] | None:
    """Points of the plane, as an array, or None."""
    if value is None:
        return None
    places = numbers(name, value, "points of the plane, (…, 2)")
    if places.ndim < 2 or places.shape[-1] != 2:
        raise ValueError(
            f"{name} must be points of the plane, (…, 2), got shape {places.shape}"
        )
    return places
