"""Numbers of patterns at which half of the retrievals fail, and how they grow."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from isinglass._common.intervals import Interval
from isinglass.energy import (
    Demircigil,
    HalfPoint,
    Hopfield,
    KrotovHopfield,
    NearestNeighbour,
    RetrievalTask,
    SignLandscape,
    capacity,
    fixed_point_capacity,
    half_point,
    separation_capacity,
)
from isinglass.energy.capacity_growth import growth_law
from isinglass.experiments.memory.setting import padded
from isinglass.reproduce import Context

# Precisions: of continuous energies; no wrong sign; at most 3 % of them (0.35²/4).
CLOSE, EXACT, NEARLY = 0.3, 0.01, 0.35
ENERGIES: Mapping[str, SignLandscape] = {
    "Hopfield": Hopfield(),
    "k = 3": KrotovHopfield(3),
    "k = 4": KrotovHopfield(4),
    "Demircigil": Demircigil(),
}
WRONG, WHOLE, SEPARATED = (
    "Hopfield, 3 % wrong",
    "Demircigil, whole sets",
    "nearest neighbour",
)
# Growth that theory expects for n → ∞: powers of n, and, of whole sets, what is proved
# of log₂ per component.
POWERS = {"Hopfield": 1.0, "k = 3": 2.0, "k = 4": 3.0}
DOUBLINGS = {WHOLE: 0.5, "Demircigil": None}
ENDS = ["mean", "low", "high"]


@dataclass(frozen=True)
class Setting:
    """What to measure.

    Attributes:
        dimension: n of the maps over noise, and of the continuous energies.
        counts: Numbers of patterns of the maps.
        noises: Shares of turned signs of the maps.
        dimensions: By energy, n at which the number of patterns is raised until half
            fail.
        factors: That number as a multiple of the one that theory gives.
        separations: Of the patterns of continuous energies.
        error_counts: Numbers of patterns at which the error is measured.
    """

    dimension: int
    counts: Sequence[int]
    noises: Sequence[float]
    dimensions: Mapping[str, Sequence[int]]
    factors: Sequence[float]
    separations: Sequence[float]
    error_counts: Sequence[int]


def half_points(
    context: Context, setting: Setting, key: Any
) -> dict[str, list[HalfPoint]]:
    """Numbers at which half of the patterns, or of the sets, are not fixed points."""
    halves: dict[str, list[HalfPoint]] = {}
    jobs = [(name, n) for name, sizes in setting.dimensions.items() for n in sizes]
    for name, n in context.progress.track(jobs, "where capacity breaks"):
        counts, probes, theory = counts_for(name, n, setting.factors)
        trials = len(context.seeds)
        task = RetrievalTask(counts, (0.0,), dimension=n, trials=trials, probes=probes)
        exact = shares_of(ENERGIES[name], task, EXACT, key)
        points = {name: half_point(n, counts, exact, theory)}
        if name == "Demircigil":
            whole, expected = (exact == 1).astype(float), np.sqrt(np.log(4) * 2**n / n)
            points[WHOLE] = half_point(n, counts, whole, float(expected))
        if name == "Hopfield":
            nearly = shares_of(ENERGIES[name], task, NEARLY, key)
            points[WRONG] = half_point(n, counts, nearly, 0.138 * n)
        for kind, point in points.items():
            halves.setdefault(kind, []).append(point)
    return halves


def counts_for(
    name: str, n: int, factors: Sequence[float]
) -> tuple[list[int], int, float]:
    """Numbers of patterns to try, how many to look for, and what theory expects."""
    theory = fixed_point_capacity(ENERGIES[name], n)
    if name == "Demircigil":
        counts = [2**power for power in range(max(1, n // 2 - 3), min(n, 11) + 1)]
        return counts, max(counts), theory
    return sorted({max(2, round(theory * factor)) for factor in factors}), 32, theory


def shares_of(
    landscape: SignLandscape, task: RetrievalTask, precision: float, key: Any
) -> np.ndarray:
    """Shares retrieved without noise, by number and set of patterns."""
    maps = capacity([landscape], task, precision=precision, key=key, steps=50)
    return maps["retrieved"].isel(energy=0, separation=0, noise=0).values


def by_separation(context: Context, setting: Setting, key: Any) -> list[HalfPoint]:
    """Numbers at which half of the retrievals of the paper's energy fail."""
    n, points = setting.dimension, []
    for separation in context.progress.track(setting.separations, "separations"):
        theory = separation_capacity(separation, n, precision=CLOSE)
        counts = sorted({max(2, round(1.4 * theory * f)) for f in setting.factors})
        trials = len(context.seeds)
        task = RetrievalTask(counts, (0.0,), (separation,), dimension=n, trials=trials)
        maps = capacity([NearestNeighbour(1.0)], task, precision=CLOSE, key=key)
        shares = maps["retrieved"].isel(energy=0, noise=0, separation=0).values
        points.append(half_point(separation, counts, shares, theory))
    return points


def table_of(halves: Mapping[str, Sequence[HalfPoint]]) -> xr.Dataset:
    """Half points by kind and rank, NaN where a kind has fewer, and their growth."""
    growth = [
        growth_law(points, POWERS.get(kind)) if kind in {*POWERS, *DOUBLINGS} else None
        for kind, points in halves.items()
    ]
    none = Interval(np.nan, np.nan, np.nan)
    columns = {
        "place": lambda point: [point.place],
        "theory": lambda point: [point.theory],
        "number": lambda point: point.interval,
    }
    tables = {
        name: padded(
            [np.array([column(p) for p in points]) for points in halves.values()]
        )
        for name, column in columns.items()
    }
    return xr.Dataset(
        {
            "place": (("kind", "rank"), tables["place"][..., 0]),
            "theory": (("kind", "rank"), tables["theory"][..., 0]),
            "number": (("kind", "rank", "end"), tables["number"]),
            "growth": (("kind", "end"), np.array([law or none for law in growth])),
        },
        {"kind": list(halves), "end": ENDS},
    )
