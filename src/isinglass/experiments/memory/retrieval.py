"""How many patterns each energy of the Hopfield family holds against noise."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass._common.intervals import Interval
from isinglass.energy import (
    ModernHopfield,
    NearestNeighbour,
    RetrievalTask,
    capacity,
    descend,
)
from isinglass.experiments.memory.half_points import (
    CLOSE,
    DOUBLINGS,
    ENERGIES,
    POWERS,
    SEPARATED,
    WRONG,
    Setting,
    by_separation,
    half_points,
    table_of,
)
from isinglass.experiments.memory.retrieval_figures import (
    draw_errors,
    draw_halves,
    draw_maps,
)
from isinglass.reproduce import Context, Figure, Ledger

SEPARATIONS = (2.5, 3.0, 4.0)  # at which the error is measured
WIDTHS = (0.0, 0.2, 0.4, 0.6, 0.8)  # by which lengths differ from the middle one
LENGTHS = 64  # patterns of unequal lengths
CONTINUOUS = (ModernHopfield(2.0), NearestNeighbour(1.0))
MODERN, NEAREST = (landscape.name for landscape in CONTINUOUS)

SETTINGS = {
    "default": Setting(
        dimension=64,
        counts=(4, 8, 16, 32, 128, 512, 2048),
        noises=(0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
        dimensions={
            "Hopfield": (64, 128, 256, 512),
            "k = 3": (16, 24, 32, 48),
            "k = 4": (12, 16, 24),
            "Demircigil": (8, 10, 12, 14),
        },
        factors=(0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0),
        separations=(2.0, 2.4, 2.8, 3.2),
        error_counts=(8, 64, 512),
    ),
    "quick": Setting(
        dimension=32,
        counts=(4, 32, 256),
        noises=(0.0, 0.1, 0.2, 0.3, 0.4),
        dimensions={"Hopfield": (32, 64), "k = 3": (16, 24), "Demircigil": (8, 10)},
        factors=(0.5, 0.75, 1.0, 1.3, 2.0),
        separations=(2.0, 2.8),
        error_counts=(8, 64),
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Maps over noise, numbers at which half fail, unequal lengths, and errors.

    Returns:
        `retrieved`: shares by energy, number of patterns and noise. Of each kind of
        half point, as many as there are: `place`, n or the separation, `number`, with
        its interval, and `theory`; `growth` by n. `by_length`: shares retrieved of
        patterns whose lengths differ. `error`: |x − ρ|/|ρ| in the end, of the paper's
        energy. All by set of patterns, "seed".
    """
    setting, keys = SETTINGS[context.resolution], _keys(context)
    context.progress.step("noise and number of patterns")
    shape = {"dimension": setting.dimension, "trials": len(context.seeds)}
    maps = capacity(
        [*ENERGIES.values(), *CONTINUOUS],
        RetrievalTask(setting.counts, setting.noises, (3.0,), **shape),
        precision=CLOSE,
        key=keys[0],
    )
    halves = half_points(context, setting, keys[1])
    halves[SEPARATED] = by_separation(context, setting, keys[2])
    context.progress.step("errors")
    task = RetrievalTask(setting.error_counts, setting.noises, SEPARATIONS, **shape)
    errors = capacity([NearestNeighbour(1.0)], task, key=keys[3])
    error = errors["error"].isel(energy=0, drop=True).rename(patterns="count")
    variables = {
        "retrieved": maps["retrieved"].isel(separation=0, drop=True),
        "error": error,
        "by_length": by_length(context, setting.dimension),
    }
    measured = xr.Dataset(variables).rename(trial="seed").drop_attrs()
    return measured.merge(table_of(halves)).assign(dimension=setting.dimension)


def _keys(context: Context) -> list[Any]:
    return list(jax.random.split(jax.random.key(context.seed_of("retrieval")), 8))


def by_length(context: Context, n: int) -> xr.DataArray:
    """Patterns along random signs whose lengths are spread evenly around one."""
    trials = range(len(context.seeds))
    shares = np.empty((len(trials), len(CONTINUOUS), len(WIDTHS)))
    for trial in context.progress.track(trials, "unequal lengths"):
        rng = context.rng("unequal lengths", trial)
        signs = rng.choice([-1.0, 1.0], (LENGTHS, n))
        factors = rng.uniform(-1, 1, (LENGTHS, 1))
        for (e, landscape), (w, width) in product(
            enumerate(CONTINUOUS), enumerate(WIDTHS)
        ):
            patterns = 5.0 / np.sqrt(2 * n) * signs * (1 + width * factors)
            x = jnp.asarray(patterns)
            end = descend(x, x, landscape, steps=200).state
            error = np.linalg.norm(np.asarray(end) - patterns, axis=1)
            is_close = error <= CLOSE * np.linalg.norm(patterns, axis=1)
            shares[trial, e, w] = is_close.mean()
    axes = {"trial": trials, "continuous": [MODERN, NEAREST], "width": WIDTHS}
    return xr.DataArray(shares, {name: list(x) for name, x in axes.items()}, [*axes])


# -- views -----------------------------------------------------------------------------


def measured_points(measured: xr.Dataset, kind: str) -> list[xr.Dataset]:
    """The half points of a kind that lie within the numbers tried."""
    points = measured[["place", "theory", "number"]].sel(kind=kind)
    is_inside = np.isfinite(points.number).all("end") & (points.number[:, 1] > 0)
    return [points.isel(rank=rank) for rank in np.flatnonzero(is_inside)]


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Half points, their growth beside theory, shares by length, and errors."""
    ledger = ledger.using(
        because="The paper names these energies and counts no retrievals"
    )
    sets = measured.sizes["seed"]
    for kind in measured.kind.values:
        for point in measured_points(measured, kind):
            place = "separation" if kind == SEPARATED else "n"
            at = (
                f"{place} = {int(point.place)}"
                if place == "n"
                else f"{place} {point.place:g}"
            )
            what = f"{kind}: patterns where half fail, {at}"
            ledger.estimate(what, Interval(*point.number.values), sets)
    _compare_growth(measured, ledger)
    percent = 100 * measured.by_length
    for name, width in product((MODERN, NEAREST), (WIDTHS[0], WIDTHS[-1])):
        shares = percent.sel(continuous=name, width=width)
        what = f"{name}: retrieved at lengths within ±{100 * width:.0f} %"
        ledger.using(unit="%", valid_range=(0, 100)).ours_alone(what, shares)
    noises = measured.noise.values
    chosen = np.unique(noises[[0, len(noises) // 2, -1]])
    error = measured.error
    for s, m, noise in product(error.separation.values, error["count"].values, chosen):
        ledger.ours_alone(
            f"{NEAREST}: |x − ρ|/|ρ| in the end, separation {s:g}, m = {m:,}, "
            f"{100 * noise:g} % of signs turned",
            error.sel(separation=s, count=m, noise=noise),
        )


def _compare_growth(measured: xr.Dataset, ledger: Ledger) -> None:
    """What theory gives for n → ∞."""
    sets, kinds = measured.sizes["seed"], set(measured.kind.values)
    growth = {
        kind: Interval(*measured.growth.sel(kind=kind).values)
        for kind in {*POWERS, *DOUBLINGS} & kinds
        if measured.growth.sel(kind=kind).notnull().all()
    }
    powers = ledger.using(
        source="Hopfield 1982; Krotov & Hopfield 2016", because="Theory is for n → ∞"
    )
    for kind, power in POWERS.items():
        if kind in growth:
            what = f"{kind}: growth of that number by n, logarithms taken off"
            powers.estimate(what, growth[kind], sets, power)
    for point in measured_points(measured, WRONG)[-1:] if WRONG in kinds else ():
        n = float(point.place)
        what = f"Hopfield, 3 % of signs wrong: patterns per component, n = {n:.0f}"
        per_component = Interval(*(point.number.values / n))
        amit = powers.using(source="Amit et al. 1985")
        amit.estimate(what, per_component, sets, 0.138)
    for kind, doublings in DOUBLINGS.items():
        if kind in growth:
            because = (
                "2^(n/2) is what is proved to be held, by whole sets"
                if doublings is None
                else "2^(n/2) is a lower bound, for n → ∞"
            )
            exponential = ledger.using(source="Demircigil et al. 2017", because=because)
            what = f"{kind}: growth of log₂ of that number by n"
            exponential.estimate(what, growth[kind], sets, doublings)


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Shares without noise, half points and growth by kind, and errors."""
    retrieved = measured.retrieved
    clean = 100 * retrieved.isel(patterns=-1, noise=0).mean("seed")
    modern, nearest = (retrieved.sel(energy=name) for name in (MODERN, NEAREST))
    noises = measured.noise.values
    chosen = [0, len(noises) // 2, len(noises) - 1]
    return {
        "clean": clean,
        "difference": 100 * float(abs(modern - nearest).max()),
        "halves": {
            kind: measured_points(measured, kind) for kind in measured.kind.values
        },
        "DOUBLINGS": DOUBLINGS,
        "SEPARATED": SEPARATED,
        "length_shares": 100 * measured.by_length.mean("seed"),
        "widest": 100 * WIDTHS[-1],
        "LENGTHS": LENGTHS,
        "errors": measured.error.isel(noise=chosen).mean("seed"),
        "percent": [100 * noises[place] for place in chosen],
    }


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Maps over noise, half points with theory, and errors."""
    yield Figure(
        draw_maps(measured),
        f"Share of random patterns, n = {int(measured.dimension)}, that are retrieved "
        "from states "
        "with turned signs, |x − ρ| at most 0.3 |ρ|; white: half of them. Signs are "
        "turned one after another until none moves; the two continuous energies, whose "
        "patterns are 3 apart, take softmax updates. All energies see the same "
        "patterns and the same noise.",
        part="noise",
    )
    points = {kind: measured_points(measured, kind) for kind in measured.kind.values}
    yield Figure(
        draw_halves(measured, points, LENGTHS),
        "Number of patterns at which half of all retrievals from the pattern itself "
        "fail, with 95 % bootstrap intervals over sets of patterns, interpolated "
        "between the numbers tried, and "
        "estimates (dashed): signal against noise at this n for powers, 0.138 n with 3 "
        "% wrong signs, a pattern one sign away for the exponential, the loss of the "
        "fixed point for the continuous energy. “Whole sets”: half of the sets have a "
        "pattern that is no fixed point. Last: patterns of different lengths at a "
        "separation of 5, means over sets and where 90 % of them lie.",
        part="capacity",
    )
    yield Figure(
        draw_errors(measured),
        "How far from its pattern the paper's energy ends, by the share of signs that "
        "were turned at the start (dotted: how far that is from the pattern), for m "
        "patterns at three separations: means over sets of patterns, and where 90 % of "
        "the sets lie. 0: the pattern itself; 1: the middle of all patterns; about √2: "
        "another pattern.",
        part="error",
    )
