"""How landscapes of three patterns are drawn, in the plane and on a line."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from isinglass import plot
from isinglass.experiments.memory.setting import FIG_1
from isinglass.plot import COLOURS, INK, MUTED, subplots
from isinglass.plot.energy_landscapes import STAR

TITLES = (
    "squared distance  g(x)",
    "the paper's energy  E(x)",
    "modern Hopfield  $2E_{MCHN} - \\log 3$",
)


def draw_plane(measured: xr.Dataset) -> Figure:
    """Three energies with one scale: contours are evenly spaced in distance."""
    figure, panels = subplots(1, 3, width=10.5, height=4.1, sharey=True)
    patterns, energies = FIG_1["2-D"], measured["energy_2-D"]
    x, y = energies.x.values, energies.y.values
    lowest = float(energies.min())
    top = float(np.quantile(energies[0], 0.98)) - lowest
    for panel, title, energy in zip(panels, TITLES, energies, strict=True):
        bounds = (lowest, lowest + top)
        plot.landscape(energy, panel, patterns=patterns, bounds=bounds)
        if energy.landscape == "g":
            _draw_creases(panel, x, y, patterns)
        else:
            plot.force_lines(energy, panel)
            minima = measured.minima.sel(space="2-D", energy=energy.landscape.item())
            ring = {"markerfacecolor": "none", "markeredgecolor": "white"}
            ring |= {"markersize": 11, "markeredgewidth": 1.6}
            plot.line(minima[:, 0], minima[:, 1], panel, "o", **ring)
        panel.set(title=title, ylabel="")
    panels[0].set_ylabel("$x_2$")
    bar = figure.colorbar(
        panels[0].collections[0], ax=panels, shrink=0.8, pad=0.01, aspect=28
    )
    ticks = [tick for tick in (0, 0.5, 1, 2, 4, 6, 8, 12) if tick <= top]
    bar.set_ticks(list(np.sqrt(ticks)), labels=[f"{tick:g}" for tick in ticks])
    bar.set_label("energy above the lowest")
    bar.outline.set_visible(False)
    return figure


def _draw_creases(
    panel: Any, x: np.ndarray, y: np.ndarray, patterns: np.ndarray
) -> None:
    """Dashes where the nearest pattern changes."""
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
    squared = ((grid[..., None, :] - patterns) ** 2).sum(-1)
    for index in range(len(patterns) - 1):
        nearer = np.delete(squared, index, -1).min(-1) - squared[..., index]
        dashes = {"colors": "white", "linewidths": 1.0, "linestyles": "--"}
        plot.contours(x, y, nearer.T, panel, levels=[0.0], **dashes)


def draw_line(measured: xr.Dataset) -> Figure:
    """Energies on the line with their minima, and minima by β."""
    figure, (left, right) = subplots(1, 2, width=10.5, height=4.0)
    patterns, energies = FIG_1["1-D"][:, 0], measured["energy_1-D"]
    x, g = energies.line.values, energies[0]
    shade = {"color": COLOURS[0], "alpha": 0.13, "linewidth": 0}
    plot.ribbon(x, g - np.log(len(patterns)), g, left, **shade)
    plot.line(x, g, left, color=MUTED, linewidth=1.2, label="g(x)")
    labels = ("E(x)", "$2E_{MCHN} - \\log 3$")
    for colour, label, energy in zip(COLOURS, labels, energies[1:], strict=False):
        plot.line(x, energy, left, color=colour, label=label)
        minima = measured.minima.sel(space="1-D", energy=energy.landscape.item())
        places = minima[:, 0].values
        plot.line(
            places, np.interp(places, x, energy), left, "o", color=colour, markersize=7
        )
    low = float((g - np.log(3)).min()) - 0.2
    for pattern in patterns:
        plot.line(
            pattern, low, left, "*", color=STAR, markersize=12, clip_on=False, zorder=5
        )
        right.axhline(pattern, color=STAR, linewidth=1, linestyle=":")
    left.set(xlabel="x", ylabel="energy", title="Energies on the line")
    left.set(ylim=(low, 4.6), xlim=(x[0], x[-1]))
    left.legend(loc="upper left")
    for branches, size, colour in (
        (measured.minima_by_beta, 2.6, COLOURS[0]),
        (measured.maxima_by_beta, 1.0, MUTED),
    ):
        dots = {"color": colour, "markersize": size, "markeredgewidth": 0}
        plot.line(measured.beta, branches, right, "o", **dots)
    right.axvline(1.0, color=INK, linewidth=0.9, linestyle="--")
    right.text(1.03, patterns.min() - 0.35, "paper", color=INK, fontsize="small")
    right.set(xscale="log", xlabel="inverse temperature β", ylabel="x")
    right.set_title("Minima of E as it sharpens")
    right.set_ylim(patterns.min() - 0.45, patterns.max() + 0.45)
    return figure
