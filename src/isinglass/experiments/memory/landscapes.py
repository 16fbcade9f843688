"""Figure 1 of Niu et al. 2024: three energies over the same patterns, and their minima."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from isinglass.experiments.memory import setting as memory_paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.ledger import share

NAME = "memory-landscapes"
SOURCE = "Figure 1"
NEAREST, MODERN = "nearest neighbour, β = 1", "modern Hopfield, β = 2"
NO_NUMBER = "The paper draws the landscape and gives no number"
SAME = 1e-3  # two descents that end nearer to each other ended in one minimum
BETAS = (0.1, 30.0)
SIDE = 1.5  # standard deviation of the patterns of random sets, as wide as those of the figure


class Resolution(NamedTuple):
    """How fine landscapes are.

    Attributes:
        across: Points along each axis of the plane.
        line: Points along the line.
        betas: Inverse temperatures.
    """

    across: int
    line: int
    betas: int


DEFAULT = Resolution(161, 4001, 240)
QUICK = Resolution(81, 2001, 120)


class Minima(NamedTuple):
    """Minima of one energy.

    Attributes:
        found: Where they are, (k, n).
        reached: Where a descent from each pattern ends, (m, n).
        own: Whether no other pattern's descent ends there, (m,).
        distance: From each pattern to where its descent ends, (m,).
    """

    found: Float[np.ndarray, "k n"]
    reached: Float[np.ndarray, "m n"]
    own: Bool[np.ndarray, " m"]
    distance: Float[np.ndarray, " m"]


class Landscape(NamedTuple):
    """The energies of one set of patterns at the points of a grid.

    Attributes:
        patterns: (m, n).
        axes: Coordinates along each axis.
        energies: "g", and E and 2 E_MCHN − log m by name, over the grid.
        minima: By the name of the energy.
        critical: By the name of the energy: least β from which on each pattern has a
            minimum of its own; NaN where there is none. β of the modern one is twice
            that of the other.
    """

    patterns: Float[np.ndarray, "m n"]
    axes: tuple[np.ndarray, ...]
    energies: dict[str, np.ndarray]
    minima: dict[str, Minima]
    critical: dict[str, float]


class Sets(NamedTuple):
    """Random sets of three patterns in the plane.

    Attributes:
        own: By the name of the energy: has each pattern a minimum of its own? (S, m).
        separation: Distance to the nearest other pattern, (S, m).
    """

    own: dict[str, Bool[np.ndarray, "S m"]]
    separation: Float[np.ndarray, "S m"]


def run(context: Context) -> Outcome:
    """Draw both landscapes, find their minima, and those of random sets of patterns."""
    import jax

    resolution = QUICK if context.quick else DEFAULT
    with jax.enable_x64(True):
        found = {}
        for name in context.progress.track(memory_paper.FIG_1, "landscapes"):
            found[name] = measure(np.array(memory_paper.FIG_1[name]), resolution)
        branches = follow_minima(found["1-D"].patterns, resolution)
        sets = random_sets(context)
    rows = [
        row for name, one in found.items() for row in _rows(name, one)
    ] + _rows_of_sets(sets)
    figures = [_figure_of_plane(found["2-D"]), _figure_of_line(found["1-D"], branches)]
    return Outcome(rows, figures, _findings(found, sets))


# -- measuring -------------------------------------------------------------------------


def measure(patterns: np.ndarray, resolution: Resolution) -> Landscape:
    """Energies over a grid, their minima, and the least β that keeps all patterns apart."""
    import jax.numpy as jnp

    from isinglass.energy import (
        modern_hopfield_energy,
        nearest_neighbour_energy,
        squared_nearest_distance,
    )

    m, n = patterns.shape
    points = resolution.line if n == 1 else resolution.across
    low, high = patterns.min(0) - 1.25, patterns.max(0) + 1.25
    axes = tuple(np.linspace(a, b, points) for a, b in zip(low, high, strict=True))
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    x, among = jnp.asarray(grid), jnp.asarray(patterns)
    energies = {
        "g": squared_nearest_distance(x, among),
        NEAREST: nearest_neighbour_energy(x, among),
        MODERN: 2 * modern_hopfield_energy(x, among, 2.0) - np.log(m),
    }
    every = max(1, points // 20)
    starts = grid[(slice(None, None, every),) * n].reshape(-1, n)
    return Landscape(
        patterns,
        axes,
        {name: np.asarray(energy) for name, energy in energies.items()},
        {name: minima(patterns, landscape(name), starts) for name in (NEAREST, MODERN)},
        {name: critical_beta(patterns, name) for name in (NEAREST, MODERN)},
    )


def landscape(name: str, beta: float | None = None) -> Any:
    """The energy of this name with its update, at its own β or another."""
    from isinglass.energy import ModernHopfield, NearestNeighbour

    if name == NEAREST:
        return NearestNeighbour(1.0 if beta is None else beta)
    return ModernHopfield(2.0 if beta is None else beta)


def minima(
    patterns: np.ndarray, energy: Any, starts: np.ndarray | None = None
) -> Minima:
    """Minima by descent from each pattern, and from other starts too."""
    import jax.numpy as jnp

    from isinglass.energy import descend

    m = len(patterns)
    begin = patterns if starts is None else np.concatenate([patterns, starts])
    ended = descend(
        jnp.asarray(begin), jnp.asarray(patterns), energy, steps=1000, tolerance=1e-9
    )
    ends = np.asarray(ended.state)[np.asarray(ended.converged)]
    reached = np.asarray(ended.state)[:m]
    apart = np.linalg.norm(reached[:, None] - reached, axis=-1) + SAME * np.eye(m)
    distance = np.linalg.norm(reached - patterns, axis=-1)
    return Minima(distinct(ends), reached, (apart >= SAME).all(1), distance)


def distinct(points: np.ndarray) -> np.ndarray:
    """Points that are no two nearer to each other than `SAME`, in order of their coordinates."""
    kept: list[np.ndarray] = []
    for point in points:
        if all(np.linalg.norm(point - other) >= SAME for other in kept):
            kept.append(point)
    return np.array(sorted(kept, key=tuple))


def critical_beta(patterns: np.ndarray, name: str) -> float:
    """Least β from which on each pattern has a minimum of its own.

    Found among β from 0.1 to 30, to one part in a hundred; NaN if it is not there.
    """

    def apart(beta: float) -> bool:
        return bool(minima(patterns, landscape(name, beta)).own.all())

    low, high = BETAS
    if apart(low) or not apart(high):
        return float("nan")
    while high / low > 1.01:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if apart(middle) else (middle, high)
    return high


def follow_minima(
    patterns: np.ndarray, resolution: Resolution
) -> dict[str, np.ndarray]:
    """Minima and maxima on the line over β, as pairs (β, x), by changes of sign of the force."""
    import jax.numpy as jnp

    from isinglass.energy import nearest_neighbour_force

    x = np.linspace(patterns.min() - 0.5, patterns.max() + 0.5, resolution.line)
    found: dict[str, list[tuple[float, float]]] = {"minima": [], "maxima": []}
    for beta in np.geomspace(*BETAS, resolution.betas):
        force = np.asarray(
            nearest_neighbour_force(jnp.asarray(x[:, None]), patterns, beta)
        )[:, 0]
        for name, sign in (("minima", 1), ("maxima", -1)):
            at = np.flatnonzero((sign * force[:-1] > 0) & (sign * force[1:] <= 0))
            zero = x[at] - force[at] * (x[1] - x[0]) / (force[at + 1] - force[at])
            found[name] += [(float(beta), float(place)) for place in zero]
    return {name: np.array(pairs).reshape(-1, 2) for name, pairs in found.items()}


def random_sets(context: Context) -> Sets:
    """Sets of three normal patterns in the plane."""
    own: dict[str, list[np.ndarray]] = {NEAREST: [], MODERN: []}
    separation = []
    generators = memory_paper.generators(context, context.seeds)
    for generator in context.progress.track(generators, "random sets"):
        patterns = SIDE * generator.standard_normal((3, 2))
        apart = np.linalg.norm(patterns[:, None] - patterns, axis=-1)
        separation.append((apart + np.diag([np.inf] * 3)).min(1))
        for name, of_energy in own.items():
            of_energy.append(minima(patterns, landscape(name)).own)
    return Sets(
        {name: np.array(each) for name, each in own.items()}, np.array(separation)
    )


# -- the ledger ------------------------------------------------------------------------


def _rows(space: str, found: Landscape) -> list[Row]:
    g, energy = found.energies["g"], found.energies[NEAREST]
    room = 1e-12 * (1 + g)
    within = (energy <= g + room) & (energy >= g - np.log(len(found.patterns)) - room)
    rows = [
        share(
            NAME,
            "Proposition 1",
            f"{space}: points of the grid where g − log 3 ≤ E ≤ g",
            int(within.sum()),
            within.size,
            paper=100.0,
        ),
        _beyond(
            f"{space}: largest g − E in units of log 3",
            float((g - energy).max() / np.log(len(found.patterns))),
        ),
    ]
    for name, one in found.minima.items():
        rows.append(_beyond(f"{space}: minima, {name}", len(one.found)))
        rows.append(
            share(
                NAME,
                SOURCE,
                f"{space}: patterns with a minimum of their own, {name}",
                int(one.own.sum()),
                len(one.own),
                paper=None,
                because=NO_NUMBER,
            )
        )
        farthest = f"{space}: longest way from a pattern down to a minimum, {name}"
        rows.append(_beyond(farthest, float(one.distance.max())))
        if np.isfinite(found.critical[name]):
            rows.append(
                _beyond(
                    f"{space}: β from which each pattern has its own, "
                    f"{name.partition(',')[0]}",
                    found.critical[name],
                )
            )
    return rows


def _rows_of_sets(sets: Sets) -> list[Row]:
    return [
        share(
            NAME,
            "beyond the paper",
            f"random sets of three where each has its own, {name}",
            int(own.all(1).sum()),
            len(own),
            paper=None,
            because=NO_NUMBER,
        )
        for name, own in sets.own.items()
    ]


def _beyond(quantity: str, value: float) -> Row:
    return compare(NAME, SOURCE, quantity, [value], paper=None, because=NO_NUMBER)


# -- what is shown ---------------------------------------------------------------------

TITLES = {
    "g": "squared distance  g(x)",
    NEAREST: "the paper's energy  E(x)",
    MODERN: "modern Hopfield  $2E_{MCHN} - \\log 3$",
}


def _figure_of_plane(found: Landscape) -> Figure:
    from isinglass.figures.style import COLOURS, subplots

    figure, panels = subplots(1, 3, width=10.5, height=4.1, sharey=True)
    x, y = found.axes
    level = np.sqrt  # contours evenly spaced in distance
    lowest = min(float(energy.min()) for energy in found.energies.values())
    top = float(np.quantile(found.energies["g"], 0.98)) - lowest
    drawn: Any = None
    for panel, (name, energy) in zip(panels, found.energies.items(), strict=True):
        height = level(np.clip(energy - lowest, 0, top))
        drawn = panel.contourf(
            x, y, height.T, levels=np.linspace(0, level(top), 25), cmap="viridis"
        )
        panel.contour(
            x,
            y,
            height.T,
            levels=np.linspace(0, level(top), 13)[1:],
            colors="white",
            linewidths=0.35,
            alpha=0.55,
        )
        if name == "g":
            grid = np.stack(np.meshgrid(x, y, indexing="ij"), -1)
            squared = ((grid[..., None, :] - found.patterns) ** 2).sum(-1)
            for index in range(len(found.patterns) - 1):
                nearer = np.delete(squared, index, -1).min(-1) - squared[..., index]
                panel.contour(
                    x,
                    y,
                    nearer.T,
                    levels=[0.0],
                    colors="white",
                    linewidths=1.0,
                    linestyles="--",
                )
        else:
            across, up = np.gradient(-energy, x, y)
            panel.streamplot(
                x,
                y,
                across.T,
                up.T,
                color=(1, 1, 1, 0.45),
                linewidth=0.5,
                density=0.7,
                arrowsize=0.6,
            )
            panel.plot(
                *found.minima[name].found.T,
                "o",
                markerfacecolor="none",
                markeredgecolor="white",
                markersize=11,
                markeredgewidth=1.6,
            )
        panel.plot(
            *found.patterns.T,
            "*",
            color=COLOURS[4],
            markersize=9,
            markeredgecolor="black",
            markeredgewidth=0.5,
        )
        panel.set(title=TITLES[name], xlabel="$x_1$", aspect="equal")
        panel.set_xlim(x[0], x[-1])
        panel.set_ylim(y[0], y[-1])
        panel.grid(False)
    panels[0].set_ylabel("$x_2$")
    bar = figure.colorbar(drawn, ax=panels, shrink=0.8, pad=0.01, aspect=28)
    ticks = np.array([0, 0.5, 1, 2, 4, 6, 8, 12])
    ticks = ticks[ticks <= top]
    bar.set_ticks(list(level(ticks)), labels=[f"{tick:g}" for tick in ticks])
    bar.set_label("energy above the lowest")
    bar.outline.set_visible(False)
    return Figure(
        f"{NAME}-2d",
        figure,
        "Three energies over the same three patterns (stars), with one scale of "
        "colours; contours are evenly spaced in the square root of the energy above "
        "the lowest. Dashed: where the nearest pattern changes, and g has a crease. "
        "Thin lines with arrows lead downhill; "
        f"circles are minima: {len(found.minima[NEAREST].found)} of E, "
        f"{len(found.minima[MODERN].found)} of the modern Hopfield energy.",
    )


def _figure_of_line(found: Landscape, branches: dict[str, np.ndarray]) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    figure, (left, right) = subplots(1, 2, width=10.5, height=4.0)
    x, g = found.axes[0], found.energies["g"]
    left.fill_between(
        x, g - np.log(len(found.patterns)), g, color=COLOURS[0], alpha=0.13, linewidth=0
    )
    left.plot(x, g, color=MUTED, linewidth=1.2, label="g(x)")
    names = {NEAREST: "E(x)", MODERN: "$2E_{MCHN} - \\log 3$"}
    for colour, (name, label) in zip(COLOURS, names.items(), strict=False):
        energy = found.energies[name]
        left.plot(x, energy, color=colour, label=label)
        places = found.minima[name].found[:, 0]
        left.plot(places, np.interp(places, x, energy), "o", color=colour, markersize=7)
    low, high = float((g - np.log(3)).min()) - 0.2, 4.6
    for pattern in found.patterns[:, 0]:
        left.plot(
            pattern, low, "*", color=COLOURS[4], markersize=12, clip_on=False, zorder=5
        )
        right.axhline(pattern, color=COLOURS[4], linewidth=1, linestyle=":")
    left.set(
        xlabel="x", ylabel="energy", title="Energies on the line", ylim=(low, high)
    )
    left.set_xlim(x[0], x[-1])
    left.legend(loc="upper left")
    for name, size, colour in (("minima", 2.6, COLOURS[0]), ("maxima", 1.0, MUTED)):
        right.plot(
            *branches[name].T, "o", color=colour, markersize=size, markeredgewidth=0
        )
    right.axvline(1.0, color=INK, linewidth=0.9, linestyle="--")
    right.text(1.03, found.patterns.min() - 0.35, "paper", color=INK, fontsize="small")
    right.set(xscale="log", xlabel="inverse temperature β", ylabel="x")
    right.set_title("Minima of E as it sharpens")
    right.set_ylim(found.patterns.min() - 0.45, found.patterns.max() + 0.45)
    return Figure(
        f"{NAME}-1d",
        figure,
        "Left: the energies over the patterns −2, 0 and 1 (stars), with their minima "
        "(dots). Shaded: where Proposition 1 lets E be. Right: minima of E (blue) and "
        "the maxima between them (grey) by inverse temperature; dotted: the patterns.",
    )


def _findings(found: dict[str, Landscape], sets: Sets) -> str:
    told = [_story(space, one) for space, one in found.items()]
    return "\n\n".join([*told, _story_of_sets(sets)])


def _story(space: str, found: Landscape) -> str:
    parts = []
    for name, one in found.minima.items():
        where = ", ".join(_point(place, 3) for place in one.found)
        parts.append(
            f"{name}: {_count(len(one.found), 'minimum', 'minima')}, at {where}"
        )
    own = found.minima[NEAREST]
    m = len(found.patterns)
    told = f"{space}. {'; '.join(parts)}. "
    if own.own.all():
        told += (
            "In the paper's energy each pattern has a minimum of its own, "
            f"{own.distance.min():.3f} to {own.distance.max():.3f} from it."
        )
    else:
        merged = " and ".join(_point(p, 1) for p in found.patterns[~own.own])
        told += (
            f"In the paper's energy {merged} share one minimum: so smooth a search "
            f"does not tell them apart, though g, which it stands for, has {m} minima."
        )
    beta = found.critical[NEAREST]
    if np.isfinite(beta):
        told += f" From β = {beta:.3g} on each has its own."
    lost = [_point(p, 1) for p in found.patterns[~found.minima[MODERN].own]]
    if lost:
        told += f" In the modern Hopfield energy {' and '.join(lost)} share one"
        beta = found.critical[MODERN]
        told += (
            f", until β = {beta:.3g}."
            if np.isfinite(beta)
            else f", and there is no β up to {BETAS[1]:g} at which all patterns have their own: it "
            "ranks patterns by ⟨ρ, x⟩, so that one between others is never the first."
        )
    gap = (found.energies["g"] - found.energies[NEAREST]).max() / np.log(m)
    return (
        told + f" On the grid g − E is at most {gap:.2f} of the log {m} that it may be."
    )


def _story_of_sets(sets: Sets) -> str:
    count = len(sets.separation)
    shares = " and ".join(
        f"in {int(own.all(1).sum())} ({name})" for name, own in sets.own.items()
    )
    own, wide = sets.own[NEAREST], sets.separation > np.sqrt(2)
    return (
        f"Of {count} random sets of three patterns in the plane, each has its own "
        f"minimum {shares}."
        " "
        "Two patterns alone merge where β times their squared distance is below 2, "
        "that is at a "
        f"distance of {np.sqrt(2):.2f} at β = 1. With a third one near, that rule "
        f"still tells {100 * (own == wide).mean():.0f} % of {own.size} patterns right."
    )


def _point(point: np.ndarray, digits: int) -> str:
    numbers = ", ".join(f"{value:.{digits}f}".replace("-", "−") for value in point)
    return f"({numbers})" if len(point) > 1 else numbers


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


EXPERIMENT = Experiment(
    name=NAME,
    title="Energy landscapes of three patterns",
    paper=memory_paper.PAPER,
    source=SOURCE,
    question=(
        "What do the paper's energy, the squared distance that it smooths and the "
        "modern Hopfield energy look like over the same patterns? Has each pattern a "
        "minimum of its own?"
    ),
    duration=12,
    quick_duration=10,
    default_seeds=100,
    quick_seeds=10,
    run=run,
    needs_digits=False,
)
