"""An orbit in the plane of two components, and the power spectrum of a signal."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from isinglass._common.plain_checks import as_list, check_whole, shown
from isinglass.plot._axes import drawn_on, has, numbers, refuse
from isinglass.plot.kinds import KIND_STYLES
from isinglass.plot.style import COLOURS

FEW = 64  # points up to which each is a dot to be seen
DECADES = 9  # below the highest peak of a spectrum that are shown


def phase_plane(
    orbit: Any,
    ax: Axes | None = None,
    *,
    components: tuple[int, int] = (0, 1),
    **dots: Any,
) -> Axes:
    """Draw an orbit in the plane of two of its components, a dot for every step.

    A cycle is as many dots as its period has steps, a torus a closed curve, chaos a
    cloud with structure.

    Args:
        orbit: What `isinglass.dynamics.trajectory` returns, (rows, d) in the
            observable's unit; or what `isinglass.dynamics.attractor` returns, whose
            kind gives the colour and the title.
        ax: Where to draw; None for a new figure.
        components: Which components are on the x and the y axis.
        **dots: How Matplotlib shall draw them otherwise (``color``, ``markersize``, …).

    Returns:
        The axes.

    Raises:
        TypeError: If ``orbit`` is no such result.
        ValueError: If it has no such components, or they are not two.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot, trajectory
        >>> from isinglass.dynamics.textbook import henon
        >>> orbit = trajectory(henon, np.zeros(2), {"a": 1.4, "b": 0.3}, 500)
        >>> ax = plot.phase_plane(orbit, color="tab:red")
    """
    points, style, title = _orbit(orbit)
    pair = as_list("components", components)
    if len(pair) != 2:
        raise ValueError(f"components must be two, got {shown(components)}")
    for place, component in enumerate(pair):
        check_whole(0, **{f"components[{place}]": component})
        if component >= points.shape[1]:
            raise ValueError(
                f"components[{place}] must be below {points.shape[1]}, the components "
                f"of the orbit, got {component}"
            )
    x, y = pair
    style |= {"markersize": 4 if len(points) <= FEW else 1.5, "rasterized": True}
    with drawn_on(ax, (4.6, 4.4)) as axes:
        axes.plot(points[:, x], points[:, y], ".", **style | dots)
        axes.set(xlabel=f"component {x}", ylabel=f"component {y}")
        if title and ax is None:
            axes.set_title(title)
    return axes


def spectrum(signal: Any, ax: Axes | None = None, **line: Any) -> Axes:
    """Draw a power spectrum, logarithmic in power.

    A cycle of period p is a peak at 1/p and its multiples, a torus peaks at sums of
    multiples of its frequencies, chaos a broad band.

    Args:
        signal: What `isinglass.dynamics.power_spectrum` returns: ``frequency`` (F,) in
            cycles per unit of time, ``power`` (F,), or (F, k) for k signals. Of a map,
            the unit of time is a step.
        ax: Where to draw; None for a new figure.
        **line: How Matplotlib shall draw it otherwise (``color``, ``label``, …).

    Returns:
        The axes, which show nine decades below the highest peak.

    Raises:
        TypeError: If ``signal`` is no power spectrum.
        ValueError: If its shapes do not fit.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot, power_spectrum
        >>> wave = np.sin(np.arange(400) / 3)
        >>> ax = plot.spectrum(power_spectrum(wave, window="hann"))
    """
    accepted = "what isinglass.dynamics.power_spectrum returns"
    if not has(signal, ("frequency", "power")):
        raise refuse("signal", signal, accepted)
    frequency = numbers("signal.frequency", signal.frequency, accepted)
    power = numbers("signal.power", signal.power, accepted)
    if power.ndim not in (1, 2) or frequency.shape != power.shape[:1]:
        raise ValueError(
            f"signal.power must be of shape (F,) or (F, k) with F = {len(frequency)}, "
            f"got {power.shape}"
        )
    with drawn_on(ax, (6.0, 3.4)) as axes:
        axes.semilogy(frequency, power, **{"linewidth": 0.7} | line)
        highest = power.max()
        if highest > 0:
            axes.set_ylim(highest * 10.0**-DECADES, highest * 10)
        axes.set(xlabel="frequency in cycles per unit of time", ylabel="power")
    return axes


def _orbit(orbit: Any) -> tuple[Float[np.ndarray, "n d"], dict[str, Any], str]:
    """Its points, how dots of it are drawn, and what is said above them."""
    accepted = (
        "an array (rows, d), as isinglass.dynamics.trajectory returns, or what "
        "isinglass.dynamics.attractor returns"
    )
    style: dict[str, Any] = {"color": COLOURS[0]}
    title, points = "", orbit
    if has(orbit, ("points", "kind", "confidence")):
        points = orbit.points
        kind = KIND_STYLES[int(orbit.kind)]
        style = {"color": kind.colour}
        title = kind.label + (f", period {orbit.period}" if orbit.period > 1 else "")
    points = numbers("orbit", points, accepted)
    if points.ndim != 2:
        raise refuse("orbit", orbit, accepted)
    return points, style, title
