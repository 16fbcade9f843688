"""Avalanches of a system that maintains its critical state (Tang 2020, §6)."""

from collections.abc import Callable, Iterator

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from isinglass import plot
from isinglass.experiments.interference.avalanches import EDGES, density
from isinglass.plot import COLOURS, INK, MUTED, subplots
from isinglass.plot.avalanche_sizes import bin_centres, density_dots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import (
    borel,
    borel_mixture,
    fit_exponent,
    regulated_avalanches,
)

GAINS = (0.0, 1e-5, 1e-3, 1e-2, 1e-1)  # ε
TARGET, CAP = 100.0, 100_000
RANGE = (10, 1000)  # sizes that exponents are fitted to
SHOWN = 2000  # avalanches of the traces
SETTINGS = {"quick": {"avalanches": 15_000}, "default": {"avalanches": 60_000}}
NUMBERS = ("exponent", "error", "truncated", "p_value", "mean", "capped", "least")


def measure(context: Context) -> xr.Dataset:
    """Exponents by gain and seed, and the control with evenly spread ratios."""
    count = SETTINGS[context.resolution]["avalanches"]
    numbers = context.table(gain=GAINS, seed=context.seeds, number=NUMBERS)
    sizes = context.table(gain=GAINS, bin=EDGES[:-1]).fillna(0.0)
    trace = context.table(gain=GAINS, avalanche=range(SHOWN))
    for gain, seed in context.cases(GAINS, context.seeds, what="runs"):
        run = regulated_avalanches(
            count,
            gain,
            target=TARGET,
            cap=CAP,
            random_state=context.seed_of("regulated", seed),
        )
        fit = fit_exponent(run.size, *RANGE)
        numbers.loc[gain, seed] = [
            *(fit.exponent, fit.error, fit.truncated.exponent, fit.truncated.p_value),
            *(run.size.mean(), (run.size >= CAP).sum(), run.branching_ratio.min()),
        ]
        sizes.loc[gain] += density(run.size, count * len(context.seeds))
        if seed == context.seeds[0]:
            trace.loc[gain] = run.branching_ratio[:SHOWN]
    control = context.table(seed=context.seeds)
    for (seed,) in context.cases(context.seeds, what="controls"):
        control.loc[seed] = fit_exponent(_spread(context, seed, count), *RANGE).exponent
    return xr.Dataset(
        {"numbers": numbers, "density": sizes, "trace": trace, "control": control}
        | {"mixture": fit_exponent(_expected(borel_mixture), *RANGE).exponent}
        | {"fixed": fit_exponent(_expected(_critical), *RANGE).exponent}
    )


def _spread(context: Context, seed: int, count: int) -> np.ndarray:
    """Sizes where the ratio is drawn evenly from 0 to 1 anew for each."""
    rng = context.rng("spread", seed)
    s = np.arange(1, 10 * RANGE[1])
    p = borel_mixture(s)
    return rng.choice(s, count, p=p / p.sum())


def _critical(s: np.ndarray) -> np.ndarray:
    return borel(s, 1 - 1 / TARGET)


def _expected(law: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Sizes in the proportions of a law: what a fit gives without any sampling."""
    s = np.arange(RANGE[0], RANGE[1] + 1)
    p = law(s)
    return np.repeat(s, np.round(2e6 * p / p.sum()).astype(int))


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The exponent by gain; that it is no power law of criticality is the paper's."""
    ours = ledger.using(
        table=f"Exponent of sizes from {RANGE[0]} to {RANGE[1]:,}, by gain",
        because="The paper expects a departure from the power law, without a number.",
    )
    exponents = measured.numbers.sel(number="exponent")
    for gain in GAINS:
        ours.ours_alone(f"exponent, ε = {gain:g}", exponents.sel(gain=gain))
    ours.ours_alone("exponent, ratios spread evenly", measured.control)
    means = ledger.using(table="Regulation", because="The paper has no such model.")
    for gain in GAINS:
        at = measured.numbers.sel(gain=gain)
        means.ours_alone(Cell("mean size", f"ε = {gain:g}"), at.sel(number="mean"))
        means.ours_alone(
            Cell("avalanches at the cap", f"ε = {gain:g}"), at.sel(number="capped")
        )
    strong = measured.numbers.sel(gain=GAINS[2])
    apart = strong.sel(number="exponent") - measured.fixed
    ledger.claim(
        "a maintained critical state departs from the power law (ε = 0.001)",
        int((np.abs(apart) > 4 * strong.sel(number="error")).sum()),
        len(measured.seed),
    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Branching ratios in time, distributions of sizes, and exponents."""
    figure, panels = subplots(1, 3, width=11.5, height=3.9)
    _draw_runs(measured, *panels)
    _draw_laws(measured, *panels[1:])
    left, middle, right = panels
    left.set(ylim=(0, None), xlabel="avalanche", title="Branching ratio n")
    middle.set(xscale="log", yscale="log", ylim=(0.05, 50), xlabel="size s")
    middle.set_title("s² times their probability")
    middle.legend(loc="upper left", fontsize="small")
    right.set_xticks(range(len(GAINS)), [f"{gain:g}" for gain in GAINS])
    right.set(xlabel="gain ε of the regulation", title="Exponent of sizes")
    right.set_ylim(1.4, 2.1)
    right.tick_params(axis="x", labelcolor=MUTED)
    yield Figure(
        figure,
        "Left: every avalanche corrects the branching ratio; the stronger, the further "
        "it swings. Middle: sizes, times s²; the blue line is Borel's law at n = 0.99, "
        "the black one its average over all n, which is flat: exponent 2. Right: "
        f"exponents of sizes from {RANGE[0]} to {RANGE[1]:,}, a dot a run; dashed what "
        "the two exact laws give in that range.",
    )


def _draw_runs(measured: xr.Dataset, left: Axes, middle: Axes, right: Axes) -> None:
    centre = bin_centres(EDGES)
    for gain, colour in zip(GAINS, COLOURS, strict=False):
        name = f"ε = {gain:g}"
        if gain < 1e-1:
            course = measured.trace.sel(gain=gain)
            plot.line(range(course.size), course, left, color=colour, linewidth=0.9)
        sizes = measured.density.sel(gain=gain).values
        density_dots(middle, EDGES, sizes * centre**2, color=colour, label=name)
        runs = measured.numbers.sel(gain=gain, number="exponent").values
        plot.line(
            [GAINS.index(gain)] * len(runs), runs, right, "o", color=colour, alpha=0.6
        )


def _draw_laws(measured: xr.Dataset, middle: Axes, right: Axes) -> None:
    s = np.unique(np.round(np.geomspace(1, 1e5, 200)))
    plot.line(s, _critical(s) * s**2, middle, color=COLOURS[0], linewidth=1)
    plot.line(s, borel_mixture(s) * s**2, middle, color=INK, linewidth=1)
    for value, name in ((measured.fixed, "n = 0.99"), (measured.mixture, "n even")):
        right.axhline(float(value), color=INK, linestyle="--", linewidth=1)
        right.text(2.5, float(value) + 0.01, name, color=INK, va="bottom")


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Exponents and means by gain."""
    at = measured.numbers.mean("seed")
    lines = [
        f"{float(at.sel(gain=gain, number='exponent')):.2f} at ε = {gain:g}"
        for gain in GAINS
    ]
    means = at.sel(number="mean")
    return {
        "exponents": lines,
        "means": [f"{float(means.sel(gain=gain)):,.0f}" for gain in GAINS[2:]],
        "capped": at.sel(number="capped", gain=GAINS[2]).item(),
    }
