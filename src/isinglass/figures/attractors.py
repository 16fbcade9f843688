"""How kinds of attractors are drawn: clouds, strips and maps, and their legend.

Kinds are numbers here, as `isinglass.dynamics.Kind` counts them: 0 a fixed point, 1 a
periodic orbit, 2 a quasi-periodic one, 3 chaos, 4 divergence, 5 undecided. That a
figure of a stored diagram is drawn without JAX is why the enumeration itself is not
imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Shaped
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D


class KindStyle(NamedTuple):
    """How a kind of attractor is named and drawn."""

    label: str
    colour: str
    marker: str


KIND_STYLES = (
    KindStyle("fixed point", "#56b4e9", "s"),
    KindStyle("periodic", "#0072b2", "o"),
    KindStyle("quasi-periodic", "#e69f00", "^"),
    KindStyle("chaotic", "#d55e00", "D"),
    KindStyle("diverged", "#1d2733", "X"),
    KindStyle("undecided", "#b4bcc6", "v"),
)
CHAOTIC, DIVERGED, UNDECIDED = 3, 4, 5


def kind_scale() -> dict[str, Any]:
    """Return the arguments of ``pcolormesh`` that colour the numbers of kinds."""
    colours = ListedColormap([style.colour for style in KIND_STYLES])
    return {"cmap": colours, "vmin": -0.5, "vmax": len(KIND_STYLES) - 0.5}


def kind_strip(
    axes: Axes, values: Float[np.ndarray, " n"], kinds: Int[np.ndarray, " n"]
) -> None:
    """Draw a strip along the values of a parameter, coloured by the kind at each.

    Args:
        axes: Where to draw; it keeps its x axis alone.
        values: Of the parameter, ascending.
        kinds: Number of each value's kind.
    """
    axes.pcolormesh(edges(values), [0, 1], kinds[None], **kind_scale(), rasterized=True)
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)


def kind_legend(figure: Figure, kinds: Iterable[Any]) -> None:
    """Name those kinds that occur in a line above the figure."""
    handles = [
        Line2D([], [], color=style.colour, marker="s", linestyle="", label=style.label)
        for style in (
            KIND_STYLES[kind] for kind in sorted({int(kind) for kind in kinds})
        )
    ]
    figure.legend(
        handles=handles,
        loc="outside upper right",
        ncols=len(handles),
        handletextpad=0.2,
    )


def draw_cloud(
    axes: Axes,
    values: Float[np.ndarray, " n"],
    points: Float[np.ndarray, "n W"],
    kinds: Int[np.ndarray, " n"],
) -> None:
    """Draw points above each value of a parameter, coloured by kind.

    The more points there are, the smaller they are.

    Args:
        axes: Where to draw.
        values: Of the parameter.
        points: One component of the points at each value, padded with NaN.
        kinds: Number of each value's kind.
    """
    x, y = np.broadcast_to(values[:, None], points.shape), points
    finite = np.isfinite(y)
    size = float(np.clip(120 / np.sqrt(max(finite.sum(), 1)), 0.5, 2.0))
    for number, style in enumerate(KIND_STYLES):
        chosen = finite & (kinds == number)[:, None]
        axes.plot(
            x[chosen],
            y[chosen],
            "o",
            color=style.colour,
            markersize=size,
            markeredgewidth=0,
            alpha=0.7,
            rasterized=True,
        )


def edges(values: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Return the borders halfway between ascending values, n + 1 of them.

    The first and the last lie as far beyond the values as the nearest border within.
    """
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate(
        [[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]]
    )
