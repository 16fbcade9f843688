"""Propositions 1 to 3 and Eq. 8 over random patterns: does any fail, and how tight are they?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass.experiments.memory import setting as memory_paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.ledger import share

NAME = "memory-bounds"
DISTRIBUTIONS = ("normal", "uniform", "signs", "heavy tails", "clusters")
SEPARATIONS = (1.0, 3.0, 10.0)  # root mean square distance of two patterns
LAYERS = 4
SCALES = (0.0, 0.25, 0.5, 1.0, 2.0)  # of the noise around a pattern, in separations
SOURCES = ("Proposition 1", "Proposition 2", "Proposition 3", "Equation 8")
SAYS = {
    "Proposition 1": "g − log m ≤ E ≤ g",
    "Proposition 2": "|E − (2 E_MCHN − log m)| ≤ max|ρ|² − min|ρ|²",
    "Proposition 3": "g ≤ 2 E_MCHN ≤ g + log m + max|ρ|² − min|ρ|²",
    "Equation 8": "min E_t − log l ≤ E_global ≤ min E_t",
}
NO_NUMBER = "The paper proves bounds and does not say how tight they are"


class Budget(NamedTuple):
    """Dimensions n, and numbers of patterns m."""

    dimensions: Sequence[int]
    counts: Sequence[int]


DEFAULT = Budget((2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), (4, 32, 128))
QUICK = Budget((2, 16, 128, 1024), (32,))


class Found(NamedTuple):
    """Sets of patterns, one row each, with the states around them.

    Attributes:
        dimension, patterns: n and m, (D,).
        separation: (D,).
        distribution: Number in `DISTRIBUTIONS`, (D,).
        equal: Whether all patterns have one length, (D,).
        excess: Of each proposition, how far the worst state is outside, over what
            rounding may do; above 1 is a violation, (D, 4).
        place: Of each proposition, where a state is in the interval that it allows: 0
            where the sides of the equality named in `PLACES` meet, 1 at the other end.
            NaN where the interval has no width, (D, states, 4).
        above: Largest E − (2 E_MCHN − log m), over what rounding may do, (D,).
    """

    dimension: np.ndarray
    patterns: np.ndarray
    separation: np.ndarray
    distribution: np.ndarray
    equal: np.ndarray
    excess: Float[np.ndarray, "D 4"]
    place: Float[np.ndarray, "D states 4"]
    above: Float[np.ndarray, " D"]


PLACES = {
    "Proposition 1": "(g − E) / log m",
    "Proposition 2": "(2 E_MCHN − log m − E) / (max|ρ|² − min|ρ|²)",
    "Proposition 3": "(2 E_MCHN − g) / (log m + max|ρ|² − min|ρ|²)",
    "Equation 8": "(min E_t − E_global) / log l",
}


def run(context: Context) -> Outcome:
    """Draw sets of patterns and states, and measure where each bound is."""
    found = measure(context, QUICK if context.quick else DEFAULT)
    return Outcome(_rows(found), [_figure(found)], _findings(found))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, budget: Budget) -> Found:
    """Every dimension, number of patterns, distribution, separation and kind of lengths."""
    import jax
    import jax.numpy as jnp

    columns: list[tuple[Any, ...]] = []
    jobs = [(n, m) for n in budget.dimensions for m in budget.counts]
    with jax.enable_x64(True):
        measured = _measured()
        for n, m in context.progress.track(jobs, "dimensions and numbers of patterns"):
            for index in range(context.seeds):
                generator = np.random.default_rng((context.seed, index, n, m))
                kinds, patterns, states = draw(generator, n, m)
                values = measured(jnp.asarray(states), jnp.asarray(patterns))
                columns.append((n, m, *kinds, *(np.asarray(value) for value in values)))
    sets = len(columns[0][2])
    n, m = (np.repeat([column[i] for column in columns], sets) for i in (0, 1))
    rest = [
        np.concatenate([column[i] for column in columns])
        for i in range(2, len(columns[0]))
    ]
    return Found(n, m, *rest)


def draw(
    generator: np.random.Generator, n: int, m: int
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray, np.ndarray]:
    """One set of each kind.

    Returns:
        Separations, distributions and whether lengths are equal, (sets,); patterns,
        (sets, m, n); states, (sets, states, n).
    """
    kinds, patterns, states = [], [], []
    for number, name in enumerate(DISTRIBUTIONS):
        for equal in (False, True):
            if name == "signs" and not equal:
                continue  # of one length as they are drawn
            for separation in SEPARATIONS:
                drawn = _patterns(generator, name, m, n)
                if equal:
                    drawn = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
                drawn = drawn * (separation / _rms_distance(drawn))
                kinds.append((separation, number, equal))
                patterns.append(drawn)
                states.append(_states(generator, drawn, separation))
    of_sets = [np.array(column) for column in zip(*kinds, strict=True)]
    return (of_sets[0], of_sets[1], of_sets[2]), np.array(patterns), np.array(states)


def _patterns(generator: np.random.Generator, name: str, m: int, n: int) -> np.ndarray:
    if name == "uniform":
        return generator.uniform(-1, 1, (m, n))
    if name == "signs":
        return generator.choice([-1.0, 1.0], (m, n))
    if name == "heavy tails":
        return generator.standard_t(3, (m, n))
    drawn = generator.standard_normal((m, n))
    if name == "clusters":
        return (
            generator.standard_normal((4, n))[generator.integers(4, size=m)]
            + 0.2 * drawn
        )
    return drawn


def _rms_distance(patterns: np.ndarray) -> float:
    """Root mean square distance of two different ones, but no less than a rounding error."""
    m = len(patterns)
    total = 2 * m * ((patterns - patterns.mean(0)) ** 2).sum()
    return max(float(np.sqrt(total / (m * (m - 1)))), 1e-6)


def _states(
    generator: np.random.Generator, patterns: np.ndarray, separation: float
) -> np.ndarray:
    """Around one pattern, between two, and the mean of all, (8, n)."""
    m, n = patterns.shape
    noise = generator.standard_normal((len(SCALES), n)) * separation / np.sqrt(n)
    near = patterns[0] + np.array(SCALES)[:, None] * noise
    between = (patterns[0] + patterns[1 % m]) / 2
    inside = generator.dirichlet(np.ones(m)) @ patterns
    return np.stack([*near, between, inside, patterns.mean(0)])


def _measured() -> Callable[[Any, Any], Any]:
    """Of many sets at once: how far outside, where, and how far E is above the modern energy."""
    import jax
    import jax.numpy as jnp

    from isinglass.energy import (
        global_energy_slack,
        modern_hopfield_slack,
        modern_nearest_slack,
        nearest_distance_slack,
        split_layers,
    )

    def of_set(states: Any, patterns: Any) -> Any:
        one, two, three = (
            of(states, patterns)
            for of in (
                nearest_distance_slack,
                modern_hopfield_slack,
                modern_nearest_slack,
            )
        )
        four = global_energy_slack(
            states, split_layers(patterns, min(LAYERS, len(patterns)))
        )
        squared = (patterns**2).sum(-1)
        # What float64 may do to sums of n products of this size.
        size = 1 + (states**2).sum(-1) + squared.max()
        rounding = (16 + patterns.shape[1]) * jnp.finfo(states.dtype).eps * size
        outside = jnp.stack(
            [
                jnp.maximum(-slack.below, -slack.above)
                for slack in (one, two, three, four)
            ],
            -1,
        )
        spread = squared.max() - squared.min()
        # Lengths that are equal but for rounding leave Proposition 2 no width.
        wide = spread > 1e-9 * squared.max()
        over = (two.below - two.above) / 2  # E − (2 E_MCHN − log m)
        place = jnp.stack(
            [
                one.above / (one.above + one.below),
                jnp.where(wide, -over / jnp.where(wide, spread, 1), jnp.nan),
                three.below / (three.above + three.below),
                four.above / (four.above + four.below),
            ],
            -1,
        )
        return (outside / rounding[:, None]).max(0), place, (over / rounding).max()

    return jax.jit(jax.vmap(of_set))


# -- the ledger ------------------------------------------------------------------------


def _rows(found: Found) -> list[Row]:
    rows = []
    for index, source in enumerate(SOURCES):
        held = found.excess[:, index] <= 1
        rows.append(
            share(
                NAME,
                source,
                f"sets of patterns where {SAYS[source]} at all states",
                int(held.sum()),
                held.size,
                paper=100.0,
            )
        )
        for separation in SEPARATIONS:
            places = found.place[found.separation == separation, :, index]
            if np.isfinite(places).any():
                rows.append(
                    compare(
                        NAME,
                        source,
                        f"{PLACES[source]}, separation {separation:g}",
                        _of_sets(places),
                        paper=None,
                        because=NO_NUMBER,
                    )
                )
    rows.append(
        share(
            NAME,
            "beyond the paper",
            "sets of patterns where E ≤ 2 E_MCHN − log m at all states",
            int((found.above <= 1).sum()),
            found.above.size,
            paper=None,
            because="Proposition 2 bounds both sides alike; this side needs no bound at all",
        )
    )
    return rows


def _of_sets(places: np.ndarray) -> np.ndarray:
    """Mean over the states of each set: states of one set are not independent."""
    with_width = np.isfinite(places).all(1)
    return places[with_width].mean(1)


# -- what is shown ---------------------------------------------------------------------


def _figure(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, MUTED, subplots

    figure, panels = subplots(2, 2, width=9.5, height=6.4, sharex=True, sharey=True)
    dimensions = np.unique(found.dimension)
    for index, (source, panel) in enumerate(zip(SOURCES, panels.flat, strict=True)):
        for colour, separation in zip(COLOURS, SEPARATIONS, strict=False):
            quantiles = []
            for n in dimensions:
                chosen = (found.dimension == n) & (found.separation == separation)
                places = found.place[chosen, :, index]
                quantiles.append(
                    np.quantile(places[np.isfinite(places)], [0.25, 0.5, 0.75])
                )
            low, middle, high = np.array(quantiles).T
            panel.fill_between(
                dimensions, low, high, color=colour, alpha=0.15, linewidth=0
            )
            panel.plot(
                dimensions,
                middle,
                "o-",
                color=colour,
                markersize=4,
                label=f"{separation:g}",
            )
        panel.axhline(0, color=MUTED, linewidth=1)
        panel.axhline(1, color=MUTED, linewidth=1)
        panel.set(title=source, ylim=(-0.06, 1.06), ylabel=_LABELS[source])
        panel.set_xscale("log", base=2)
        panel.set_xticks(dimensions, [str(n) for n in dimensions])
        panel.minorticks_off()
    for panel in panels[1]:
        panel.set_xlabel("dimension n")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        [f"separation {label}" for label in labels],
        loc="outside upper right",
        ncols=3,
    )
    return Figure(
        NAME,
        figure,
        "Where states are within the interval that each statement allows: between 0 "
        "and 1, both bounds included, if it holds. Lines are medians over sets of "
        "patterns and states, bands "
        "hold the middle half of them; colours: root mean square distance of two "
        f"patterns. {_kinds(found)}",
    )


_LABELS = {
    "Proposition 1": "$(g - E)\\;/\\;\\log m$",
    "Proposition 2": "$(2E_{MCHN} - \\log m - E)\\;/\\;\\Delta$",
    "Proposition 3": "$(2E_{MCHN} - g)\\;/\\;(\\log m + \\Delta)$",
    "Equation 8": "$(\\min E_t - E_{global})\\;/\\;\\log l$",
}


def _kinds(found: Found) -> str:
    counts = ", ".join(str(m) for m in np.unique(found.patterns))
    return (
        f"Patterns are {', '.join(DISTRIBUTIONS)}, as drawn and of one length; m = "
        f"{counts}. "
        "Δ = max|ρ|² − min|ρ|²; sets of one length, where it is 0, are not in the "
        "panel of Proposition 2."
    )


def _findings(found: Found) -> str:
    sets, states = found.place.shape[:2]
    violations = {
        source: int((found.excess[:, i] > 1).sum()) for i, source in enumerate(SOURCES)
    }
    none = not any(violations.values())
    told = [
        f"{sets:,} sets of patterns with {states} states each, n from "
        f"{found.dimension.min()} to {found.dimension.max():,}, in float64: "
        + (
            "no statement fails anywhere."
            if none
            else "statements fail: "
            + ", ".join(f"{s} in {k}" for s, k in violations.items() if k)
        )
        + f" The worst state is outside by {max(found.excess.max(), 0):.2g} of what rounding may "
        "do (where the two sides are equal)."
    ]
    middles = [
        [np.nanmedian(found.place[found.separation == s, :, i]) for s in SEPARATIONS]
        for i in range(4)
    ]
    near, far = (f"{SEPARATIONS[i]:g}" for i in (0, -1))
    told.append(
        f"Proposition 1 is tight on one side or the other: at separation {near} the "
        f"median state has used {100 * middles[0][0]:.0f} % of log m, so that E is "
        f"close to its lower bound; at {far}, {100 * middles[0][-1]:.2g} %, so that E "
        f"is g. Equation 8 goes the same way, {100 * middles[3][0]:.0f} % and "
        f"{100 * middles[3][-1]:.2g} "
        "% of log l: one layer alone makes the global energy only where patterns are "
        "far apart."
    )
    told.append(
        f"Proposition 2: the median state is at {100 * middles[1][0]:.0f} % of its "
        f"bound at separation {near} and at {100 * middles[1][-1]:.0f} % at {far}. "
        f"E is above 2 E_MCHN − log m in {int((found.above > 1).sum())} sets: one side "
        f"of the bound is never needed. {_equal(found)} Proposition 3 allows the sum "
        "of both; the "
        "median state "
        f"has {100 * middles[2][0]:.0f} % and {100 * middles[2][-1]:.0f} %."
    )
    return "\n\n".join(told)


def _equal(found: Found) -> str:
    flat = ~np.isfinite(found.place[:, 0, 1])
    worst = max(float(found.excess[flat, 1].max()), 0) if flat.any() else 0.0
    return (
        f"For the {int(flat.sum()):,} sets of patterns of one length both energies are "
        f"the same, to {worst:.2g} of what rounding may do."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="The bounds on the energies, over random patterns",
    paper=memory_paper.PAPER,
    source="Propositions 1–3, Eq. 8",
    question=(
        "Do the propositions on the paper's energy hold for patterns of any kind, in 2 "
        "to 1,024 dimensions? How much of the room that they leave is used?"
    ),
    duration=45,
    quick_duration=8,
    default_seeds=20,
    quick_seeds=4,
    run=run,
    needs_digits=False,
)
