"""Marks of numbers over others: lines and dots, ranges, bars and stems."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from isinglass._common.plain_checks import check_in, check_kind
from isinglass.plot._axes import drawn_on, numbers
from isinglass.plot.style import COLOURS


def line(
    x: Any,
    y: Any,
    ax: Axes | None = None,
    style: str = "",
    *,
    error: Any = None,
    **line: Any,
) -> Axes:
    """Draw numbers over others, as a line or as dots.

    Args:
        x: Places, (n,), or one alone.
        y: Numbers at them, (n,), or (n, k) for k lines; NaN leaves a gap.
        ax: Where to draw; None for a new figure.
        style: Matplotlib's short form, such as "o" for dots and "--" for dashes.
        error: How far a bar reaches from each number, (n,), or downwards and upwards,
            (2, n); None for no bars.
        **line: How Matplotlib shall draw it otherwise (``color``, ``label``, …).

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> field = np.linspace(-3, 3, 50)
        >>> ax = plot.line(field, np.tanh(field), label="order parameter")
    """
    across, up = _pair(x, y)
    check_kind(str, style=style)
    if error is None:
        with drawn_on(ax) as axes:
            axes.plot(across, up, *filter(None, [style]), **line)
        return axes
    reach = numbers("error", error, "numbers, (n,) or (2, n)")
    if up.ndim != 1 or reach.shape not in ((), up.shape, (2, len(up))):
        raise ValueError(
            f"error must be of shape ({len(across)},) or (2, {len(across)}), and y of "
            f"one line, got {reach.shape} and {up.shape}"
        )
    with drawn_on(ax) as axes:
        axes.errorbar(across, up, reach, fmt=style, **line)
    return axes


def ribbon(x: Any, low: Any, high: Any, ax: Axes | None = None, **area: Any) -> Axes:
    """Draw a range along an axis as an area, by default pale and without an edge.

    Args:
        x: Places, (n,).
        low: Lower ends, (n,), or one number.
        high: Upper ends, likewise.
        ax: Where to draw; None for a new figure.
        **area: How Matplotlib shall draw it otherwise (``color``, ``alpha``, …).

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If shapes do not fit.

    Example:
        >>> from isinglass import plot
        >>> ax = plot.ribbon([1, 2, 3], [0.1, 0.2, 0.2], [0.5, 0.5, 0.4])
    """
    places = numbers("x", x, "numbers, (n,)")
    ends = [numbers(n, v, "numbers, (n,)") for n, v in (("low", low), ("high", high))]
    shapes = [end.shape for end in ends]
    if places.ndim != 1 or any(shape not in ((), places.shape) for shape in shapes):
        raise ValueError(
            "x, low and high must be as many, (n,), got shapes "
            f"{places.shape}, {shapes[0]} and {shapes[1]}"
        )
    low, high = ends
    area = {"alpha": 0.2, "linewidth": 0} | area
    with drawn_on(ax) as axes:
        axes.fill_between(places, low, high, **area)
    return axes


def bars(x: Any, heights: Any, ax: Axes | None = None, **bar: Any) -> Axes:
    """Draw a bar at each place.

    Args:
        x: Places, (n,).
        heights: Of the bars, (n,).
        ax: Where to draw; None for a new figure.
        **bar: How Matplotlib shall draw them otherwise (``width``, ``bottom``, …).

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If they are not as many.

    Example:
        >>> from isinglass import plot
        >>> ax = plot.bars([0, 1, 2], [0.9, 0.8, 0.4], label="accuracy")
    """
    places, tops = _pair(x, heights, "heights")
    if tops.ndim != 1:
        raise ValueError(f"heights must be of shape (n,), got {tops.shape}")
    with drawn_on(ax) as axes:
        axes.bar(places, tops, **bar)
    return axes


def stems(
    x: Any, y: Any, ax: Axes | None = None, *, base: float = 0.0, **dots: Any
) -> Axes:
    """Draw dots on thin stems: what happened at each place, and how large it was.

    The avalanches of a slow sweep, each at its field, are drawn so.

    Args:
        x: Places, (n,).
        y: Numbers at them, (n,).
        ax: Where to draw; None for a new figure.
        base: Where stems begin; above 0 for a logarithmic axis.
        **dots: How Matplotlib shall draw the dots otherwise; stems have their colour.

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If they are not as many, or ``base`` is not finite.

    Example:
        >>> from isinglass import plot
        >>> ax = plot.stems([-0.2, 0.1, 0.4], [1, 7, 2])
    """
    places, tops = _pair(x, y)
    if tops.ndim != 1:
        raise ValueError(f"y must be of shape (n,), got {tops.shape}")
    check_in("(-inf, inf)", base=base)
    style: dict[str, Any] = {"color": COLOURS[0], "markersize": 3} | dots
    with drawn_on(ax) as axes:
        axes.vlines(places, base, tops, color=style["color"], linewidth=1)
        axes.plot(places, tops, "o", **style)
    return axes


def _pair(
    x: Any, y: Any, name: str = "y"
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n *k"]]:
    """Places and what is at them."""
    across = np.atleast_1d(numbers("x", x, "numbers, (n,)"))
    up = np.atleast_1d(numbers(name, y, "numbers, (n,) or (n, k)"))
    if across.ndim != 1 or up.ndim > 2 or len(up) != len(across):
        raise ValueError(
            f"x and {name} must be as many, (n,), got shapes {across.shape} and "
            f"{up.shape}"
        )
    return across, up
