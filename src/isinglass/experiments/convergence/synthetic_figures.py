"""Pictures of `convergence-synthetic`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from isinglass import plot
from isinglass.plot import COLOURS, INK, log_ticks, subplots

STYLES = ("-", "--")
NAMES = {"lecun": "LeCun", "he": "He", "ntk": "NTK"}


def courses(
    measured: xr.Dataset, trainings: Sequence[str], scales: Sequence[str]
) -> Any:
    """A row a rule of the step, a column a start, a line a width and scale."""
    starts = measured.start.values
    size = {"width": 3.4 * len(starts) + 1.2, "height": 6.4}
    figure, panels = subplots(
        len(trainings), len(starts), sharex=True, sharey=True, squeeze=False, **size
    )
    for row, training in zip(panels, trainings, strict=True):
        for panel, start in zip(row, starts, strict=True):
            part = measured.course.sel(training=training, start=start)
            for scale, style in zip(scales, STYLES, strict=True):
                for place, width in enumerate(measured.width.values):
                    runs = part.sel(scale=scale, width=width).clip(1e-9)
                    _curve(panel, runs, COLOURS[place], style)
            panel.set(yscale="log", title=f"{NAMES[start]}: {training}")
            panel.title.set_fontsize(9)
    for panel in panels[:, 0]:
        panel.set_ylabel("loss over its start")
    for panel in panels[-1]:
        panel.set_xlabel("step")
    handles = [
        Line2D([], [], color=COLOURS[place], label=f"d_m = {width}")
        for place, width in enumerate(measured.width.values)
    ]
    handles += [
        Line2D([], [], color=INK, linestyle=style, label=scale)
        for scale, style in zip(scales, STYLES, strict=True)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _curve(panel: Axes, runs: xr.DataArray, colour: str, style: str) -> None:
    values = runs.transpose("seed", "step").values
    low, middle, high = np.nanquantile(values, (0, 0.5, 1), axis=0)
    steps = runs.step.values
    plot.ribbon(steps, low, high, panel, color=colour, alpha=0.12)
    plot.line(steps, middle, panel, style, color=colour, linewidth=1.4)


def kernels(measured: xr.Dataset, training: str, scales: Sequence[str]) -> Any:
    """Share of W_Q and W_K, drift, and distance from uniform, by width."""
    figure, panels = subplots(1, 3, width=11, height=3.9)
    distance = measured.distance.sel(training=training, time="end")
    quantities = (
        ("Share of W_Q, W_K in K", "share of the trace", measured.share),
        ("How far K moves", "|K − K₀|/|K₀| at the end", measured.drift),
        ("Attention", "distance from uniform at the end", distance),
    )
    for panel, (title, label, values) in zip(panels, quantities, strict=True):
        for place, start in enumerate(measured.start.values):
            for scale, style in zip(scales, STYLES, strict=True):
                plot.band(
                    values.sel(start=start, scale=scale).dropna("width", how="all"),
                    panel,
                    along="width",
                    colours=[COLOURS[place]],
                    linestyle=style,
                    marker="o",
                    markersize=4,
                    label=f"{NAMES[start]}, {scale}",
                )
        panel.set(title=title, ylabel=label, xlabel="d_m")
        log_ticks(panel, measured.width.values.tolist())
        if panel is not panels[-1]:
            panel.set_yscale("log")
    handles = panels[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    return figure
