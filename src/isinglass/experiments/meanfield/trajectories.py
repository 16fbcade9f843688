"""The six β of Poc-López & Aguilera 2024: orbits, spectra and Lyapunov exponents."""

from collections.abc import Callable, Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass.dynamics import DelayState, Measure
from isinglass.experiments.meanfield import trajectory_figures
from isinglass.experiments.meanfield.kinds import (
    census,
    commonest,
    count_attractors,
    dimensions,
)
from isinglass.experiments.meanfield.lifetimes import measure_lifetimes, tell_lifetimes
from isinglass.experiments.meanfield.program import (
    PROGRAM,
    PROGRAM_EXPONENTS,
    PROGRAM_STEPS,
    PROGRAM_TRANSIENT,
    SETTLING,
    Lengths,
    compare_with_program,
    matched_lengths,
    perturbed,
)
from isinglass.experiments.meanfield.setting import (
    PUBLISHED_STEPS,
    PUBLISHED_TRANSIENT,
    SIX_BETAS,
    random_starts,
    start,
    sweep,
)
from isinglass.plot.kinds import KIND_STYLES
from isinglass.reproduce import Cell, Context, Figure, Ledger

MOST_PERIOD = 256
SCATTERED = 1.266  # β at which calm stretches alternate with bursts of chaos


SETTINGS = {
    "quick": Lengths(5000, 3000, 2048),
    "default": Lengths(PUBLISHED_TRANSIENT, 20_000, 8192),
    "full": Lengths(PUBLISHED_TRANSIENT, PUBLISHED_STEPS, 16_384),
}


def measure(context: Context) -> xr.Dataset:
    """Measure the six β as the program did, and again after transients have died out.

    Along "start" the first one is that of the published program. The others are random
    windows in the long runs, and all but the same as the first in the short runs.
    ``orbit`` is the end of the long run from the published start, and ``lifetime`` how
    long chaos lasts at β = 1.27 from each of many random starts.
    """
    short = measure_six(context, "matched", matched_lengths(), perturbed(context))
    lengths = SETTINGS[context.resolution]
    long = measure_six(context, "attractors", lengths, published_and_random(context))
    names = ["kind", "period", "confidence", "exponents", "exponent_error"]
    runs = xr.concat([short[names], long[names]], "run", combine_attrs="drop")
    runs = runs.transpose("run", "start", "beta", "exponent")
    orbit = long["points"].isel(start=0).rename(point="time")
    runs = runs.assign(orbit=orbit, lifetime=measure_lifetimes(context))
    return runs.assign_coords(run=["short", "long"])


def measure_six(
    context: Context, name: str, lengths: Lengths, state: Callable[[Any], DelayState]
) -> xr.Dataset:
    """All exponents, the kind and the last points of every orbit at the six β."""
    measure = Measure(
        lengths.transient,
        lengths.steps,
        exponents=None,
        points=lengths.points,
        max_period=MOST_PERIOD,
        # The short runs are as long as the program's.
        extensions=0 if name == "matched" else 2,
    )
    vary = {"beta": np.array(SIX_BETAS)}
    starts = len(context.seeds)
    return sweep(context, name, vary, measure, state=state, starts=starts)


def published_and_random(context: Context) -> Callable[[Any], DelayState]:
    """The program's start and random windows, as the start of a sweep."""
    count = len(context.seeds)
    windows = np.asarray(random_starts(context, max(count - 1, 1)).window)

    def state(parameters: Any) -> DelayState:
        first = start(parameters)
        others = jnp.asarray(windows, first.window.dtype)
        window = jnp.concatenate([first.window[None], others])[:count]
        return DelayState(window, first.phase)

    return state


# -- the ledger ------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Short runs beside the program's exponents; kinds and exponents of long ones."""
    for beta, published in PROGRAM_EXPONENTS.items():
        runs = measured.sel(run="short", beta=beta)
        short = ledger.using(source=PROGRAM, table="Lyapunov exponents, short runs")
        compare_with_program(short, runs, published)
    lengths = SETTINGS[measured.resolution]
    over = f"Measured over {lengths.steps:,} steps after {lengths.transient:,}."
    ledger = ledger.using(table="Long runs")
    for beta in SIX_BETAS:
        kind = measured.kind.sel(run="long", beta=beta)
        common = commonest(kind)
        label = KIND_STYLES[common].label
        name = f"β = {beta}, starts whose attractor is {label}"
        ledger.share(
            Cell(f"β = {beta}, {label}", "starts of this kind", name),
            int((kind == common).sum()),
            kind.size,
            because=f"The paper names no shares. {over}",
        )
    ledger = ledger.using(because=f"{over} The program's numbers are of shorter runs.")
    for beta in SIX_BETAS:
        write_exponents(ledger, measured.sel(run="long", beta=beta))


def write_exponents(ledger: Ledger, runs: xr.Dataset) -> None:
    """λ₁ and dimension of the commonest kind: a mean over kinds would be of none."""
    common = commonest(runs.kind)
    runs = runs.isel(start=runs.kind.values == common)
    label = KIND_STYLES[common].label
    where = f"where {label}, long run"
    at = f"β = {runs.beta.item()}"
    leading = runs.exponents.values[:, 0]
    line = f"{at}, {label}"
    cell = Cell(line, "λ₁", f"{at}, λ₁ {where}")
    ledger.using(unit="nats/step").ours_alone(cell, leading)
    dimension = dimensions(runs.kind.values, runs.exponents.values)
    what = "Kaplan–Yorke dimension"
    ledger.ours_alone(Cell(line, what, f"{at}, {what} {where}"), dimension)


# -- what is told ----------------------------------------------------------------------


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Orbits from the published start, and exponents of all starts."""
    lengths = SETTINGS[measured.resolution]
    yield Figure(
        trajectory_figures.orbits(measured),
        "Attention A from the published start, at the six β of the paper, after "
        f"{lengths.transient:,} steps. Planes, power spectrum (Hann window) and "
        f"autocorrelation of A₁ are of {lengths.points:,} steps in a row. Colour and "
        "name say the kind of attractor.",
    )
    yield Figure(
        trajectory_figures.spectra(measured),
        "Above: the leading Lyapunov exponent of every start with its standard error, "
        f"over {PROGRAM_STEPS:,} steps after {PROGRAM_TRANSIENT:,}, as the authors' "
        "program was run, from its start perturbed in the thirteenth digit (the last "
        f"{SETTLING} of the {PROGRAM_TRANSIENT:,} turn the tangents), and over "
        f"{lengths.steps:,} after {lengths.transient:,} from it and random windows; "
        "colour and marker say the kind. Below: all twelve exponents of the long run "
        "from the published start with their standard errors (most are smaller than "
        "the dot); diamonds are the authors' program.",
        part="exponents",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Kinds and numbers of attractors by β, and how λ₁ of single runs scatters."""
    short, long = (measured.sel(run=run) for run in ("short", "long"))
    is_other = (short.kind != long.kind.isel(start=0)).any("start")
    counts = {beta: count_attractors(long.sel(beta=beta)) for beta in SIX_BETAS}
    scattered = {}
    for name, runs in (("short", short), ("long", long)):
        runs = runs.sel(beta=SCATTERED)
        common = commonest(runs.kind)
        scattered[f"{name}_kind"] = KIND_STYLES[common].label
        scattered[name] = runs.exponents[runs.kind.values == common, 0]
    return {
        "starts": measured.sizes["start"],
        "lengths": SETTINGS[measured.resolution],
        "program_lengths": (PROGRAM_TRANSIENT, PROGRAM_STEPS),
        "kinds": {beta: census(long.sel(beta=beta)) for beta in SIX_BETAS},
        "other_kinds": {
            beta: census(short.sel(beta=beta))
            for beta in SIX_BETAS
            if is_other.sel(beta=beta)
        },
        "coexisting": {beta: count for beta, count in counts.items() if count > 1},
        "scattered_beta": SCATTERED,
        "scattered": scattered,
        "runs": short.exponents.sel(beta=SCATTERED)[:, 0],
        "program": PROGRAM_EXPONENTS[SCATTERED][0],
        "lifetimes": tell_lifetimes(measured.lifetime.values, measured.resolution),
    }
