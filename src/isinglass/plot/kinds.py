"""Kinds of attractors: clouds, strips and maps in their colours, and their legend.

Kinds are numbers here, as `isinglass.dynamics.Kind` counts them: 0 a fixed point, 1 a
periodic orbit, 2 a quasi-periodic one, 3 chaos, 4 divergence, 5 undecided. That a
figure of a stored diagram is drawn without JAX is why the enumeration itself is not
imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num, Shaped
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isinglass._common.plain_checks import as_list, check_kind, shown
from isinglass.plot._axes import drawn_on, numbers


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


def kind_strip(values: Any, kinds: Any, ax: Axes | None = None) -> Axes:
    """Draw a strip along the values of a parameter, coloured by the kind at each.

    Args:
        values: Of the parameter, ascending, (n,), two at least.
        kinds: Kind of each value, (n,), of `isinglass.dynamics.Kind`.
        ax: Where to draw; None for a new figure. They keep their x axis alone.

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If they are not as many, or a kind is none.

    Example:
        >>> from isinglass import plot
        >>> ax = plot.kind_strip([3.2, 3.5, 3.8], [1, 1, 3])
    """
    along = _ascending("values", values)
    numbered = _kinds(kinds, along.shape)
    with drawn_on(ax, (6.0, 0.7)) as axes:
        borders = edges(along)
        axes.pcolormesh(
            borders, [0, 1], numbered[None], **kind_scale(), rasterized=True
        )
        axes.set_yticks([])
        axes.grid(False)
        axes.spines[["left", "bottom"]].set_visible(False)
        axes.tick_params(length=0)
    return axes


def kind_map(x: Any, y: Any, kinds: Any, ax: Axes | None = None) -> Axes:
    """Draw the kind of attractor at every pair of two parameters, by colour.

    Args:
        x: Values of the parameter across, ascending, (n,), or the n + 1 borders of the
            cells.
        y: Values of the other, (m,) or (m + 1,).
        kinds: Kind at each, (m, n), of `isinglass.dynamics.Kind`.
        ax: Where to draw; None for a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If shapes do not fit, or a kind is none.

    Example:
        >>> from isinglass import plot
        >>> ax = plot.kind_map([1.0, 1.2, 1.4], [0.1, 0.3], [[0, 1, 3], [0, 0, 1]])
    """
    across, up = _ascending("x", x), _ascending("y", y)
    plane = numbers("kinds", kinds, "kinds, (m, n)")
    if plane.ndim != 2:
        raise ValueError(f"kinds must be of shape (m, n), got {plane.shape}")
    plane = _kinds(plane, plane.shape)
    borders = [
        _borders(name, values, count)
        for name, values, count in (
            ("x", across, plane.shape[1]),
            ("y", up, plane.shape[0]),
        )
    ]
    with drawn_on(ax) as axes:
        axes.pcolormesh(*borders, plane, **kind_scale(), rasterized=True)
        figure = axes.get_figure(root=True)
        if ax is None and figure is not None:
            axes.grid(False)
            kind_legend(figure, plane.ravel())
    return axes


def kind_legend(figure: Figure, kinds: Iterable[Any]) -> None:
    """Name those kinds that occur in a line above the figure.

    Args:
        figure: With a constrained layout, as `isinglass.plot.subplots` makes them.
        kinds: Of `isinglass.dynamics.Kind`, as often as they occur.

    Raises:
        TypeError: If ``figure`` is none.
        ValueError: If a kind is none.
    """
    check_kind(Figure, figure=figure)
    numbered = np.asarray(as_list("kinds", kinds))
    handles = [
        Line2D([], [], color=style.colour, marker="s", linestyle="", label=style.label)
        for style in (
            KIND_STYLES[kind]
            for kind in np.unique(_kinds(numbered, numbered.shape)).astype(int)
        )
    ]
    figure.legend(
        handles=handles,
        loc="outside upper right",
        ncols=len(handles),
        handletextpad=0.2,
    )


def cloud(values: Any, points: Any, kinds: Any, ax: Axes | None = None) -> Axes:
    """Draw points above each value of a parameter, coloured by kind.

    The more points there are, the smaller they are. Of a sweep that
    `isinglass.dynamics.bifurcation` returns, `diagram` draws this.

    Args:
        values: Of the parameter, (n,).
        points: One component of the points at each value, (n, points), padded with
            NaN.
        kinds: Kind of each value, (n,), of `isinglass.dynamics.Kind`.
        ax: Where to draw; None for a new figure.

    Returns:
        The axes.

    Raises:
        TypeError: If one is no array of numbers.
        ValueError: If shapes do not fit, or a kind is none.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> points = [[0.6, np.nan], [0.5, 0.8], [0.3, 0.9]]
        >>> ax = plot.cloud([2.5, 3.2, 3.8], points, [0, 1, 3])
    """
    along = numbers("values", values, "numbers, (n,)")
    y = numbers("points", points, "numbers, (n, points)")
    if along.ndim != 1 or y.ndim != 2 or len(y) != len(along):
        raise ValueError(
            "values must be of shape (n,) and points of (n, points), got "
            f"{along.shape} and {y.shape}"
        )
    numbered = _kinds(kinds, along.shape)
    x = np.broadcast_to(along[:, None], y.shape)
    finite = np.isfinite(y)
    size = float(np.clip(120 / np.sqrt(max(finite.sum(), 1)), 0.5, 2.0))
    with drawn_on(ax) as axes:
        for number, style in enumerate(KIND_STYLES):
            chosen = finite & (numbered == number)[:, None]
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
    return axes


def _kinds(kinds: Any, shape: tuple[int, ...]) -> Num[np.ndarray, "..."]:
    """Kinds as numbers, one for each place."""
    array = numbers("kinds", kinds, "kinds of attractors")
    if array.shape != shape:
        raise ValueError(f"kinds must be of shape {shape}, got {array.shape}")
    wrong = array[~np.isin(array, range(len(KIND_STYLES)))]
    if wrong.size:
        most = len(KIND_STYLES) - 1
        raise ValueError(f"kinds must be from 0 to {most}, got {wrong.flat[0]:g}")
    return array


def _ascending(name: str, values: Any) -> Float[np.ndarray, " n"]:
    array = numbers(name, values, "ascending numbers, (n,)")
    if array.ndim != 1 or len(array) < 2 or not (np.diff(array) > 0).all():
        raise ValueError(
            f"{name} must be two ascending numbers at least, (n,), got {shown(values)}"
        )
    return array


def _borders(
    name: str, values: Float[np.ndarray, " n"], count: int
) -> Float[np.ndarray, " m"]:
    if len(values) not in (count, count + 1):
        raise ValueError(
            f"{name} must be the {count} values or the {count + 1} borders between "
            f"which kinds are, got {len(values)}"
        )
    return values if len(values) == count + 1 else edges(values)


def edges(values: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Return the borders halfway between ascending values, n + 1 of them.

    The first and the last lie as far beyond the values as the nearest border within.
    """
    middles = (values[1:] + values[:-1]) / 2
    return np.concatenate(
        [[2 * values[0] - middles[0]], middles, [2 * values[-1] - middles[-1]]]
    )
