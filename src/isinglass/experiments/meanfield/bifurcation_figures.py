"""The figure of a bifurcation diagram: points, kinds and Lyapunov exponents over β."""

from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

from isinglass.dynamics import Kind
from isinglass.experiments.meanfield.setting import ATTENTION_LABELS, BETA_LABEL
from isinglass.figures.attractors import (
    KIND_STYLES,
    draw_cloud,
    kind_legend,
    kind_strip,
)
from isinglass.figures.style import INK, MUTED, subplots

LEADING = 4  # exponents drawn in the middle


def diagram(measured: xr.Dataset) -> Figure:
    """Draw one range: points, their kinds, the leading exponents and all of them."""
    beta, kinds = measured["beta"].values, measured["kind"].values
    exponents, onset = measured["exponents"].values, measured["onset"].item()
    figure, (top, strip, leading, fan) = subplots(
        4,
        1,
        width=7.5,
        height=8.2,
        sharex=True,
        gridspec_kw={"height_ratios": [5, 0.22, 2, 2]},
    )
    is_cycle = np.isin(kinds, (Kind.FIXED_POINT, Kind.PERIODIC))
    for part in (is_cycle, ~is_cycle):
        draw_cloud(top, beta[part], measured["point"].values[part], kinds[part])
    top.set_ylabel(f"{ATTENTION_LABELS[0]} where {ATTENTION_LABELS[1]} = 0")
    top.set_title(f"Attractors, $\\beta \\in [{beta[0]:g}, {beta[-1]:g}]$")
    kind_legend(figure, kinds)
    kind_strip(strip, beta, kinds)
    draw_leading(leading, beta, exponents)
    draw_all(fan, beta, exponents)
    if beta[0] < onset < beta[-1]:
        dashed = {"color": MUTED, "linewidth": 0.8, "linestyle": "--", "zorder": 0}
        for axes in (top, leading, fan):
            axes.axvline(onset, **dashed)
    fan.set_xlabel(BETA_LABEL)
    fan.set_xlim(beta[0], beta[-1])
    return figure


def draw_leading(
    axes: Any, beta: Float[np.ndarray, " n"], exponents: Float[np.ndarray, "n k"]
) -> None:
    """The leading exponents, shaded where the first is positive."""
    first, *others = exponents.T[:LEADING]
    for index, exponent in enumerate(others, 1):
        axes.plot(beta, exponent, color=MUTED, alpha=0.8 / index, linewidth=0.7)
    shade = {"color": KIND_STYLES[Kind.CHAOTIC].colour, "alpha": 0.45, "linewidth": 0}
    axes.fill_between(beta, 0, first, where=first > 0, **shade)
    axes.plot(beta, first, color=INK, linewidth=0.8)
    axes.axhline(0, color=INK, linewidth=0.6)
    top = max(0.05, 1.15 * float(first.max()))
    axes.set_ylim(-1.3 * top, top)
    axes.set_ylabel("leading $\\lambda_i$\n(nats per step)")


def draw_all(
    axes: Any, beta: Float[np.ndarray, " n"], exponents: Float[np.ndarray, "n k"]
) -> None:
    """All exponents, from dark to light."""
    count = exponents.shape[1]
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, count))
    for exponent, colour in zip(exponents.T, colours, strict=True):
        axes.plot(beta, exponent, color=colour, linewidth=0.7)
    deepest = float(np.quantile(exponents[np.isfinite(exponents)], 0.02))
    axes.set_ylim(1.05 * deepest, -0.08 * deepest)
    axes.set_ylabel(f"all {count} $\\lambda_i$\n(nats per step)")
