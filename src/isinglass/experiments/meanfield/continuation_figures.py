"""The figure of a continuation: both directions, their kinds, and λ₁ over β."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.experiments.meanfield.setting import ATTENTION_LABELS, BETA_LABEL
from isinglass.plot import COLOURS, GRID, INK, MUTED, kind_legend, subplots

WORDS = {"up": "upwards", "down": "downwards"}


def branches(span: xr.Dataset, flags: xr.Dataset) -> Figure:
    """Draw one range from the paper's start.

    Args:
        span: Of `continuation.measure`.
        flags: Of `continuation.hysteresis`.
    """
    first, beta = span.isel(start=0), span["beta"].values
    ratios = {"height_ratios": [4, 0.22, 4, 0.22, 2]}
    figure, panels = subplots(5, width=7.5, height=8.6, sharex=True, gridspec_kw=ratios)
    *pairs, growth = panels[:2], panels[2:4], panels[4]
    for (cloud, strip), (way, word), colour in zip(
        pairs, WORDS.items(), COLOURS[:2], strict=True
    ):
        branch = first.sel(direction=way)
        kinds = branch["kind"].values
        plot.cloud(beta, branch["crossing"].values, kinds, cloud)
        cloud.set_title(f"Followed {word}")
        labels = ATTENTION_LABELS
        cloud.set_ylabel(f"{labels[0]} as {labels[1]} rises through 0")
        plot.kind_strip(beta, kinds, strip)
        line = {"color": colour, "linewidth": 0.9, "alpha": 0.85, "label": word}
        plot.line(beta, branch["leading"].values, growth, **line)
    panels[0].sharey(panels[2])
    dashed = {"color": MUTED, "linewidth": 0.8, "linestyle": "--", "zorder": 0}
    for axes in (panels[0], panels[2], growth):
        shade(axes, beta, flags)
        axes.axvline(span["onset"].item(), **dashed)
    growth.axhline(0, color=INK, linewidth=0.6)
    top = max(0.05, 1.15 * float(first["leading"].max()))
    growth.set_ylim(-0.6 * top, top)
    growth.set_ylabel("$\\lambda_1$\n(nats per step)")
    growth.set_xlabel(BETA_LABEL)
    growth.set_xlim(beta[0], beta[-1])
    growth.legend(loc="upper left", ncols=2)
    kind_legend(figure, first["kind"].values.ravel())
    return figure


def shade(axes: Any, beta: np.ndarray, flags: xr.Dataset) -> None:
    """Grey where orbits do not settle, and green where the directions differ."""
    background = {"linewidth": 0, "zorder": 0}
    slow = beta[flags["slow"].values]
    if slow.size:
        axes.axvspan(slow[0], slow[-1], color=GRID, alpha=0.8, **background)
    half = (beta[1] - beta[0]) / 2
    for value in beta[flags["bistable"].values[0]]:  # of the start that is drawn
        ends = (value - half, value + half)
        axes.axvspan(*ends, color=COLOURS[2], alpha=0.18, **background)
