"""Repeated measurements side by side: single runs, their mean, and its interval.

Functions of arrays take an `xarray.DataArray` with a dimension ``"seed"`` (the
independent runs) and name the dimensions that they lay out. A NaN is a run that was not
made: where a setting has fewer runs than others, it is padded with them. `rows` and
`columns` draw settings, `curves` and `band` a quantity along an axis; `interval` and
`published` are the marks for a picture of one's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from isinglass._common.intervals import mean_interval
from isinglass._common.plain_checks import (
    as_list,
    check_choice,
    check_flag,
    check_in,
    check_kind,
)
from isinglass.plot._axes import drawn_on, numbers, refuse
from isinglass.plot.style import COLOURS, INK

if TYPE_CHECKING:
    import xarray as xr

SEED = "seed"
SPREAD = 0.2  # of the dots to either side of their line, which is 1 from the next


def rows(
    values: xr.DataArray,
    ax: Axes | None = None,
    *,
    by: str,
    hue: str | None = None,
    paper: float | xr.DataArray | None = None,
    colours: Sequence[str] | None = None,
) -> Axes:
    """Draw a row a setting: a dot a run, and the mean with its 95 % interval.

    The first setting is on top. The settings are named after their coordinate, or after
    a second coordinate called ``f"{by}_label"`` if there is one.

    Args:
        values: The measurement; its dimensions are ``"seed"``, ``by`` and, if given,
            ``hue``. NaN where no run was made. Intervals stay in its attribute
            "valid_range", if it has one.
        ax: Where to draw; None for a new figure.
        by: Dimension of the settings that lie below each other.
        hue: Dimension of what is drawn in the same row in different colours; named in
            the legend.
        paper: The published value. One number is drawn as a dashed line through all
            rows. An array over ``by``, and over ``hue`` if it has it, is drawn as a
            diamond in each row; NaN where nothing is published.
        colours: Colours of the dots, one for each value of ``hue``, or, without it,
            for each row, from the first again if they are fewer. By default values of
            ``hue`` have the house's colours, and all rows its first.

    Returns:
        The axes.

    Raises:
        TypeError: If ``values`` is no DataArray.
        ValueError: If it has other dimensions.

    Example:
        >>> import xarray as xr
        >>> from isinglass import plot
        >>> accuracy = xr.DataArray(
        ...     [[91.0, 88.0], [93.0, 87.0], [92.0, 90.0]],
        ...     {"seed": [0, 1, 2], "model": ["ours", "nearest neighbour"]},
        ... )
        >>> ax = plot.rows(accuracy, by="model")
        >>> [label.get_text() for label in ax.get_yticklabels()]
        ['ours', 'nearest neighbour']
    """
    layers = _layers(values, by, hue)
    with drawn_on(ax, (6.0, 1.2 + 0.4 * values.sizes[by])) as axes:
        _lay_out(axes, layers, (by, hue), paper, colours)
        axes.set_ylim(values.sizes[by] - 0.5, -0.5)
        axes.set_yticks(range(values.sizes[by]), names(values, by))
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.grid(axis="y", visible=False)
        if ax is None:
            axes.set_xlabel(quantity(values))
            _name_hues(axes, hue)
    return axes


def columns(
    values: xr.DataArray,
    ax: Axes | None = None,
    *,
    by: str,
    hue: str | None = None,
    paper: float | xr.DataArray | None = None,
    colours: Sequence[str] | None = None,
) -> Axes:
    """Draw a column a setting, as `rows` does but upright.

    Args:
        values: As for `rows`.
        ax: Where to draw; None for a new figure.
        by: Dimension of the settings that stand beside each other, from the left.
        hue: As for `rows`, but values of it stand beside each other.
        paper: As for `rows`; a single number is a dashed line across.
        colours: As for `rows`.

    Returns:
        The axes.

    Raises:
        TypeError: If ``values`` is no DataArray.
        ValueError: If it has other dimensions.
    """
    layers = _layers(values, by, hue)
    with drawn_on(ax) as axes:
        _lay_out(axes, layers, (by, hue), paper, colours, upright=True)
        axes.set_xlim(-0.5, values.sizes[by] - 0.5)
        axes.set_xticks(range(values.sizes[by]), names(values, by))
        axes.tick_params(axis="x", length=0, labelcolor=INK)
        axes.grid(axis="x", visible=False)
        if ax is None:
            axes.set_ylabel(quantity(values))
            _name_hues(axes, hue)
    return axes


def curves(
    values: xr.DataArray,
    ax: Axes | None = None,
    *,
    along: str,
    hue: str | None = None,
    centre: Literal["mean", "median"] = "mean",
    colours: Sequence[str] = COLOURS,
    **line: Any,
) -> Axes:
    """Draw every run as a thin curve and their mean or median as a thick one.

    Args:
        values: The measurement; its dimensions are ``"seed"``, ``along`` and, if given,
            ``hue``.
        ax: Where to draw; None for a new figure.
        along: Dimension of the x axis, whose coordinate is its values.
        hue: Dimension of what is drawn in different colours, named in the legend.
        centre: What the thick curve is.
        colours: One for each value of ``hue``.
        **line: How Matplotlib shall draw the thick curve (``marker``, ``linestyle``,
            ``label``, …); the thin ones have its ``linestyle``.

    Returns:
        The axes.

    Raises:
        TypeError: If ``values`` is no DataArray.
        ValueError: If it has other dimensions.
    """
    check_choice(("mean", "median"), centre=centre)
    parts = _lines(values, along, hue, colours)
    thin = {"linestyle": line.get("linestyle", "-"), "linewidth": 0.8, "alpha": 0.3}
    reduce = np.nanmean if centre == "mean" else np.nanmedian
    with drawn_on(ax) as axes:
        for at, runs, colour, label in parts:
            thick: dict[str, Any] = {"color": colour, "label": label} | line
            axes.plot(at, runs.T, color=colour, **thin)
            axes.plot(at, reduce(runs, axis=0), **thick)
        if ax is None:
            axes.set(xlabel=along, ylabel=quantity(values))
            _name_hues(axes, hue)
    return axes


def band(
    values: xr.DataArray,
    ax: Axes | None = None,
    *,
    along: str,
    hue: str | None = None,
    quantiles: tuple[float, ...] | None = None,
    colours: Sequence[str] = COLOURS,
    **line: Any,
) -> Axes:
    """Draw the mean in its 95 % interval, or a curve between quantiles of the runs.

    Args:
        values: As for `curves`; intervals stay in its attribute "valid_range", if it
            has one.
        ax: Where to draw; None for a new figure.
        along: As for `curves`.
        hue: As for `curves`.
        quantiles: None for the mean and its Student-t 95 % confidence interval. Two
            numbers from 0 to 1 for the mean in the band between these quantiles of the
            runs; three for the band between the outer and the curve of the middle one.
        colours: One for each value of ``hue``.
        **line: How Matplotlib shall draw the curve.

    Returns:
        The axes.

    Raises:
        TypeError: If ``values`` is no DataArray.
        ValueError: If it has other dimensions, or not two or three quantiles from 0 to
            1 are given.
    """
    if quantiles is not None:
        quantiles = tuple(as_list("quantiles", quantiles))
        if len(quantiles) not in (2, 3):
            raise ValueError(f"quantiles must be two or three numbers, got {quantiles}")
        for place, quantile in enumerate(quantiles):
            check_in("[0, 1]", **{f"quantiles[{place}]": quantile})
    parts = _lines(values, along, hue, colours)
    valid_range = values.attrs.get("valid_range", ())
    with drawn_on(ax) as axes:
        for at, runs, colour, label in parts:
            low, middle, high = _band(runs, quantiles, valid_range)
            curve: dict[str, Any] = {"color": colour, "label": label} | line
            axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
            axes.plot(at, middle, **curve)
        if ax is None:
            axes.set(xlabel=along, ylabel=quantity(values))
            _name_hues(axes, hue)
    return axes


def interval(
    runs: Any,
    place: float,
    ax: Axes | None = None,
    *,
    colour: str = INK,
    upright: bool = False,
    valid_range: Sequence[float] = (),
) -> Axes:
    """Draw the mean of runs as a tick on a bar, which is its 95 % confidence interval.

    Args:
        runs: The measurement, (seeds,); NaN is left out.
        place: Of the bar on the other axis.
        ax: Where to draw; None for a new figure.
        colour: Of bar and tick.
        upright: Whether the measurement is on the y axis.
        valid_range: Least and largest value that the quantity can have, if any, which
            the interval does not leave.

    Returns:
        The axes.

    Raises:
        TypeError: If ``runs`` are no numbers.
        ValueError: If none is finite.
    """
    runs = numbers("runs", runs, "numbers, (seeds,)")
    check_in("(-inf, inf)", place=place)
    check_flag(upright=upright)
    with drawn_on(ax) as axes:
        _draw_interval(axes, runs, place, colour, upright, valid_range)
    return axes


def published(x: Any, y: Any, ax: Axes | None = None, **marker: Any) -> Axes:
    """Draw what a paper published as white diamonds at ``x`` and ``y``.

    Args:
        x: One number or several.
        y: As many.
        ax: Where to draw; None for a new figure.
        **marker: How Matplotlib shall draw them otherwise (``label``, …).

    Returns:
        The axes.

    Raises:
        TypeError: If one is no number or array of numbers.
        ValueError: If they are not as many.
    """
    across = np.atleast_1d(numbers("x", x, "one number or several, (n,)"))
    up = np.atleast_1d(numbers("y", y, "one number or several, (n,)"))
    if across.ndim != 1 or across.shape != up.shape:
        raise ValueError(
            f"x and y must be as many, (n,), got shapes {across.shape} and {up.shape}"
        )
    diamond = {"color": "white", "markeredgecolor": INK, "markersize": 6, "zorder": 4}
    with drawn_on(ax) as axes:
        axes.plot(across, up, "D", **diamond | marker)
    return axes


def quantity(values: xr.DataArray, unnamed: str = "") -> str:
    """Return the name of a measurement with its unit, for an axis."""
    unit = f" ({values.attrs['units']})" if values.attrs.get("units") else ""
    return f"{values.name or unnamed}{unit}".strip()


def names(values: xr.DataArray, dimension: str) -> list[str]:
    """What the positions along a dimension are called.

    It is the coordinate ``f"{dimension}_label"`` if there is one, else the dimension's
    own, with numbers written as short as they can be.
    """
    label = f"{dimension}_label"
    named = values[label if label in values.coords else dimension].values
    return [f"{name:,g}" if _is_number(name) else str(name) for name in named]


# -- how it is laid out ----------------------------------------------------------------


def _name_hues(axes: Axes, hue: str | None) -> None:
    if hue:
        axes.legend(title=hue)


def _draw_interval(
    axes: Axes,
    runs: Float[np.ndarray, " seed"],
    place: float,
    colour: str,
    upright: bool,
    valid_range: Sequence[float],
) -> None:
    mean, low, high = mean_interval(runs[np.isfinite(runs)], valid_range)
    bar = {"linewidth": 3, "solid_capstyle": "butt"}
    tick = {"marker": "_" if upright else "|", "markersize": 11, "markeredgewidth": 2}
    for measured, places, shape in (
        ([low, high], [place] * 2, bar),
        (mean, place, tick),
    ):
        _plot(axes, measured, places, upright, color=colour, zorder=3, **shape)


def _lay_out(
    axes: Axes,
    layers: list[tuple[str | None, xr.DataArray]],
    dimensions: tuple[str, str | None],
    paper: float | xr.DataArray | None,
    colours: Sequence[str] | None,
    *,
    upright: bool = False,
) -> None:
    by, hue = dimensions
    colours = colours or (COLOURS if hue else COLOURS[:1])
    valid_range = layers[0][1].attrs.get("valid_range", ())
    rng = np.random.default_rng(0)
    # Columns of one setting stand side by side, as a legend lists them; rows lie on
    # each other, where their dots can be compared.
    width = 1 / len(layers) if upright else 1.0
    offsets = 0.8 * width * (np.arange(len(layers)) - (len(layers) - 1) / 2)
    offsets = offsets if upright else 0 * offsets
    for index, (label, layer) in enumerate(layers):
        for place, runs in enumerate(layer.transpose(by, SEED).values):
            colour = colours[(index if hue else place) % len(colours)]
            runs = runs[np.isfinite(runs)]
            if runs.size:
                spread = width * rng.uniform(-SPREAD, SPREAD, runs.size)
                middle = place + offsets[index]
                _plot(axes, runs, middle + spread, upright, **_dots(colour, runs.size))
                _draw_interval(axes, runs, middle, INK, upright, valid_range)
        if hue:
            dot = _dots(colours[index % len(colours)], 1)
            axes.plot([], [], label=label, **dot)
    if isinstance(paper, int | float):
        line = axes.axhline if upright else axes.axvline
        line(paper, color=INK, linestyle="--", linewidth=1, label="paper")
    elif paper is not None:
        _draw_published(axes, paper, (by, hue), offsets, upright)


def _draw_published(
    axes: Axes,
    paper: xr.DataArray,
    dimensions: tuple[str, str | None],
    offsets: np.ndarray,
    upright: bool,
) -> None:
    """Diamonds for every setting, or for every setting and hue."""
    by, hue = dimensions
    if hue in paper.dims:
        layers = list(zip(offsets, paper.transpose(hue, by).values, strict=True))
    else:
        layers = [(0.0, paper.values)]
    for index, (offset, layer) in enumerate(layers):
        places, label = np.arange(len(layer)) + offset, None if index else "paper"
        published(*((places, layer) if upright else (layer, places)), axes, label=label)


def _layers(
    values: xr.DataArray, by: str, hue: str | None
) -> list[tuple[str | None, xr.DataArray]]:
    """Parts of an array by hue with their names; without hue the whole, with none."""
    _check(values, by, hue)
    if hue is None:
        return [(None, values)]
    labels = names(values, hue)
    return [(label, values.isel({hue: i})) for i, label in enumerate(labels)]


def _lines(
    values: xr.DataArray, along: str, hue: str | None, colours: Sequence[str]
) -> list[tuple[np.ndarray, Float[np.ndarray, "seed n"], str, str | None]]:
    """Places, runs, colour and name of every line."""
    parts = []
    for index, (label, layer) in enumerate(_layers(values, along, hue)):
        runs = layer.transpose(SEED, along).values
        colour = colours[index % len(colours)]
        parts.append((layer[along].values, runs, colour, label))
    return parts


def _band(
    runs: Float[np.ndarray, "seed n"],
    quantiles: tuple[float, ...] | None,
    valid_range: Sequence[float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lower border, curve and upper border."""
    if quantiles is None:
        ends = [_ends(column[np.isfinite(column)], valid_range) for column in runs.T]
        low, middle, high = np.array(ends).T
        return low, middle, high
    border = np.nanquantile(runs, quantiles, axis=0)
    middle = border[1] if len(quantiles) == 3 else np.nanmean(runs, axis=0)
    return border[0], middle, border[-1]


def _ends(
    runs: Float[np.ndarray, " n"], valid_range: Sequence[float]
) -> tuple[float, float, float]:
    if not runs.size:
        return np.nan, np.nan, np.nan
    mean, low, high = mean_interval(runs, valid_range)
    return low, mean, high


def _dots(colour: str, count: int) -> dict[str, Any]:
    """How dots are drawn: smaller and fainter the more there are."""
    return {
        "color": colour,
        "linestyle": "",
        "marker": "o",
        "markeredgewidth": 0,
        "markersize": float(np.clip(20 / np.sqrt(count), 2.5, 5)),
        "alpha": float(np.clip(3.5 / np.sqrt(count), 0.3, 0.6)),
    }


def _plot(
    axes: Axes, measured: Any, places: Any, upright: bool, **options: Any
) -> None:
    axes.plot(*((places, measured) if upright else (measured, places)), **options)


def _is_number(name: Any) -> bool:
    return isinstance(name, int | float | np.number) and not isinstance(name, bool)


def _check(values: Any, by: str, hue: str | None) -> None:
    check_kind(str, by=by)
    if hue is not None:
        check_kind(str, hue=hue)
    if not all(hasattr(values, name) for name in ("dims", "coords", "expand_dims")):
        raise refuse("values", values, "a DataArray with the dimension 'seed'")
    if hasattr(values, "data_vars"):
        variables = ", ".join(map(repr, values.data_vars))
        raise refuse("values", values, f"one DataArray, such as one of {variables}")
    dimensions = {SEED, by} | ({hue} if hue else set())
    if set(values.dims) != dimensions:
        expected = ", ".join(sorted(dimensions))
        raise ValueError(
            f"values must have the dimensions {expected}, got {tuple(values.dims)}"
        )
