"""How many patterns each energy of the Hopfield family holds, against noise and separation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass._common.intervals import Interval
from isinglass.energy.capacity import HalfPoint, RetrievalTask, half_point
from isinglass.energy.capacity_theory import fixed_point_capacity, separation_capacity
from isinglass.experiments.memory import setting as memory_paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row
from isinglass.reproduce.ledger import compare, judge

if TYPE_CHECKING:
    import xarray as xr

NAME = "memory-retrieval"
SOURCE = "beyond the paper"
NO_NUMBER = "The paper names these energies and counts no retrievals"
EXACT, NEARLY = (
    0.01,
    0.35,
)  # precision: no wrong sign, and at most 3 % of them (0.35²/4)
CLOSE = 0.3  # precision of continuous energies
APART = (2.5, 3.0, 4.0)  # separations at which the error is measured
SLOPE = {"Hopfield": 1.0, "k = 3": 2.0, "k = 4": 3.0}


class Budget(NamedTuple):
    """What to measure.

    Attributes:
        dimension: n of the maps over noise, and of the continuous energies.
        counts: Numbers of patterns of the maps.
        noises: Shares of turned signs of the maps.
        dimensions: By energy, n at which the number of patterns is raised until half
            fail.
        factors: That number as a multiple of the one theory gives.
        separations: Of the patterns of continuous energies.
        error_counts: Numbers of patterns at which the error is measured.
    """

    dimension: int
    counts: Sequence[int]
    noises: Sequence[float]
    dimensions: dict[str, Sequence[int]]
    factors: Sequence[float]
    separations: Sequence[float]
    error_counts: Sequence[int]


DEFAULT = Budget(
    64,
    (4, 8, 16, 32, 128, 512, 2048),
    (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4),
    {
        "Hopfield": (64, 128, 256, 512),
        "k = 3": (16, 24, 32, 48),
        "k = 4": (12, 16, 24),
        "Demircigil": (8, 10, 12, 14),
    },
    (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0),
    (2.0, 2.4, 2.8, 3.2),
    (8, 64, 512),
)
QUICK = Budget(
    32,
    (4, 32, 256),
    (0.0, 0.1, 0.2, 0.3, 0.4),
    {"Hopfield": (32, 64), "k = 3": (16, 24), "Demircigil": (8, 10)},
    (0.5, 0.75, 1.0, 1.3, 2.0),
    (2.0, 2.8),
    (8, 64),
)


class Found(NamedTuple):
    """All that was measured.

    Attributes:
        maps: `isinglass.energy.capacity` over numbers of patterns and noise, all
            energies.
        half: By what was asked: one for each n or separation.
        lengths: Share retrieved by energy over `WIDTHS`, one for each set of patterns.
        errors: Mean of |x − ρ|/|ρ| in the end, of the paper's energy, over
            "separation", "patterns", "noise" and "trial".
    """

    maps: xr.Dataset
    half: dict[str, list[HalfPoint]]
    lengths: dict[str, Float[np.ndarray, "sets widths"]]
    errors: xr.DataArray


WIDTHS = (0.0, 0.2, 0.4, 0.6, 0.8)
MODERN, NEAREST = "modern Hopfield, β = 2", "nearest neighbour, β = 1"
LENGTHS_OF = 64  # patterns of unequal lengths


def run(context: Context) -> Outcome:
    """Maps over noise, counts at which half fails, and patterns of unequal lengths."""
    found = measure(context, QUICK if context.quick else DEFAULT)
    figures = [
        _figure_of_maps(found),
        _figure_of_halves(found),
        _figure_of_errors(found.errors),
    ]
    return Outcome(_rows(found), figures, _findings(found))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, budget: Budget) -> Found:
    """Everything, over as many sets of patterns as there are seeds."""
    import jax

    from isinglass.energy import (
        Demircigil,
        Hopfield,
        KrotovHopfield,
        ModernHopfield,
        NearestNeighbour,
        capacity,
    )

    seed = np.uint32(memory_paper.key_seed(context))
    keys = list(jax.random.split(jax.random.key(seed), 8))
    named = {
        "Hopfield": Hopfield(),
        "k = 3": KrotovHopfield(3),
        "k = 4": KrotovHopfield(4),
        "Demircigil": Demircigil(),
    }
    context.progress.step("noise and number of patterns")
    maps = capacity(
        [*named.values(), ModernHopfield(2.0), NearestNeighbour(1.0)],
        RetrievalTask(
            budget.counts,
            budget.noises,
            (3.0,),
            dimension=budget.dimension,
            trials=context.seeds,
        ),
        precision=CLOSE,
        key=keys[0],
    )
    half: dict[str, list[HalfPoint]] = {}
    jobs = [(name, n) for name, sizes in budget.dimensions.items() for n in sizes]
    for name, n in context.progress.track(jobs, "where capacity breaks"):
        for what, one in _halves(
            named[name], name, n, budget, context.seeds, keys[1]
        ).items():
            half.setdefault(what, []).append(one)
    half["nearest neighbour"] = _by_separation(
        NearestNeighbour(1.0), budget, context, keys[2]
    )
    context.progress.step("errors")
    errors = capacity(
        [NearestNeighbour(1.0)],
        RetrievalTask(
            budget.error_counts,
            budget.noises,
            APART,
            dimension=budget.dimension,
            trials=context.seeds,
        ),
        key=keys[3],
    )["error"].isel(energy=0)
    return Found(maps, half, _by_lengths(context, budget.dimension), errors)


def _halves(
    landscape: Any, name: str, n: int, budget: Budget, seeds: int, key: Any
) -> dict[str, HalfPoint]:
    """Counts at which half of the patterns, or of the sets, are not fixed points."""
    from isinglass.energy import capacity

    expected = fixed_point_capacity(landscape, n)
    every = name == "Demircigil"
    counts = sorted({max(2, round(expected * factor)) for factor in budget.factors})
    if every:
        counts = [2**power for power in range(max(1, n // 2 - 3), min(n, 11) + 1)]
    task = RetrievalTask(
        counts,
        (0.0,),
        dimension=n,
        trials=seeds,
        probes=max(counts) if every else 32,
    )
    options: dict[str, Any] = {"key": key, "steps": 50}
    exact = capacity([landscape], task, precision=EXACT, **options)
    shares = exact["retrieved"].isel(energy=0, separation=0, noise=0).values
    found = {name: half_point(n, counts, shares, expected)}
    if every:
        whole = (shares == 1).astype(float)
        found["Demircigil, whole sets"] = half_point(
            n, counts, whole, float(np.sqrt(np.log(4) * 2**n / n))
        )
    if name == "Hopfield":
        nearly = capacity([landscape], task, precision=NEARLY, **options)
        shares = nearly["retrieved"].isel(energy=0, separation=0, noise=0).values
        found["Hopfield, 3 % wrong"] = half_point(n, counts, shares, 0.138 * n)
    return found


def _by_separation(
    landscape: Any, budget: Budget, context: Context, key: Any
) -> list[HalfPoint]:
    from isinglass.energy import capacity

    n, found = budget.dimension, []
    for separation in context.progress.track(budget.separations, "separations"):
        expected = separation_capacity(separation, n, precision=CLOSE)
        counts = sorted(
            {max(2, round(1.4 * expected * factor)) for factor in budget.factors}
        )
        seen = capacity(
            [landscape],
            RetrievalTask(
                counts, (0.0,), (separation,), dimension=n, trials=context.seeds
            ),
            precision=CLOSE,
            key=key,
        )["retrieved"].isel(energy=0, noise=0, separation=0)
        found.append(half_point(separation, counts, seen.values, expected))
    return found


def _by_lengths(context: Context, n: int) -> dict[str, np.ndarray]:
    """Patterns along random signs whose lengths are spread evenly around one."""
    import jax.numpy as jnp

    from isinglass.energy import ModernHopfield, NearestNeighbour, descend

    found: dict[str, list[list[float]]] = {MODERN: [], NEAREST: []}
    generators = memory_paper.generators(context, context.seeds)
    for generator in context.progress.track(generators, "unequal lengths"):
        signs = generator.choice([-1.0, 1.0], (LENGTHS_OF, n))
        factors = generator.uniform(-1, 1, (LENGTHS_OF, 1))
        for name, landscape in (
            (MODERN, ModernHopfield(2.0)),
            (NEAREST, NearestNeighbour(1.0)),
        ):
            shares = []
            for width in WIDTHS:
                patterns = 5.0 / np.sqrt(2 * n) * signs * (1 + width * factors)
                ended = descend(
                    jnp.asarray(patterns), jnp.asarray(patterns), landscape, steps=200
                )
                error = np.linalg.norm(np.asarray(ended.state) - patterns, axis=1)
                shares.append(
                    float((error <= CLOSE * np.linalg.norm(patterns, axis=1)).mean())
                )
            found[name].append(shares)
    return {name: np.array(shares) for name, shares in found.items()}


# -- the ledger ------------------------------------------------------------------------


def _rows(found: Found) -> list[Row]:
    rows = []
    for name, halves in found.half.items():
        for half in halves:
            at = (
                f"separation {half.place:g}"
                if name == "nearest neighbour"
                else f"n = {half.place}"
            )
            if _known(half):
                rows.append(
                    _row(
                        f"{name}: patterns where half fail, {at}",
                        half.interval,
                        half.sets,
                        None,
                        NO_NUMBER,
                    )
                )
    for name, expected in SLOPE.items():
        slope = growth(found.half.get(name, []), name)
        if slope is not None:
            rows.append(
                _row(
                    f"{name}: growth of that number by n, logarithms taken off",
                    slope,
                    found.half[name][0].sets,
                    expected,
                    "Theory is for n → ∞",
                    "Hopfield 1982; Krotov & Hopfield 2016",
                )
            )
    largest = found.half.get("Hopfield, 3 % wrong", [])[-1:]
    for half in largest:
        if _known(half):
            of_n = Interval(*(value / half.place for value in half.interval))
            what = f"Hopfield, 3 % of signs wrong: patterns per component, n = {half.place}"
            because = "Theory is for n → ∞"
            rows.append(_row(what, of_n, half.sets, 0.138, because, "Amit et al. 1985"))
    for name, expected in (("Demircigil, whole sets", 0.5), ("Demircigil", None)):
        slope = growth(found.half.get(name, []), name)
        if slope is not None:
            rows.append(
                _row(
                    f"{name}: growth of log₂ of that number by n",
                    slope,
                    found.half[name][0].sets,
                    expected,
                    "2^(n/2) is what is proved to be held, by whole sets"
                    if expected is None
                    else "2^(n/2) is a lower bound, for n → ∞",
                    "Demircigil et al. 2017",
                )
            )
    for name, shares in found.lengths.items():
        for place in (0, len(WIDTHS) - 1):
            row = compare(
                NAME,
                SOURCE,
                f"{name}: retrieved at lengths within ±{100 * WIDTHS[place]:.0f} %",
                100 * shares[:, place],
                paper=None,
                unit="%",
                because=NO_NUMBER,
            )
            rows.append(row.between())
    return rows + _rows_of_errors(found.errors)


def _rows_of_errors(errors: xr.DataArray) -> list[Row]:
    """At each separation and number of patterns, of the least noise, a middle one and the most."""
    noises = errors["noise"].values
    return [
        compare(
            NAME,
            SOURCE,
            f"{NEAREST}: |x − ρ|/|ρ| in the end, separation {separation:g}, m = "
            f"{count:,}, {100 * noise:g} % of signs turned",
            errors.sel(separation=separation, patterns=count, noise=noise).values,
            paper=None,
            because=NO_NUMBER,
        )
        for separation in errors["separation"].values
        for count in errors["patterns"].values
        for noise in np.unique(noises[[0, len(noises) // 2, -1]])
    ]


def _row(
    quantity: str,
    interval: Interval,
    sets: int,
    paper: float | None,
    because: str,
    source: str = SOURCE,
) -> Row:
    judgement = judge(interval, paper, "", None, because, paper is not None)
    return Row(NAME, source, quantity, paper, *interval, sets, "", *judgement)


def _known(half: HalfPoint) -> bool:
    return bool(np.isfinite(half.interval).all() and half.interval.low > 0)


def growth(halves: Sequence[HalfPoint], name: str) -> Interval | None:
    """Slope of log m½ over log n with z² multiplied out, or of log₂ m½ over n for exponentials."""
    known = [half for half in halves if _known(half)]
    if len(known) < 2:
        return None
    n = np.array([half.place for half in known])
    if name.startswith("Demircigil"):
        x, lift, scale = n, np.zeros(len(n)), np.log(2)
    else:
        # Theory is n^(k−1)/z² but for a constant.
        k = SLOPE[name]
        lift = np.array(
            [k * np.log(half.place) - np.log(half.theory) for half in known]
        )
        x, scale = np.log(n), 1.0

    def slope(counts: np.ndarray) -> float:
        return float(np.polyfit(x, (np.log(counts) + lift) / scale, 1)[0])

    resampled = np.array([half.resamples for half in known])
    good = np.isfinite(resampled).all(0) & (resampled > 0).all(0)
    low, high = np.quantile(
        [slope(column) for column in resampled.T[good]], [0.025, 0.975]
    )
    middle = slope(np.array([half.interval.mean for half in known]))
    return Interval(middle, min(float(low), middle), max(float(high), middle))


# -- what is shown ---------------------------------------------------------------------


def _figure_of_maps(found: Found) -> Figure:
    from isinglass.figures.style import INK, subplots

    maps = found.maps.isel(separation=0)
    share = maps["retrieved"].mean("trial").transpose("energy", "patterns", "noise")
    figure, panels = subplots(2, 3, width=10.0, height=5.6, sharex=True, sharey=True)
    counts, noises = maps["patterns"].values, 100 * maps["noise"].values
    drawn: Any = None
    for panel, name in zip(panels.flat, maps["energy"].values, strict=True):
        values = share.sel(energy=name).values
        drawn = panel.pcolormesh(
            noises,
            np.arange(len(counts)),
            values,
            cmap="viridis",
            vmin=0,
            vmax=1,
            shading="nearest",
        )
        if values.min() < 0.5 < values.max():
            panel.contour(
                noises,
                np.arange(len(counts)),
                values,
                levels=[0.5],
                colors="white",
                linewidths=1.6,
            )
        panel.set_title(str(name), color=INK, fontsize=9.5)
        panel.grid(False)
        panel.set_yticks(np.arange(len(counts)), [f"{count:,}" for count in counts])
    for panel in panels[1]:
        panel.set_xlabel("turned signs, %")
    for panel in panels[:, 0]:
        panel.set_ylabel("patterns m")
    bar = figure.colorbar(drawn, ax=panels, pad=0.01, aspect=30)
    bar.set_label("share retrieved")
    bar.outline.set_visible(False)
    return Figure(
        f"{NAME}-noise",
        figure,
        f"Share of random patterns, n = {maps.attrs['dimension']}, that are retrieved "
        "from states "
        "with turned signs, |x − ρ| at most 0.3 |ρ|; white: half of them. Signs are "
        "turned one after another until none moves; the two continuous energies, whose "
        "patterns are 3 apart, take softmax updates. All energies see the same "
        "patterns and the same noise.",
    )


def _figure_of_halves(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, MUTED, subplots

    figure, panels = subplots(2, 2, width=10.0, height=7.0)
    powers, exponential, continuous, lengths = panels.flat
    names = [name for name in found.half if name.startswith(("Hopfield", "k"))]
    for colour, name in zip(COLOURS, names, strict=False):
        _draw_halves(powers, found.half[name], name, colour)
    powers.set(
        xscale="log",
        yscale="log",
        xlabel="dimension n",
        ylabel="patterns at half",
        title="Powers: $n^{k-1}$",
    )
    sizes = sorted({int(half.place) for name in names for half in found.half[name]})
    powers.set_xticks(sizes, [str(n) for n in sizes])
    powers.minorticks_off()
    for colour, name in zip(
        COLOURS, ("Demircigil", "Demircigil, whole sets"), strict=False
    ):
        _draw_halves(exponential, found.half.get(name, []), name, colour)
    exponential.set(
        yscale="log",
        xlabel="dimension n",
        ylabel="patterns at half",
        title="Exponential",
    )
    exponential.set_xticks(
        [int(half.place) for half in found.half.get("Demircigil", [])]
    )
    _draw_halves(continuous, found.half["nearest neighbour"], NEAREST, COLOURS[0])
    n = found.maps.attrs["dimension"]
    continuous.set(
        yscale="log",
        xlabel="separation of patterns",
        ylabel="patterns at half",
        title=f"Continuous, n = {n}",
    )
    for colour, (name, shares) in zip(COLOURS, found.lengths.items(), strict=False):
        percent = 100 * shares
        spread = np.quantile(percent, [0.05, 0.95], axis=0)
        lengths.fill_between(
            100 * np.array(WIDTHS), *spread, color=colour, alpha=0.15, linewidth=0
        )
        lengths.plot(
            100 * np.array(WIDTHS), percent.mean(0), "o-", color=colour, label=name
        )
    lengths.set(
        xlabel="lengths within ± %",
        ylabel="retrieved, %",
        ylim=(0, 104),
        title=f"Patterns of unequal lengths, m = {LENGTHS_OF}",
    )
    for panel in panels.flat:
        if panel is not lengths:
            panel.plot([], [], "--", color=MUTED, linewidth=1.2, label="estimate")
        panel.legend(fontsize=8.5)
    return Figure(
        f"{NAME}-capacity",
        figure,
        "Number of patterns at which half of all retrievals from the pattern itself "
        "fail, with 95 % bootstrap intervals over sets of patterns, interpolated "
        "between the numbers tried, and "
        "estimates (dashed): signal against noise at this n for powers, 0.138 n with 3 "
        "% wrong signs, a pattern one sign away for the exponential, the loss of the "
        "fixed point for the continuous energy. “Whole sets”: half of the sets have a "
        "pattern that is no fixed point. Last: patterns of different lengths at a "
        "separation of 5, means over sets and where 90 % of them lie.",
    )


def _draw_halves(panel: Any, halves: Sequence[HalfPoint], name: str, colour: str) -> None:
    known = [half for half in halves if _known(half)]
    if known:
        places = [half.place for half in known]
        middle = np.array([half.interval.mean for half in known])
        errors = np.array([(h.interval.low, h.interval.high) for h in known]).T
        below, above = (
            np.maximum(middle - errors[0], 0),
            np.maximum(errors[1] - middle, 0),
        )
        panel.errorbar(
            places,
            middle,
            yerr=[below, above],
            fmt="o",
            color=colour,
            markersize=5,
            capsize=2.5,
            linewidth=1.2,
            label=name,
        )
    with_theory = [(h.place, h.theory) for h in halves if np.isfinite(h.theory)]
    if with_theory:
        panel.plot(*np.array(with_theory).T, "--", color=colour, linewidth=1.2)


def _figure_of_errors(errors: xr.DataArray) -> Figure:
    from isinglass.figures.style import COLOURS, INK, subplots

    noises = errors["noise"].values
    separations = errors["separation"].values
    figure, panels = subplots(1, len(separations), width=10.0, height=3.8, sharey=True)
    for panel, separation in zip(panels, separations, strict=True):
        for colour, count in zip(COLOURS, errors["patterns"].values, strict=False):
            values = errors.sel(separation=separation, patterns=count)
            values = values.transpose("trial", "noise").values
            spread = np.quantile(values, [0.05, 0.95], axis=0)
            panel.fill_between(
                100 * noises, *spread, color=colour, alpha=0.15, linewidth=0
            )
            panel.plot(
                100 * noises, values.mean(0), "o-", color=colour, label=f"m = {count:,}"
            )
        panel.plot(
            100 * noises, 2 * np.sqrt(noises), ":", color=INK, label="at the start"
        )
        panel.set(xlabel="turned signs, %", title=f"Separation {separation:g}")
    panels[0].set_ylabel("|x − ρ| / |ρ| in the end")
    panels[0].set_ylim(bottom=0)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=5,
        fontsize=9,
    )
    return Figure(
        f"{NAME}-error",
        figure,
        "How far from its pattern the paper's energy ends, by the share of signs that "
        "were turned at the start (dotted: how far that is from the pattern), for m "
        "patterns at three separations: means over sets of patterns, and where 90 % of "
        "the sets lie. 0: the pattern itself; 1: the middle of all patterns; about √2: "
        "another pattern.",
    )


def _findings(found: Found) -> str:
    told = [_of_maps(found.maps)]
    for name, halves in found.half.items():
        known = [half for half in halves if _known(half)]
        if not known:
            told.append(f"{name}: half is not reached within the numbers tried.")
            continue
        numbers = ", ".join(
            f"{half.interval.mean:.4g} [{half.interval.low:.4g}, "
            f"{half.interval.high:.4g}] at {half.place:g} (estimate {half.theory:.4g})"
            for half in known
        )
        what = "separations" if name == "nearest neighbour" else "n"
        story = f"{name}, patterns at half by {what}: {numbers}."
        slope = (
            growth(halves, name)
            if name in SLOPE or name.startswith("Demircigil")
            else None
        )
        if slope is not None:
            unit = (
                "log₂ per component" if name.startswith("Demircigil") else "power of n"
            )
            story += f" Growth {slope.mean:.2f} [{slope.low:.2f}, {slope.high:.2f}] ({unit})."
        told.append(story)
    told += [_of_lengths(found.lengths), _of_errors(found.errors)]
    return "\n\n".join(told)


def _of_maps(maps: xr.Dataset) -> str:
    retrieved = maps["retrieved"].isel(separation=0)
    both = retrieved.sel(energy=[MODERN, NEAREST])
    apart = float(abs(both.isel(energy=0) - both.isel(energy=1)).max())
    count = int(maps["patterns"].values[-1])
    clean = retrieved.sel(patterns=count).isel(noise=0)
    at_most = ", ".join(
        f"{name} {100 * float(clean.sel(energy=name).mean()):.0f} %"
        for name in maps["energy"].values
    )
    same = "the same" if apart == 0 else f"the same to {100 * apart:.2g} points"
    return (
        f"At n = {maps.attrs['dimension']} and m = {count:,} without noise: {at_most}. "
        "On patterns of one length the modern energy at β = 2 and the paper's at β = "
        f"1 retrieve {same}: by "
        "Proposition 2 they are one energy there."
    )


def _of_lengths(lengths: dict[str, np.ndarray]) -> str:
    of = {name: 100 * shares.mean(0)[[0, -1]] for name, shares in lengths.items()}
    told = "; ".join(
        f"{name} {first:.0f} % and {last:.0f} %" for name, (first, last) in of.items()
    )
    return (
        f"Where lengths differ they part: of {LENGTHS_OF} patterns at a separation of "
        f"5, of one length and within ±{100 * WIDTHS[-1]:.0f} %, retrieved are: "
        f"{told}. The modern energy "
        "takes a long pattern for near; the paper's, which has |ρ|² in it, does not. "
        "Short patterns are nearer to each other, which costs the paper's energy, too."
    )


def _of_errors(errors: xr.DataArray) -> str:
    noises, counts = errors["noise"].values, errors["patterns"].values
    means = errors.mean("trial")
    least, middle, most = (
        means.isel(noise=k).transpose("separation", "patterns")
        for k in (0, len(noises) // 2, -1)
    )
    told = "; ".join(
        f"separation {separation:g}: "
        + ", ".join(
            f"{float(a):.2f}, {float(b):.2f} and {float(c):.2f} (m = {count:,})"
            for count, a, b, c in zip(counts, *of_separation, strict=True)
        )
        for separation, *of_separation in zip(
            errors["separation"].values, least, middle, most, strict=True
        )
    )
    shares = ", ".join(f"{100 * noise:g}" for noise in noises[[0, len(noises) // 2]])
    return (
        f"How far from its pattern the paper's energy ends, |x − ρ|/|ρ|, with {shares} "
        f"and {100 * noises[-1]:g} % of signs turned: {told}. 0 is the pattern, 1 the "
        "middle of all, "
        "√2 about any other one."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="How many patterns each energy holds",
    paper=memory_paper.PAPER,
    source=SOURCE,
    question=(
        "From how noisy a state, and among how many patterns how far apart, does each "
        "energy retrieve? Does the number at which half of the retrievals fail grow as "
        "theory says?"
    ),
    duration=180,
    quick_duration=50,
    default_seeds=16,
    quick_seeds=4,
    run=run,
    needs_digits=False,
)
