"""Figure 1 of Niu et al. 2024: energies over the same patterns, and their minima."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import xarray as xr

from isinglass._common.numerals import typeset
from isinglass.energy import (
    ModernHopfield,
    NearestNeighbour,
    critical_inverse_temperature,
    find_minima,
    nearest_neighbour_force,
    squared_nearest_distance,
    turning_points,
)
from isinglass.experiments.memory.landscape_figures import draw_line, draw_plane
from isinglass.experiments.memory.setting import FIG_1, padded
from isinglass.reproduce import Context, Figure, Ledger

LANDSCAPES = (NearestNeighbour(1.0), ModernHopfield(2.0))
NEAREST, MODERN = (landscape.name for landscape in LANDSCAPES)
BETAS = (0.1, 30.0)
SIDE = 1.5  # standard deviation of random patterns: as wide as those of the figure


@dataclass(frozen=True)
class Setting:
    """How fine landscapes are.

    Attributes:
        across: Points along each axis of the plane.
        line: Points along the line.
        betas: Inverse temperatures at which minima on the line are followed.
    """

    across: int
    line: int
    betas: int


SETTINGS = {"default": Setting(161, 4001, 240), "quick": Setting(81, 2001, 120)}


def measure(context: Context) -> xr.Dataset:
    """Energies over the plane and the line, their minima, and those of random sets."""
    setting = SETTINGS[context.resolution]
    with jax.enable_x64(True):
        energies, minima = {}, []
        for space, patterns in context.progress.track(FIG_1.items(), "landscapes"):
            axes = grid_axes(patterns, setting)
            energies[f"energy_{space}"] = energy_on(axes, patterns)
            minima.append(minima_of(axes, patterns))
        spaces = {
            name: (dimensions, padded([space[name] for space in minima]))
            for name, dimensions in MINIMA.items()
        }
        spaces["is_own"] = (MINIMA["is_own"], spaces["is_own"][1] == 1)
        names = {"space": list(FIG_1), "energy": [NEAREST, MODERN]}
        measured = xr.Dataset(energies | spaces, names)
        return measured.merge(minima_by_beta(setting)).merge(random_sets(context))


def grid_axes(patterns: np.ndarray, setting: Setting) -> list[np.ndarray]:
    """Coordinates along each axis, with some room beside the patterns."""
    points = setting.line if patterns.shape[1] == 1 else setting.across
    low, high = patterns.min(0) - 1.25, patterns.max(0) + 1.25
    return [np.linspace(a, b, points) for a, b in zip(low, high, strict=True)]


def energy_on(axes: list[np.ndarray], patterns: np.ndarray) -> xr.DataArray:
    """g, E and 2 E_MCHN − log m over a grid."""
    x = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    nearest, modern = LANDSCAPES
    energies = (
        squared_nearest_distance(x, patterns),
        nearest.energy(x, patterns),
        2 * modern.energy(x, patterns) - np.log(len(patterns)),
    )
    names = ("x", "y") if len(axes) == 2 else ("line",)
    coordinates = dict(zip(names, axes, strict=True))
    coordinates = {"landscape": ["g", NEAREST, MODERN], **coordinates}
    return xr.DataArray(np.stack(energies), coordinates, list(coordinates))


# What `minima_of` finds, with its dimensions once spaces are stacked.
MINIMA = {
    "minima": ("space", "energy", "minimum", "axis"),
    "distance": ("space", "energy", "pattern"),
    "is_own": ("space", "energy", "pattern"),
    "critical": ("space", "energy"),
}


def minima_of(axes: list[np.ndarray], patterns: np.ndarray) -> dict[str, np.ndarray]:
    """Minima of both energies, and from which β on each pattern has its own.

    β of the modern energy is twice that of the other.
    """
    every = slice(None, None, max(1, len(axes[0]) // 20))
    coarse = np.meshgrid(*(axis[every] for axis in axes), indexing="ij")
    starts = np.stack(coarse, -1).reshape(-1, len(axes))
    minima = [find_minima(patterns, landscape, starts) for landscape in LANDSCAPES]
    low, high = BETAS
    critical = [
        critical_inverse_temperature(patterns, type(landscape), low=low, high=high)
        for landscape in LANDSCAPES
    ]
    return {
        "minima": padded([energy.places for energy in minima]),
        "distance": np.stack([energy.distance for energy in minima]),
        "is_own": np.stack([energy.is_own for energy in minima]),
        "critical": np.array(critical),
    }


def minima_by_beta(setting: Setting) -> xr.Dataset:
    """Minima and maxima of E on the line as it sharpens."""
    patterns = FIG_1["1-D"]
    x = np.linspace(patterns.min() - 0.5, patterns.max() + 0.5, setting.line)
    betas = np.geomspace(*BETAS, setting.betas)
    points = [
        turning_points(
            x, np.asarray(nearest_neighbour_force(x[:, None], patterns, beta))[:, 0]
        )
        for beta in betas
    ]
    minima, maxima = map(padded, zip(*points, strict=True))
    return xr.Dataset(
        {
            "minima_by_beta": (("beta", "branch"), minima),
            "maxima_by_beta": (("beta", "between"), maxima),
        },
        {"beta": betas},
    )


def random_sets(context: Context) -> xr.Dataset:
    """Sets of three normal patterns in the plane: their minima and separations."""
    is_own, separation = [], []
    for seed in context.progress.track(context.seeds, "random sets"):
        patterns = SIDE * context.rng("patterns", seed).standard_normal((3, 2))
        between = np.linalg.norm(patterns[:, None] - patterns, axis=-1)
        separation.append((between + np.diag([np.inf] * 3)).min(1))
        is_own.append([find_minima(patterns, energy).is_own for energy in LANDSCAPES])
    return xr.Dataset(
        {
            "is_own_in_set": (("seed", "energy", "pattern"), np.array(is_own)),
            "separation": (("seed", "pattern"), np.array(separation)),
        },
        {"seed": list(context.seeds), "energy": [NEAREST, MODERN]},
    )


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Proposition 1 on the grids; minima by space and energy."""
    ledger = ledger.using(because="The paper draws the landscape and gives no number")
    for space in measured.space.values:
        g, energy = measured[f"energy_{space}"].sel(landscape=["g", NEAREST])
        slack = 1e-12 * (1 + g)
        holds = (energy <= g + slack) & (energy >= g - np.log(3) - slack)
        ledger.using(source="Proposition 1").share(
            f"{space}: points of the grid where g − log 3 ≤ E ≤ g",
            int(holds.sum()),
            holds.size,
            100.0,
        )
        gap = (g - energy).max() / np.log(3)
        ledger.ours_alone(f"{space}: largest g − E in units of log 3", gap)
        for name in measured.energy.values:
            _compare_minima(measured.sel(space=space, energy=name), ledger)
    for name in measured.energy.values:
        is_own = measured.is_own_in_set.sel(energy=name).all("pattern")
        ledger.using(source="beyond the paper").share(
            f"random sets of three where each has its own, {name}",
            int(is_own.sum()),
            is_own.size,
        )


def _compare_minima(minima: xr.Dataset, ledger: Ledger) -> None:
    """The minima of one energy in one space."""
    space, name = minima.space.item(), minima.energy.item()
    ledger.ours_alone(f"{space}: minima, {name}", _count(minima))
    what = f"{space}: patterns with a minimum of their own, {name}"
    ledger.share(what, int(minima.is_own.sum()), minima.is_own.size)
    what = f"{space}: longest way from a pattern down to a minimum, {name}"
    ledger.ours_alone(what, minima.distance.max())
    if np.isfinite(minima.critical):
        energy = name.partition(",")[0]
        what = f"{space}: β from which each pattern has its own, {energy}"
        ledger.ours_alone(what, minima.critical)


def _count(minima: xr.Dataset) -> int:
    return int(minima.minima.notnull().any("axis").sum())


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What is said of each space, with its points in words."""
    return {
        "spaces": [_tell_space(measured, space) for space in FIG_1],
        "in_sets": measured.is_own_in_set.all("pattern").sum("seed"),
        "is_right": measured.is_own_in_set.sel(energy=NEAREST)
        == (measured.separation > np.sqrt(2)),
        "BETAS": BETAS,
    }


def _tell_space(measured: xr.Dataset, space: str) -> dict[str, Any]:
    minima, patterns = measured.sel(space=space), FIG_1[space]
    nearest, modern = (minima.sel(energy=name) for name in (NEAREST, MODERN))
    g, energy = measured[f"energy_{space}"].sel(landscape=["g", NEAREST])
    return {
        "name": space,
        "minima": {
            name: [
                _point(place, 3)
                for place in minima.minima.sel(energy=name).values
                if np.isfinite(place).any()
            ]
            for name in (NEAREST, MODERN)
        },
        "distance": nearest.distance,
        "merged": [_point(p, 1) for p in patterns[~nearest.is_own.values]],
        "merged_in_modern": [_point(p, 1) for p in patterns[~modern.is_own.values]],
        "critical": float(nearest.critical),
        "critical_in_modern": float(modern.critical),
        "gap": float((g - energy).max() / np.log(3)),
    }


def _point(point: np.ndarray, digits: int) -> str:
    """Coordinates in words; one alone without brackets."""
    numbers = [typeset(f"{x:.{digits}f}") for x in point if np.isfinite(x)]
    return f"({', '.join(numbers)})" if len(numbers) > 1 else numbers[0]


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """The landscapes of the plane, and those of the line with what β does."""
    counts = [
        _count(measured.sel(space="2-D", energy=name)) for name in (NEAREST, MODERN)
    ]
    yield Figure(
        draw_plane(measured),
        "Three energies over the same three patterns (stars), with one scale of "
        "colours; contours are evenly spaced in the square root of the energy above "
        "the lowest. Dashed: where the nearest pattern changes, and g has a crease. "
        "Thin lines with arrows lead downhill; "
        f"circles are minima: {counts[0]} of E, {counts[1]} of the modern Hopfield "
        "energy.",
        part="2d",
    )
    yield Figure(
        draw_line(measured),
        "Left: the energies over the patterns −2, 0 and 1 (stars), with their minima "
        "(dots). Shaded: where Proposition 1 lets E be. Right: minima of E (blue) and "
        "the maxima between them (grey) by inverse temperature; dotted: the patterns.",
        part="1d",
    )
