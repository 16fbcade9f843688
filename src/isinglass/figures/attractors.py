"""How kinds of attractors are drawn: strips and maps of colour, and their legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    pass

from collections.abc import Iterable
from typing import TYPE_CHECKING

from jaxtyping import Float, Int, Shaped

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def kind_scale() -> dict[str, Any]:
    """Arguments of ``pcolormesh`` that give the numbers of `isinglass.dynamics.Kind` colours."""
    from matplotlib.colors import ListedColormap

    colours = ListedColormap([style.colour for style in KIND_STYLES])
    return {"cmap": colours, "vmin": -0.5, "vmax": len(KIND_STYLES) - 0.5}


def kind_strip(
    axes: Axes, values: Float[np.ndarray, " n"], kinds: Int[np.ndarray, " n"]
) -> None:
    """A strip along the values of a parameter, coloured by the kind of attractor at each."""
    axes.pcolormesh(edges(values), [0, 1], kinds[None], **kind_scale(), rasterized=True)
    axes.set_yticks([])
    axes.grid(False)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.tick_params(length=0)


def kind_legend(figure: Figure, kinds: Iterable[Any]) -> None:
    """A line above the figure that names those kinds that occur."""
    from matplotlib.lines import Line2D

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
    """Points above each value of a parameter, coloured by kind, the smaller the more there are.

    Args:
        axes: Where to draw.
        values: Of the parameter.
        points: One component of the points at each value, padded with NaN.
        kinds: Number of each value's kind.
    """
    x, y = np.broadcast_to(values[:, None], points.shape), points
    seen = np.isfinite(y)
    size = float(np.clip(120 / np.sqrt(max(seen.sum(), 1)), 0.5, 2.0))
    for number, style in enumerate(KIND_STYLES):
        chosen = seen & (kinds == number)[:, None]
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
    """Borders halfway between ascending values, and as far beyond the first and the last."""
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate(
        [[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]]
    )


class KindStyle(NamedTuple):
    """How a kind of attractor is named and drawn."""

    label: str
    colour: str
    marker: str


# In the order of `isinglass.dynamics.Kind`, which must not be imported here: it loads
# jax.
KIND_STYLES = (
    KindStyle("fixed point", "#56b4e9", "s"),
    KindStyle("periodic", "#0072b2", "o"),
    KindStyle("quasi-periodic", "#e69f00", "^"),
    KindStyle("chaotic", "#d55e00", "D"),
    KindStyle("diverged", "#1d2733", "X"),
    KindStyle("undecided", "#b4bcc6", "v"),
)


UNDECIDED = 5
