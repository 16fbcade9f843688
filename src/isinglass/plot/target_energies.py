"""The energy that targets receive over time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from matplotlib.axes import Axes

from isinglass._common.plain_checks import as_list
from isinglass.plot._axes import drawn_on, numbers
from isinglass.plot.style import COLOURS


def energy_over_time(
    energy: Any,
    ax: Axes | None = None,
    *,
    labels: Iterable[Any] | None = None,
    **line: Any,
) -> Axes:
    """Draw the energy at every target over time, while one input is shown.

    The class of the highest peak is what the classifier answers (Tang 2020, Eq. 3).

    Args:
        energy: J (C, T) of one input, such as ``model.energy_over_time(X)[0]``, in the
            model's unit; T time steps.
        ax: Where to draw; None for a new figure.
        labels: What the C targets are called in a legend, such as ``model.classes_``;
            None for no names.
        **line: How Matplotlib shall draw the lines otherwise (``linestyle``, …).

    Returns:
        The axes.

    Raises:
        TypeError: If ``energy`` is no array of numbers.
        ValueError: If it is not of one input, or has not as many targets as labels.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> energy = np.array([[0, 1, 4, 2], [0, 1, 2, 1]])  # of two targets
        >>> ax = plot.energy_over_time(energy, labels=["cat", "dog"])
    """
    accepted = "energies (C, T) of one input, such as model.energy_over_time(X)[0]"
    curves = numbers("energy", energy, accepted)
    if curves.ndim != 2:
        shape = f" of shape {curves.shape}"
        raise ValueError(f"energy must be {accepted}, got an array{shape}")
    names = (
        [None] * len(curves)
        if labels is None
        else [*map(str, as_list("labels", labels))]
    )
    if len(names) != len(curves):
        raise ValueError(
            f"labels must name the {len(curves)} targets, got {len(names)}"
        )
    with drawn_on(ax, (6.0, 3.2)) as axes:
        for index, (curve, name) in enumerate(zip(curves, names, strict=True)):
            colour = COLOURS[index % len(COLOURS)]
            axes.plot(curve, **{"color": colour, "label": name} | line)
        axes.set(xlabel="time in steps", ylabel="energy")
        if ax is None and labels is not None:
            axes.legend()
    return axes
