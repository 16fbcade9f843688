"""The program's density matrices, hierarchical equations, and what a cut costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.paths.setting import (
    STEP,
    hierarchical,
    published,
    spin_boson,
)
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.paths import TimeGrid, propagate, sum_paths

MEMORY, LAST = 7, 60  # lags of the program, and steps that are compared
EXACT, EDGE = 1e-7, 1e-3


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        steps: Up to which errors of cuts are measured.
        cutoffs: Of singular values.
        reference: The cutoff that they are compared with.
        strides: Of the steps of 0.05 beside hierarchical equations.
    """

    steps: int = 30
    cutoffs: tuple[float, ...] = (1e-6, 1e-8, 1e-10, 1e-12)
    reference: float = 1e-15
    strides: tuple[int, ...] = (4, 2, 1)


SETTINGS = {
    "quick": Setting(12, (1e-6, 1e-8, 1e-10), 1e-14, (4, 2)),
    "default": Setting(),
}


def measure(context: Context) -> xr.Dataset:
    """Largest differences of elements of density matrices and maps.

    `error` to the program's, by step; `markov` the same with a memory of one step;
    `hierarchy` to hierarchical equations, by δ; `cut`, `change`, `trace` and `bond` of
    maps by cutoff: error, change at a hundredth of it, error of the trace.
    """
    options = SETTINGS[context.resolution]
    theirs = published()
    start, steps = theirs.states[0], np.arange(1, LAST + 1)
    error, markov = context.table(step=steps), context.table(step=steps)
    for table, memory in ((error, MEMORY), (markov, 1)):
        run = propagate(
            theirs.system, TimeGrid(STEP, LAST, memory), cutoff=1e-14, check=False
        )
        states = run.states(start)
        if memory == MEMORY:  # as many steps as can be summed path by path
            maps = sum_paths(theirs.system, TimeGrid(STEP, MEMORY))
            states[: MEMORY + 1] = (maps @ start.ravel()).reshape(-1, 2, 2)
        table[:] = abs(states - theirs.states[: LAST + 1]).max((1, 2))[1:]
    measured = {"error": error, "markov": markov, "hierarchy": _hierarchy(options)}
    return xr.Dataset(measured | _cuts(context, options))


def _hierarchy(options: Setting) -> xr.DataArray:
    """The largest error up to t = 2, by δ."""
    exact = hierarchical()
    width = float(exact.times[1])
    errors = []
    for stride in options.strides:
        grid = TimeGrid(width * stride, 40 // stride)
        ours = propagate(exact.system, grid, cutoff=1e-14, check=False)
        states = exact.states[:41:stride]
        errors.append(abs(ours.states(exact.states[0]) - states).max())
    return xr.DataArray(errors, {"delta": width * np.array(options.strides)})


def _cuts(context: Context, options: Setting) -> dict[str, xr.DataArray]:
    """Of maps of the published spin with all of its memory."""
    system, grid = spin_boson(5.0), TimeGrid(STEP, options.steps)
    exact = propagate(system, grid, cutoff=options.reference, check=False).maps
    names = ("cut", "change", "trace", "bond")
    tables = {name: context.table(cutoff=options.cutoffs) for name in names}
    for (cutoff,) in context.cases(options.cutoffs, what="cutoffs"):
        run = propagate(system, grid, cutoff=cutoff)
        values = (
            abs(run.maps - exact).max(),
            run.change,
            run.trace_error,
            run.bonds.max(),
        )
        for name, value in zip(names, values, strict=True):
            tables[name].loc[cutoff] = value
    return tables


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Differences to both programs against their bars, and what a cut costs."""
    early, late = measured.error[:MEMORY], measured.error[MEMORY:]
    ledger.exact(
        f"largest difference of ρ to the program's, steps 1 to {MEMORY}",
        float(early.max()),
        0.0,
        tolerance=EXACT,
        because="the program takes its coefficients from a grid of frequencies",
    )
    ledger.exact(
        f"largest difference of ρ to the program's, steps {MEMORY + 1} to {LAST}",
        float(late.max()),
        0.0,
        tolerance=EDGE,
        because="beyond its memory the program treats the edge of a path otherwise",
    )
    errors = measured.hierarchy.values
    ledger.exact(
        "ratio of errors beside hierarchical equations, δ to δ/2",
        float(errors[-2] / errors[-1]),
        4.0,
        tolerance=0.2,
        because="of second order in δ but for terms of fourth",
    )
    alone = ledger.using(because="The paper gives figures alone")
    for cutoff in measured.cutoff.values:
        for title in ("cut", "change", "trace", "bond"):
            cell = Cell(f"cutoff {cutoff:.0e}", title, f"{title}, cutoff {cutoff:.0e}")
            value = measured[title].sel(cutoff=[cutoff]).values
            alone.using(table="What a cut costs").ours_alone(cell, value)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Errors by step, and by cutoff."""
    figure, (left, right) = subplots(1, 2, width=11, height=3.8)
    steps = measured.step
    dots = {"ms": 3, "color": COLOURS[0], "label": "memory of 7"}
    plot.line(steps, measured.error, left, "o-", **dots)
    plot.line(steps, measured.markov, left, color=COLOURS[1], label="memory of 1")
    left.set_yscale("log")
    left.axvline(MEMORY + 0.5, color=COLOURS[2], lw=0.8)
    left.set(xlabel="step of 0.1", ylabel="largest difference of ρ to the program's")
    left.legend()
    labels = {
        "cut": "error of the maps",
        "change": "change at a hundredth of it",
        "trace": "error of the trace",
    }
    for place, (name, label) in enumerate(labels.items()):
        curve = {"color": COLOURS[place], "label": label}
        plot.line(measured.cutoff, measured[name], right, "o-", **curve)
    right.set(xscale="log", yscale="log", xlabel="cutoff", ylabel="largest difference")
    right.invert_xaxis()
    right.legend()
    yield Figure(
        figure,
        "Left: density matrices of the published spin beside those that the program "
        "prints; right of the line its iteration treats the edge of its memory "
        "otherwise. Right: what a cut of singular values costs, and what tells of it.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Errors beside their bars."""
    errors = measured.hierarchy
    return {
        "options": SETTINGS[measured.resolution],
        "memory": MEMORY,
        "last": LAST,
        "early": float(measured.error[:MEMORY].max()),
        "late": float(measured.error[MEMORY:].max()),
        "markov": float(measured.markov.max()),
        "errors": errors,
        "ratio": float(errors[-2] / errors[-1]),
        "exact": EXACT,
        "edge": EDGE,
        "understates": (measured.cut / measured.trace).values,
        "tells": (measured.change / measured.cut).values,
    }
