"""Figures of the loss around trained models."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.ticker import MaxNLocator

from isinglass import plot
from isinglass.experiments.looped.landscape_measures import (
    LANDSCAPES,
    MEASURES,
    Measure,
)
from isinglass.experiments.looped.parts import by_setting
from isinglass.experiments.looped.setting import OURS
from isinglass.plot import INK, MUTED, subplots
from isinglass.reproduce import Figure
from isinglass.training.surface_shape import funnel


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """The landscapes of one seed, and numbers of all, a figure for each setting."""
    for name, part in by_setting(measured):
        figure, panels = subplots(2, 3, width=12, height=7.6)
        _draw_surfaces(figure, panels[0], part)
        for axes, key in zip(panels[1], ("funnel", "convex", "largest"), strict=True):
            _draw_numbers(axes, part[key], MEASURES[key])
        panels[1, 2].set_ylim(bottom=0)
        yield Figure(
            figure,
            f"{name[0].upper()}{name[1:]}. Top: the loss of one seed, the one with the "
            "most right answers, above its value at the model (cross), on the same "
            "random plane, whose directions have the norms of each model's filters; "
            "from within the white line steepest descent ends where it does from the "
            "model. Left, trained with cross-entropy alone; middle, with all "
            "penalties, and the whole objective shown; right, the same model, "
            f"cross-entropy alone shown. Bottom: {part.sizes['seed']} seeds (dots, "
            "joined by seed; bars are means).",
            part="" if name == OURS else "paper",
        )


def _draw_surfaces(figure: Any, panels: Any, part: xr.Dataset) -> None:
    best = int(part.accuracy.mean("arm").argmax("seed"))
    loss = part.loss.isel(seed=best).sel(landscape=list(LANDSCAPES))
    middle = loss.sizes["a"] // 2
    above = loss - loss.isel(a=middle, b=middle)
    most = float(np.quantile(above.values, 0.95))
    levels = np.linspace(np.floor(float(above.min())), np.ceil(most), 21)
    areas = {"levels": levels, "filled": True, "extend": "max", "cmap": "magma"}
    for axes, name in zip(panels, LANDSCAPES, strict=True):
        heights = above.sel(landscape=name).transpose("a", "b").values
        inside = funnel(heights).T
        grid = (above.a.values, above.b.values)
        plot.contours(*grid, heights.T, axes, **areas)
        plot.contours(*grid, inside, axes, levels=[0.5], colors="white", linewidths=1.4)
        plot.line(0, 0, axes, "+", color="white", markersize=10, markeredgewidth=2)
        axes.set(title=name[0].upper() + name[1:], xlabel="first direction")
        axes.set_aspect("equal")
        axes.grid(visible=False)
    panels[0].set_ylabel("second direction")
    ticks = MaxNLocator(6).tick_values(levels[0], levels[-1])
    figure.colorbar(
        panels[0].collections[0],
        ax=panels[2],
        label="nats above the model",
        ticks=ticks[ticks <= levels[-1]],  # none on the arrow for what is above
    )


def _draw_numbers(axes: Any, values: xr.DataArray, number: Measure) -> None:
    """Dots of all seeds by landscape, joined by seed, and their means."""
    by_landscape = values.sel(landscape=list(LANDSCAPES)).transpose("landscape", "seed")
    places = range(len(LANDSCAPES))
    plot.line(places, by_landscape, axes, color=MUTED, alpha=0.35, linewidth=0.8)
    for place, seeds in enumerate(by_landscape.values):
        dots, bar = {"color": f"C{place}", "alpha": 0.7}, {"color": INK}
        plot.line([place] * len(seeds), seeds, axes, ".", markersize=7, **dots)
        plot.line(
            place, seeds.mean(), axes, "_", markersize=22, markeredgewidth=2.5, **bar
        )
    names = [name.replace(" ", "\n") for name in LANDSCAPES]
    axes.set_xticks(places, names, fontsize=9)
    title = number.words[0].upper() + number.words[1:]
    title = title.replace(" that descends", "\nthat descends")
    axes.set(xlim=(-0.5, 2.5), ylabel=f"in {number.unit}", title=title)
