"""Phase diagrams of the mean-field map: kind of attractor and λ₁ over β and γ, and β and ε."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from isinglass.experiments.meanfield import setting as paper
from isinglass.figures.attractors import KIND_STYLES, UNDECIDED
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare

if TYPE_CHECKING:
    import xarray as xr

NAME = "meanfield-phase"
SOURCE = "phase diagrams"
BETAS = (0.5, 3.0)
GAMMAS = (1.0, 1000.0)
EPSILONS = (0.0, 0.25)
ONSETS = (
    26  # values along the other axis at which the onset is found by its multipliers
)
# Grids of 150 × 120 values, and 50 × 40 for the other starts, make tiles of just this
# size: all sweeps of a run then share one compiled program.
LANES = 300
QUASI_PERIODIC, CHAOTIC = 2, 3  # as `isinglass.dynamics.Kind` numbers them
BECAUSE = "The paper shows a diagram and gives no number."


class Resolution(NamedTuple):
    """How fine a diagram is."""

    betas: int
    others: int
    transient: int
    steps: int
    every: (
        int  # along both axes, of so many values one is run from the other starts too
    )


QUICK = Resolution(50, 40, 800, 1200, 1)
DEFAULT = Resolution(150, 120, 3000, 6000, 3)
FULL = Resolution(300, 240, 20_000, 20_000, 6)


class Plane(NamedTuple):
    """A phase diagram."""

    name: str  # of the other parameter than β
    symbol: str
    found: xr.Dataset  # (other, beta) from the paper's start
    starts: tuple[xr.Dataset, ...]  # at fewer values: the paper's start, others
    line: (
        np.ndarray
    )  # (others, 2): the other parameter, and β at which the cycle turns unstable

    def __str__(self) -> str:
        return f"β × {self.symbol}"


def run(context: Context) -> Outcome:
    """Measure both diagrams, and draw the onset that linear stability gives over them."""
    resolution = FULL if context.full else QUICK if context.quick else DEFAULT
    planes = [
        measure(
            context, "gamma", "γ", np.geomspace(*GAMMAS, resolution.others), resolution
        ),
        measure(
            context,
            "epsilon",
            "ε",
            np.linspace(*EPSILONS, resolution.others),
            resolution,
        ),
    ]
    rows = [row for plane in planes for row in _rows(plane)]
    return Outcome(
        rows, [_figure(plane) for plane in planes], _findings(planes, context.full)
    )


# -- measuring -------------------------------------------------------------------------


def measure(
    context: Context, name: str, symbol: str, others: np.ndarray, resolution: Resolution
) -> Plane:
    """A phase diagram from the paper's start, and thinned out from random ones."""
    from isinglass.dynamics import Measure

    betas = np.linspace(*BETAS, resolution.betas)
    wanted = Measure(resolution.transient, resolution.steps, 1, points=0)
    found = _sweep(context, name, {name: others, "beta": betas}, wanted)
    thin = {name: others[:: resolution.every], "beta": betas[:: resolution.every]}
    starts = [found.sel(thin)]
    if context.seeds > 1:
        more = _sweep(context, name, thin, wanted, starts=context.seeds - 1)
        starts += [more.isel(start=index) for index in range(context.seeds - 1)]
    context.progress.step(f"onset by linear stability over {symbol}")
    count = min(ONSETS, len(others))
    along = others[np.linspace(0, len(others) - 1, count).round().astype(int)]
    line = np.array([(value, onset(name, value)) for value in along])
    return Plane(name, symbol, found, tuple(starts), line)


def _sweep(
    context: Context,
    name: str,
    vary: dict[str, np.ndarray],
    measure: Any,
    starts: int | None = None,
) -> xr.Dataset:
    from isinglass.dynamics.sweep.diagrams import phase_diagram

    label = name if starts is None else f"{name}-starts"
    state = paper.start if starts is None else paper.random_starts(context, starts)
    with context.progress.follow(f"{NAME}: {label}") as tell:
        return phase_diagram(
            paper.mean_field().map,
            state,
            paper.parameters(BETAS[0]),
            vary,
            measure,
            starts=starts,
            store=context.store(label),
            lanes=LANES,
            progress=tell,
        ).load()


def onset(name: str, value: float) -> float:
    """β at which the forced cycle loses its stability; NaN if it does not, or cannot be followed.

    Args:
        name: "gamma" or "epsilon".
        value: Of that parameter.
    """
    from isinglass.experiments.meanfield import cycle

    try:
        found = cycle.onset(**{name: float(value)})
    except FloatingPointError:
        return float("nan")
    return float("nan") if found is None else found.value


# -- the ledger ------------------------------------------------------------------------


def _rows(plane: Plane) -> list[Row]:
    kinds = [found["kind"].values for found in plane.starts]
    rows = []
    for number in (1, 2, CHAOTIC):
        label = KIND_STYLES[number].label
        shares = [100 * float(np.mean(kind == number)) for kind in kinds]
        quantity = f"cells with a {label} attractor, {plane}"
        rows.append(paper.percentages(NAME, SOURCE, quantity, shares, BECAUSE))
    highest = [float(np.max(found["exponents"].values)) for found in plane.starts]
    rows.append(
        compare(
            NAME,
            SOURCE,
            f"largest λ₁, {plane}",
            highest,
            paper=None,
            unit="nats per step",
            because=BECAUSE,
        )
    )
    agrees = agrees_with_line(plane)
    rows.append(
        paper.percentages(
            NAME,
            SOURCE,
            f"onset in the diagram where linear stability has it, {plane}",
            [100 * float(agrees.mean())],
            f"Within one spacing of β, at {len(agrees)} values of {plane.symbol}, from "
            "the paper's "
            "start; the line is from Newton's method and eigenvalues, the paper gives "
            "no number",
        )
    )
    if len(kinds) > 1:
        rows.append(
            paper.percentages(
                NAME,
                SOURCE,
                f"cells where a random start ends elsewhere, {plane}",
                [100 * float(one.mean()) for one in paper.start_matters(plane.starts)],
                "By decided kind and period, against the paper's start; the paper "
                "shows one start",
            )
        )
    return rows


def agrees_with_line(plane: Plane) -> np.ndarray:
    """For each value on the line: does the sweep leave the forced cycle where the line says?"""
    # The first value beyond the line is less than one spacing away; next to it orbits
    # settle too slowly to be seen on the cycle, so that one value before it is allowed
    # as well.
    return np.abs(distance_to_line(plane)) <= 1


def distance_to_line(plane: Plane) -> np.ndarray:
    """How far beyond the line the sweep leaves the forced cycle, in spacings of β; ∞ if never.

    It leaves where the first decided kind is another. Undecided cells right before that
    are not settled: it may leave in any of them, and the distance is 0 if the line runs
    through them.
    """
    beta = plane.found["beta"].values
    distances = []
    for value, predicted in _line(plane):
        _, undecided, other = _cells(plane, value)
        if not other.any():
            distances.append(np.inf)
            continue
        latest = int(other.argmax())
        settled = np.flatnonzero(~undecided[:latest])
        earliest = int(settled[-1]) + 1 if settled.size else 0
        beyond = max(beta[earliest] - predicted, 0.0) or min(
            beta[latest] - predicted, 0.0
        )
        distances.append(beyond / (beta[1] - beta[0]))
    return np.array(distances)


def not_settled(plane: Plane) -> np.ndarray:
    """For each value on the line: is a cell undecided more than one spacing before it?"""
    beta = plane.found["beta"].values
    return np.array(
        [
            bool(
                (
                    _cells(plane, value)[1] & (beta < predicted - (beta[1] - beta[0]))
                ).any()
            )
            for value, predicted in _line(plane)
        ],
        bool,
    )


def _cells(plane: Plane, value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where along β an orbit is on the forced cycle, undecided, or elsewhere."""
    row = plane.found.sel({plane.name: value})
    period, undecided = row["period"].values, row["kind"].values == UNDECIDED
    clock = paper.mean_field().period
    forced = (period > 0) & (clock % np.maximum(period, 1) == 0) & ~undecided
    return forced, undecided, ~forced & ~undecided


def _line(plane: Plane) -> np.ndarray:
    """The line where there is one."""
    return plane.line[np.isfinite(plane.line[:, 1])]


# -- what is shown ---------------------------------------------------------------------


def _figure(plane: Plane) -> Figure:
    from isinglass.figures.attractors import edges, kind_legend, kind_scale
    from isinglass.figures.style import INK, subplots

    found, name = plane.found, plane.name
    beta, other = found["beta"].values, found[name].values
    across = edges(beta)
    along = np.exp(edges(np.log(other))) if name == "gamma" else edges(other)
    figure, (left, right) = subplots(
        1, 2, width=10.5, height=4.6, sharey=True, sharex=True
    )
    left.pcolormesh(
        across, along, found["kind"].values, **kind_scale(), rasterized=True
    )
    leading = found["exponents"].transpose(name, "beta", "exponent").values[..., 0]
    shown = float(np.quantile(np.abs(leading[np.isfinite(leading)]), 0.95))
    drawn = right.pcolormesh(
        across,
        along,
        np.clip(leading, -1e3, None),
        cmap="RdBu_r",
        vmin=-shown,
        vmax=shown,
        rasterized=True,
    )
    bar = figure.colorbar(drawn, ax=right, extend="both", pad=0.02)
    bar.set_label("$\\lambda_1$ (nats per step)")
    bar.outline.set_visible(False)
    value = paper.GAMMA if name == "gamma" else paper.EPSILON
    for axes, colour in ((left, "white"), (right, INK)):
        axes.axhline(value, color=colour, linewidth=0.9, linestyle=":")
        axes.plot(plane.line[:, 1], plane.line[:, 0], "--", color=INK, linewidth=1.3)
        axes.grid(False)
        axes.set_xlabel(paper.BETA_LABEL)
        axes.set_xlim(across[0], across[-1])
        axes.set_ylim(along[0], along[-1])
    left.text(
        0.02,
        value,
        "paper",
        color="white",
        transform=left.get_yaxis_transform(),
        va="bottom",
    )
    left.set_ylabel(paper.GAMMA_LABEL if name == "gamma" else paper.EPSILON_LABEL)
    if name == "gamma":
        left.set_yscale("log")
    left.set_title("Kind of attractor")
    right.set_title("Leading Lyapunov exponent")
    kind_legend(figure, found["kind"].values.ravel())
    caption = (
        f"Phase diagram over {plane}, {len(beta)} × {len(other)} cells, each from the "
        "paper's "
        "start. Left: the kind of attractor. Right: the leading Lyapunov exponent, red "
        "where it is positive. Dashed: where the cycle forced by the positional bits "
        "loses its stability, by its multipliers. Dotted: the paper's value."
    )
    return Figure(f"{NAME}-{name}", figure, caption)


def _findings(planes: list[Plane], full: bool = False) -> str:
    told = [_story(plane) for plane in planes]
    if full:
        told.append(
            f"At the full resolution each cell has {FULL.transient:,} + {FULL.steps:,} "
            f"steps, fewer than the {paper.PUBLISHED_TRANSIENT:,} + "
            f"{paper.PUBLISHED_STEPS:,} of the "
            "published bifurcation diagrams: next to an onset some orbits need more."
        )
    return "\n\n".join(told)


def _story(plane: Plane) -> str:
    kinds = plane.found["kind"].transpose(plane.name, "beta").values
    leading = (
        plane.found["exponents"]
        .transpose(plane.name, "beta", "exponent")
        .values[..., 0]
    )
    other, beta = plane.found[plane.name].values, plane.found["beta"].values
    row, column = np.unravel_index(leading.argmax(), leading.shape)
    parts = [
        f"{100 * np.mean(kinds == number):.1f} % {style.label}"
        for number, style in enumerate(KIND_STYLES)
        if (kinds == number).any()
    ]
    told = (
        f"Over {plane}, {len(beta)} × {len(other)} cells from the paper's start: "
        f"{', '.join(parts)}. λ₁ is largest at β = {beta[column]:.3g}, {plane.symbol} "
        f"= {other[row]:.3g}: {leading.max():.3f} nats per step."
    )
    chaotic = other[(kinds == CHAOTIC).any(axis=1)]
    if chaotic.size:
        told += f" Chaos is found for {plane.symbol} from {chaotic[0]:.3g} to {chaotic[-1]:.3g}."
    return told + _onset_story(plane) + _starts_story(plane)


def _onset_story(plane: Plane) -> str:
    line, distances = _line(plane), distance_to_line(plane)
    if not len(line):
        return " No loss of stability of the forced cycle was found."
    low, high = line[line[:, 1].argmin()], line[line[:, 1].argmax()]
    told = (
        f" The forced cycle loses its stability between β = {low[1]:.4f} (at "
        f"{plane.symbol} = {low[0]:.3g}) and {high[1]:.4f} (at {high[0]:.3g}); the "
        "diagram leaves it there, to one spacing of β, at "
        f"{agrees_with_line(plane).sum()} of {len(line)} values."
    )
    before = distances < -1
    # Next to its onset an orbit that slowly nears the cycle can look quasi-periodic.
    slow = np.array(
        [before[i] and _first_is_torus(plane, line[i, 0]) for i in range(len(line))],
        bool,
    )
    early = line[before & ~slow, 0]
    if early.size:
        told += (
            f" At {early.size} more, {plane.symbol} from {early.min():.3g} to "
            f"{early.max():.3g}, "
            "the sweep ends on an attractor of another, decided kind or period up to "
            f"{-distances[before & ~slow].min():.1f} spacings before, where by its "
            "multipliers the "
            "cycle is still stable: two attractors side by side."
        )
    undecided = int((slow | (not_settled(plane) & ~before)).sum())
    if undecided:
        told += (
            f" At {undecided} there are undecided or, first of all others, "
            "quasi-periodic cells "
            "before the line, which may be orbits that still near the cycle: not "
            "settled."
        )
    late = int((distances > 1).sum())
    if late:
        told += (
            f" At {late} the sweep still shows a cycle of the clock's period beyond "
            "that, or "
            "nothing decided; whether it is the same cycle is not looked into."
        )
    return told


def _first_is_torus(plane: Plane, value: float) -> bool:
    """Whether the first attractor beside the forced cycle is quasi-periodic."""
    kinds = plane.found["kind"].sel({plane.name: value}).values
    return bool(kinds[_cells(plane, value)[2].argmax()] == QUASI_PERIODIC)


def _starts_story(plane: Plane) -> str:
    if len(plane.starts) == 1:
        return ""
    differ = 100 * paper.start_matters(plane.starts).any(axis=0).mean()
    return (
        f" At least one of {len(plane.starts) - 1} random starts ends on another "
        f"decided kind or period than the paper's in {differ:.0f} % of the cells."
    )


EXPERIMENT = Experiment(
    name=NAME,
    title="Phase diagrams over temperature, gain and positional weight",
    paper=paper.PAPER,
    source=SOURCE,
    question=(
        "Where in the planes of inverse temperature and attention gain, and of inverse "
        "temperature and weight of the positional bits, is attention periodic, "
        "quasi-periodic or chaotic? Does linear stability tell where it begins?"
    ),
    duration=45,
    quick_duration=15,
    default_seeds=4,
    quick_seeds=2,
    run=run,
    needs_digits=False,
    full_duration=400,
)
