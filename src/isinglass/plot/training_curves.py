"""Learning curves: a metric along training, with the spread of seeds."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes

from isinglass._common.plain_checks import check_flag, check_kind
from isinglass.plot._axes import drawn_on, refuse
from isinglass.plot.comparisons import SEED, band, curves, quantity


def learning_curve(
    metric: Any,
    ax: Axes | None = None,
    *,
    along: str = "step",
    hue: str | None = None,
    each_run: bool = False,
    **line: Any,
) -> Axes:
    """Draw a metric along training: the mean of the seeds in its 95 % interval.

    The band is the Student-t confidence interval of the mean over the seeds; a single
    seed is a line without a band. Of two or three seeds the interval is wide, and
    ``each_run`` shows more.

    Args:
        metric: A metric of a training, such as ``run.metrics.accuracy``: a DataArray
            with the dimensions ``along``, "seed" (unless there was one alone) and, if
            given, ``hue``. Its attribute "valid_range", if any, limits the interval.
        ax: Where to draw; None for a new figure.
        along: Dimension of the x axis, whose coordinate is its values.
        hue: Dimension whose values are drawn in different colours, named in the
            legend; None if there is no other.
        each_run: Draw every seed as a thin line instead of the band.
        **line: How Matplotlib shall draw the mean otherwise (``marker``, ``label``, …);
            ``colours`` are those of the hues.

    Returns:
        The axes.

    Raises:
        TypeError: If ``metric`` is no DataArray, or a dimension no text.
        ValueError: If it has other dimensions.

    Example:
        >>> import xarray as xr
        >>> from isinglass import plot
        >>> loss = xr.DataArray(
        ...     [[2.3, 1.6, 1.2, 1.1], [2.2, 1.8, 1.3, 1.0], [2.3, 1.7, 1.2, 1.1]],
        ...     {"seed": [0, 1, 2], "step": [0, 50, 100, 150]},
        ...     name="loss",
        ... )
        >>> ax = plot.learning_curve(loss)
        >>> ax.get_ylabel()
        'loss'
    """
    check_flag(each_run=each_run)
    check_kind(str, along=along)
    if hue is not None:
        check_kind(str, hue=hue)
    if not all(hasattr(metric, name) for name in ("dims", "coords", "expand_dims")):
        raise refuse("metric", metric, "a DataArray, such as run.metrics.accuracy")
    if hasattr(metric, "data_vars"):
        names = ", ".join(map(repr, metric.data_vars))
        raise refuse("metric", metric, f"one DataArray, such as one of {names}")
    runs = metric if SEED in metric.dims else metric.expand_dims(SEED)
    expected = {SEED, along} | ({hue} if hue else set())
    if set(runs.dims) != expected:
        dimensions = ", ".join(sorted(expected))
        raise ValueError(
            f"metric must have the dimensions {dimensions}, got "
            f"{tuple(metric.dims)}: say hue= or choose by metric.sel(…)"
        )
    with drawn_on(ax, (6.0, 3.4)) as axes:
        draw = curves if each_run else band
        draw(runs, axes, along=along, hue=hue, **line)
        axes.set(xlabel=along, ylabel=quantity(metric, "metric"))
        if ax is None and hue:
            axes.legend(title=hue)
    return axes
