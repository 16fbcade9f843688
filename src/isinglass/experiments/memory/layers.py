"""Descent through layers, each of which minimises the energy of its own patterns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass.energy import descend_layers, global_energy, nearest_neighbour_energy
from isinglass.experiments.memory.layer_figures import draw_shares, names
from isinglass.experiments.memory.setting import arranged, over
from isinglass.reproduce import Cell, Context, Figure, Ledger

DIMENSION, PATTERNS, LAYERS, STARTS = 16, 24, 4, 32
NOISE = 0.3  # length of what is added to a pattern for a start, in separations
SPLITS = ("random", "neighbours together", "neighbours apart")
ORDERS = {"forward": 1, "backward": -1}
ROUNDING = 1e-10  # what float64 may do to an energy, relative to 1 + |E|


@dataclass(frozen=True)
class Setting:
    """What is measured.

    Attributes:
        separations: Root mean square distances of two patterns.
        radii: δ of the balls, in separations.
        splits: How patterns are spread over layers.
    """

    separations: Sequence[float]
    radii: Sequence[float]
    splits: Sequence[str] = SPLITS


SETTINGS = {
    "default": Setting((2.0, 5.0), (0.05, 0.1, 0.2, 0.4, np.inf)),
    "quick": Setting((5.0,), (0.1, np.inf), SPLITS[:2]),
}


def measure(context: Context) -> xr.Dataset:
    """Descents through the same patterns, split and ordered in several ways."""
    setting = SETTINGS[context.resolution]
    with jax.enable_x64(True):
        measured = [
            one_set(context.rng("patterns", seed), setting)
            for seed in context.progress.track(context.seeds, "sets of patterns")
        ]
    return xr.concat(measured, "seed").assign_coords(seed=list(context.seeds))


def one_set(rng: np.random.Generator, setting: Setting) -> xr.Dataset:
    """All descents among one set of patterns.

    Returns:
        Of every start: `origin`, the pattern beside which it is; `end`, the pattern
        nearest to where it ends, and `end_of_one_layer` where all patterns are in one
        layer with a ball as large as all together; whether layers never raise their
        own energy, nor the global one, which `change` is of. `layer` is that of every
        pattern, counted forward. `deviation` is how far the global energy is from that
        of all patterns in one layer, over 1 + |E|.
    """
    unit = rng.standard_normal((PATTERNS, DIMENSION)) / np.sqrt(2 * DIMENSION)
    direction = rng.standard_normal((STARTS, DIMENSION))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    origin = rng.permutation(np.arange(STARTS) % PATTERNS)
    # One drawing, whatever is measured.
    layers = {name: split(rng, unit, name) for name in SPLITS}

    def start(separation: float) -> np.ndarray:
        return separation * unit[origin] + NOISE * separation * direction

    balls: dict[str, Any] = {"separation": setting.separations, "radius": setting.radii}
    axes = balls | {"split": setting.splits, "order": list(ORDERS)}
    passes = [
        descend(s * unit, layers[name][:: ORDERS[order]], start(s), s * radius)
        for s, radius, name, order in product(*axes.values())
    ]
    whole = [np.arange(PATTERNS)]
    ends = [
        descend(s * unit, whole, start(s), LAYERS * s * radius)
        for s, radius in product(*balls.values())
    ]
    deviations = [
        energy_deviations(s * unit, start(s), list(layers.values()))
        for s in setting.separations
    ]
    return arranged(passes, axes).assign(
        end_of_one_layer=arranged(ends, balls).end,
        origin=("start", origin),
        layer=(("split", "pattern"), [numbers(layers[n]) for n in setting.splits]),
        deviation=("division", np.max(deviations, axis=0)),
    )


def split(
    rng: np.random.Generator, patterns: np.ndarray, name: str
) -> list[np.ndarray]:
    """Which patterns each layer has: numbers of them, as many in each."""
    if name == "random":
        ranked = rng.permutation(len(patterns))
    else:  # along the direction in which they differ most
        centred = patterns - patterns.mean(0)
        ranked = np.argsort(centred @ np.linalg.svd(centred)[2][0])
    if name == "neighbours apart":
        return [ranked[layer::LAYERS] for layer in range(LAYERS)]
    return list(ranked.reshape(LAYERS, -1))


def numbers(layers: Sequence[np.ndarray]) -> np.ndarray:
    """The number of the layer of each pattern."""
    layer = np.empty(PATTERNS, int)
    for index, patterns in enumerate(layers):
        layer[patterns] = index
    return layer


def descend(
    patterns: np.ndarray, layers: Sequence[np.ndarray], start: np.ndarray, radius: float
) -> xr.Dataset:
    """What a pass through layers does to each start, by the names of `one_set`."""
    among = [jnp.asarray(patterns[numbers]) for numbers in layers]
    descent = descend_layers(
        jnp.asarray(start), among, radius, steps=300, tolerance=1e-6
    )
    before, after, energy = (
        np.asarray(x)
        for x in (descent.energy_before, descent.energy_after, descent.global_energy)
    )
    end = np.asarray(descent.states[-1])
    rises = np.diff(energy, axis=0) > ROUNDING * (1 + abs(energy[:-1]))
    results = {
        "end": ((end[:, None] - patterns) ** 2).sum(-1).argmin(1),
        "own_falls": (after <= before + ROUNDING * (1 + abs(before))).all(0),
        "global_falls": ~rises.any(0),
        "change": energy[-1] - energy[0],
    }
    return xr.Dataset({name: ("start", values) for name, values in results.items()})


def energy_deviations(
    patterns: np.ndarray, start: np.ndarray, splits: Sequence[Sequence[np.ndarray]]
) -> tuple[float, float]:
    """Of the global energy from that of one layer: split, and one pattern a layer."""
    x = jnp.asarray(start)
    whole = np.asarray(nearest_neighbour_energy(x, jnp.asarray(patterns)))

    def deviation(layers: Sequence[np.ndarray]) -> float:
        energy = global_energy(x, [jnp.asarray(patterns[n]) for n in layers])
        return float((abs(np.asarray(energy) - whole) / (1 + abs(whole))).max())

    singles = [np.array([index]) for index in range(PATTERNS)]
    return max(map(deviation, splits)), deviation(singles)


# -- views -----------------------------------------------------------------------------


def shares(measured: xr.Dataset) -> xr.Dataset:
    """Percentages of the starts of each pass; NaN where none is of that kind.

    `right` end at their own pattern; `in_last` and `elsewhere` are of those whose
    pattern is in the last layer, or not; `last` end in the last layer, of those that
    end at another pattern. `by_order` end at different patterns if the order is turned
    round, `by_split` under the second split instead of the first.
    """
    end, right = measured.end, measured.end == measured.origin
    last = xr.DataArray([LAYERS - 1, 0], {"order": list(ORDERS)})
    is_last = measured.layer.isel(pattern=measured.origin) == last
    kinds = {
        "falls": measured.global_falls,
        "right": right,
        "one_layer": measured.end_of_one_layer == measured.origin,
        "in_last": right.where(is_last),
        "elsewhere": right.where(~is_last),
        "last": (measured.layer.isel(pattern=end) == last).where(~right),
        "by_order": end.isel(order=0) != end.isel(order=1),
        "by_split": (end.isel(split=0) != end.isel(split=1)).isel(order=0),
    }
    percentages = {name: 100 * kind.mean("start") for name, kind in kinds.items()}
    for percentage in percentages.values():
        percentage.attrs = {"units": "%", "valid_range": (0, 100)}
    return xr.Dataset(percentages)


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Each layer descends; the global energy knows of no layers; shares by radius."""
    falls = over(measured.own_falls, "seed") == 1
    ledger.using(source="Equation 6").share(
        "sets of patterns where no layer raises its own energy",
        int(falls.sum()),
        falls.size,
        100.0,
    )
    equal = (measured.deviation <= ROUNDING).all("division")
    ledger.using(source="Equation 7").share(
        "sets where the global energy is that of all patterns in one layer",
        int(equal.sum()),
        equal.size,
        because="It follows from Eq. 7; the paper does not say it",
    )
    ledger = ledger.using(
        table="Passes and starts",
        because="The paper gives the construction and no number",
    )
    percent = shares(measured)
    for separation, radius in product(
        measured.separation.values, measured.radius.values
    ):
        balls = percent.sel(separation=separation, radius=radius)
        times = f"{radius:g} separations" if np.isfinite(radius) else "∞"
        at = f"separation {separation:g}, δ = {times}"
        for what, share in (
            ("passes in which no layer raises the global energy", balls.falls),
            ("starts that end at their own pattern", balls.right),
            ("starts that end elsewhere if the order is turned round", balls.by_order),
            ("starts that end at their own pattern, one layer", balls.one_layer),
        ):
            ledger.ours_alone(Cell(at, what, f"{what}, {at}"), over(share, "seed"))


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Mean percentages by separation and radius, and those of the largest balls."""
    percent = shares(measured)
    return {
        "means": percent.map(over, args=("separation", "radius")),
        "mean_change": over(measured.change, "separation", "radius"),
        "largest": percent.isel(radius=int(measured.radius.argmax("radius"))).mean(),
        "radii": names(measured.radius),
        "NOISE": NOISE,
        "LAYERS": LAYERS,
        "SPLITS": SPLITS,
    }


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Percentages by the radius of the balls, a row a separation."""
    yield Figure(
        draw_shares(shares(measured)),
        f"Passes through {LAYERS} layers of {PATTERNS // LAYERS} patterns each, n = "
        f"{DIMENSION}, from {NOISE:g} separations beside a pattern, by the radius of "
        "the balls. Left: passes in "
        "which no layer raises the global energy, by how patterns are split. Middle: "
        "starts that end nearest to the pattern that they were made of. Right: starts "
        "that end nearest to another pattern if the same layers come in reverse order. "
        "Means over sets of patterns; bands are 95 % confidence intervals.",
    )
