"""Figures of the six β: orbits with their spectra, and Lyapunov exponents."""

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from isinglass import plot
from isinglass.dynamics.signals import autocorrelation, power_spectrum
from isinglass.experiments.meanfield.kinds import kind_name
from isinglass.experiments.meanfield.program import PROGRAM_EXPONENTS
from isinglass.experiments.meanfield.setting import ATTENTION_LABELS
from isinglass.plot import COLOURS, INK, subplots
from isinglass.plot.kinds import KIND_STYLES

MOST_LAG = 200
LAST = 120  # steps that are drawn over time
TITLES = (
    f"last {LAST} steps",
    "$A_2$ over $A_1$",
    "$A_3$ over $A_1$",
    "power spectrum",
    "autocorrelation",
)
XLABELS = ("time in steps", "$A_1$", "$A_1$", "frequency per step", "lag in steps")


def orbits(measured: xr.Dataset) -> Figure:
    """Orbit, planes, power spectrum and autocorrelation from the published start."""
    figure, panels = subplots(measured.sizes["beta"], 5, width=12, height=12.5)
    published = measured.sel(run="long").isel(start=0)
    for axes, beta in zip(panels, measured.beta.values, strict=True):
        run = published.sel(beta=beta)
        draw_orbit(axes, run.orbit.values, KIND_STYLES[run.kind.item()].colour)
        name = kind_name(run.kind.item(), run.period.item())
        confidence = f"confidence {run.confidence.item():.2f}"
        axes[0].set_ylabel(f"β = {beta}\n{name}\n{confidence}")
    for axis, title in zip(panels[0], TITLES, strict=True):
        axis.set_title(title)
    for axis, label in zip(panels[-1], XLABELS, strict=True):
        axis.set_xlabel(label)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=3)
    return figure


def draw_orbit(axes: Any, orbit: np.ndarray, colour: str) -> None:
    """One row: attention over time and in two planes, its spectrum and its memory."""
    over_time, *planes, spectral, correlated = axes
    time = np.arange(-LAST, 0)
    for component, label in enumerate(ATTENTION_LABELS):
        style = {"color": COLOURS[component], "linewidth": 1, "label": label}
        plot.line(time, orbit[-LAST:, component], over_time, **style)
    for plane, component in zip(planes, (1, 2), strict=True):
        dots = {"color": colour, "markersize": 1.5}
        plot.phase_plane(orbit, plane, components=(0, component), **dots)
    thin = {"color": colour, "linewidth": 0.7}
    power = power_spectrum(orbit[:, 0], window="hann", segments=3)
    plot.spectrum(power, spectral, **thin)
    for panel in (*planes, spectral):
        panel.set(xlabel="", ylabel="")  # names stand above and below the columns
    most_lag = min(MOST_LAG, len(orbit) - 1)
    memory = autocorrelation(orbit[:, 0], most_lag)
    plot.line(range(len(memory)), memory, correlated, **thin)
    correlated.set_ylim(-1.05, 1.05)


def spectra(measured: xr.Dataset) -> Figure:
    """λ₁ of every start in short and long runs, and all exponents of the published."""
    figure, panels = subplots(
        2, 6, width=12, height=6, height_ratios=(1, 1.2), sharey="row"
    )
    rng = np.random.default_rng(0)
    for axes, beta in zip(panels.T, measured.beta.values, strict=True):
        runs = measured.sel(beta=beta)
        draw_leading(axes[0], runs, rng)
        axes[0].set_title(f"β = {beta}")
        draw_spectrum(axes[1], runs.sel(run="long").isel(start=0))
    panels[0, 0].set_ylabel("$\\lambda_1$ in nats per step")
    panels[1, 0].set_ylabel("all exponents in nats per step")
    styles = [KIND_STYLES[kind] for kind in np.unique(measured.kind)]
    handles = [
        handle(style.label, color=style.colour, marker=style.marker) for style in styles
    ]
    diamond = {"color": "none", "marker": "D", "markeredgecolor": INK}
    handles.append(handle("authors' program, short run", **diamond))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def handle(label: str, **style: Any) -> Line2D:
    """A marker for the legend."""
    return Line2D([], [], linestyle="", label=label, **style)


def draw_leading(axes: Any, runs: xr.Dataset, rng: np.random.Generator) -> None:
    """λ₁ of every start with its error, short runs left and long ones right."""
    for place, run in enumerate(("short", "long")):
        of_run = runs.sel(run=run)
        jitter = place + rng.uniform(-0.25, 0.25, of_run.sizes["start"])
        leading, error = of_run.exponents[:, 0], of_run.exponent_error[:, 0]
        points = zip(jitter, leading.values, error.values, strict=True)
        for point, kind in zip(points, of_run.kind.values, strict=True):
            _, colour, marker = KIND_STYLES[kind]
            style = {"color": colour, "marker": marker, "markersize": 4}
            plot.line(*point[:2], axes, error=point[2], **style, linewidth=0.8)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks((0, 1), ("short\nrun", "long\nrun"))
    axes.set_xlim(-0.6, 1.6)


def draw_spectrum(axes: Any, run: xr.Dataset) -> None:
    """All exponents with their errors, and those of the authors' program."""
    index = np.arange(1, run.sizes["exponent"] + 1)
    style = {"color": KIND_STYLES[run.kind.item()].colour, "marker": "o"}
    exponents, error = run.exponents.values, run.exponent_error.values
    plot.line(index, exponents, axes, error=error, **style, markersize=4, linewidth=1)
    published = PROGRAM_EXPONENTS.get(run.beta.item())
    if published is not None:
        diamond = {"color": "none", "markeredgecolor": INK, "markersize": 7}
        plot.line(index, published, axes, "D", **diamond)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_yscale("symlog", linthresh=0.1, linscale=0.6)
    axes.set_xticks((1, 4, 8, 12))
    axes.set_xlabel("exponent")
