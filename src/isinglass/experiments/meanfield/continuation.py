"""Attractors of the mean-field map followed upwards and downwards in β: hysteresis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from isinglass.experiments.meanfield import setting as paper
from isinglass.figures.attractors import KIND_STYLES
from isinglass.reproduce import (
    Context,
    Experiment,
    Figure,
    Outcome,
    Row,
    claim,
    compare,
)

if TYPE_CHECKING:
    import xarray as xr

NAME = "meanfield-continuation"
SOURCE = "continuation diagrams"
POINTS = 512  # last points of each orbit, by which cycles are told apart
DIRECTIONS = ("up", "down")
APART = 0.01  # least distance of two cycles of one period, as a share of the diagram's extent
NEIGHBOURS = 3  # values in a row at which the directions must differ
SETTLED = 5.0  # e-foldings of what is left of the neighbour's orbit after which it counts as gone
COMMONEST = 3  # pairs of kinds that are told
FOLLOWED = (
    0,
    1,
    2,
    3,
)  # kinds whose end is decided, as `isinglass.dynamics.Kind` numbers them


class Resolution(NamedTuple):
    """How fine a continuation is; its steps are taken anew at every value."""

    values: int
    transient: int
    steps: int


QUICK = Resolution(61, 500, 600)
DEFAULT = Resolution(801, 2000, 2000)
# As many values as published. They can only follow each other, so that the published
# steps would take hours; an orbit that starts from its neighbour's attractor needs
# fewer.
FULL = Resolution(paper.PUBLISHED_VALUES, 4000, 4000)

SPANS = {"range": paper.RANGE, "zoom": paper.ZOOM}


class Branches(NamedTuple):
    """One range of β, followed both ways from several starts."""

    name: str
    found: xr.Dataset  # (direction, start, beta): last points, λ₁, kinds
    onset: float  # where the forced cycle loses its stability
    decided: np.ndarray  # (start, beta): the kinds of both directions are
    differ: np.ndarray  # (start, beta): decided, and of other kind, or on another cycle
    late: (
        np.ndarray
    )  # (start, beta): one direction still sits on the forced cycle, unstable
    slow: (
        np.ndarray
    )  # (beta,): so close to the onset that orbits do not settle in their steps

    @property
    def beta(self) -> np.ndarray:
        """The values of β."""
        return self.found["beta"].values

    @property
    def bistable(self) -> np.ndarray:
        """(start, beta): settled directions differ, at this and enough neighbouring values."""
        from isinglass.dynamics.hysteresis import runs

        found = np.zeros(self.differ.shape, bool)
        for start, flags in enumerate(self.differ & ~self.late & ~self.slow):
            for first, last in runs(flags):
                found[start, first : last + 1] = last - first + 1 >= NEIGHBOURS
        return found

    def __str__(self) -> str:
        return f"β in [{self.beta[0]:g}, {self.beta[-1]:g}]"


def run(context: Context) -> Outcome:
    """Follow the attractors both ways over the whole range and over the zoom."""
    resolution = FULL if context.full else QUICK if context.quick else DEFAULT
    spans = [
        measure(context, name, np.linspace(*ends, resolution.values), resolution)
        for name, ends in SPANS.items()
    ]
    rows = [row for branches in spans for row in _rows(branches)]
    return Outcome(
        rows, [_figure(branches) for branches in spans], _findings(spans, context.full)
    )


# -- measuring -------------------------------------------------------------------------


def measure(
    context: Context, name: str, values: np.ndarray, resolution: Resolution
) -> Branches:
    """Follow each start along ascending values and back along descending ones."""
    from isinglass.dynamics import Measure
    from isinglass.dynamics.sweep.diagrams import continuation
    from isinglass.experiments.meanfield import cycle

    wanted = Measure(
        resolution.transient, resolution.steps, 1, points=min(POINTS, resolution.steps)
    )
    with context.progress.follow(f"{NAME}: {name}") as tell:
        found = continuation(
            paper.mean_field().map,
            _starts(context, float(values[0])),
            paper.parameters(values[0]),
            {"beta": values},
            wanted,
            starts=context.seeds,
            store=context.store(name),
            progress=tell,
        ).load()
    onset = cycle.onset()
    if onset is None:
        raise RuntimeError(
            "the forced cycle of the paper's network is stable up to β = 3"
        )
    below = onset.value - 0.01
    slope = -cycle.exponents(paper.parameters(below))[0] / (onset.value - below)
    # Forces on the amplitude grow in proportion to the distance from the onset.
    reach = SETTLED / (slope * (resolution.transient + resolution.steps))
    return compared(name, found, onset.value, reach)


def _starts(context: Context, beta: float) -> Any:
    """The paper's start, and random ones at the same phase."""
    first = paper.start(paper.parameters(beta))
    others = (
        paper.random_starts(context, context.seeds - 1) if context.seeds > 1 else None
    )
    windows = [np.asarray(first.window)[None]]
    if others is not None:
        windows.append(np.asarray(others.window))
    return type(first)(np.concatenate(windows), first.phase)  # pyright: ignore[reportArgumentType]


def compared(name: str, found: xr.Dataset, onset: float, reach: float) -> Branches:
    """Where the directions of a continuation differ, and where orbits have not settled.

    Args:
        name: Of the range.
        found: The continuation, over "direction", "start" and "beta".
        onset: β at which the forced cycle loses its stability.
        reach: How far from there orbits do not settle within their steps.
    """
    beta = found["beta"].values
    kind, period = (
        found[wanted].transpose("start", "beta", "direction").values
        for wanted in ("kind", "period")
    )
    decided = np.asarray(np.isin(kind, FOLLOWED).all(axis=-1))
    alike = (kind[..., 0] == kind[..., 1]) & (period[..., 0] == period[..., 1])
    cycles = decided & alike & (period > 0).all(axis=-1)
    differ = decided & (~alike | (cycles & _apart(found, period[..., 0])))
    clock = paper.mean_field().period
    forced = (period > 0) & (clock % np.maximum(period, 1) == 0)
    late = forced.any(axis=-1) & (beta > onset)
    return Branches(
        name, found, onset, decided, differ, late, np.abs(beta - onset) < reach
    )


def _apart(found: xr.Dataset, period: np.ndarray) -> np.ndarray:
    """(start, beta): two cycles of that period lie apart; False where it is 0."""
    from isinglass.dynamics.hysteresis import cloud_distance

    points = (
        found["points"]
        .transpose("start", "beta", "direction", "point", "component")
        .values
    )
    extent = np.nanmax(
        np.nanmax(points, axis=(0, 1, 2, 3)) - np.nanmin(points, axis=(0, 1, 2, 3))
    )
    apart = np.zeros(period.shape, bool)
    for place in zip(*np.nonzero(period), strict=True):
        up, down = points[place][:, -period[place] :]
        apart[place] = cloud_distance(up, down) > APART * extent
    return apart


# -- the ledger ------------------------------------------------------------------------


def _rows(branches: Branches) -> list[Row]:
    because = "The paper shows a diagram and gives no number."
    bistable = branches.bistable
    widest = [_widest(bistable[start], branches.beta) for start in range(len(bistable))]
    return [
        claim(
            NAME,
            SOURCE,
            "the directions end on attractors of other kind or other cycles at "
            f"{NEIGHBOURS} neighbouring values, {branches}",
            int(bistable.any(axis=1).sum()),
            len(bistable),
        ),
        paper.percentages(
            NAME,
            SOURCE,
            f"values with hysteresis, {branches}",
            _percent(bistable),
            because,
        ),
        paper.percentages(
            NAME,
            SOURCE,
            f"values with decided kinds both ways, {branches}",
            _percent(branches.decided),
            because,
        ),
        compare(
            NAME,
            SOURCE,
            f"widest interval of hysteresis, {branches}",
            widest,
            paper=None,
            because=f"{because} Known to one spacing of the values",
        ),
        compare(
            NAME,
            SOURCE,
            f"delay in leaving the unstable cycle upwards, {branches}",
            _delays(branches),
            paper=None,
            because=(
                "An artefact of following: the orbit sits on the cycle to the last bit "
                "and needs time to leave it; the paper does not speak of it"
            ),
        ),
    ]


def _percent(flags: np.ndarray) -> list[float]:
    """Of each start, in how many of its values it holds."""
    return [100 * float(np.mean(of_start)) for of_start in flags]


def _widest(flags: np.ndarray, beta: np.ndarray) -> float:
    """Greatest width of a run of values that hold; 0 without any."""
    from isinglass.dynamics.hysteresis import runs

    longest = max((last - first + 1 for first, last in runs(flags)), default=0)
    return float(longest * (beta[1] - beta[0]))


def _delays(branches: Branches) -> list[float]:
    return [
        float(branches.beta[late].max() - branches.onset) if late.any() else 0.0
        for late in branches.late
    ]


# -- what is shown ---------------------------------------------------------------------


def _figure(branches: Branches) -> Figure:
    from isinglass.figures.attractors import draw_cloud, kind_legend, kind_strip
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    found, beta = branches.found.isel(start=0), branches.beta
    figure, panels = subplots(
        5,
        1,
        width=7.5,
        height=8.6,
        sharex=True,
        gridspec_kw={"height_ratios": [4, 0.22, 4, 0.22, 2]},
    )
    growth = panels[4]
    for index, (way, word) in enumerate(
        zip(DIRECTIONS, ("upwards", "downwards"), strict=True)
    ):
        cloud, strip = panels[2 * index], panels[2 * index + 1]
        one = found.sel(direction=way)
        kinds = one["kind"].values
        draw_cloud(cloud, beta, crossings(one["points"].values), kinds)
        cloud.set_title(f"Followed {word}")
        cloud.set_ylabel(
            f"{paper.ATTENTION_LABELS[0]} as {paper.ATTENTION_LABELS[1]} rises through "
            "0"
        )
        kind_strip(strip, beta, kinds)
        growth.plot(
            beta,
            one["exponents"].values[:, 0],
            color=(COLOURS[0], COLOURS[1])[index],
            linewidth=0.9,
            alpha=0.85,
            label=word,
        )
    panels[0].sharey(panels[2])
    for axes in (panels[0], panels[2], growth):
        _shade(axes, branches)
        axes.axvline(
            branches.onset, color=MUTED, linewidth=0.8, linestyle="--", zorder=0
        )
    growth.axhline(0, color=INK, linewidth=0.6)
    leading = found["exponents"].values[..., 0]
    top = max(0.05, 1.15 * float(leading.max()))
    growth.set_ylim(-0.6 * top, top)
    growth.set_ylabel("$\\lambda_1$\n(nats per step)")
    growth.set_xlabel(paper.BETA_LABEL)
    growth.set_xlim(beta[0], beta[-1])
    growth.legend(loc="upper left", ncols=2)
    kind_legend(figure, found["kind"].values.ravel())
    caption = (
        f"The attractors at {branches}, {len(beta):,} values, each from the end of its "
        "neighbour's orbit: upwards from the paper's start, and downwards. A₁ where A₂ "
        "rises through 0, interpolated between successive steps; the strips repeat the "
        "kinds. Shaded: where the two directions end on attractors of other decided "
        "kind or period, or on cycles "
        f"that lie apart by more than {100 * APART:.0f} % of the diagram's extent, at "
        f"{NEIGHBOURS} neighbouring values at least. Dashed: where the forced cycle "
        f"loses its stability, β = {branches.onset:.5f}; grey: so near to that that "
        "orbits do not "
        "settle in their steps. Bottom: the leading Lyapunov exponent."
    )
    suffix = "" if branches.name == "range" else f"-{branches.name}"
    return Figure(NAME + suffix, figure, caption)


def crossings(points: np.ndarray) -> np.ndarray:
    """A₁ where A₂ rises through 0, for each value, (n, W); NaN elsewhere.

    Args:
        points: Successive points of each orbit, (n, W + 1, 3).
    """
    now, after = points[:, :-1], points[:, 1:]
    rises = (now[..., 1] < 0) & (after[..., 1] >= 0)
    weight = np.zeros(rises.shape)
    np.divide(now[..., 1], now[..., 1] - after[..., 1], out=weight, where=rises)
    return np.where(rises, now[..., 0] + weight * (after[..., 0] - now[..., 0]), np.nan)


def _shade(axes: Any, branches: Branches) -> None:
    from isinglass.figures.style import COLOURS, GRID

    half = (branches.beta[1] - branches.beta[0]) / 2
    untold = branches.beta[branches.slow]
    if untold.size:
        axes.axvspan(
            untold[0], untold[-1], color=GRID, alpha=0.8, linewidth=0, zorder=0
        )
    for value in branches.beta[
        branches.bistable[0]
    ]:  # of the paper's start, which is drawn
        axes.axvspan(
            value - half,
            value + half,
            color=COLOURS[2],
            alpha=0.18,
            linewidth=0,
            zorder=0,
        )


def _findings(spans: list[Branches], full: bool = False) -> str:
    told = [_story(branches) for branches in spans]
    if full:
        told.append(
            "At the full resolution there are as many values as published, but "
            f"{FULL.transient:,} + {FULL.steps:,} steps at each instead of "
            f"{paper.PUBLISHED_TRANSIENT:,} + {paper.PUBLISHED_STEPS:,}: each starts "
            "from its neighbour's attractor."
        )
    return "\n\n".join(told)


def _story(branches: Branches) -> str:
    bistable, delays = branches.bistable, _delays(branches)
    shares, of_paper = _percent(bistable), bistable[0]
    spacing = branches.beta[1] - branches.beta[0]
    up, down = (
        branches.found["kind"].isel(start=0).transpose("direction", "beta").values
    )
    pairs = [
        f"{_name(one)} upwards and {_name(other)} downwards"
        f"{' (another cycle)' * (one == other)} at {count}"
        for (one, other), count in _pairs(up[of_paper], down[of_paper])[:COMMONEST]
    ]
    told = (
        f"For {branches}, {len(branches.beta):,} values, the directions end on "
        f"attractors of another kind or on another cycle, at {NEIGHBOURS} neighbouring "
        f"values or more, at {np.mean(shares):.1f} % of the values (mean over "
        f"{len(shares)} starts, {np.min(shares):.1f} to {np.max(shares):.1f} %)"
    )
    if pairs:
        ends = branches.beta[of_paper]
        told += (
            f"; from the paper's start between β = {ends.min():.5g} and "
            f"{ends.max():.5g}, in {_pieces(of_paper)} of at most "
            f"{_widest(of_paper, branches.beta):.2g}: most often {', '.join(pairs)} "
            "values"
        )
    late = max(delays)
    told += (
        ". Two tori, or two chaotic attractors, beside each other are not counted, nor "
        "is a value "
        "with an undecided kind: those are "
        f"{100 - np.mean(_percent(branches.decided)):.1f} %"
    )
    return told + (
        f". Upwards the orbit stays on the unstable cycle for up to {late:.2g} in β "
        "beyond its "
        "onset: it sits on it to the last bits and needs time to leave. That is the "
        "price of following and no hysteresis, and is not counted."
        if late > spacing
        else ". Upwards the orbit leaves the cycle at its onset, to the spacing of the values."
    )


def _name(kind: int) -> str:
    return KIND_STYLES[int(kind)].label


def _pairs(up: np.ndarray, down: np.ndarray) -> list[tuple[tuple[int, int], int]]:
    """How often each pair of kinds occurs, the commonest first."""
    pairs, counts = np.unique(np.stack([up, down], axis=1), axis=0, return_counts=True)
    found = [
        ((int(a), int(b)), int(n)) for (a, b), n in zip(pairs, counts, strict=True)
    ]
    return sorted(found, key=lambda item: -item[1])


def _pieces(flags: np.ndarray) -> str:
    """How many runs of True there are, in words."""
    from isinglass.dynamics.hysteresis import runs

    count = len(runs(flags))
    return f"{count} {'piece' if count == 1 else 'pieces'}"


EXPERIMENT = Experiment(
    name=NAME,
    title="Following attractors both ways: hysteresis",
    paper=paper.PAPER,
    source=SOURCE,
    question=(
        "If each temperature starts from the attractor of its neighbour, does it "
        "matter whether one comes from above or from below? Where do several "
        "attractors live side by side?"
    ),
    duration=70,
    quick_duration=15,
    default_seeds=4,
    quick_seeds=2,
    run=run,
    needs_digits=False,
    full_duration=400,
)
