"""How often avalanches of each size are, beside an exact law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float, Num
from matplotlib.axes import Axes

from isinglass._common.plain_checks import check_function, check_whole, shown
from isinglass.plot._axes import drawn_on, numbers
from isinglass.plot.style import COLOURS

DECADE = 12  # bins


def avalanches(
    sizes: Any,
    ax: Axes | None = None,
    *,
    law: Callable[[Any], Any] | None = None,
    per: int | None = None,
    **dots: Any,
) -> Axes:
    """Draw the distribution of sizes of avalanches, on two logarithmic axes.

    A dot is the share of avalanches of a size, averaged in bins that grow by ratios,
    twelve a decade; a law is drawn as a line through them, nothing fitted. Sizes that
    obey a power law are on a straight line.

    Args:
        sizes: What `isinglass.systems.interference.sweep_avalanches` or a relay's
            ``drive`` returns; or whole sizes from 1, (n,).
        ax: Where to draw; None for a new figure.
        law: A function of an array of sizes that returns what is expected of each, such
            as ``lambda s: borel(s, 0.9)``; None for none.
        per: By what number of avalanches counts are divided; None for how many there
            are. The number of tensors gives avalanches per tensor.
        **dots: How Matplotlib shall draw the dots otherwise (``color``, ``label``, …);
            the law has their colour.

    Returns:
        The axes.

    Raises:
        TypeError: If ``sizes`` is no such result, or ``law`` no function.
        ValueError: If there are none, or one is below 1.

    Example:
        >>> import numpy as np
        >>> from isinglass import plot
        >>> from isinglass.systems.interference import borel, sweep_avalanches
        >>> thresholds = np.random.default_rng(0).uniform(-2, 2, 1_000)
        >>> switches = sweep_avalanches(thresholds, 1.0)
        >>> ax = plot.avalanches(switches, law=lambda s: borel(s, 0.5))
    """
    array = _sizes(sizes)
    if law is not None:
        check_function(law=law)
    if per is not None:
        check_whole(per=per)
    edges = size_bins(int(array.max()))
    density = np.histogram(array, edges)[0] / np.diff(edges) / (per or len(array))
    with drawn_on(ax, (5.4, 4.0)) as axes:
        drawn = density_dots(axes, edges, density, **dots)
        if law is not None:
            s = np.unique(np.round(np.geomspace(1, array.max(), 200)))
            axes.plot(s, np.asarray(law(s)), color=drawn, linewidth=1)
        share = "share" if per is None else f"number / {per:,}"
        label = f"avalanches, {share} per size"
        axes.set(xlabel="size of an avalanche", ylabel=label)
        axes.set(xscale="log", yscale="log")
        if ax is None and "label" in dots:
            axes.legend()
    return axes


def density_dots(
    axes: Axes,
    edges: Num[np.ndarray, " m"],
    density: Float[np.ndarray, " n"],
    **dots: Any,
) -> Any:
    """Draw a density in bins of whole sizes as dots; return their colour.

    Args:
        axes: Where to draw.
        edges: Of the bins, one more than there are bins; the upper is left out.
        density: In each bin; empty bins have no dot.
        **dots: How Matplotlib shall draw them otherwise.
    """
    centre = bin_centres(edges)
    some = density > 0
    style: dict[str, Any] = {"color": COLOURS[0], "linestyle": "", "marker": "o"}
    style |= {"markersize": 3, "alpha": 0.7} | dots
    (drawn,) = axes.plot(centre[some], density[some], **style)
    return drawn.get_color()


def size_bins(largest: int) -> Float[np.ndarray, " m"]:
    """Return edges of bins of whole sizes up to a largest, 12 a decade."""
    decades = np.log10(largest + 1)
    edges = np.geomspace(1, largest + 1, int(np.ceil(DECADE * decades)) + 1)
    return np.unique(np.round(edges))


def bin_centres(edges: Num[np.ndarray, " m"]) -> Float[np.ndarray, " n"]:
    """Return the geometric mean of the least and the largest size in each bin."""
    return np.sqrt(edges[:-1] * (edges[1:] - 1.0))


def _sizes(sizes: Any) -> Float[np.ndarray, " n"]:
    accepted = "avalanches, as sweep_avalanches returns them, or their sizes (n,)"
    # An array has a size of its own: that of an avalanche record is an array.
    size = getattr(sizes, "size", sizes)
    array = numbers("sizes", size if getattr(size, "ndim", 0) else sizes, accepted)
    expected = "sizes must be whole numbers from 1, (n,), one at least, got"
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{expected} an array of shape {array.shape}")
    wrong = array[~(np.isfinite(array) & (array >= 1) & (array == np.round(array)))]
    if len(wrong):
        raise ValueError(f"{expected} {wrong[0]:g} among {shown(array)}")
    return array
