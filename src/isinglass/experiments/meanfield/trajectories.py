"""The six β of Poc-López & Aguilera 2024: orbits, spectra and Lyapunov exponents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass._common.intervals import mean_interval, single_draw_half_width
from isinglass.experiments.meanfield.setting import (
    ATTENTION_LABELS,
    PAPER,
    PROGRAM,
    PROGRAM_EXPONENTS,
    PROGRAM_STEPS,
    PROGRAM_TRANSIENT,
    PUBLISHED_STEPS,
    PUBLISHED_TRANSIENT,
    SIX_BETAS,
    mean_field,
    parameters,
    random_starts,
    start,
)
from isinglass.figures.attractors import KIND_STYLES
from isinglass.reproduce import (
    Context,
    Experiment,
    Figure,
    Outcome,
    Row,
    compare,
    share,
)

if TYPE_CHECKING:
    import xarray as xr

    from isinglass.dynamics import DelayState

NAME = "meanfield-trajectories"
SOURCE = "six β, trajectories"
MOST_PERIOD = 256
# Steps in which our tangents turn before anything is measured: 64 blocks of 4, see
# `Measure`. The program's measured stretch began with the identity instead.
SETTLING = 256
# Until the identity has turned, its vectors grow by other factors than settled ones: a
# factor of 100 in all is allowed for in a single exponent. The sum of all depends on no
# first tangents.
TANGENTS = np.log(100.0)
# Members of the matched ensemble differ by so much, relatively: in the thirteenth
# digit.
PERTURBATION = 1e-13
# Contraction rates of attractors of one kind that differ by more than this share are
# two attractors
SAME_ATTRACTOR = 0.02
MOST_LAG = 200


class Lengths(NamedTuple):
    """Steps before and while the attractor is measured, and how many of the last are shown."""

    transient: int
    steps: int
    shown: int


class Measured(NamedTuple):
    """One measurement of the six β: arrays over start and β, and k exponents or T last points.

    The first start is that of the published program. The others are random windows in
    the long runs, and all but the same as the first one in the short runs.
    """

    kind: np.ndarray
    period: np.ndarray
    confidence: np.ndarray
    exponents: Float[np.ndarray, "S B k"]
    error: Float[np.ndarray, "S B k"]
    points: Float[np.ndarray, "S B T 3"]


def run(context: Context) -> Outcome:
    """Measure the six β as the program did, and again after the transients have died out."""
    early = _measure(context, "matched", _matched_lengths(), _Ensemble(context.seeds))
    lengths = _lengths(context)
    late = _measure(context, "attractors", lengths, _Starts(context))
    rows = (
        _program_rows(early) + _kind_rows(late, lengths) + _exponent_rows(late, lengths)
    )
    figures = [_orbits(late, lengths), _spectra(early, late, lengths)]
    return Outcome(rows, figures, _findings(early, late, lengths))


def _matched_lengths() -> Lengths:
    """The measured stretch begins where the program's did, to one block of steps.

    The published start has all but one step of a window behind it.
    """
    transient = PROGRAM_TRANSIENT - SETTLING - mean_field().length
    return Lengths(transient, PROGRAM_STEPS, MOST_PERIOD * 2)


def _lengths(context: Context) -> Lengths:
    if context.full:
        return Lengths(PUBLISHED_TRANSIENT, PUBLISHED_STEPS, 16_384)
    return (
        Lengths(5000, 3000, 2048)
        if context.quick
        else Lengths(PUBLISHED_TRANSIENT, 20_000, 8192)
    )


def _measure(
    context: Context, name: str, lengths: Lengths, starts: _Starts | _Ensemble
) -> Measured:
    from isinglass.dynamics import Measure
    from isinglass.dynamics.sweep.diagrams import bifurcation

    measure = Measure(
        transient=lengths.transient,
        steps=lengths.steps,
        exponents=None,
        points=lengths.shown,
        max_period=MOST_PERIOD,
    )
    with context.progress.follow(name) as tell:
        found = bifurcation(
            mean_field().map,
            starts,
            parameters(SIX_BETAS[0]),
            {"beta": np.array(SIX_BETAS)},
            measure,
            starts=context.seeds,
            store=context.store(name),
            progress=tell,
        )
    return _measured(found)


def _measured(found: xr.Dataset) -> Measured:
    names = ("kind", "period", "confidence", "exponents", "exponent_error", "points")
    return Measured(
        *(np.asarray(found[name].transpose("start", "beta", ...)) for name in names)
    )


class _Starts:
    """The program's start and random windows, as the start of a sweep."""

    def __init__(self, context: Context) -> None:
        self.count = context.seeds
        self.windows = np.asarray(
            random_starts(context, max(context.seeds - 1, 1)).window
        )

    def __call__(self, parameters: Any) -> DelayState:
        import jax.numpy as jnp

        from isinglass.dynamics import DelayState

        first = start(parameters)
        windows = jnp.asarray(self.windows, first.window.dtype)
        return DelayState(
            jnp.concatenate([first.window[None], windows])[: self.count], first.phase
        )


class _Ensemble:
    """The program's start, and copies of it that differ in the thirteenth digit."""

    def __init__(self, count: int) -> None:
        self.factors = 1 + PERTURBATION * np.arange(count)

    def __call__(self, parameters: Any) -> DelayState:
        import jax.numpy as jnp

        from isinglass.dynamics import DelayState

        first = start(parameters)
        factors = jnp.asarray(self.factors, first.window.dtype)
        return DelayState(first.window * factors[:, None, None], first.phase)


# -- the ledger ------------------------------------------------------------------------


def _dimensions(measured: Measured, column: int) -> Float[np.ndarray, "S"]:
    """Kaplan–Yorke dimension; 1 for a torus, whose λ₁ is 0 but for the sign of its noise."""
    from isinglass.dynamics import Kind, kaplan_yorke_dimension

    return np.array(
        [
            1.0 if kind == Kind.QUASI_PERIODIC else kaplan_yorke_dimension(spectrum)
            for kind, spectrum in zip(
                measured.kind[:, column], measured.exponents[:, column], strict=True
            )
        ]
    )


def _program_rows(early: Measured) -> list[Row]:
    """The exponents of the authors' program beside runs as long as theirs from their start."""
    rows = []
    for beta, published in PROGRAM_EXPONENTS.items():
        column = SIX_BETAS.index(beta)
        # Where the members are of several kinds a mean over them would be of none.
        common = _common(early, column)
        same = early.kind[:, column] == common
        runs = "matched short runs"
        if not same.all():
            runs += f" that are {KIND_STYLES[common].label}"
        exponents = early.exponents[same, column]
        theirs = np.array(published)
        quantities = [
            (f"λ{'₁₂₃'[i]}", exponents[:, i], theirs[i], TANGENTS) for i in range(3)
        ]
        quantities.append(
            ("sum of all exponents", exponents.sum(axis=1), theirs.sum(), 0.0)
        )
        rows += [
            _program_row(f"β = {beta}, {name}, {runs}", ours, float(paper), tangents)
            for name, ours, paper, tangents in quantities
        ]
    return rows


def _program_row(quantity: str, ours: np.ndarray, paper: float, tangents: float) -> Row:
    """Compare with one run of the program.

    Args:
        quantity: As in `compare`.
        ours: Of the members of the matched ensemble.
        paper: The program's value.
        tangents: What the first tangents may weigh, in nats.
    """
    unit = "nats/step"
    if len(ours) == 1:
        return compare(NAME, PROGRAM, quantity, ours, paper=paper, unit=unit)
    scatter = single_draw_half_width(ours)
    tolerance = scatter + tangents / PROGRAM_STEPS
    covers = (
        "covers 95 % of single runs as short as the program's from its start perturbed "
        "in the thirteenth digit"
    )
    if tangents:
        covers += (
            f", and ln 100 / {PROGRAM_STEPS:,} = {tangents / PROGRAM_STEPS:.2g} more "
            "because the program's tangents began as the identity, where ours had "
            f"{SETTLING} steps to turn"
        )
    if tolerance <= abs(paper) / 2:
        return compare(
            NAME,
            PROGRAM,
            quantity,
            ours,
            paper=paper,
            unit=unit,
            tolerance=tolerance,
            because=f"that {covers}",
        )
    wide = scatter > abs(paper) / 2
    because = (
        f"Runs this short {'scatter too widely' if wide else 'depend too much on their tangents'} "
        f"to tell: only ±{tolerance:.2g} {unit}, more than half of the program's "
        f"value, {covers}"
    )
    return compare(
        NAME,
        PROGRAM,
        quantity,
        ours,
        paper=paper,
        unit=unit,
        comparable=False,
        because=because,
    )


def _common(measured: Measured, column: int) -> int:
    """The kind that most starts reach."""
    return Counter(measured.kind[:, column].tolist()).most_common(1)[0][0]


def _kind_rows(late: Measured, lengths: Lengths) -> list[Row]:
    rows = []
    for column, beta in enumerate(SIX_BETAS):
        common = _common(late, column)
        reached = late.kind[:, column] == common
        quantity = f"β = {beta}, starts whose attractor is {KIND_STYLES[common].label}"
        because = f"The paper names no shares. {_when(lengths)}"
        rows.append(
            share(
                NAME,
                SOURCE,
                quantity,
                int(reached.sum()),
                len(reached),
                paper=None,
                because=because,
            )
        )
    return rows


def _exponent_rows(late: Measured, lengths: Lengths) -> list[Row]:
    """λ₁ and dimension of the kind that most starts reach; a mean over kinds would be of none."""
    because = f"{_when(lengths)} The program's numbers are of shorter runs."
    rows = []
    for column, beta in enumerate(SIX_BETAS):
        common = _common(late, column)
        reached = late.kind[:, column] == common
        for name, values, unit in (
            ("λ₁", late.exponents[:, column, 0], "nats/step"),
            ("Kaplan–Yorke dimension", _dimensions(late, column), ""),
        ):
            quantity = f"β = {beta}, {name} where {KIND_STYLES[common].label}, long run"
            rows.append(
                compare(
                    NAME,
                    SOURCE,
                    quantity,
                    values[reached],
                    paper=None,
                    unit=unit,
                    because=because,
                )
            )
    return rows


def _when(lengths: Lengths) -> str:
    return f"Measured over {lengths.steps:,} steps after {lengths.transient:,}."


# -- what is shown ---------------------------------------------------------------------


def _orbits(late: Measured, lengths: Lengths) -> Figure:
    from isinglass.dynamics.signals import autocorrelation, power_spectrum
    from isinglass.figures.style import COLOURS, subplots

    columns = (
        "last 120 steps",
        "$A_2$ over $A_1$",
        "$A_3$ over $A_1$",
        "power spectrum",
        "autocorrelation",
    )
    figure, panels = subplots(len(SIX_BETAS), 5, width=12, height=12.5)
    for row, (axes, beta) in enumerate(zip(panels, SIX_BETAS, strict=True)):
        orbit = late.points[0, row]
        time = np.arange(-120, 0)
        for a, label in enumerate(ATTENTION_LABELS):
            axes[0].plot(
                time, orbit[-120:, a], color=COLOURS[a], linewidth=1, label=label
            )
        style = KIND_STYLES[late.kind[0, row]]
        for axis, a in ((axes[1], 1), (axes[2], 2)):
            axis.plot(
                orbit[:, 0],
                orbit[:, a],
                ".",
                color=style.colour,
                markersize=1.5,
                rasterized=True,
            )
        spectrum = power_spectrum(orbit[:, 0], window="hann", segments=3)
        axes[3].semilogy(
            spectrum.frequency, spectrum.power, color=style.colour, linewidth=0.7
        )
        axes[3].set_ylim(spectrum.power.max() * 1e-9, spectrum.power.max() * 10)
        correlation = autocorrelation(orbit[:, 0], min(MOST_LAG, len(orbit) - 1))
        axes[4].plot(correlation, color=style.colour, linewidth=0.7)
        axes[4].set_ylim(-1.05, 1.05)
        sure = f"confidence {late.confidence[0, row]:.2f}"
        axes[0].set_ylabel(f"β = {beta}\n{_kind_name(late, 0, row)}\n{sure}")
    for axis, title in zip(panels[0], columns, strict=True):
        axis.set_title(title)
    labels = ("time in steps", "$A_1$", "$A_1$", "frequency per step", "lag in steps")
    for axis, label in zip(panels[-1], labels, strict=True):
        axis.set_xlabel(label)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower left", ncols=3)
    caption = (
        "Attention A from the published start, at the six β of the paper, after "
        f"{lengths.transient:,} steps. Planes, power spectrum (Hann window) and "
        f"autocorrelation of A₁ are of {lengths.shown:,} steps in a row. Colour and "
        "name say the kind of attractor."
    )
    return Figure(NAME, figure, caption)


def _kind_name(measured: Measured, start: int, column: int) -> str:
    name = KIND_STYLES[measured.kind[start, column]].label
    period = measured.period[start, column]
    return f"{name}, {period} steps" if period > 1 else name


def _spectra(early: Measured, late: Measured, lengths: Lengths) -> Figure:
    from isinglass.figures.style import INK, subplots

    figure, panels = subplots(
        2, 6, width=12, height=6, height_ratios=(1, 1.2), sharey="row"
    )
    rng = np.random.default_rng(0)
    for column, (axes, beta) in enumerate(zip(panels.T, SIX_BETAS, strict=True)):
        for place, measured in ((0, early), (1, late)):
            jitter = place + rng.uniform(-0.25, 0.25, len(measured.kind))
            for x, leading, error, kind in zip(
                jitter,
                measured.exponents[:, column, 0],
                measured.error[:, column, 0],
                measured.kind[:, column],
                strict=True,
            ):
                colour, marker = KIND_STYLES[kind].colour, KIND_STYLES[kind].marker
                axes[0].errorbar(
                    x,
                    leading,
                    error,
                    color=colour,
                    marker=marker,
                    markersize=4,
                    linewidth=0.8,
                )
        axes[0].axhline(0, color=INK, linewidth=0.8)
        axes[0].set_xticks((0, 1), ("short\nrun", "long\nrun"))
        axes[0].set_xlim(-0.6, 1.6)
        axes[0].set_title(f"β = {beta}")
        _spectrum(axes[1], late, column, beta)
    panels[0, 0].set_ylabel("$\\lambda_1$ in nats per step")
    panels[1, 0].set_ylabel("all exponents in nats per step")
    _legend(figure, early, late)
    caption = (
        "Above: the leading Lyapunov exponent of every start with its standard error, "
        "over "
        f"{PROGRAM_STEPS:,} steps after {PROGRAM_TRANSIENT:,}, as the authors' program "
        "was run, "
        "from its start perturbed in the thirteenth digit (the last "
        f"{SETTLING} of the {PROGRAM_TRANSIENT:,} turn the tangents), and over "
        f"{lengths.steps:,} after {lengths.transient:,} from it and random windows; "
        "colour and marker say "
        "the kind. Below: all twelve exponents of the long run from the published "
        "start with their standard errors (most are smaller than the dot); diamonds "
        "are the authors' program."
    )
    return Figure(f"{NAME}-exponents", figure, caption)


def _spectrum(axis: Any, late: Measured, column: int, beta: float) -> None:
    from isinglass.figures.style import INK

    index = np.arange(1, late.exponents.shape[-1] + 1)
    colour = KIND_STYLES[late.kind[0, column]].colour
    axis.errorbar(
        index,
        late.exponents[0, column],
        late.error[0, column],
        color=colour,
        marker="o",
        markersize=4,
        linewidth=1,
    )
    if beta in PROGRAM_EXPONENTS:
        published = PROGRAM_EXPONENTS[beta]
        axis.plot(
            index, published, "D", color="none", markeredgecolor=INK, markersize=7
        )
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.set_yscale("symlog", linthresh=0.1, linscale=0.6)
    axis.set_xticks((1, 4, 8, 12))
    axis.set_xlabel("exponent")


def _legend(figure: Any, *measured: Measured) -> None:
    from matplotlib.lines import Line2D

    from isinglass.figures.style import INK

    seen = sorted({int(kind) for one in measured for kind in one.kind.ravel()})
    handles = [
        Line2D(
            [],
            [],
            color=style.colour,
            marker=style.marker,
            linestyle="",
            label=style.label,
        )
        for style in (KIND_STYLES[kind] for kind in seen)
    ]
    diamond = Line2D(
        [],
        [],
        color="none",
        marker="D",
        markeredgecolor=INK,
        label="authors' program, short run",
    )
    figure.legend(
        handles=[*handles, diamond], loc="outside lower center", ncols=len(handles) + 1
    )


def _findings(early: Measured, late: Measured, lengths: Lengths) -> str:
    kinds = "; ".join(
        f"β = {beta}: {_kinds_text(late, column)}"
        for column, beta in enumerate(SIX_BETAS)
    )
    other = [
        f"β = {beta}: {_kinds_text(early, column)}"
        for column, beta in enumerate(SIX_BETAS)
        if (early.kind[:, column] != late.kind[0, column]).any()
    ]
    changed = (
        f"Over the program's {PROGRAM_TRANSIENT:,} + {PROGRAM_STEPS:,} steps, from its "
        "start "
        "perturbed in the thirteenth digit, not all runs are of the kind of the long "
        "run from that "
        f"start: {'; '.join(other)}. Orbits wander chaotically for thousands of steps "
        "before they "
        "find a torus or a cycle, so a short run sees the transient."
        if other
        else "Runs as short as the program's from its start are of the kind of the long run from "
        "it."
    )
    several = [
        f"β = {beta} has {count}"
        for column, beta in enumerate(SIX_BETAS)
        if (count := _attractors(late, column)) > 1
    ]
    coexist = (
        "Attractors coexist, told apart by kind, period and how fast they contract "
        "volumes: "
        f"{', '.join(several)} that our starts reached."
        if several
        else "Our starts found no two attractors at one β, told apart by kind, period and how fast "
        "they contract volumes."
    )
    return (
        f"Over {len(late.kind)} starts, {lengths.steps:,} steps after "
        f"{lengths.transient:,}: {kinds}.\n\n{changed} "
        f"{coexist}\n\n{_scatter(early, late)}"
    )


def _scatter(early: Measured, late: Measured) -> str:
    """How far one short run says what λ₁ is where bursts of chaos are rare."""
    beta = 1.266
    column = SIX_BETAS.index(beta)
    runs = early.exponents[:, column, 0]
    short, long = (
        mean_interval(m.exponents[m.kind[:, column] == _common(m, column), column, 0])
        for m in (early, late)
    )
    published = PROGRAM_EXPONENTS[beta][0]
    place = "among" if runs.min() <= published <= runs.max() else "outside"
    return (
        f"At β = {beta} short runs from starts that differ in the thirteenth digit "
        f"give λ₁ from {runs.min():.3f} to {runs.max():.3f}; the program's "
        f"{published:.3f} lies {place} them. The mean over those that are "
        f"{KIND_STYLES[_common(early, column)].label} is {short.mean:.3f}, and in long "
        f"runs, {KIND_STYLES[_common(late, column)].label}, {long.mean:.3f} "
        f"[{long.low:.3f}, {long.high:.3f}]: calm stretches alternate with bursts, "
        "and a short run sees one or the other."
    )


def _kinds_text(measured: Measured, column: int) -> str:
    names = (_kind_name(measured, one, column) for one in range(len(measured.kind)))
    counts = Counter(names).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return ", ".join(f"{name} ({count})" for name, count in counts)


def _attractors(measured: Measured, column: int) -> int:
    """How many attractors, by kind, period and contraction of volumes; chaos counts as one."""
    from isinglass.dynamics import Kind

    groups: dict[tuple[int, int], list[float]] = {}
    for kind, period, exponents in zip(
        measured.kind[:, column],
        measured.period[:, column],
        measured.exponents[:, column],
        strict=True,
    ):
        if kind in (Kind.FIXED_POINT, Kind.PERIODIC, Kind.QUASI_PERIODIC):
            groups.setdefault((int(kind), int(period)), []).append(
                float(exponents.sum())
            )
    chaos = (measured.kind[:, column] == Kind.CHAOTIC).any()
    return sum(_clusters(rates) for rates in groups.values()) + int(chaos)


def _clusters(rates: Sequence[float]) -> int:
    ordered = np.sort(rates)
    return 1 + int((np.diff(ordered) > SAME_ATTRACTOR * np.abs(ordered[1:])).sum())


EXPERIMENT = Experiment(
    name=NAME,
    title="Orbits of attention at six temperatures",
    paper=PAPER,
    source=SOURCE,
    question=(
        "What does the attention of an infinitely large network do at the paper's six "
        "inverse temperatures: which attractor, which frequencies, how chaotic? Does "
        "it depend on the start, and on how long one waits?"
    ),
    duration=40,
    quick_duration=20,
    default_seeds=16,
    quick_seeds=4,
    run=run,
    needs_digits=False,
    full_duration=60,
)
