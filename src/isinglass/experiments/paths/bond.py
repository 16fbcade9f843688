"""Bonds by memory and temperature, with lags shuffled, and what labels save."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.paths.setting import STEP, shuffled, spin_boson
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.paths import TimeGrid, influence_coefficients
from isinglass.systems.paths.propagate import ChainRun, run_chain

WAYS = ("three labels", "four pairs")


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        steps: Of each chain.
        memories: Lags.
        betas: Inverse temperatures.
        cutoff: Of singular values.
    """

    steps: int = 20
    memories: tuple[int, ...] = (1, 2, 4, 8, 14, 20)
    betas: tuple[float, ...] = (0.5, 1.0, 5.0)
    cutoff: float = 1e-10


SETTINGS = {
    "quick": Setting(12, (1, 3, 6, 12), (0.5, 5.0)),
    "default": Setting(),
}


def measure(context: Context) -> xr.Dataset:
    """The largest bond of a chain, in order and with lags shuffled.

    `bond` by memory and β; `mixed` the same, a shuffle a seed; `seconds` processor
    seconds of the coldest chain with all of its memory, by what bonds carry, a round a
    seed, all in turn; `label_bond` their bonds.
    """
    options = SETTINGS[context.resolution]
    axes = {"memory": options.memories, "beta": options.betas}
    bond = context.table(**axes)
    mixed = context.table(**axes, seed=context.seeds)
    for memory, beta in context.cases(*axes.values(), what="chains"):
        system = spin_boson(beta)
        grid = TimeGrid(STEP, options.steps, memory)
        weights = influence_coefficients(system, grid)
        _, bonds = run_chain(system, grid, ChainRun(options.cutoff, weights))
        bond.loc[memory, beta] = bonds.max()
        for seed in context.seeds:
            lags = shuffled(weights, context.rng("lags", memory, seed))
            _, bonds = run_chain(system, grid, ChainRun(options.cutoff, lags))
            mixed.loc[memory, beta, seed] = bonds.max()
    seconds, same = _labels(context, options)
    return xr.Dataset(
        {"bond": bond, "mixed": mixed, "seconds": seconds, "label_bond": same}
    )


def _labels(context: Context, options: Setting) -> tuple[xr.DataArray, xr.DataArray]:
    """Seconds and bonds with three labels and with four pairs."""
    seconds = context.table(unit="s", way=WAYS, seed=context.seeds)
    bond = context.table(way=WAYS)
    system = spin_boson(max(options.betas))
    grid = TimeGrid(STEP, options.steps)
    for (seed,) in context.cases(context.seeds, what="rounds"):
        for way in WAYS:
            run = ChainRun(options.cutoff, shares_labels=way == WAYS[0])
            begun = time.process_time()
            _, bonds = run_chain(system, grid, run)
            seconds.loc[way, seed] = time.process_time() - begun
            bond.loc[way] = bonds.max()
    return seconds, bond


def _ratio(measured: xr.Dataset) -> xr.DataArray:
    """Time with four pairs over that with three labels, by round."""
    four, three = (measured.seconds.sel(way=way, drop=True) for way in WAYS[::-1])
    ratio = four / three
    ratio.attrs = {}
    return ratio


def _growth(measured: xr.Dataset) -> xr.DataArray:
    """Bonds of shuffled lags over those in order, with all of the memory."""
    last = measured.isel(memory=-1)
    growth = last.mixed / last.bond
    growth.attrs = {}
    return growth


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Bonds, and what labels save."""
    ledger = ledger.using(because="The paper gives figures alone")
    for beta in measured.beta.values:
        for memory in measured.memory.values:
            row, column = f"β = {beta:g}", f"{memory} lags"
            at = {"beta": beta, "memory": memory}
            ledger.using(table="Bond").ours_alone(
                Cell(row, column, f"bond, {row}, {column}"),
                measured.bond.sel(at).values.reshape(1),
            )
            ledger.using(table="Bond, lags shuffled").ours_alone(
                Cell(row, column, f"bond, lags shuffled, {row}, {column}"),
                measured.mixed.sel(at),
            )
    ledger.ours_alone("time with four pairs over that with three", _ratio(measured))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Bonds by memory, in order and shuffled."""
    figure, axes = subplots(width=7.2, height=4)
    for place, beta in enumerate(measured.beta.values):
        colour = COLOURS[place]
        plot.line(
            measured.memory,
            measured.bond.sel(beta=beta),
            axes,
            "o-",
            color=colour,
            ms=4,
            label=f"β = {beta:g}",
        )
        plot.band(
            measured.mixed.sel(beta=beta, drop=True),
            axes,
            along="memory",
            colours=[colour],
            linestyle="--",
            label=f"β = {beta:g}, lags shuffled",
        )
    axes.set(xlabel="memory in steps of 0.1", ylabel="largest bond")
    axes.legend()
    yield Figure(
        figure,
        "The largest bond of a chain at one cutoff. Broken: the same weights at "
        "shuffled lags, mean of shuffles with its 95 % confidence interval.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Bonds, growth by shuffling, and time by labels."""
    growth = _growth(measured)
    return {
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
        "bonds": measured.bond,
        "growth": {float(b): growth.sel(beta=b) for b in growth.beta.values},
        "never_less": bool((growth >= 1).all()),
        "ratio": _ratio(measured),
        "same_bond": bool(np.ptp(measured.label_bond.values) == 0),
        "label_bonds": measured.label_bond.values,
    }
