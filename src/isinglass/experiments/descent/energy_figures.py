"""Figures of `energy`: rises by step and weights, and what comes to rest."""

from collections.abc import Iterator

import xarray as xr

from isinglass import plot
from isinglass.experiments.descent.energy_blocks import (
    ATTENTION,
    ET,
    EXACT,
    LEAK,
    PUBLISHED,
    TOKENS,
    WIDTH,
)
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Figure

STEP = 0.1  # of long runs, and as published
REST = 1e-18  # where no change at all stands on a logarithmic axis
SHORT = {
    ET: "Energy Transformer",
    ATTENTION: "its attention alone",
    LEAK: "with a leak",
    PUBLISHED: "Hyper-SET, published step",
    EXACT: "Hyper-SET, exact step",
}


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Share of rises by step, tokens that go uphill, and long runs."""
    yield _rises(measured)
    yield _rest(measured)


def _rises(measured: xr.Dataset) -> Figure:
    figure, panels = subplots(2, 3, width=11, height=6.4)
    share = (100 * measured.rises / measured.steps).assign_attrs(valid_range=[0, 100])
    for panel, (name, title) in zip(panels.flat, SHORT.items(), strict=False):
        style = {"marker": "o", "markersize": 4}
        plot.band(share.sel(block=name), panel, along="alpha", hue="weights", **style)
        panel.axvline(STEP, color=MUTED, linewidth=1, linestyle=":")
        panel.set_xscale("log")
        panel.set(title=title, xlabel="step α", ylim=(-3, 103))
    for row in panels:
        row[0].set_ylabel("steps at which E rises, %")
    tokens = panels[1, 2]
    plot.columns(
        measured.half_uphill, tokens, by="weights", hue="half", colours=COLOURS[4:]
    )
    tokens.set(title="published half-steps", ylabel="tokens that go uphill, %")
    names = [name.replace(" ", "\n", 2) for name in measured.weights.values]
    tokens.set_xticks(range(len(names)), names, fontsize="x-small")
    tokens.legend()
    panels[0, 0].legend()
    return Figure(
        figure,
        "Share of steps at which the energy rises, by size of step and by weights: "
        "means with 95 % confidence intervals over draws of weights and tokens; "
        "dotted, the published step. Last panel: tokens of Hyper-SET whose half-step "
        "goes up the energy that it should go down, and whose whole step goes up the "
        "sum; a dot is a seed.",
    )


def _rest(measured: xr.Dataset) -> Figure:
    figure, panels = subplots(1, 3, width=11, height=3.8)
    turned = STEP * measured.long_turn / (TOKENS * WIDTH) ** 0.5
    turned = turned.clip(min=REST)
    for panel, values, label in (
        (panels[0], measured.long_length, "|x|"),
        (panels[1], turned, "|g′ − g| / |g| of a step"),
    ):
        values = values.assign_coords(long=[SHORT[n] for n in values.long.values])
        plot.curves(values, panel, along="time", hue="long", marker="o")
        panel.set(xscale="log", yscale="log", xlabel="steps", title=label)
    lines = panels[0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside upper center", ncols=4)
    energy = measured.depth_energy.rename(picture="seed")
    plot.curves(energy / 1000, panels[2], along="depth", marker="o")
    panels[2].axvline(12, color=MUTED, linewidth=1, linestyle=":")
    panels[2].set(title="published size", xlabel="steps", ylabel="E / 1000")
    return Figure(
        figure,
        "Long runs at α = 0.1. Left, the length of the state; in the middle how far "
        "what the energy depends on, g or Hyper-SET's projections, still goes in a "
        "step: thin lines are draws, thick ones their means, and what is at rest is "
        "drawn at 10⁻¹⁸. Right, the image model of published size from initial "
        "weights; dotted, the 12 steps that it takes.",
        part="rest",
    )
