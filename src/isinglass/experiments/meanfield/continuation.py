"""Attractors of the mean-field map followed upwards and downwards in β: hysteresis."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xarray as xr

from isinglass.dynamics import DelayState, Measure, continuation
from isinglass.dynamics.hysteresis_intervals import runs
from isinglass.experiments.meanfield import continuation_figures as figures
from isinglass.experiments.meanfield import cycle
from isinglass.experiments.meanfield.branches import (
    APART,
    NEIGHBOURS,
    crossings,
    cycles_apart,
    delays,
    hysteresis,
    percentages,
    widest,
)
from isinglass.experiments.meanfield.kinds import compare_percentage
from isinglass.experiments.meanfield.setting import (
    PUBLISHED_STEPS,
    PUBLISHED_TRANSIENT,
    PUBLISHED_VALUES,
    RANGE,
    ZOOM,
    parameters,
    random_starts,
    start,
    sweep,
)
from isinglass.plot.kinds import KIND_STYLES
from isinglass.reproduce import Context, Figure, Ledger, Resolution

SPANS = {"range": RANGE, "zoom": ZOOM}
POINTS = 512  # last points of each orbit, by which cycles are told apart
# E-foldings of what is left of the neighbour's orbit after which it counts as gone.
SETTLED = 5.0
COMMONEST = 3  # pairs of kinds that are told
BECAUSE = "The paper shows a diagram and gives no number."


class Setting(NamedTuple):
    """How fine a continuation is; its steps are taken anew at every value."""

    values: int
    transient: int
    steps: int


SETTINGS = {
    "quick": Setting(61, 500, 600),
    "default": Setting(801, 2000, 2000),
    # As many values as published. They can only follow each other, so that the
    # published steps would take hours; an orbit that starts from its neighbour's
    # attractor needs fewer.
    "full": Setting(PUBLISHED_VALUES, 4000, 4000),
}


# -- measuring -------------------------------------------------------------------------


def measure(context: Context) -> xr.Dataset:
    """Follow each start along ascending values and back along descending ones.

    Kinds, periods and λ₁ are over (span, direction, start, value), ``apart`` (two
    cycles of one period lie apart) over (span, start, value). ``crossing`` is A₁ where
    A₂ rises through 0, from the paper's start. ``onset`` is where the forced cycle
    loses its stability, and within ``reach`` of it orbits do not settle.
    """
    setting = SETTINGS[context.resolution]
    spans = [measure_span(context, span) for span in SPANS]
    onset = cycle.onset_of_paper().value
    below = onset - 0.01
    slope = -cycle.exponents(parameters(below))[0] / (onset - below)
    # Forces on the amplitude grow in proportion to the distance from the onset.
    reach = SETTLED / (slope * (setting.transient + setting.steps))
    columns = max(span.sizes["column"] for span in spans)
    spans = [span.pad(column=(0, columns - span.sizes["column"])) for span in spans]
    measured = xr.concat(spans, "span").assign_coords(span=list(SPANS))
    return measured.assign(onset=onset, reach=reach)


def measure_span(context: Context, span: str) -> xr.Dataset:
    """One range of β, followed both ways from several starts."""
    setting = SETTINGS[context.resolution]
    values = np.linspace(*SPANS[span], setting.values)
    points = min(POINTS, setting.steps)
    branches = sweep(
        context,
        span,
        {"beta": values},
        Measure(setting.transient, setting.steps, 1, points=points),
        continuation,
        state=starts(context, float(values[0])),
        starts=len(context.seeds),
    )
    branches = branches.drop_vars(["beta", "start"], errors="ignore").drop_attrs()
    branches = branches.rename(beta="value")
    order = ("direction", "start", "value", "point", "component")
    clouds = branches["points"].transpose(*order).values
    of_paper = clouds[:, 0]
    crossing = crossings(of_paper.reshape(-1, *of_paper.shape[2:]))
    return branches[["kind", "period"]].assign(
        leading=branches["exponents"].isel(exponent=0),
        apart=(("start", "value"), cycles_apart(branches, clouds)),
        crossing=(
            ("direction", "value", "column"),
            np.float32(crossing).reshape(*of_paper.shape[:2], -1),
        ),
        beta=("value", values),
    )


def starts(context: Context, beta: float) -> DelayState:
    """The paper's start, and random ones at the same phase."""
    first = start(parameters(beta))
    windows = [np.asarray(first.window)[None]]
    if len(context.seeds) > 1:
        others = random_starts(context, len(context.seeds) - 1)
        windows.append(np.asarray(others.window))
    return DelayState(np.concatenate(windows), first.phase)  # pyright: ignore[reportArgumentType]


# -- the ledger ------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """How much hysteresis there is in each range; the paper gives no number."""
    for name in measured["span"].values:
        compare_span(measured.sel(span=name), ledger)


def compare_span(span: xr.Dataset, ledger: Ledger) -> None:
    """Hysteresis of every start in one range."""
    where, flags = range_of(span), hysteresis(span)
    bistable = flags["bistable"]
    ledger.claim(
        "the directions end on attractors of other kind or other cycles at "
        f"{NEIGHBOURS} neighbouring values, {where}",
        int(bistable.any("value").sum()),
        bistable.sizes["start"],
    )
    for quantity, name in (("hysteresis", "bistable"), ("decided kinds", "decided")):
        both = " both ways" if name == "decided" else ""
        percent = percentages(flags[name]).tolist()
        compare_percentage(
            ledger, f"values with {quantity}{both}, {where}", percent, BECAUSE
        )
    beta = span["beta"].values
    ledger.ours_alone(
        f"widest interval of hysteresis, {where}",
        [widest(start, beta) for start in bistable.values],
        because=f"{BECAUSE} Known to one spacing of the values",
    )
    ledger.ours_alone(
        f"delay in leaving the unstable cycle upwards, {where}",
        delays(span, flags["late"]),
        because="An artefact of following: the orbit sits on the cycle to the last bit "
        "and needs time to leave it; the paper does not speak of it",
    )


def range_of(span: xr.Dataset) -> str:
    """The range of β, such as "β in [0, 3]"."""
    low, high = span["beta"].values[[0, -1]]
    return f"β in [{low:g}, {high:g}]"


# -- what is told ----------------------------------------------------------------------


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Both directions from the paper's start, for each range."""
    for name in measured["span"].values:
        span = measured.sel(span=name)
        yield Figure(
            figures.branches(span, hysteresis(span)),
            f"The attractors at {range_of(span)}, {span.sizes['value']:,} values, each "
            "from the end of its neighbour's orbit: upwards from the paper's start, "
            "and downwards. A₁ where A₂ rises through 0, interpolated between "
            "successive steps; the strips repeat the kinds. Shaded: where the two "
            "directions end on attractors of other decided kind or period, or on "
            f"cycles that lie apart by more than {100 * APART:.0f} % of the diagram's "
            f"extent, at {NEIGHBOURS} neighbouring values at least. Dashed: where the "
            f"forced cycle loses its stability, β = {span['onset']:.5f}; grey: so near "
            "to that that orbits do not settle in their steps. Bottom: the leading "
            "Lyapunov exponent.",
            part="" if name == "range" else name,
        )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """What each range shows, and the steps at the full resolution."""
    return {
        "spans": [
            tell_span(measured.sel(span=name)) for name in measured["span"].values
        ],
        "neighbours": NEIGHBOURS,
        "is_full": measured.resolution == Resolution.FULL,
        "full": SETTINGS["full"],
        "published": (PUBLISHED_TRANSIENT, PUBLISHED_STEPS),
    }


def tell_span(span: xr.Dataset) -> dict[str, object]:
    """Where the directions differ, and on what they end from the paper's start."""
    flags, beta = hysteresis(span), span["beta"].values
    of_paper = flags["bistable"].values[0]
    ways = [span["kind"].sel(direction=way).values[0] for way in ("up", "down")]
    pairs, counts = np.unique(np.stack(ways)[:, of_paper], axis=1, return_counts=True)
    commonest = sorted(zip(pairs.T, counts, strict=True), key=lambda pair: -pair[1])
    return {
        "name": range_of(span),
        "values": len(beta),
        "starts": flags.sizes["start"],
        "shares": percentages(flags["bistable"]),
        "undecided": 100 - percentages(flags["decided"]),
        "places": beta[of_paper],
        "pieces": len(runs(of_paper)),
        "widest": widest(of_paper, beta),
        "pairs": [
            (KIND_STYLES[up].label, KIND_STYLES[down].label, int(count))
            for (up, down), count in commonest[:COMMONEST]
        ],
        "late": max(delays(span, flags["late"])),
        "spacing": beta[1] - beta[0],
    }
