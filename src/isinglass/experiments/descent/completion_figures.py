"""Figures of `descent-completion`."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.experiments.descent.completion_setting import (
    DEEP,
    DEPTHS,
    ET,
    HOPFIELD,
    HYPERSET,
    LOOPED,
    MEAN,
    NEAREST,
    STEPS,
)
from isinglass.plot import MUTED, log_ticks, subplots


def errors(measured: xr.Dataset) -> Figure:
    """A row for each method, the best on top."""
    mean = measured.error.mean("seed")
    ordered = measured.error.sel(model=mean.sortby(mean).model)
    figure, axes = subplots(width=7, height=3.2)
    plot.rows(ordered, axes, by="model")
    axes.set(xlabel="mean square error of hidden pixels", xlim=(0, None))
    return figure


def depths(measured: xr.Dataset) -> Figure:
    """Error by number of steps at test."""
    figure, axes = subplots(width=6.4, height=3.6)
    plot.band(
        measured.deep.sel(arm=list(DEEP)), axes, along="depth", hue="arm", marker="o"
    )
    axes.axvline(STEPS, color=MUTED, linestyle=":", linewidth=1)
    log_ticks(axes, DEPTHS)
    axes.minorticks_off()
    # What has left the scale is off by more than a guess of the mean picture.
    guess = float(measured.error.sel(model=MEAN).mean())
    axes.axhline(guess, color=MUTED, linestyle="--", linewidth=1)
    axes.annotate(
        MEAN,
        (DEPTHS[-1], guess),
        xytext=(0, -4),
        textcoords="offset points",
        ha="right",
        va="top",
    )
    highest = float(np.nanmax(measured.deep.mean("seed")))
    axes.set(
        xlabel="steps T at test",
        ylabel="mean square error",
        ylim=(0, min(1.1 * highest, 3 * guess)),
    )
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def examples(measured: xr.Dataset) -> Figure:
    """A row for each picture: hidden, whole, and what is made of it."""
    methods = (ET, HYPERSET, LOOPED, NEAREST, HOPFIELD, MEAN)
    columns = {
        "shown": measured.shown,
        "original": measured.original,
        **{
            name: xr.where(
                np.isnan(measured.shown),
                measured.completed.sel(model=name),
                measured.original,
            )
            for name in methods
        },
    }
    count = measured.sizes["picture"]
    figure, panels = subplots(
        count,
        len(columns),
        width=1.25 * len(columns),
        height=1.1 * count,
        squeeze=False,
    )
    ink = mpl.colormaps["gray_r"].with_extremes(bad="#b9d3ea")
    for row, line in enumerate(panels):
        for axes, (name, pictures) in zip(line, columns.items(), strict=True):
            plot.picture(
                pictures.isel(picture=row).values, axes, cmap=ink, vmin=0, vmax=1
            )
            axes.set_axis_off()
            if row == 0:
                axes.set_title(name.replace(" ", "\n", 1), fontsize=8)
    return figure
