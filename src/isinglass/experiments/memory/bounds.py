"""Propositions 1 to 3 and Eq. 8 over random patterns: does any fail, and how tight?"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.energy import (
    global_energy_slack,
    modern_hopfield_slack,
    modern_nearest_slack,
    nearest_distance_slack,
    split_layers,
)
from isinglass.experiments.memory.pattern_sets import (
    DISTRIBUTIONS,
    SEPARATIONS,
    draw_sets,
)
from isinglass.experiments.memory.setting import arranged
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger

LAYERS = 4


@dataclass(frozen=True)
class Statement:
    """A statement of the paper.

    Attributes:
        says: What it says.
        place: Where a state is in the interval that is allowed: 0 where both sides of
            the equality meet, 1 at the other end.
        label: The same for the axis of a figure.
    """

    says: str
    place: str
    label: str


STATEMENTS = {
    "Proposition 1": Statement(
        "g − log m ≤ E ≤ g",
        "(g − E) / log m",
        "$(g - E)\\;/\\;\\log m$",
    ),
    "Proposition 2": Statement(
        "|E − (2 E_MCHN − log m)| ≤ max|ρ|² − min|ρ|²",
        "(2 E_MCHN − log m − E) / (max|ρ|² − min|ρ|²)",
        "$(2E_{MCHN} - \\log m - E)\\;/\\;\\Delta$",
    ),
    "Proposition 3": Statement(
        "g ≤ 2 E_MCHN ≤ g + log m + max|ρ|² − min|ρ|²",
        "(2 E_MCHN − g) / (log m + max|ρ|² − min|ρ|²)",
        "$(2E_{MCHN} - g)\\;/\\;(\\log m + \\Delta)$",
    ),
    "Equation 8": Statement(
        "min E_t − log l ≤ E_global ≤ min E_t",
        "(min E_t − E_global) / log l",
        "$(\\min E_t - E_{global})\\;/\\;\\log l$",
    ),
}


@dataclass(frozen=True)
class Setting:
    """Dimensions n, and numbers of patterns m."""

    dimensions: Sequence[int]
    counts: Sequence[int]


SETTINGS = {
    "default": Setting((2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), (4, 32, 128)),
    "quick": Setting((2, 16, 128, 1024), (32,)),
}


def measure(context: Context) -> xr.Dataset:
    """Where states are between the bounds, for sets of patterns of every kind.

    Returns:
        Of every set, a kind of it, and every statement: `excess`, how far the worst
        state is outside, over what rounding may do (above 1 it is a violation), and
        `place`, where each state is (`Statement`), NaN where the interval has no width.
        `above` is the largest E − (2 E_MCHN − log m), over what rounding may do.
    """
    setting = SETTINGS[context.resolution]
    axes = {"n": setting.dimensions, "m": setting.counts, "seed": context.seeds}
    what = "sets by dimension and number of patterns"
    with jax.enable_x64(True):
        results = []
        for n, m, seed in context.cases(*axes.values(), what=what):
            rng = context.rng("patterns and states", seed, n, m)
            results.append(places(*draw_sets(rng, n, m)))
    return arranged(results, axes)


def places(
    kinds: dict[str, list[Any]], patterns: np.ndarray, states: np.ndarray
) -> xr.Dataset:
    """Where the states of many sets are between the bounds: see `measure`."""
    excess, place, above = map(np.asarray, _places(states, patterns))
    return xr.Dataset(
        {
            "excess": (("kind", "statement"), excess),
            "place": (("kind", "state", "statement"), place),
            "above": ("kind", above),
        },
        {name: ("kind", values) for name, values in kinds.items()}
        | {"statement": list(STATEMENTS)},
    )


@jax.jit
@jax.vmap
def _places(states: Any, patterns: Any) -> Any:
    first, second, third = (
        slack(states, patterns)
        for slack in (
            nearest_distance_slack,
            modern_hopfield_slack,
            modern_nearest_slack,
        )
    )
    layers = split_layers(patterns, min(LAYERS, len(patterns)))
    fourth = global_energy_slack(states, layers)
    squared = (patterns**2).sum(-1)
    # What float64 may do to sums of n products of this size.
    size = 1 + (states**2).sum(-1) + squared.max()
    rounding = (16 + patterns.shape[1]) * jnp.finfo(states.dtype).eps * size
    slacks = (first, second, third, fourth)
    outside = jnp.stack(
        [-jnp.minimum(slack.below, slack.above) for slack in slacks], -1
    )
    spread = squared.max() - squared.min()
    # Lengths that are equal but for rounding leave Proposition 2 no width.
    is_wide = spread > 1e-9 * squared.max()
    over = (second.below - second.above) / 2  # E − (2 E_MCHN − log m)
    place = [
        first.above / (first.above + first.below),
        jnp.where(is_wide, -over / jnp.where(is_wide, spread, 1), jnp.nan),
        third.below / (third.above + third.below),
        fourth.above / (fourth.above + fourth.below),
    ]
    excess = (outside / rounding[:, None]).max(0)
    return excess, jnp.stack(place, -1), (over / rounding).max()


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Each statement over all sets, and where states are by separation."""
    for name, statement in STATEMENTS.items():
        ledger = ledger.using(
            source=name,
            because="The paper proves bounds and does not say how tight they are",
        )
        holds = measured.excess.sel(statement=name) <= 1
        ledger.share(
            f"sets of patterns where {statement.says} at all states",
            int(holds.sum()),
            holds.size,
            100.0,
        )
        for separation, sets in measured.place.groupby("separation"):
            place = by_set(sets.sel(statement=name))
            if place.size:
                cell = Cell(statement.place, f"separation {separation:g}")
                ledger.ours_alone(cell, place)
    ledger.using(source="beyond the paper").share(
        "sets of patterns where E ≤ 2 E_MCHN − log m at all states",
        int((measured.above <= 1).sum()),
        measured.above.size,
        because="Proposition 2 bounds both sides alike; this side needs no bound at "
        "all",
    )


def by_set(place: xr.DataArray) -> np.ndarray:
    """Mean over the states of each set: they are not independent. NaN is left out."""
    mean = place.transpose("n", "m", "seed", "kind", "state").values.mean(-1).ravel()
    return mean[np.isfinite(mean)]


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Violations, and the median places at the least and the largest separation."""
    is_flat = measured.place.sel(statement="Proposition 2").isnull().all("state")
    excess = measured.excess
    by_separation = measured.place.groupby("separation")
    return {
        "medians": 100 * by_separation.median(["n", "m", "seed", "kind", "state"]),
        "violations": (excess > 1).sum(["n", "m", "seed", "kind"]),
        "sets": measured.above.size,
        "ends": [SEPARATIONS[0], SEPARATIONS[-1]],
        "is_flat": is_flat,
        "flat_excess": excess.sel(statement="Proposition 2").where(is_flat).max(),
    }


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Where states are, by dimension and separation, a panel a statement."""
    figure, panels = subplots(2, 2, width=9.5, height=6.4, sharex=True, sharey=True)
    for (name, statement), panel in zip(STATEMENTS.items(), panels.flat, strict=True):
        by_separation = measured.place.sel(statement=name).groupby("separation")
        for colour, (separation, sets) in zip(COLOURS, by_separation, strict=False):
            rest = [axis for axis in sets.dims if axis != "n"]
            low, middle, high = sets.quantile([0.25, 0.5, 0.75], rest, skipna=True)
            shade = {"color": colour, "alpha": 0.15, "linewidth": 0}
            plot.ribbon(sets.n, low, high, panel, **shade)
            line = {
                "color": colour,
                "markersize": 4,
                "label": f"separation {separation:g}",
            }
            plot.line(sets.n, middle, panel, "o-", **line)
        panel.axhline(0, color=MUTED, linewidth=1)
        panel.axhline(1, color=MUTED, linewidth=1)
        panel.set(title=name, ylim=(-0.06, 1.06), ylabel=statement.label)
        panel.set_xscale("log", base=2)
        panel.set_xticks(measured.n, [str(n) for n in measured.n.values])
        panel.minorticks_off()
    for panel in panels[1]:
        panel.set_xlabel("dimension n")
    lines = panels[0, 0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside upper right", ncols=3)
    counts = ", ".join(map(str, measured.m.values))
    yield Figure(
        figure,
        "Where states are within the interval that each statement allows: between 0 "
        "and 1, both bounds included, if it holds. Lines are medians over sets of "
        "patterns and states, bands "
        "hold the middle half of them; colours: root mean square distance of two "
        f"patterns. Patterns are {', '.join(DISTRIBUTIONS)}, as drawn and of one "
        f"length; m = {counts}. "
        "Δ = max|ρ|² − min|ρ|²; sets of one length, where it is 0, are not in the "
        "panel of Proposition 2.",
    )
