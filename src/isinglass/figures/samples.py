"""How repeated measurements are drawn: single runs, their mean, and its interval.

All functions take an `xarray.DataArray` with a dimension ``"seed"`` (the independent
runs) and name the dimensions that they lay out. A NaN is a run that was not made: where
a setting has fewer runs than others, it is padded with them. `rows` and `columns` draw
settings, `curves` and `band` a quantity along an axis; `interval` and `published` are
the marks for a figure of one's own. All are drawn on axes that the caller has, in the
house style.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from isinglass._common.intervals import mean_interval
from isinglass.figures.style import COLOURS, INK

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

SEED = "seed"
SPREAD = 0.2  # of the dots to either side of their line, which is 1 from the next


def rows(
    axes: Axes,
    values: xr.DataArray,
    *,
    by: str,
    hue: str | None = None,
    paper: float | xr.DataArray | None = None,
    colours: Sequence[str] | None = None,
) -> None:
    """Draw a row a setting: a dot a run, and the mean with its 95 % interval.

    The first setting is on top. The settings are named after their coordinate, or after
    a second coordinate called ``f"{by}_label"`` if there is one.

    Args:
        axes: Where to draw.
        values: The measurement; its dimensions are ``"seed"``, ``by`` and, if given,
            ``hue``. NaN where no run was made. Intervals stay in its attribute
            "valid_range", if it has one.
        by: Dimension of the settings that lie below each other.
        hue: Dimension of what is drawn in the same row in different colours; named in
            the legend, which the caller makes.
        paper: The published value. One number is drawn as a dashed line through all
            rows. An array over ``by``, and over ``hue`` if it has it, is drawn as a
            diamond in each row; NaN where nothing is published.
        colours: Colours of the dots, one for each value of ``hue``, or, without it,
            for each row, from the first again if they are fewer. By default values of
            ``hue`` have the house's colours, and all rows its first.

    Raises:
        ValueError: If ``values`` has other dimensions.
    """
    _lay_out(axes, values, (by, hue), paper, colours)
    axes.set_ylim(values.sizes[by] - 0.5, -0.5)
    axes.set_yticks(range(values.sizes[by]), names(values, by))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.grid(axis="y", visible=False)


def columns(
    axes: Axes,
    values: xr.DataArray,
    *,
    by: str,
    hue: str | None = None,
    paper: float | xr.DataArray | None = None,
    colours: Sequence[str] | None = None,
) -> None:
    """Draw a column a setting, as `rows` does but upright.

    Args:
        axes: As for `rows`.
        values: As for `rows`.
        by: Dimension of the settings that stand beside each other, from the left.
        hue: As for `rows`, but values of it stand beside each other.
        paper: As for `rows`; a single number is a dashed line across.
        colours: As for `rows`.

    Raises:
        ValueError: If ``values`` has other dimensions.
    """
    _lay_out(axes, values, (by, hue), paper, colours, upright=True)
    axes.set_xlim(-0.5, values.sizes[by] - 0.5)
    axes.set_xticks(range(values.sizes[by]), names(values, by))
    axes.tick_params(axis="x", length=0, labelcolor=INK)
    axes.grid(axis="x", visible=False)


def curves(
    axes: Axes,
    values: xr.DataArray,
    *,
    along: str,
    hue: str | None = None,
    centre: Literal["mean", "median"] = "mean",
    colours: Sequence[str] = COLOURS,
    **line: Any,
) -> None:
    """Draw every run as a thin curve and their mean or median as a thick one.

    Args:
        axes: Where to draw.
        values: The measurement; its dimensions are ``"seed"``, ``along`` and, if given,
            ``hue``.
        along: Dimension of the x axis, whose coordinate is its values.
        hue: Dimension of what is drawn in different colours, named in the legend.
        centre: What the thick curve is.
        colours: One for each value of ``hue``.
        **line: How Matplotlib shall draw the thick curve (``marker``, ``linestyle``,
            ``label``, …); the thin ones have its ``linestyle``.

    Raises:
        ValueError: If ``values`` has other dimensions.
    """
    thin = {"linestyle": line.get("linestyle", "-"), "linewidth": 0.8, "alpha": 0.3}
    reduce = np.nanmean if centre == "mean" else np.nanmedian
    for at, runs, colour, label in _lines(values, along, hue, colours):
        axes.plot(at, runs.T, color=colour, **thin)
        axes.plot(at, reduce(runs, axis=0), **{"color": colour, "label": label} | line)


def band(
    axes: Axes,
    values: xr.DataArray,
    *,
    along: str,
    hue: str | None = None,
    quantiles: tuple[float, ...] | None = None,
    colours: Sequence[str] = COLOURS,
    **line: Any,
) -> None:
    """Draw the mean in its 95 % interval, or a curve between quantiles of the runs.

    Args:
        axes: Where to draw.
        values: As for `curves`; intervals stay in its attribute "valid_range", if it
            has one.
        along: As for `curves`.
        hue: As for `curves`.
        quantiles: None for the mean and its Student-t 95 % confidence interval. Two
            numbers from 0 to 1 for the mean in the band between these quantiles of the
            runs; three for the band between the outer and the curve of the middle one.
        colours: One for each value of ``hue``.
        **line: How Matplotlib shall draw the curve.

    Raises:
        ValueError: If ``values`` has other dimensions, or not two or three quantiles
            are given.
    """
    if quantiles is not None and len(quantiles) not in (2, 3):
        raise ValueError(f"quantiles must be two or three numbers, got {quantiles}")
    valid_range = values.attrs.get("valid_range", ())
    for at, runs, colour, label in _lines(values, along, hue, colours):
        low, middle, high = _band(runs, quantiles, valid_range)
        axes.fill_between(at, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.plot(at, middle, **{"color": colour, "label": label} | line)


def interval(
    axes: Axes,
    runs: Float[np.ndarray, " seed"],
    place: float,
    *,
    colour: str = INK,
    upright: bool = False,
    valid_range: Sequence[float] = (),
) -> None:
    """Draw the mean of runs as a tick on a bar, which is its 95 % confidence interval.

    Args:
        axes: Where to draw.
        runs: The measurement; NaN is left out.
        place: Of the bar on the other axis.
        colour: Of bar and tick.
        upright: Whether the measurement is on the y axis.
        valid_range: Least and largest value that the quantity can have, if any, which
            the interval does not leave.
    """
    mean, low, high = mean_interval(runs[np.isfinite(runs)], valid_range)
    bar = {"linewidth": 3, "solid_capstyle": "butt"}
    tick = {"marker": "_" if upright else "|", "markersize": 11, "markeredgewidth": 2}
    for measured, places, shape in (
        ([low, high], [place] * 2, bar),
        (mean, place, tick),
    ):
        _plot(axes, measured, places, upright, color=colour, zorder=3, **shape)


def published(axes: Axes, x: Any, y: Any, **marker: Any) -> None:
    """Draw what a paper published as white diamonds at ``x`` and ``y``.

    Args:
        axes: Where to draw.
        x: One number or several.
        y: As many.
        **marker: How Matplotlib shall draw them otherwise (``label``, …).
    """
    diamond = {"color": "white", "markeredgecolor": INK, "markersize": 6, "zorder": 4}
    axes.plot(np.atleast_1d(x), np.atleast_1d(y), "D", **diamond | marker)


def names(values: xr.DataArray, dimension: str) -> list[str]:
    """What the positions along a dimension are called.

    It is the coordinate ``f"{dimension}_label"`` if there is one, else the dimension's
    own, with numbers written as short as they can be.
    """
    label = f"{dimension}_label"
    named = values[label if label in values.coords else dimension].values
    return [f"{name:,g}" if _is_number(name) else str(name) for name in named]


# -- how it is laid out ----------------------------------------------------------------


def _lay_out(
    axes: Axes,
    values: xr.DataArray,
    dimensions: tuple[str, str | None],
    paper: float | xr.DataArray | None,
    colours: Sequence[str] | None,
    *,
    upright: bool = False,
) -> None:
    by, hue = dimensions
    layers = _layers(values, by, hue)
    colours = colours or (COLOURS if hue else COLOURS[:1])
    valid_range = values.attrs.get("valid_range", ())
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
                interval(axes, runs, middle, upright=upright, valid_range=valid_range)
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
        published(axes, *((places, layer) if upright else (layer, places)), label=label)


def _layers(
    values: xr.DataArray, by: str, hue: str | None
) -> list[tuple[str | None, xr.DataArray]]:
    """Parts of an array by hue with their names; without hue the whole, with none."""
    _check(values, {SEED, by} | ({hue} if hue else set()))
    if hue is None:
        return [(None, values)]
    labels = names(values, hue)
    return [(label, values.isel({hue: i})) for i, label in enumerate(labels)]


def _lines(
    values: xr.DataArray, along: str, hue: str | None, colours: Sequence[str]
) -> Iterator[tuple[np.ndarray, Float[np.ndarray, "seed n"], str, str | None]]:
    """Places, runs, colour and name of every line."""
    for index, (label, layer) in enumerate(_layers(values, along, hue)):
        runs = layer.transpose(SEED, along).values
        yield layer[along].values, runs, colours[index % len(colours)], label


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


def _check(values: xr.DataArray, dimensions: set[str | Any]) -> None:
    if set(values.dims) != dimensions:
        expected = ", ".join(sorted(map(str, dimensions)))
        raise ValueError(
            f"values must have the dimensions {expected}, got {tuple(values.dims)}"
        )
