"""Worldlines: routes of signals in space and time, on their way to a target."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import is_color_like, to_rgb

from isinglass._common.plain_checks import check_whole, shown
from isinglass.plot._axes import drawn_on, has, numbers, refuse
from isinglass.plot.style import COLOURS

Lines = Float[np.ndarray, "line 2 2"]  # (place, time) of both ends

LEAST = 1e-4  # probability of a route that is drawn


def worldlines(
    routes: Any, ax: Axes | None = None, *, target: int = 0, colour: str | None = None
) -> Axes:
    """Draw the routes to a target in space and time, as wide as they are likely.

    A signal starts at its source's distance at time 0 and arrives at the target, which
    is at distance 0, after its travel duration; the straight line stands for a detour
    of that length (Tang 2020, Figs. 1 and 2). Probabilities are averaged over the
    sources at a distance. Routes too short to arrive are not drawn.

    Args:
        routes: A fitted `isinglass.InterferenceClassifier`, `WaveClassifier` or kin. Or
            a Dataset with ``probability`` (source, target, duration), 0 for routes too
            short to arrive, and ``distance`` (source, target).
        ax: Where to draw; None for a new figure.
        target: Index of the class whose target it is.
        colour: Of the lines; None for one by the target.

    Returns:
        The axes: distance from the target across, time in steps upwards.

    Raises:
        TypeError: If ``routes`` is no such result.
        ValueError: If there is no such target, or ``colour`` is none.

    Example:
        >>> import numpy as np
        >>> from isinglass import InterferenceClassifier, plot
        >>> pictures = np.random.default_rng(0).integers(0, 255, (4, 28, 28))
        >>> model = InterferenceClassifier(random_state=0).fit(pictures, [0, 1, 0, 1])
        >>> ax = plot.worldlines(model, target=1)
        >>> ax.get_xlabel()
        'distance from target'
    """
    probability, distance, names = _routes(routes)
    check_whole(0, target=target)
    if target >= len(names):
        raise ValueError(f"target must be below {len(names)}, got {target}")
    lines, chances = light_cone(probability[:, target], distance[:, target])
    colour = COLOURS[target % len(COLOURS)] if colour is None else colour
    if not is_color_like(colour):
        raise ValueError(f"colour must be a colour of Matplotlib, got {shown(colour)}")
    with drawn_on(ax, (4.2, 4.2)) as axes:
        opacity = np.minimum(1, 0.08 + 9 * chances)
        add_lines(axes, lines, colour, 0.3 + 30 * chances, opacity)
        axes.set(
            title=f"target {names[target]}",
            xlabel="distance from target",
            ylabel="time in steps",
            xlim=(0, float(distance.max()) + 0.5),
            ylim=(0, probability.shape[-1]),
        )
    return axes


def light_cone(
    probability: Float[np.ndarray, "S T"], distance: Float[np.ndarray, " S"]
) -> tuple[Lines, Float[np.ndarray, " line"]]:
    """Return routes to a target, averaged over sources at a distance, and chances.

    Args:
        probability: Of each travel duration of every source.
        distance: Of every source from the target.
    """
    lines, chances = [], []
    for place in np.unique(distance):
        mean = probability[distance == place].mean(axis=0)
        for duration in np.flatnonzero(mean > LEAST):
            lines.append(((place, 0), (0, duration)))
            chances.append(mean[duration])
    return np.reshape(lines, (-1, 2, 2)).astype(float), np.array(chances, float)


def add_lines(
    axes: Axes,
    lines: Lines,
    colour: str,
    widths: Float[np.ndarray, " line"],
    opacity: Float[np.ndarray, " line"],
) -> None:
    """Draw straight lines of one colour, each of its own width and opacity.

    Args:
        axes: Where to draw; their limits stay as they are.
        lines: Both ends of each.
        colour: Of all.
        widths: In points.
        opacity: From 0 to 1.
    """
    colours = [(*to_rgb(colour), alpha) for alpha in opacity]
    axes.add_collection(LineCollection(list(lines), colors=colours, linewidths=widths))


def _routes(routes: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Probabilities (S, C, T) of routes that arrive, distances (S, C), and names."""
    if hasattr(routes, "data_vars") and {"probability", "distance"} <= set(routes):
        probability = numbers("routes", routes.probability, "probabilities")
        distance = numbers("routes", routes.distance, "distances")
        return probability, distance, [str(n) for n in range(distance.shape[1])]
    if not has(routes, ("route_probabilities_", "geometry_", "n_durations")):
        accepted = (
            "a fitted classifier with routes, such as InterferenceClassifier, or a "
            "Dataset with probability and distance"
        )
        raise refuse("routes", routes, accepted)
    stage = routes.geometry_
    probability = routes.route_probabilities_ * stage.reachable(routes.n_durations)
    return probability, stage.distances, [str(name) for name in routes.classes_]
