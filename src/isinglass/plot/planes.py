"""Numbers over a plane: pictures, maps in colours, and lines of equal height."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from isinglass._common.plain_checks import check_flag
from isinglass.plot._axes import drawn_on, numbers


def picture(values: Any, ax: Axes | None = None, **image: Any) -> Axes:
    """Draw an array as a picture, a square an element, the first row on top.

    Args:
        values: (rows, columns), or with a last axis of three or four colour channels.
        ax: Where to draw; None for a new figure.
        **image: How Matplotlib shall draw it otherwise (``cmap``, ``vmin``, …).

    Returns:
        The axes; their last image is this, for a colour bar.

    Raises:
        TypeError: If ``values`` is no array of numbers.
        ValueError: If it has another shape.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> ax = plot.picture(np.eye(3), cmap="gray_r")
    """
    array = numbers("values", values, "an array (rows, columns)")
    channels = array.shape[2:] in ((3,), (4,))
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and channels)):
        raise ValueError(
            "values must be of shape (rows, columns), or with three or four channels, "
            f"got {array.shape}"
        )
    with drawn_on(ax, (4.4, 4.2)) as axes:
        axes.imshow(array, **image)
        if ax is None:
            axes.grid(visible=False)
    return axes


def heat_map(x: Any, y: Any, values: Any, ax: Axes | None = None, **mesh: Any) -> Axes:
    """Draw numbers over a plane in colours.

    Args:
        x: Places across, (n,), or the n + 1 borders of the cells.
        y: Places up, (m,) or (m + 1,).
        values: (m, n); NaN leaves a hole.
        ax: Where to draw; None for a new figure.
        **mesh: How Matplotlib's ``pcolormesh`` shall draw it otherwise (``cmap``,
            ``vmin``, ``shading``, …).

    Returns:
        The axes; their last collection is this, for a colour bar.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If shapes do not fit.

    Example:
        >>> from isinglass import plot
        >>> ax = plot.heat_map([0.1, 0.2, 0.3], [1, 10], [[0, 50, 90], [0, 10, 60]])
    """
    across, up, plane = _plane(x, y, values, borders=True)
    with drawn_on(ax) as axes:
        axes.pcolormesh(across, up, plane, **mesh)
        if ax is None:
            axes.grid(visible=False)
    return axes


def exponent_map(x: Any, y: Any, exponents: Any, ax: Axes | None = None) -> Axes:
    """Draw the leading Lyapunov exponent over two parameters, red where it is chaos.

    The colours are white at 0 and reach as far to either side as 95 % of the exponents
    do; -inf, of a point that attracts at once, is the deepest blue.

    Args:
        x: Values of the parameter across, (n,), or the n + 1 borders of the cells.
        y: Values of the other, (m,) or (m + 1,).
        exponents: (m, n), in nats per step or the unit that a DataArray says in its
            attribute "units"; NaN leaves a hole.
        ax: Where to draw; None for a new figure.

    Returns:
        The axes; they have a colour bar beside them.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If shapes do not fit.

    Example:
        >>> from isinglass import plot
        >>> ax = plot.exponent_map([1.0, 1.2], [0.1, 0.3], [[-0.4, 0.2], [-0.1, 0.4]])
    """
    across, up, plane = _plane(x, y, exponents, "exponents", borders=True)
    unit = getattr(exponents, "attrs", {}).get("units", "nats per step")
    sizes = np.abs(plane[np.isfinite(plane)])
    limit = (float(np.quantile(sizes, 0.95)) if sizes.size else 0.0) or 1.0
    scale: dict[str, Any] = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}
    deep = np.where(np.isneginf(plane), -1e3, plane)
    with drawn_on(ax) as axes:
        mesh = axes.pcolormesh(across, up, deep, rasterized=True, **scale)
        figure = axes.get_figure(root=True)
        if figure is not None:
            bar = figure.colorbar(mesh, ax=axes, extend="both", pad=0.02)
            bar.set_label(f"$\\lambda_1$ ({unit})")
            cast(Any, bar.outline).set_visible(False)
        if ax is None:
            axes.grid(visible=False)
    return axes


def contours(
    x: Any,
    y: Any,
    values: Any,
    ax: Axes | None = None,
    *,
    levels: Any,
    filled: bool = False,
    **lines: Any,
) -> Axes:
    """Draw lines of equal height, or the areas between them.

    Args:
        x: Places across, (n,), two at least.
        y: Places up, (m,).
        values: Heights, (m, n).
        ax: Where to draw; None for a new figure.
        levels: Heights of the lines, ascending; of areas two at least.
        filled: Whether areas are drawn instead of lines.
        **lines: How Matplotlib shall draw them otherwise (``colors``, ``cmap``, …).

    Returns:
        The axes; their last collection is this, for a colour bar.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If shapes do not fit, or ``levels`` do not ascend.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> x = np.linspace(-2, 2, 20)
        >>> ax = plot.contours(x, x, x**2 + x[:, None] ** 2, levels=[1, 2, 3])
    """
    check_flag(filled=filled)
    across, up, plane = _plane(x, y, values, borders=False)
    heights = numbers("levels", levels, "ascending numbers")
    if heights.ndim != 1 or len(heights) < 1 + filled or (np.diff(heights) <= 0).any():
        least = "two at least" if filled else "one at least"
        raise ValueError(f"levels must be ascending numbers, {least}, got {heights}")
    with drawn_on(ax) as axes:
        draw = axes.contourf if filled else axes.contour
        draw(across, up, plane, levels=heights, **lines)
    return axes


def _plane(
    x: Any, y: Any, values: Any, name: str = "values", *, borders: bool
) -> tuple[Float[np.ndarray, " x"], Float[np.ndarray, " y"], Float[np.ndarray, "m n"]]:
    """Places, or borders of cells if they may be given, and what is at them."""
    across, up = (
        numbers(name, places, "numbers, (n,)") for name, places in (("x", x), ("y", y))
    )
    plane = numbers(name, values, "numbers, (m, n)")
    fits = plane.ndim == 2 and all(
        places.ndim == 1 and len(places) in (count, count + borders)
        for places, count in ((up, plane.shape[0]), (across, plane.shape[1]))
    )
    least = 1 if borders else 2
    if not fits or min(plane.shape) < least:
        raise ValueError(
            f"{name} must be of shape (len(y), len(x)), {least} at least, got "
            f"{plane.shape} for {up.shape} and {across.shape}"
        )
    return across, up, plane
