"""What the bath weighs lags with, read as attention, and what forgetting costs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import rankdata

from isinglass import plot
from isinglass.experiments.paths.setting import (
    CUTOFF,
    FLIP,
    SPINS,
    STEP,
    STRENGTH,
    shuffled,
)
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.paths import (
    Bath,
    Coefficients,
    Drude,
    Ohmic,
    OpenSystem,
    TimeGrid,
    influence_coefficients,
)
from isinglass.systems.paths.propagate import ChainRun, run_chain

BATHS = ("Ohmic", "Drude")
PARTS = ("real", "imaginary")
LAGS = 200
FAR = (50, 100)  # lags between which powers are taken
NEAR = (10, 20)  # and rates, where an exponential is not yet lost in rounding


@dataclass(frozen=True)
class Setting:
    """What is run.

    Attributes:
        betas: Inverse temperatures.
        steps: Of chains whose memory is cut.
        cuts: Lags that are left.
        cutoff: Of singular values.
    """

    betas: tuple[float, ...] = (0.5, 1.0, 5.0, 50.0)
    steps: int = 12
    cuts: tuple[int, ...] = (1, 2, 3, 4, 6, 8)
    cutoff: float = 1e-11


SETTINGS = {
    "quick": Setting((0.5, 5.0), 10, (1, 2, 4, 8), 1e-10),
    "default": Setting(),
}


def measure(context: Context) -> xr.Dataset:
    """Weights by lag, how they fall, and the error of maps without late lags.

    `weight` |Re η| and |Im η| of inner slices; `power` −d log/d log lag between lags 50
    and 100; `rate` −d log/dt between 10 and 20; `share` of Σ|η| beyond a lag; `error`
    of the last map when lags beyond it are left out; `mixed_share`, `mixed_error` the
    same with lags shuffled, a shuffle a seed.
    """
    options = SETTINGS[context.resolution]
    lags = np.arange(1, LAGS + 1)
    axes = {"bath": BATHS, "beta": options.betas}
    weight = context.table(**axes, part=PARTS, lag=lags)
    for name, beta in context.cases(*axes.values(), what="baths"):
        system = OpenSystem(FLIP, SPINS, bath_of(name, beta))
        eta = influence_coefficients(system, TimeGrid(STEP, LAGS)).inner
        weight.loc[name, beta, "real"] = abs(np.real(eta))
        weight.loc[name, beta, "imaginary"] = abs(np.imag(eta))
    with np.errstate(divide="ignore", invalid="ignore"):
        far = _fall(weight, FAR) / np.log(FAR[1] / FAR[0])
        near = _fall(weight, NEAR) / (STEP * (NEAR[1] - NEAR[0]))
    axes["cut"] = options.cuts
    share, error = context.table(**axes), context.table(**axes)
    mixed_share = context.table(**axes, seed=context.seeds)
    mixed_error = context.table(**axes, seed=context.seeds)
    for name, beta in context.cases(BATHS, options.betas, what="memories"):
        system = OpenSystem(FLIP, SPINS, bath_of(name, beta))
        grid = TimeGrid(STEP, options.steps)
        weights = influence_coefficients(system, grid)
        share.loc[name, beta], error.loc[name, beta] = _forgotten(
            system, options, weights
        )
        for seed in context.seeds:
            lost = _forgotten(
                system, options, shuffled(weights, context.rng("lags", seed))
            )
            mixed_share.loc[name, beta, :, seed] = lost[0]
            mixed_error.loc[name, beta, :, seed] = lost[1]
    return xr.Dataset(
        {
            "weight": weight,
            "power": far,
            "rate": near,
            "share": share,
            "error": error,
            "mixed_share": mixed_share,
            "mixed_error": mixed_error,
        }
    )


def _fall(weight: xr.DataArray, lags: tuple[int, int]) -> Any:
    """By which logarithm weights fall between two lags."""
    first, last = (weight.sel(lag=lag, drop=True) for lag in lags)
    return np.log(first / last)


def bath_of(name: str, beta: float) -> Bath:
    """Both baths have one reorganisation energy."""
    bath = Ohmic(STRENGTH, CUTOFF, beta)
    if name == "Ohmic":
        return bath
    return Drude(4 * bath.reorganization, CUTOFF, beta)


def _forgotten(
    system: OpenSystem, options: Setting, weights: Coefficients
) -> tuple[np.ndarray, np.ndarray]:
    """Share of weight beyond each lag, and the error of the last map without it."""
    sizes = abs(weights.inner)
    shares = [sizes[cut:].sum() / sizes.sum() for cut in options.cuts]

    def last(memory: int | None) -> np.ndarray:
        grid = TimeGrid(STEP, options.steps, memory)
        lags = grid.reach
        some = weights._replace(
            inner=weights.inner[:lags],
            end_inner=weights.end_inner[:lags],
            ends=weights.ends[:lags],
        )
        return run_chain(system, grid, ChainRun(options.cutoff, some))[0][-1]

    whole = last(None)
    errors = [abs(last(cut) - whole).max() for cut in options.cuts]
    return np.array(shares), np.array(errors)


def _rank_correlation(share: xr.DataArray, error: xr.DataArray) -> float:
    """Spearman's, over both baths, all temperatures and all lags."""
    ranks = [rankdata(values.values.ravel()) for values in (share, error)]
    return float(np.corrcoef(*ranks)[0, 1])


def _ranked(measured: xr.Dataset) -> xr.DataArray:
    """Spearman's correlation of share beyond a lag and error, by shuffle."""
    return xr.DataArray(
        [
            _rank_correlation(
                measured.mixed_share.sel(seed=seed), measured.mixed_error.sel(seed=seed)
            )
            for seed in measured.seed.values
        ],
        dims="seed",
        attrs={"valid_range": [-1, 1]},
    )


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """How weights fall, and whether the share beyond a lag tells of its cost."""
    ledger = ledger.using(because="The paper does not read it as attention")
    slopes = {
        "Power of lag, Ohmic": (measured.power.sel(bath="Ohmic"), PARTS),
        "Rate, Drude": (measured.rate.sel(bath="Drude"), PARTS[:1]),
    }
    for title, (table, parts) in slopes.items():
        for part in parts:
            for beta in measured.beta.values:
                cell = Cell(part, f"β = {beta:g}", f"{title}: {part}, β = {beta:g}")
                value = table.sel(beta=[beta], part=part).values
                ledger.using(table=title).ours_alone(cell, value)
    ledger.ours_alone(
        "rank correlation of share and error, lags shuffled", _ranked(measured)
    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Weights by lag, and errors by share."""
    figure, (left, right) = subplots(1, 2, width=11, height=3.8)
    for place, beta in enumerate(measured.beta.values):
        for part, style in zip(PARTS, ("-", ":"), strict=True):
            values = measured.weight.sel(bath="Ohmic", beta=beta, part=part)
            plot.line(
                measured.lag,
                values,
                left,
                style,
                color=COLOURS[place],
                label=f"β = {beta:g}" if part == "real" else None,
            )
        plot.line(
            measured.mixed_share.sel(beta=beta).values.ravel(),
            measured.mixed_error.sel(beta=beta).values.ravel(),
            right,
            ".",
            ms=2,
            alpha=0.4,
            color=COLOURS[place],
        )
        plot.line(
            measured.share.sel(beta=beta).values.ravel(),
            measured.error.sel(beta=beta).values.ravel(),
            right,
            "o",
            ms=5,
            color=COLOURS[place],
            label=f"β = {beta:g}",
        )
    for axes in (left, right):
        axes.set(xscale="log", yscale="log")
    left.set(xlabel="lag in steps of 0.1", ylabel="|Re η|, dotted |Im η|, Ohmic")
    left.legend()
    right.set(xlabel="share of |η| beyond a lag", ylabel="error without it")
    right.legend()
    yield Figure(
        figure,
        "Left: weights of attention over lags. Right: the error of the last map when "
        "the memory ends at some lag, by the share of the weights beyond it, both "
        "baths; small: the same weights at shuffled lags.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Slopes, and the rank correlation in order and shuffled."""
    cut = measured.share > 0
    amplified = (measured.error / measured.share).where(cut)
    return {
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
        "power": measured.power,
        "rate": measured.rate,
        "limits": {float(b): 2 * np.pi / b for b in measured.beta.values},
        "cutoff": CUTOFF,
        "far": FAR,
        "near": NEAR,
        "in_order": _rank_correlation(measured.share, measured.error),
        "mixed": _ranked(measured),
        "least": float(amplified.min()),
        "most": float(amplified.max()),
    }
