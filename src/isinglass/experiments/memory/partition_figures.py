"""Figures of the partition function: both forms by radius, and what Z = 1 asks for."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.memory.setting import (
    CLAIMED,
    MEASURED,
    PATTERNS,
    RATIOS,
    WIDTH,
)
from isinglass.plot import COLOURS, INK, MUTED, subplots
from isinglass.reproduce import Figure

DRAWN = (2, 16, 128, 1024)  # dimensions of balls


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Both forms by radius, and what Z = 1 asks for."""
    figure, (left, middle, right) = subplots(1, 3, width=11.0, height=3.9)
    _draw_forms(left, middle, measured)
    _draw_entropy(right, measured.isel(ball_radius=slice(2, None)), measured)
    yield Figure(
        figure,
        "Left: the weight of a ball by its radius, exact (lines) and by the paper's "
        "closed form (dashed). Middle: logarithm of their ratio, per dimension. Right: "
        "what Proposition 4 takes for the cross-entropy, at the paper's number of "
        "patterns and width; its least value is 1 (line). Dotted: the radius that the "
        "paper takes, where it is far above the panel; dot: "
        "half of the distance of neighbours that the paper measures.",
    )
    figure, (left, right) = subplots(1, 2, width=10.0, height=4.0)
    _draw_radii(left, measured)
    _draw_sizes(right, measured)
    yield Figure(
        figure,
        "Left: radius of the ball of unit volume, its asymptote, and the radius at "
        "which as many balls as the paper has activations have Z = 1. Right: "
        "parameters N = 12 · 24 n² against data D = 256 tokens a pattern at which Z = "
        "1, at the radius √(n/2πe), beside N = c D² with the paper's measured c.",
        part="size",
    )


def _draw_forms(left: Any, middle: Any, measured: xr.Dataset) -> None:
    """The weight of a ball per dimension, and how far the printed form is off."""
    dimensions = [n for n in measured.dimension.values if n in DRAWN]
    for colour, n in zip(COLOURS, dimensions, strict=False):
        ball = measured[["exact", "printed"]].sel(dimension=n) / n
        plot.line(ball.unit, ball.exact, left, color=colour, label=f"n = {n:,}")
        plot.line(ball.unit, ball.printed, left, "--", color=colour, linewidth=1.3)
        plot.line(ball.unit, ball.printed - ball.exact, middle, color=colour)
    plot.line([], [], left, "--", color=MUTED, linewidth=1.3, label="as printed")
    left.set(ylabel="$n^{-1}\\,\\log Z_i$", title="One ball", ylim=(-3.2, 2.2))
    middle.set(ylabel="$n^{-1}\\,\\log$ (printed / exact)", title="How far it is off")
    for panel in (left, middle):
        panel.axhline(0, color=INK, linewidth=0.9)
        panel.set(xscale="log", xlabel="radius / $\\sqrt{n/2\\pi e}$")
        panel.set_xticks([0.1, 1], ["0.1", "1"])
    left.legend(fontsize=8.5, loc="lower right")


def _draw_entropy(panel: Any, curve: xr.Dataset, measured: xr.Dataset) -> None:
    """What Proposition 4 takes for the cross-entropy, by the radius of the balls."""
    plot.line(curve.ball_radius, curve.claimed_entropy, panel, color=COLOURS[0])
    dot = (MEASURED / 2, float(measured.log_z.sel(ball_radius=MEASURED / 2)))
    plot.line(*dot, panel, "o", color=COLOURS[1], markersize=6)
    panel.annotate(
        f"half the measured\ndistance: {dot[1]:.0f}",
        dot,
        va="bottom",
        textcoords="offset points",
        xytext=(2, 10),
        ha="center",
        fontsize=8.5,
        color=INK,
    )
    unit = float(measured.ball_radius[0])
    panel.axvline(unit, color=MUTED, linewidth=1.2, linestyle=":")
    panel.text(unit + 0.04, 0.62, "$\\sqrt{n/2\\pi e}$", fontsize=8.5, color=MUTED)
    panel.axhline(1, color=INK, linewidth=0.9)
    panel.set(yscale="log", ylim=(0.5, 1e5), xlim=(7.5, 11))
    panel.set(xlabel="radius r", ylabel="log Z + 1/Z")
    panel.set_title(f"{PATTERNS:,} balls, n = {WIDTH:,}")


def _draw_radii(panel: Any, measured: xr.Dataset) -> None:
    """Radii by dimension, with the two that the paper names."""
    curves = {
        "unit_volume": ("-", "unit volume, exact"),
        "asymptote": ("--", "$\\sqrt{n/2\\pi e}$"),
        "critical": ("-", f"{PATTERNS:,} balls with Z = 1"),
    }
    for colour, (name, (line, label)) in zip(COLOURS, curves.items(), strict=False):
        plot.line(measured.n, measured[name], panel, line, color=colour, label=label)
    for radius, marker, size, label in (
        (CLAIMED / 2, "s", 5, "paper: $\\sqrt{n/2\\pi e}$"),
        (MEASURED / 2, "^", 6, "paper: half the distance measured"),
    ):
        plot.line(WIDTH, radius, panel, marker, color=INK, markersize=size, label=label)
    panel.set(xscale="log", yscale="log", xlabel="dimension n", ylabel="radius")
    panel.set(title="Radii", ylim=(0.05, 40))
    panel.legend(fontsize=8.5)


def _draw_sizes(panel: Any, measured: xr.Dataset) -> None:
    """Parameters against data, exponential in the width, beside the claimed power."""
    data, parameters = measured.log10_data, measured.parameters
    in_view = (data >= 0) & (data < 40)
    plot.line(
        data[in_view], parameters[in_view], panel, color=COLOURS[0], label="Z = 1"
    )
    across = np.linspace(6, 11, 50)
    plot.line(
        across,
        np.mean(RATIOS) * 10 ** (2 * across),
        panel,
        "--",
        color=COLOURS[1],
        label="$N = 8.6\\times10^{-10}\\,D^2$",
    )
    for n in (64, 256, WIDTH):
        if in_view.sel(n=n):
            dot = (float(data.sel(n=n)), float(parameters.sel(n=n)))
            plot.line(*dot, panel, "o", color=COLOURS[0], markersize=5)
            panel.annotate(
                f"n = {n}",
                dot,
                textcoords="offset points",
                xytext=(8, -11) if n > 64 else (-6, 6),
                fontsize=8.5,
                color=MUTED,
                ha="left" if n > 64 else "right",
            )
    panel.set(yscale="log", ylabel="parameters N", title="Size against data")
    panel.set(xlabel="$\\log_{10}$ tokens of data D", xlim=(-2, 41))
    panel.legend(fontsize=8.5, loc="lower right")
