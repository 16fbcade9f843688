"""Hysteresis loops: what follows a field that goes up and down."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from isinglass.plot._axes import drawn_on, numbers
from isinglass.plot.style import COLOURS


def hysteresis_loop(
    field: Any, response: Any, ax: Axes | None = None, **line: Any
) -> Axes:
    """Draw what answers a field along its path, and shade the loop that it encloses.

    The shaded area is what a cycle dissipates, in units of field times response
    (Tang 2020, Fig. 5(b)). For where a diagram of a map depends on its past, draw both
    directions of a continuation by `diagram`.

    Args:
        field: The field at each step, (steps,), such as h = βB.
        response: What answers it, (steps,), such as μ of
            `isinglass.systems.interference.hysteresis`.
        ax: Where to draw; None for a new figure.
        **line: How Matplotlib shall draw the line otherwise (``color``, ``label``, …).

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If they are not of one length.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> from isinglass.systems.interference import hysteresis
        >>> field = np.sin(np.linspace(0, 4 * np.pi, 200))
        >>> ax = plot.hysteresis_loop(field, hysteresis(2.0, field))
    """
    h = numbers("field", field, "numbers by step, (steps,)")
    mu = numbers("response", response, "numbers by step, (steps,)")
    if h.ndim != 1 or h.shape != mu.shape:
        raise ValueError(
            "field and response must be of one length, (steps,), got shapes "
            f"{h.shape} and {mu.shape}"
        )
    with drawn_on(ax, (4.8, 3.8)) as axes:
        style: dict[str, Any] = {"color": COLOURS[0]} | line
        (drawn,) = axes.plot(h, mu, **style)
        axes.fill(h, mu, color=drawn.get_color(), alpha=0.25, linewidth=0)
        axes.set(xlabel="field", ylabel="response")
    return axes
