"""The bifurcation diagram and its exponents, each on axes of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from jaxtyping import Float, Num
from matplotlib.axes import Axes

from isinglass._common.plain_checks import check_whole
from isinglass.plot._axes import drawn_on, refuse
from isinglass.plot.kinds import (
    CHAOTIC,
    DIVERGED,
    KIND_STYLES,
    UNDECIDED,
    cloud,
    kind_legend,
)
from isinglass.plot.style import INK, MUTED

if TYPE_CHECKING:
    import xarray as xr

GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "epsilon"}
    | {"theta", "kappa", "lambda", "mu", "rho", "sigma", "omega"}
)
MOST_LINES = 24
NOT_VARIED = ("direction", "start", "point", "component", "exponent")


def diagram(sweep: xr.Dataset, ax: Axes | None = None, *, component: int = 0) -> Axes:
    """Draw a bifurcation diagram: points of the attractor above each parameter value.

    Above every value stand the points on which the orbit ended: one for a fixed point,
    p for a cycle of period p, a band for chaos. Their colour is the kind that was
    decided for the value, as the legend of a new figure says; points of orbits that
    diverged are left out.

    Args:
        sweep: What `isinglass.dynamics.bifurcation` returns: ``points`` (value, point,
            component), in the observable's unit, and ``kind`` (value), if it was
            measured. Of a continuation one direction,
            ``sweep.sel(direction="up")``.
        ax: Where to draw; None for a new figure.
        component: Which component of the observable is drawn.

    Returns:
        The axes.

    Raises:
        TypeError: If ``sweep`` is no such result.
        ValueError: If it varies more than one parameter, or has no such component.

    Example:
        >>> import numpy as np
        >>> from isinglass import Measure, bifurcation, plot
        >>> from isinglass.dynamics.textbook import logistic
        >>> r = {"r": np.linspace(2.8, 4, 12)}
        >>> sweep = bifurcation(logistic, np.array([0.3]), {}, r, Measure(steps=500))
        >>> ax = plot.diagram(sweep)
        >>> ax.get_xlabel()
        '$r$'
    """
    name = varied_parameter(sweep, "points")
    check_whole(0, component=component)
    if component >= sweep.sizes["component"]:
        raise ValueError(
            f"component must be below {sweep.sizes['component']}, got {component}"
        )
    sweep = sweep.sortby(name)
    values = sweep[name].values
    kinds = _kinds(sweep)
    points = sweep["points"].isel(component=component).values.astype(float)
    points[kinds == DIVERGED] = np.nan
    with drawn_on(ax) as axes:
        cloud(values, points, kinds, axes)
        axes.set_ylabel(f"component {component}")
        set_parameter(axes, name, values)
        figure = axes.get_figure(root=True)
        if ax is None and figure is not None and "kind" in sweep:
            kind_legend(figure, kinds)
    return axes


def exponents(
    sweep: xr.Dataset, ax: Axes | None = None, *, count: int | None = None
) -> Axes:
    """Draw Lyapunov exponents along a parameter.

    An exponent above 0 is chaos: nearby orbits part at this rate. By default all
    exponents are drawn, from dark (the first) to light; with ``count`` only the
    largest, the first of them black and shaded where it is positive, the others grey.

    Args:
        sweep: What `isinglass.dynamics.bifurcation` or `continuation` returns:
            ``exponents`` (value, exponent), descending, in nats per step or, of a flow,
            per unit of time. Of a continuation with both directions the leading
            exponent of each is drawn, and ``count`` must be 1.
        ax: Where to draw; None for a new figure.
        count: How many to draw, the largest; None for all.

    Returns:
        The axes; they show all but the deepest 2 % of the values, and 0.

    Raises:
        TypeError: If ``sweep`` is no such result.
        ValueError: If it varies more than one parameter, or ``count`` is out of range.

    Example:
        >>> import numpy as np, xarray as xr
        >>> from isinglass import plot
        >>> r = np.linspace(3.4, 4, 7)
        >>> leading = np.array([-0.1, -0.3, 0.2, 0.4, 0.4, 0.5, 0.7])  # of a sweep
        >>> exponents = (("r", "exponent"), leading[:, None])
        >>> ax = plot.exponents(xr.Dataset({"exponents": exponents}, {"r": r}), count=1)
    """
    name = varied_parameter(sweep, "exponents", several=("direction",))
    if count is not None:
        check_whole(count=count)
        available = sweep.sizes["exponent"]
        if count > available:
            raise ValueError(f"count must be at most {available}, got {count}")
    parts = branches(sweep.sortby(name))
    if len(parts) > 1 and count != 1:
        raise ValueError(f"count must be 1 for two directions, got {count}")
    values = sweep[name].sortby(name).values
    some = {
        direction: _finite(branch["exponents"].values[:, :count])
        for direction, branch in parts.items()
    }
    with drawn_on(ax, (6.0, 2.6)) as axes:
        if count is None:
            _draw_fan(axes, values, next(iter(some.values())))
        else:
            _draw_leading(axes, values, some)
        axes.axhline(0, color=MUTED, linewidth=0.7)
        shown = [part if count is None else part[:, :1] for part in some.values()]
        axes.set_ylim(*_limits(np.concatenate(shown)))
        axes.set_ylabel(_label(sweep["exponents"], count))
        set_parameter(axes, name, values)
    return axes


def _draw_leading(
    axes: Axes,
    values: Num[np.ndarray, " n"],
    branches: dict[str, Float[np.ndarray, "n k"]],
) -> None:
    """The first of every branch, and of a single branch the others in grey."""
    for index, (direction, part) in enumerate(branches.items()):
        leading, *others = part.T
        for place, other in enumerate(others, 1):
            axes.plot(values, other, color=MUTED, alpha=0.8 / place, linewidth=0.7)
        if not index:
            shade = {"color": KIND_STYLES[CHAOTIC].colour, "alpha": 0.4, "linewidth": 0}
            axes.fill_between(values, 0, leading, where=leading > 0, **shade)
        colour = KIND_STYLES[0].colour if index else INK
        label = f"{direction}wards" if direction else None
        axes.plot(values, leading, color=colour, linewidth=0.9, label=label)
    if len(branches) > 1:
        axes.legend(loc="lower right", ncols=2, fontsize="small")


def _draw_fan(
    axes: Axes, values: Num[np.ndarray, " n"], exponents: Float[np.ndarray, "n k"]
) -> None:
    shades = mpl.colormaps["viridis"](
        np.linspace(0, 0.9, min(exponents.shape[1], MOST_LINES))
    )
    for exponent, colour in zip(exponents.T, shades, strict=False):
        axes.plot(values, exponent, color=colour, linewidth=0.7)


def _label(exponents: xr.DataArray, count: int | None) -> str:
    unit = exponents.attrs.get("units", "nats per step")
    if count == 1:
        return f"$\\lambda_1$\n({unit})"
    count = min(count or MOST_LINES, exponents.sizes["exponent"])
    return f"{count} $\\lambda_i$\n({unit})"


def _finite(exponents: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    return np.where(np.isfinite(exponents), exponents, np.nan)


def _limits(exponents: Float[np.ndarray, "*n"]) -> tuple[float, float]:
    """Limits that show all but the few deepest dips, and zero."""
    finite = exponents[np.isfinite(exponents)]
    if not finite.size:
        return -1.0, 1.0
    low = min(float(np.quantile(finite, 0.02)), 0.0)
    high = max(float(finite.max()), 0.0)
    room = 0.08 * (high - low) or 0.1
    return low - room, high + room


# -- what is varied --------------------------------------------------------------------


def varied(sweep: xr.Dataset) -> list[str]:
    """Return the names of the varied parameters, in the order of the grid."""
    measured = next(n for n in ("kind", "points", "exponents") if n in sweep)
    return [str(name) for name in sweep[measured].dims if name not in NOT_VARIED]


def varied_parameter(sweep: Any, variable: str, several: tuple[str, ...] = ()) -> str:
    """Return the name of the one parameter that a sweep varies.

    Args:
        sweep: What must be a sweep with that variable.
        variable: "points" or "exponents".
        several: Of "direction" and "start" those that it may have several of.

    Raises:
        TypeError: If it is none.
        ValueError: If there are two parameters, or several starts or directions.
    """
    if not hasattr(sweep, "data_vars") or variable not in sweep:
        accepted = f"a sweep that has the variable {variable!r}"
        raise refuse("sweep", sweep, accepted)
    for name in {"direction", "start"} - set(several):
        if name in sweep[variable].dims:
            raise ValueError(
                f"sweep must be of one {name}, got the {name}s "
                f"{sweep[name].values.tolist()}: choose by sweep.sel({name}=…)"
            )
    names = varied(sweep)
    if len(names) != 1:
        raise ValueError(f"sweep must vary one parameter, got {', '.join(names)}")
    return names[0]


def branches(sweep: xr.Dataset) -> dict[str, xr.Dataset]:
    """Directions of a continuation by name; other sweeps whole, under an empty name."""
    if "direction" not in sweep.dims:
        return {"": sweep}
    return {str(name): sweep.sel(direction=name) for name in sweep["direction"].values}


def _kinds(sweep: xr.Dataset) -> Num[np.ndarray, " n"]:
    """The kind at every value; undecided where none was measured."""
    if "kind" in sweep:
        return sweep["kind"].values
    return np.full(sweep.sizes[varied(sweep)[0]], UNDECIDED)


def set_parameter(axes: Axes, name: str, values: Num[np.ndarray, " n"]) -> None:
    """Lay out the axis of a parameter: its name, its range, and whether by ratios."""
    axes.set_xlabel(symbol(name))
    if len(values) > 1:
        axes.set_xlim(values[0], values[-1])
    if by_ratios(values):
        axes.set_xscale("log")


def by_ratios(values: Num[np.ndarray, " n"]) -> bool:
    """Whether the values grow by equal ratios, and not by equal steps."""
    if len(values) < 3 or values[0] <= 0:
        return False
    ratios, steps = values[1:] / values[:-1], np.diff(values)
    return bool(np.allclose(ratios, ratios[0]) and not np.allclose(steps, steps[0]))


def symbol(name: str) -> str:
    """Return a parameter's name as it is set in a figure, with Greek letters in TeX."""
    if name in GREEK:
        return f"$\\{name}$"
    return f"${name}$" if name.isalpha() and len(name) == 1 else plain(name)


def plain(text: str) -> str:
    """Return text in which nothing is taken for TeX."""
    return text.replace("$", r"\$")
