"""Bifurcation diagrams of the mean-field map over β, with Lyapunov spectra."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from isinglass.dynamics import Kind, Measure, Section
from isinglass.experiments.meanfield import bifurcation_figures as figures
from isinglass.experiments.meanfield.kinds import (
    compare_percentage,
    shares,
    start_matters,
)
from isinglass.experiments.meanfield.onset import (
    compare_onset,
    exponent_error,
    extrapolated_onset,
    stability,
)
from isinglass.experiments.meanfield.setting import (
    PUBLISHED_STEPS,
    PUBLISHED_TRANSIENT,
    PUBLISHED_VALUES,
    RANGE,
    ZOOM,
    random_starts,
    sweep,
)
from isinglass.plot.kinds import KIND_STYLES
from isinglass.reproduce import Context, Figure, Ledger

SPANS = {"range": RANGE, "zoom": ZOOM}
SECTION = Section(component=1, level=0.0, tolerance=1e-3)
LONGEST_CYCLE = 128
EXTENSIONS = 2  # stretches of 2 and 4 times the steps, where a kind is not certain
CYCLES = (Kind.FIXED_POINT, Kind.PERIODIC)
# 1,001 and 4,001 values, and the 251 of the other starts, make tiles of just this size:
# all sweeps of a run then share one compiled program.
LANES = 251
# What a view needs of the sweep from the paper's start.
NAMES = ("kind", "period", "exponents", "unresolved")
BECAUSE = "The paper shows a diagram and gives no number."


class Setting(NamedTuple):
    """How fine a diagram is."""

    values: int
    transient: int
    steps: int
    every: int  # of so many values one is run from the other starts too
    points: int  # most points on the section
    exponents: int | None = None  # from the paper's start; None for all


SETTINGS = {
    "quick": Setting(251, 2000, 2000, 1, 100),
    "default": Setting(1001, 8000, 12_000, 4, 200),
    "full": Setting(PUBLISHED_VALUES, PUBLISHED_TRANSIENT, PUBLISHED_STEPS, 16, 400),
}


# -- measuring -------------------------------------------------------------------------


def measure(context: Context) -> xr.Dataset:
    """Both diagrams, and the stability of the forced cycle without any orbit.

    What is measured from the paper's start is over (span, value); what starts with
    ``start_`` is over (span, start, thin), at fewer values and from random starts too,
    of which only λ₁ is measured.
    """
    spans = [measure_span(context, span) for span in SPANS]
    measured = xr.concat(spans, "span").assign_coords(span=list(SPANS))
    context.progress.step("stability of the forced cycle")
    return measured.assign(stability(measured.sel(span="range")))


def measure_span(context: Context, span: str) -> xr.Dataset:
    """The diagram over a range: from the paper's start, and thinned out from others."""
    setting, others = SETTINGS[context.resolution], len(context.seeds) - 1
    values = np.linspace(*SPANS[span], setting.values)
    thin = values[:: setting.every]
    on_section = Measure(
        setting.transient,
        setting.steps,
        setting.exponents,
        points=setting.points,
        section=SECTION,
        max_period=LONGEST_CYCLE,
        extensions=EXTENSIONS,
    )
    paper = sweep(context, span, {"beta": values}, on_section, lanes=LANES)
    starts = [by_start(paper).isel(thin=slice(None, None, setting.every))]
    if others:
        alone = replace(on_section, exponents=1, points=0, section=None)
        options = {"state": random_starts(context, others), "starts": others}
        name = f"{span}-starts"
        more = sweep(context, name, {"beta": thin}, alone, lanes=LANES, **options)
        starts.append(by_start(more))
    of_paper = paper[list(NAMES)].drop_vars(list(paper.coords)).drop_attrs()
    points = drawn_points(context, span, paper).astype(np.float32)
    return xr.merge([of_paper.rename(beta="value"), xr.concat(starts, "start")]).assign(
        beta=("value", values),
        start_beta=("thin", thin),
        point=(("value", "column"), points),
    )


def by_start(swept: xr.Dataset) -> xr.Dataset:
    """Kind, period and λ₁ of a sweep over (start, thin)."""
    if "start" not in swept.dims:
        swept = swept.expand_dims("start")
    leading = swept["exponents"].isel(exponent=0)
    swept = swept[["kind", "period"]].assign(leading=leading)
    swept = swept.drop_vars(list(swept.coords)).drop_attrs()
    names = {name: f"start_{name}" for name in ("kind", "period", "leading")}
    return swept.rename(names | {"beta": "thin"}).transpose("start", "thin")


def drawn_points(
    context: Context, span: str, paper: xr.Dataset
) -> Float[np.ndarray, "n W"]:
    """A₁ on the section; one round of the cycle instead where there is one.

    A cycle may never meet the section. So its orbit is run again, without exponents,
    for as long as it took to find it.

    Args:
        context: Of the experiment.
        span: Name of the range.
        paper: The sweep over the range, from the paper's start.
    """
    setting = SETTINGS[context.resolution]
    first = setting.transient + setting.steps
    whole = first + (2 ** (EXTENSIONS + 1) - 2) * setting.steps
    is_cycle = np.isin(paper["kind"].values, CYCLES)
    taken = (paper["transient_steps"] + paper["measured_steps"]).values
    is_late = taken > first + setting.steps // 2
    crossings = paper["points"].values[..., 0]
    width = max(crossings.shape[1], LONGEST_CYCLE)
    points = np.full((len(crossings), width), np.nan)
    points[:, : crossings.shape[1]] = crossings
    for name, chosen, steps in (
        ("cycles", is_cycle & ~is_late, first),
        ("late-cycles", is_cycle & is_late, whole),
    ):
        if not chosen.any():
            continue
        places = filled(chosen)
        beta = paper["beta"].values[places]
        rounds = last_rounds(context, f"{span}-{name}", beta, steps)
        # Another program rounds otherwise: after long chaos its orbit may, rarely, not
        # be on a cycle yet.
        is_there = chosen[places] & np.isfinite(rounds[:, -1])
        points[places[is_there]] = np.nan
        points[places[is_there], :LONGEST_CYCLE] = rounds[is_there]
    return points


def filled(chosen: Bool[np.ndarray, " n"]) -> Int[np.ndarray, " m"]:
    """Places of what is chosen, and of so many others that tiles are full.

    All sweeps then share one compiled program, which takes longer than those orbits.
    """
    count = -(-int(chosen.sum()) // LANES) * LANES
    return np.sort(np.argsort(~chosen, kind="stable")[:count])


def last_rounds(
    context: Context, name: str, beta: Float[np.ndarray, " n"], steps: int
) -> Float[np.ndarray, "n W"]:
    """A₁ on one round of the cycle where orbits from the paper's start end.

    NaN before it, and everywhere where there is no cycle after so many steps.
    """
    at_the_end = Measure(
        steps, 2 * LONGEST_CYCLE, points=LONGEST_CYCLE, max_period=LONGEST_CYCLE
    )
    ends = sweep(context, name, {"beta": beta}, at_the_end, lanes=LANES)
    return one_round(ends["points"].values[..., 0], ends["period"].values)


def one_round(
    points: Float[np.ndarray, "n W"], periods: Int[np.ndarray, " n"]
) -> Float[np.ndarray, "n W"]:
    """The last points of each orbit without those that its cycle repeats."""
    age = np.arange(points.shape[1])[::-1]
    return np.where(age < periods[:, None], points, np.nan)


# -- the ledger ------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The onset beside what eigenvalues give, and what occurs in each range."""
    compare_onset(measured.sel(span="range"), ledger)
    for span in SPANS:
        compare_span(measured.sel(span=span), ledger)


def compare_span(diagram: xr.Dataset, ledger: Ledger) -> None:
    """Which attractors occur in a range, where, and whether the start matters."""
    ledger = ledger.using(because=BECAUSE)
    span, kind = name(diagram), diagram["start_kind"]
    counted = (Kind.PERIODIC, Kind.QUASI_PERIODIC, Kind.CHAOTIC)
    occur = [set(counted) <= set(kinds.tolist()) for kinds in kind.values]
    quantity = f"periodic, quasi-periodic and chaotic attractors occur, {span}"
    ledger.claim(quantity, sum(occur), len(occur))
    for number in counted:
        quantity = f"values with a {KIND_STYLES[number].label} attractor, {span}"
        percent = 100 * (kind == number).mean("thin")
        compare_percentage(ledger, quantity, percent.values.tolist(), BECAUSE)
    beta = diagram["start_beta"].values
    lowest = [beta[kinds == Kind.CHAOTIC].min(initial=np.inf) for kinds in kind.values]
    lowest = [value for value in lowest if np.isfinite(value)]
    if lowest:
        because = f"{BECAUSE} Known to one spacing of the values"
        ledger.ours_alone(f"lowest chaotic β, {span}", lowest, because=because)
    largest = diagram["start_leading"].max("thin")
    per_step = ledger.using(unit="nats per step")
    per_step.ours_alone(f"largest λ₁, {span}", largest)
    if diagram.sizes["start"] > 1:
        differ = start_matters(kind, diagram["start_period"])
        compare_percentage(
            ledger,
            f"values where a random start ends elsewhere, {span}",
            (100 * differ.mean("thin")).values.tolist(),
            "By decided kind and period, against the paper's start; the paper shows "
            "one start",
        )


def name(diagram: xr.Dataset) -> str:
    """The range of β, such as "β in [0, 3]"."""
    low, high = diagram["beta"].values[[0, -1]]
    return f"β in [{low:g}, {high:g}]"


# -- what is told ----------------------------------------------------------------------


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """A diagram of each range."""
    setting = SETTINGS[measured.resolution]
    for span in SPANS:
        diagram = measured.sel(span=span)
        bounds = int((diagram["unresolved"] > 0).any("exponent").sum())
        caption = (
            "Attractors of the mean-field map of the paper's network, "
            f"{name(diagram)}, {diagram.sizes['value']:,} values, each from the "
            f"paper's start (transient {setting.transient} steps, measured steps "
            f"{setting.steps}). Top: A₁ at the times when A₂ lies within "
            f"{SECTION.tolerance} of 0, coloured by the "
            "kind of attractor; where it is periodic its whole cycle is drawn instead, "
            "which may never meet that section. The strip below repeats the kinds. "
            "Middle: the leading Lyapunov exponents, shaded where λ₁ > 0. Bottom: all "
            "of them. Dashed: where the cycle forced by the positional bits loses its "
            f"stability, β = {diagram['onset']:.5f}, by its multipliers; next to it "
            "orbits settle too slowly, and may count as undecided or quasi-periodic on "
            "either side."
        )
        if bounds:
            caption += (
                f" At {bounds:,} of the values rounding swallowed directions of the "
                "smallest exponents: those drawn there are upper bounds."
            )
        part = "" if span == "range" else span
        yield Figure(figures.diagram(diagram), caption, part)


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Kinds, chaos and agreement of starts by range, and the sweep's onset."""
    wide = measured.sel(span="range")
    return {
        "extrapolated_onset": extrapolated_onset(wide),
        "exponent_error": exponent_error(wide),
        "spans": [tell_span(measured.sel(span=span)) for span in SPANS],
        "several_starts": measured.sizes["start"] > 1,
    }


def tell_span(diagram: xr.Dataset) -> dict[str, object]:
    """What a range shows from the paper's start, and where others end elsewhere."""
    beta, kind = diagram["beta"].values, diagram["kind"].values
    leading = diagram["exponents"].values[:, 0]
    differ = start_matters(diagram["start_kind"], diagram["start_period"])
    return {
        "name": name(diagram),
        "values": len(beta),
        "shares": shares(diagram["kind"]),
        "largest": leading.max(),
        "largest_at": beta[leading.argmax()],
        "chaotic": beta[kind == Kind.CHAOTIC],
        "spacing": beta[1] - beta[0],
        "elsewhere": 100 * differ.any("start").mean(),
    }
