"""Descent through layers, each of which minimises the energy of its own patterns within a ball."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from isinglass.experiments.memory import setting as memory_paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.ledger import share

NAME = "memory-layers"
SOURCE = "Eqs. 6–8"
DIMENSION, PATTERNS, LAYERS, STARTS = 16, 24, 4, 32
NOISE = 0.3  # length of what is added to a pattern for a start, in separations
SPLITS = ("random", "neighbours together", "neighbours apart")
ORDERS = ("forward", "backward")
NO_NUMBER = "The paper gives the construction and no number"
EXACTLY = 1e-10  # what float64 may do to an energy, relative to 1 + |E|


class Budget(NamedTuple):
    """What to measure: separations of patterns, and radii δ of the balls in separations."""

    separations: Sequence[float]
    radii: Sequence[float]
    splits: Sequence[str]


DEFAULT = Budget((2.0, 5.0), (0.05, 0.1, 0.2, 0.4, np.inf), SPLITS)
QUICK = Budget((5.0,), (0.1, np.inf), SPLITS[:2])


class Found(NamedTuple):
    """S sets of patterns, with axes (S, separations, radii, splits, orders) unless said else.

    Attributes:
        budget: What was measured.
        own_fell: Does the energy of each layer never rise within it, from all starts?
        whole_fell: Share of starts from which the global energy falls in every layer.
        change: Mean change of the global energy from the first layer to the last.
        right: Share of starts that end nearest to the pattern they were made of.
        last: Share of those that end nearest to another, and that one is in the last
            layer; of all that end nearest to another. NaN where none does.
        in_last: Share right where the pattern is in the last layer.
        elsewhere: Share right where it is not.
        order: Share of starts that end nearest to different patterns in the two orders,
            (S, separations, radii, splits).
        split: The same for the first two splits, (S, separations, radii).
        one_layer: Share right where all patterns are in one layer, with the sum of the
            radii, (S, separations, radii).
        apart: Largest |E_global − E of all patterns in one layer| over 1 + |E|, (S,).
        apart_deep: The same for one pattern a layer, (S,).
    """

    budget: Budget
    own_fell: Bool[np.ndarray, "S A R P O"]
    whole_fell: Float[np.ndarray, "S A R P O"]
    change: Float[np.ndarray, "S A R P O"]
    right: Float[np.ndarray, "S A R P O"]
    last: Float[np.ndarray, "S A R P O"]
    in_last: Float[np.ndarray, "S A R P O"]
    elsewhere: Float[np.ndarray, "S A R P O"]
    order: Float[np.ndarray, "S A R P"]
    split: Float[np.ndarray, "S A R"]
    one_layer: Float[np.ndarray, "S A R"]
    apart: Float[np.ndarray, " S"]
    apart_deep: Float[np.ndarray, " S"]


def run(context: Context) -> Outcome:
    """Descend through the same patterns, split and ordered in several ways."""
    found = measure(context, QUICK if context.quick else DEFAULT)
    return Outcome(_rows(found), [_figure(found)], _findings(found))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, budget: Budget) -> Found:
    """One set of patterns for each seed."""
    import jax

    generators = memory_paper.generators(context, context.seeds)
    with jax.enable_x64(True):
        each = [
            _of_set(generator, budget)
            for generator in context.progress.track(generators, "sets of patterns")
        ]
    return Found(budget, *(np.array(column) for column in zip(*each, strict=True)))


def _of_set(generator: np.random.Generator, budget: Budget) -> tuple[np.ndarray, ...]:
    unit = generator.standard_normal((PATTERNS, DIMENSION)) / np.sqrt(2 * DIMENSION)
    way = generator.standard_normal((STARTS, DIMENSION))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    wanted = generator.permutation(np.arange(STARTS) % PATTERNS)
    splits = {
        name: split(generator, unit, name) for name in SPLITS
    }  # one drawing, whatever is asked for
    shape = (
        len(budget.separations),
        len(budget.radii),
        len(budget.splits),
        len(ORDERS),
    )
    columns = [np.empty(shape) for _ in range(7)]
    order, of_split, alone = (
        np.empty(shape[:3]),
        np.empty(shape[:2]),
        np.empty(shape[:2]),
    )
    apart = [0.0, 0.0]
    for a, separation in enumerate(budget.separations):
        patterns = separation * unit
        start = patterns[wanted] + NOISE * separation * way
        apart = np.maximum(apart, _apart(patterns, start, splits)).tolist()
        for r, radius in enumerate(budget.radii):
            ends = np.empty((*shape[2:], STARTS), int)
            for p, name in enumerate(budget.splits):
                for o, ordered in enumerate((splits[name], splits[name][::-1])):
                    values, ends[p, o] = _pass(
                        patterns, ordered, start, wanted, separation * radius
                    )
                    for column, value in zip(columns, values, strict=True):
                        column[a, r, p, o] = value
            order[a, r] = (ends[:, 0] != ends[:, 1]).mean(-1)
            of_split[a, r] = (ends[0, 0] != ends[1, 0]).mean() if len(ends) > 1 else 0.0
            whole = [np.arange(PATTERNS)]
            values, _ = _pass(
                patterns, whole, start, wanted, LAYERS * separation * radius
            )
            alone[a, r] = values[3]
    own = columns[0].astype(bool)
    return own, *columns[1:], order, of_split, alone, *(np.array(x) for x in apart)


def split(
    generator: np.random.Generator, patterns: np.ndarray, name: str
) -> list[np.ndarray]:
    """Which patterns each layer has: numbers of them, as many in each."""
    if name == "random":
        ranked = generator.permutation(len(patterns))
    else:  # along the direction in which they differ most
        centred = patterns - patterns.mean(0)
        ranked = np.argsort(centred @ np.linalg.svd(centred)[2][0])
    if name == "neighbours apart":
        return [ranked[layer::LAYERS] for layer in range(LAYERS)]
    return list(ranked.reshape(LAYERS, -1))


def _pass(
    patterns: np.ndarray,
    layers: Sequence[np.ndarray],
    start: np.ndarray,
    wanted: np.ndarray,
    radius: float,
) -> tuple[tuple[float, ...], np.ndarray]:
    """The first numbers of `Found`, and the pattern nearest to each end."""
    import jax.numpy as jnp

    from isinglass.energy import descend_layers

    among = [jnp.asarray(patterns[numbers]) for numbers in layers]
    seen = descend_layers(jnp.asarray(start), among, radius, steps=300, tolerance=1e-6)
    before, after, whole = (
        np.asarray(x)
        for x in (seen.energy_before, seen.energy_after, seen.global_energy)
    )
    end = np.asarray(seen.states[-1])
    nearest = ((end[:, None] - patterns) ** 2).sum(-1).argmin(1)
    room = EXACTLY * (1 + abs(whole[:-1]))
    right, in_last = nearest == wanted, np.isin(wanted, layers[-1])
    return (
        float((after <= before + EXACTLY * (1 + abs(before))).all()),
        float((np.diff(whole, axis=0) <= room).all(0).mean()),
        float((whole[-1] - whole[0]).mean()),
        float(right.mean()),
        _mean(np.isin(nearest[~right], layers[-1])),
        _mean(right[in_last]),
        _mean(right[~in_last]),
    ), nearest


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _apart(
    patterns: Any, start: Any, splits: dict[str, list[np.ndarray]]
) -> np.ndarray:
    """How far the global energy is from that of one layer: as split, and one pattern a layer."""
    import jax.numpy as jnp

    from isinglass.energy import global_energy, nearest_neighbour_energy

    x = jnp.asarray(start)
    whole = np.asarray(nearest_neighbour_energy(x, jnp.asarray(patterns)))

    def away(layers: Sequence[np.ndarray]) -> float:
        energy = np.asarray(
            global_energy(x, [jnp.asarray(patterns[n]) for n in layers])
        )
        return float((abs(energy - whole) / (1 + abs(whole))).max())

    deep = [np.array([index]) for index in range(PATTERNS)]
    return np.array([max(map(away, splits.values())), away(deep)])


# -- the ledger ------------------------------------------------------------------------


def _rows(found: Found) -> list[Row]:
    sets = len(found.apart)
    whole = found.own_fell.all((1, 2, 3, 4))
    same = np.maximum(found.apart, found.apart_deep) <= EXACTLY
    rows = [
        share(
            NAME,
            "Equation 6",
            "sets of patterns where no layer raises its own energy",
            int(whole.sum()),
            sets,
            paper=100.0,
        ),
        share(
            NAME,
            "Equation 7",
            "sets where the global energy is that of all patterns in one layer",
            int(same.sum()),
            sets,
            paper=None,
            because="It follows from Eq. 7; the paper does not say it",
        ),
    ]
    for a, separation in enumerate(found.budget.separations):
        for r, radius in enumerate(found.budget.radii):
            at = f"separation {separation:g}, δ = {_times(radius)}"
            for what, values in (
                ("passes in which no layer raises the global energy", found.whole_fell),
                ("starts that end at their own pattern", found.right),
                ("starts that end elsewhere if the order is turned round", found.order),
                ("starts that end at their own pattern, one layer", found.one_layer),
            ):
                shares = 100 * values[:, a, r].reshape(sets, -1).mean(1)
                row = compare(
                    NAME,
                    SOURCE,
                    f"{what}, {at}",
                    shares,
                    paper=None,
                    unit="%",
                    because=NO_NUMBER,
                )
                rows.append(row.between())
    return rows


def _times(radius: float) -> str:
    return f"{radius:g} separations" if np.isfinite(radius) else "∞"


# -- what is shown ---------------------------------------------------------------------


def _figure(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, MUTED, subplots

    separations = found.budget.separations
    figure, panels = subplots(
        len(separations),
        3,
        width=10.5,
        height=3.3 * len(separations),
        squeeze=False,
        sharex=True,
    )
    places = np.arange(len(found.budget.radii))
    for a, (separation, (left, middle, right)) in enumerate(
        zip(separations, panels, strict=True)
    ):
        for colour, p in zip(COLOURS, range(len(found.budget.splits)), strict=False):
            name = found.budget.splits[p]
            _draw(left, places, found.whole_fell[:, a, :, p].mean(-1), colour, name)
            _draw(right, places, found.order[:, a, :, p], colour, name)
        _draw(
            middle,
            places,
            np.nanmean(found.in_last[:, a], axis=(2, 3)),
            COLOURS[4],
            "pattern in the last layer",
        )
        _draw(
            middle,
            places,
            np.nanmean(found.elsewhere[:, a], axis=(2, 3)),
            COLOURS[3],
            "in one before",
        )
        _draw(middle, places, found.one_layer[:, a], MUTED, "all in one layer")
        left.set_ylabel(f"separation {separation:g}\n%")
        for panel in (left, middle, right):
            panel.set(ylim=(-4, 104))
            labels = [f"{r:g}" if np.isfinite(r) else "∞" for r in found.budget.radii]
            panel.set_xticks(places, labels)
    titles = (
        "Global energy never rises",
        "Ends at its own pattern",
        "Order of layers matters",
    )
    for panel, title in zip(panels[0], titles, strict=True):
        panel.set_title(title)
    for panel in panels[-1]:
        panel.set_xlabel("radius δ of each ball, separations")
    panels[0, 0].legend(fontsize=8.5)
    panels[0, 1].legend(fontsize=8.5)
    return Figure(
        NAME,
        figure,
        f"Passes through {LAYERS} layers of {PATTERNS // LAYERS} patterns each, n = "
        f"{DIMENSION}, from {NOISE:g} separations beside a pattern, by the radius of "
        "the balls. Left: passes in "
        "which no layer raises the global energy, by how patterns are split. Middle: "
        "starts that end nearest to the pattern that they were made of. Right: starts "
        "that end nearest to another pattern if the same layers come in reverse order. "
        "Means over sets of patterns; bands are 95 % confidence intervals.",
    )


def _draw(
    panel: Any, places: np.ndarray, values: np.ndarray, colour: str, name: str
) -> None:
    from isinglass._common.intervals import mean_interval

    intervals = [
        mean_interval(100 * column[np.isfinite(column)]) for column in values.T
    ]
    mean, low, high = np.array(intervals).T
    panel.fill_between(
        places,
        np.clip(low, 0, 100),
        np.clip(high, 0, 100),
        color=colour,
        alpha=0.15,
        linewidth=0,
    )
    panel.plot(places, mean, "o-", color=colour, markersize=4, label=name)


def _findings(found: Found) -> str:
    sets, budget = len(found.apart), found.budget
    worst = max(found.apart.max(), found.apart_deep.max())
    told = [
        f"The global energy of Eq. 7 is that of all patterns in one layer: over {sets} "
        f"sets of patterns, split in {len(SPLITS)} ways or with one pattern a layer, "
        f"the two differ by {worst:.1g} of 1 + |E| at most, which is rounding. So the "
        "global energy does not know of "
        "layers; only the way down does.",
        (
            "No layer ever raises its own energy"
            if found.own_fell.all()
            else f"A layer raises its own energy in {int((~found.own_fell).sum())} passes"
        )
        + ". The global energy is another matter: each layer pulls towards its own patterns, "
        "and away from one that another layer has.",
    ]
    told += [_of_separation(found, a) for a in range(len(budget.separations))]
    free = int(np.argmax(budget.radii))
    told.append(
        f"With δ = {_times(budget.radii[free])} a start ends at its own pattern in "
        f"{_percent(found.in_last[:, :, free])} of cases if the last layer has that "
        f"pattern, in {_percent(found.elsewhere[:, :, free])} if an earlier one has; "
        f"{_percent(found.last[:, :, free])} of those that end elsewhere end at a "
        "pattern of the "
        "last layer: what earlier layers found is lost. Small balls prevent that, but "
        "by hardly "
        f"letting x move: starts are {NOISE:g} separations beside their pattern."
    )
    return "\n\n".join(told)


def _of_separation(found: Found, a: int) -> str:
    """What changes as the balls grow."""
    radii = [f"{radius:g}".replace("inf", "∞") for radius in found.budget.radii]
    change = found.change[:, a].mean((0, 2, 3))

    def grown(values: np.ndarray) -> str:
        return ", ".join(_percent(values[:, a, r]) for r in range(len(radii)))

    return (
        f"Separation {found.budget.separations[a]:g}, with δ = {', '.join(radii)} "
        "separations "
        "in turn. Passes "
        f"in which no layer raises the global energy: {grown(found.whole_fell)}; its "
        f"mean change is from {change.min():+.2f} to {change.max():+.2f}. Starts that "
        f"end at their own pattern: {grown(found.right)} (with one layer and a ball of "
        f"{LAYERS} δ: {grown(found.one_layer)}). Starts that end elsewhere if the "
        f"order of layers is turned round: {grown(found.order)}; if neighbours share "
        f"layers instead of random patterns: {grown(found.split)}."
    ).replace(" -", " −")


def _percent(values: np.ndarray) -> str:
    known = values[np.isfinite(values)]
    return f"{100 * known.mean():.0f} %" if known.size else "none"


EXPERIMENT = Experiment(
    name=NAME,
    title="Majorisation and minimisation through layers",
    paper=memory_paper.PAPER,
    source=SOURCE,
    question=(
        "If each layer minimises the energy of its own patterns within a ball, does "
        "its energy fall, and the global one? Does it matter how patterns are spread "
        "over layers, and in which order they come?"
    ),
    duration=40,
    quick_duration=10,
    default_seeds=12,
    quick_seeds=3,
    run=run,
    needs_digits=False,
)
