"""Bifurcation diagrams of the mean-field map over the inverse temperature, with exponents."""

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

NAME = "meanfield-bifurcation"
SOURCE = "bifurcation diagrams"
SECTION_COMPONENT, SECTION_TOLERANCE = 1, 1e-3
LONGEST_CYCLE = 128
# 1,001 and 4,001 values, and the 251 of the other starts, make tiles of just this size:
# all sweeps of a run then share one compiled program.
LANES = 251
FIXED, PERIODIC, QUASI_PERIODIC, CHAOTIC = range(
    4
)  # as `isinglass.dynamics.Kind` numbers them


class Resolution(NamedTuple):
    """How fine a diagram is."""

    values: int
    transient: int
    steps: int
    every: int  # of so many values one is run from the other starts too
    points: int  # most points kept on the section
    exponents: int | None = None  # None for all


QUICK = Resolution(251, 2000, 2000, 1, 100)
DEFAULT = Resolution(1001, 8000, 12_000, 4, 200)
FULL = Resolution(
    paper.PUBLISHED_VALUES, paper.PUBLISHED_TRANSIENT, paper.PUBLISHED_STEPS, 16, 400
)


class Span(NamedTuple):
    """A range of β."""

    name: str
    low: float
    high: float

    def __str__(self) -> str:
        return f"β in [{self.low:g}, {self.high:g}]"


SPANS = (Span("range", *paper.RANGE), Span("zoom", *paper.ZOOM))


class Diagram(NamedTuple):
    """What was measured over a range."""

    span: Span
    section: (
        xr.Dataset
    )  # from the paper's start: points on the section, exponents, kinds
    cycles: xr.Dataset  # the last points of the same orbits, wherever they are
    starts: tuple[
        xr.Dataset, ...
    ]  # the same measure at fewer values: the paper's start, others


class Stability(NamedTuple):
    """The cycle that the positional bits force, by Newton's method and eigenvalues."""

    onset: float
    steps_per_turn: float  # of the oscillation that is born there
    exponents: dict[float, np.ndarray]  # by β, below the onset


def run(context: Context) -> Outcome:
    """Measure both diagrams, and hold what can be told without them against them."""
    resolution = FULL if context.full else QUICK if context.quick else DEFAULT
    diagrams = [measure(context, span, resolution) for span in SPANS]
    context.progress.step("stability of the forced cycle")
    stability = stability_below_onset(diagrams[0])
    rows = _onset_rows(diagrams[0], stability) + [
        row for d in diagrams for row in _rows(d)
    ]
    figures = [_figure(diagram, stability) for diagram in diagrams]
    return Outcome(rows, figures, _findings(diagrams, stability, rows))


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, span: Span, resolution: Resolution) -> Diagram:
    """The diagram over a range: from the paper's start, and thinned out from random ones."""
    from isinglass.dynamics import Measure, Section

    values = np.linspace(span.low, span.high, resolution.values)
    on_section = Measure(
        resolution.transient,
        resolution.steps,
        resolution.exponents,
        points=resolution.points,
        section=Section(SECTION_COMPONENT, 0.0, SECTION_TOLERANCE),
        max_period=LONGEST_CYCLE,
    )
    at_the_end = Measure(
        resolution.transient + resolution.steps, LONGEST_CYCLE, 0, points=LONGEST_CYCLE
    )
    section = _sweep(context, span.name, values, on_section)
    cycles = _sweep(context, f"{span.name}-cycles", values, at_the_end)
    thin = values[:: resolution.every]
    starts = [section.sel(beta=thin)]
    if context.seeds > 1:
        name = f"{span.name}-starts"
        others = _sweep(context, name, thin, on_section, starts=context.seeds - 1)
        starts += [others.isel(start=index) for index in range(context.seeds - 1)]
    return Diagram(span, section, cycles, tuple(starts))


def _sweep(
    context: Context,
    name: str,
    values: np.ndarray,
    measure: Any,
    starts: int | None = None,
) -> xr.Dataset:
    from isinglass.dynamics.sweep.diagrams import bifurcation

    state = paper.start if starts is None else paper.random_starts(context, starts)
    with context.progress.follow(f"{NAME}: {name}") as tell:
        return bifurcation(
            paper.mean_field().map,
            state,
            paper.parameters(values[0]),
            {"beta": values},
            measure,
            starts=starts,
            store=context.store(name),
            lanes=LANES,
            progress=tell,
        ).load()


def stability_below_onset(diagram: Diagram) -> Stability:
    """Onset and exponents of the forced cycle at the values where the sweep sees nothing else."""
    from isinglass.experiments.meanfield import cycle

    onset = cycle.onset()
    if onset is None:
        raise RuntimeError(
            "the forced cycle of the paper's network is stable up to β = 3"
        )
    seen = _forced(diagram.starts[0])
    exponents = {
        beta: cycle.exponents(paper.parameters(beta)) for beta in seen if beta > 0
    }
    return Stability(onset.value, cycle.period() * 2 * np.pi / onset.angle, exponents)


def _forced(found: xr.Dataset) -> np.ndarray:
    """The values, from the lowest on, at which the orbit ends on the cycle of the clock."""
    period = paper.mean_field().period
    on_cycle = np.isin(
        found["period"].values, [p for p in range(1, period + 1) if period % p == 0]
    )
    first_other = int(np.argmin(on_cycle)) if not on_cycle.all() else len(on_cycle)
    return found["beta"].values[:first_other]


# -- the ledger ------------------------------------------------------------------------


def _onset_rows(diagram: Diagram, stability: Stability) -> list[Row]:
    onsets = [extrapolated_onset(found) for found in diagram.starts]
    errors = [_exponent_error(found, stability) for found in diagram.starts]
    last = _forced(diagram.starts[0])[-2:]
    line = _zero(last, np.array([stability.exponents[beta][0] for beta in last]))
    return [
        compare(
            NAME,
            SOURCE,
            "β at which the forced cycle loses its stability",
            onsets,
            paper=None,
            because=(
                "The paper gives no number. Ours is where a line through the last two "
                "λ₁ on the cycle reaches 0; by Newton's method and the eigenvalues of "
                "the Jacobian it is "
                f"{stability.onset:.6f}, and by the same line through exact exponents "
                f"{line:.6f}"
            ),
        ),
        compare(
            NAME,
            SOURCE,
            "largest error of any exponent below that",
            errors,
            paper=None,
            unit="nats per step",
            because=(
                "Ours against ln|multiplier|/4 of the forced cycle, which Newton's "
                "method and eigenvalues give without any orbit"
            ),
        ),
    ]


def extrapolated_onset(found: xr.Dataset) -> float:
    """Where λ₁ reaches 0, on the line through its last two values on the forced cycle.

    The orbit itself settles too slowly near the onset to show where it is.
    """
    last = _forced(found)[-2:]
    return _zero(last, found["exponents"].sel(beta=last).isel(exponent=0).values)


def _zero(x: np.ndarray, y: np.ndarray) -> float:
    """Where the line through two points reaches 0."""
    return float(x[1] - y[1] * (x[1] - x[0]) / (y[1] - y[0]))


def _exponent_error(found: xr.Dataset, stability: Stability) -> float:
    both = [beta for beta in _forced(found) if beta in stability.exponents]
    measured = found["exponents"].sel(beta=both).values
    # Exponents that lie too deep for rounding are upper bounds only.
    resolved = found["unresolved"].sel(beta=both).values == 0
    exact = np.stack([stability.exponents[beta] for beta in both])[
        :, : measured.shape[1]
    ]
    return float(np.abs(measured - exact)[resolved].max())


def _rows(diagram: Diagram) -> list[Row]:
    span, because = diagram.span, "The paper shows a diagram and gives no number."
    kinds = [found["kind"].values for found in diagram.starts]
    rows = [
        claim(
            NAME,
            SOURCE,
            f"periodic, quasi-periodic and chaotic attractors occur, {span}",
            sum(_all_three(kind) for kind in kinds),
            len(kinds),
        )
    ]
    for number in (PERIODIC, QUASI_PERIODIC, CHAOTIC):
        label = KIND_STYLES[number].label
        shares = [100 * float(np.mean(kind == number)) for kind in kinds]
        quantity = f"values with a {label} attractor, {span}"
        rows.append(paper.percentages(NAME, SOURCE, quantity, shares, because))
    first = [b for b in map(_first_chaotic, diagram.starts) if b is not None]
    if first:
        rows.append(
            compare(
                NAME,
                SOURCE,
                f"lowest chaotic β, {span}",
                first,
                paper=None,
                because=f"{because} Known to one spacing of the values",
            )
        )
    highest = [float(found["exponents"].values[:, 0].max()) for found in diagram.starts]
    rows.append(
        compare(
            NAME,
            SOURCE,
            f"largest λ₁, {span}",
            highest,
            paper=None,
            unit="nats per step",
            because=because,
        )
    )
    if len(kinds) > 1:
        rows.append(
            paper.percentages(
                NAME,
                SOURCE,
                f"values where a random start ends elsewhere, {span}",
                [
                    100 * float(one.mean())
                    for one in paper.start_matters(diagram.starts)
                ],
                "By decided kind and period, against the paper's start; the paper "
                "shows one start",
            )
        )
    return rows


def _all_three(kinds: np.ndarray) -> bool:
    return {PERIODIC, QUASI_PERIODIC, CHAOTIC} <= set(kinds.tolist())


def _first_chaotic(found: xr.Dataset) -> float | None:
    chaotic = found["beta"].values[found["kind"].values == CHAOTIC]
    return float(chaotic[0]) if chaotic.size else None


# -- what is shown ---------------------------------------------------------------------


def _figure(diagram: Diagram, stability: Stability) -> Figure:
    from isinglass.figures.attractors import kind_legend, kind_strip
    from isinglass.figures.style import MUTED, subplots

    section = diagram.section
    beta, kinds = section["beta"].values, section["kind"].values
    figure, (top, strip, leading, fan) = subplots(
        4,
        1,
        width=7.5,
        height=8.2,
        sharex=True,
        gridspec_kw={"height_ratios": [5, 0.22, 2, 2]},
    )
    _draw_points(top, diagram)
    top.set_ylabel(f"{paper.ATTENTION_LABELS[0]} where {paper.ATTENTION_LABELS[1]} = 0")
    top.set_title(f"Attractors, {_mathematics(diagram.span)}")
    kind_legend(figure, kinds)
    kind_strip(strip, beta, kinds)
    _draw_leading(leading, section)
    _draw_all(fan, section)
    if diagram.span.low < stability.onset < diagram.span.high:
        for axes in (top, leading, fan):
            axes.axvline(
                stability.onset, color=MUTED, linewidth=0.8, linestyle="--", zorder=0
            )
    fan.set_xlabel(paper.BETA_LABEL)
    fan.set_xlim(diagram.span.low, diagram.span.high)
    steps = section.attrs["measured"].split(";")
    caption = (
        f"Attractors of the mean-field map of the paper's network, {diagram.span}, "
        f"{len(beta):,} values, each from the paper's start ({steps[0].strip()} steps, "
        f"measured {steps[1].strip()}). Top: A₁ at the times when A₂ lies within "
        f"{SECTION_TOLERANCE} of 0, "
        "coloured by the kind of attractor; where it is periodic its whole cycle is "
        "drawn instead, which may never meet that section. The strip below repeats the "
        "kinds. Middle: the leading Lyapunov exponents, shaded where λ₁ > 0. Bottom: "
        "all of them. Dashed: where the cycle forced by the positional bits loses its "
        "stability, β = "
        f"{stability.onset:.5f}, by its multipliers; next to it orbits settle too "
        "slowly, and "
        "may count as undecided or quasi-periodic on either side."
    )
    caption += _bounds(section)
    suffix = "" if diagram.span.name == "range" else f"-{diagram.span.name}"
    return Figure(NAME + suffix, figure, caption)


def _bounds(section: xr.Dataset) -> str:
    count = int((section["unresolved"].values > 0).any(axis=-1).sum())
    if not count:
        return ""
    return (
        f" At {count:,} of the values rounding swallowed directions of the smallest "
        "exponents: "
        "those drawn there are upper bounds."
    )


def _mathematics(span: Span) -> str:
    return f"$\\beta \\in [{span.low:g}, {span.high:g}]$"


def _draw_points(axes: Any, diagram: Diagram) -> None:
    from isinglass.figures.attractors import draw_cloud

    beta = diagram.section["beta"].values
    kinds = diagram.section["kind"].values
    cyclic = np.isin(kinds, (FIXED, PERIODIC))
    cycles = _one_round(
        diagram.cycles["points"].values[:, :, 0], diagram.section["period"].values
    )
    crossings = diagram.section["points"].values[:, :, 0]
    draw_cloud(axes, beta[cyclic], cycles[cyclic], kinds[cyclic])
    draw_cloud(axes, beta[~cyclic], crossings[~cyclic], kinds[~cyclic])


def _one_round(points: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """The last points of each orbit, (n, W), without those that its cycle repeats."""
    age = np.arange(points.shape[1])[::-1]
    return np.where(age < periods[:, None], points, np.nan)


def _draw_leading(axes: Any, section: xr.Dataset) -> None:
    from isinglass.figures.style import INK, MUTED

    beta, exponents = section["beta"].values, section["exponents"].values
    first = exponents[:, 0]
    for index in range(1, min(4, exponents.shape[1])):
        axes.plot(
            beta, exponents[:, index], color=MUTED, alpha=0.8 / index, linewidth=0.7
        )
    axes.fill_between(
        beta,
        0,
        first,
        where=first > 0,
        color=KIND_STYLES[CHAOTIC].colour,
        alpha=0.45,
        linewidth=0,
    )
    axes.plot(beta, first, color=INK, linewidth=0.8)
    axes.axhline(0, color=INK, linewidth=0.6)
    top = max(0.05, 1.15 * float(first.max()))
    axes.set_ylim(-1.3 * top, top)
    axes.set_ylabel("leading $\\lambda_i$\n(nats per step)")


def _draw_all(axes: Any, section: xr.Dataset) -> None:
    import matplotlib as mpl

    beta, exponents = section["beta"].values, section["exponents"].values
    count = exponents.shape[1]
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, count))
    for index in range(count):
        axes.plot(beta, exponents[:, index], color=colours[index], linewidth=0.7)
    deepest = float(np.quantile(exponents[np.isfinite(exponents)], 0.02))
    axes.set_ylim(1.05 * deepest, -0.08 * deepest)
    axes.set_ylabel(f"all {count} $\\lambda_i$\n(nats per step)")


def _findings(diagrams: list[Diagram], stability: Stability, rows: list[Row]) -> str:
    wide, zoom = diagrams
    onset, error = rows[0], rows[1]
    differ = [100 * paper.start_matters(d.starts).any(axis=0).mean() for d in diagrams]
    return (
        "Up to "
        f"β = {stability.onset:.6f} the attention only follows the clock of its "
        "positional bits, "
        "in a cycle of four steps. There a pair of complex multipliers leaves the unit "
        "circle, "
        f"and an oscillation of about {stability.steps_per_turn:.2f} steps is born "
        "beside the "
        "clock: a Neimark–Sacker bifurcation, found by Newton's method and eigenvalues "
        "alone. The "
        f"sweep's λ₁ extrapolates to 0 at {onset.ours:.6f}, and below the onset all "
        f"its exponents agree with the multipliers to {error.ours:.1e} nats per step "
        "(mean over starts of the "
        "largest error).\n\n"
        f"{_census(wide)}\n\n{_census(zoom)}\n\n"
        + (
            "Some start tried ends on another kind or period of attractor than the "
            "paper's at "
            f"{differ[0]:.0f} % of the values in the whole range and at "
            f"{differ[1]:.0f} % of those "
            "in the zoom: a published diagram shows one of several attractors there."
            if len(wide.starts) > 1
            else "Only the paper's start was run, so nothing is known of other attractors."
        )
    )


def _census(diagram: Diagram) -> str:
    section = diagram.section
    kinds, leading = section["kind"].values, section["exponents"].values[:, 0]
    parts = [
        f"{100 * np.mean(kinds == number):.1f} % {style.label}"
        for number, style in enumerate(KIND_STYLES)
        if (kinds == number).any()
    ]
    beta = section["beta"].values
    found = (
        f"For {diagram.span}, {len(beta):,} values from the paper's start: "
        f"{', '.join(parts)}. λ₁ is largest at β = {beta[leading.argmax()]:.5g}, "
        f"{leading.max():.4f} nats per step"
    )
    first = _first_chaotic(section)
    if first is None:
        return f"{found}. No value is chaotic."
    spacing = beta[1] - beta[0]
    return f"{found}. The lowest chaotic value is β = {first:.6g}, to the spacing of {spacing:.1e}."


EXPERIMENT = Experiment(
    name=NAME,
    title="Bifurcation diagrams with Lyapunov spectra",
    paper=paper.PAPER,
    source=SOURCE,
    question=(
        "Through which attractors does the mean field of self-attention go as its "
        "temperature falls, over the whole range and close to the onset? Where is it "
        "chaotic, and does the attractor depend on the start?"
    ),
    duration=75,
    quick_duration=15,
    default_seeds=4,
    quick_seeds=2,
    run=run,
    needs_digits=False,
    full_duration=1200,
)
