"""Phase diagrams of the mean-field map: kind and λ₁ over β and γ, and β and ε."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from isinglass import plot
from isinglass.dynamics import Kind, Measure, phase_diagram
from isinglass.experiments.meanfield import cycle
from isinglass.experiments.meanfield.kinds import (
    compare_percentage,
    shares,
    start_matters,
)
from isinglass.experiments.meanfield.setting import (
    BETA_LABEL,
    EPSILON,
    EPSILON_LABEL,
    GAMMA,
    GAMMA_LABEL,
    PUBLISHED_STEPS,
    PUBLISHED_TRANSIENT,
    mean_field,
    random_starts,
    sweep,
)
from isinglass.plot import INK, kind_legend, subplots
from isinglass.plot.kinds import KIND_STYLES, edges
from isinglass.reproduce import Cell, Context, Figure, Ledger

BETAS = (0.5, 3.0)
# Values along the other axis at which the onset is found by its multipliers.
ONSETS = 26
# Grids of 150 × 120 values, and 50 × 40 for the other starts, make tiles of just this
# size: all sweeps of a run then share one compiled program.
LANES = 300
BECAUSE = "The paper shows a diagram and gives no number."


class Axis(NamedTuple):
    """The other parameter of a plane, and the paper's value of it."""

    symbol: str
    ends: tuple[float, float]
    is_logarithmic: bool
    label: str
    paper: float

    def values(self, count: int) -> Float[np.ndarray, "n"]:
        """Values of the parameter."""
        space = np.geomspace if self.is_logarithmic else np.linspace
        return space(*self.ends, count)


AXES = {
    "gamma": Axis("γ", (1.0, 1000.0), True, GAMMA_LABEL, GAMMA),
    "epsilon": Axis("ε", (0.0, 0.25), False, EPSILON_LABEL, EPSILON),
}


class Setting(NamedTuple):
    """How fine a diagram is; along both axes every so many values have other starts."""

    betas: int
    others: int
    transient: int
    steps: int
    every: int


SETTINGS = {
    "quick": Setting(50, 40, 800, 1200, 1),
    "default": Setting(150, 120, 3000, 6000, 3),
    "full": Setting(300, 240, 20_000, 20_000, 6),
}


# -- measuring -------------------------------------------------------------------------


def measure(context: Context) -> xr.Dataset:
    """Measure both diagrams, and the onset that linear stability gives over them.

    Returns:
        By plane ("gamma", "epsilon"): "kind", "period" and "leading" (λ₁, nats per
        step) over "other" and "beta", from the paper's start; the same as "thin_kind"
        and so on, at fewer values, by start, the paper's first; "value" of the other
        parameter; and the line: "onset", β at which the forced cycle loses its
        stability, at the values whose index is "place".
    """
    planes = [plane(context, name) for name in AXES]
    return xr.concat(planes, xr.IndexVariable("plane", list(AXES)))


def plane(context: Context, name: str) -> xr.Dataset:
    """One diagram from the paper's start, and thinned out from random ones."""
    setting = SETTINGS[context.resolution]
    others = AXES[name].values(setting.others)
    vary = {name: others, "beta": np.linspace(*BETAS, setting.betas)}
    thin = {parameter: values[:: setting.every] for parameter, values in vary.items()}
    measure = Measure(setting.transient, setting.steps, 1, points=0)
    options = {"diagram": phase_diagram, "lanes": LANES}
    swept = sweep(context, name, vary, measure, **options)
    thinned = [swept.sel(thin)]
    if len(context.seeds) > 1:
        starts = len(context.seeds) - 1
        options |= {"state": random_starts(context, starts), "starts": starts}
        more = sweep(context, f"{name}-starts", thin, measure, **options)
        thinned += [more.isel(start=index) for index in range(starts)]
    context.progress.step(f"onset by linear stability over {AXES[name].symbol}")
    count = min(ONSETS, len(others))
    places = np.linspace(0, len(others) - 1, count).round().astype(int)
    full, by_start = ("other", "beta"), ("start", "thin_other", "thin_beta")
    whole, parts = arrays(swept, name), [arrays(part, name) for part in thinned]
    return xr.Dataset(
        {
            **{key: (full, values) for key, values in whole.items()},
            **{
                f"thin_{key}": (by_start, np.stack([part[key] for part in parts]))
                for key in whole
            },
            "value": ("other", others),
            "place": ("line", places),
            "onset": ("line", [onset(name, float(value)) for value in others[places]]),
        },
        {"beta": vary["beta"]},
    )


def arrays(swept: xr.Dataset, name: str) -> dict[str, np.ndarray]:
    """Kind, period and λ₁ of a sweep, each (others, betas)."""
    swept = swept.transpose(name, "beta", ...)
    return {
        "kind": swept.kind.values,
        "period": swept.period.values,
        "leading": swept.exponents.values[..., 0],
    }


def onset(name: str, value: float) -> float:
    """β at which the forced cycle loses its stability; NaN if it cannot be followed.

    Args:
        name: "gamma" or "epsilon".
        value: Of that parameter.
    """
    try:
        first = cycle.onset(**{name: value})
    except FloatingPointError:
        return float("nan")
    return float("nan") if first is None else first.value


# -- the line and the sweep ------------------------------------------------------------


def on_line(plane: xr.Dataset) -> list[tuple[int, float]]:
    """Places along the other axis, and the onset there, where there is one."""
    pairs = zip(plane.place.values, plane.onset.values, strict=True)
    return [(int(place), float(beta)) for place, beta in pairs if np.isfinite(beta)]


class Cells(NamedTuple):
    """Where along β an orbit is on the forced cycle, undecided, or elsewhere."""

    forced: Bool[np.ndarray, "B"]
    undecided: Bool[np.ndarray, "B"]
    elsewhere: Bool[np.ndarray, "B"]


def cells(plane: xr.Dataset, place: int) -> Cells:
    """The cells at one value of the other parameter."""
    row = plane.isel(other=place)
    period, undecided = row.period.values, row.kind.values == Kind.UNDECIDED
    clock = mean_field().period
    forced = (period > 0) & (clock % np.maximum(period, 1) == 0) & ~undecided
    return Cells(forced, undecided, ~forced & ~undecided)


def spacing(plane: xr.Dataset) -> float:
    """From one β to the next."""
    return float(plane.beta[1] - plane.beta[0])


def distance_to_line(plane: xr.Dataset) -> Float[np.ndarray, "L"]:
    """How far beyond the line the sweep leaves the forced cycle, in spacings of β.

    It leaves where the first decided kind is another; ∞ if it never does. Undecided
    cells right before that are not settled: it may leave in any of them, and the
    distance is 0 if the line runs through them.
    """
    beta = plane.beta.values
    distances = []
    for place, predicted in on_line(plane):
        _, undecided, elsewhere = cells(plane, place)
        if not elsewhere.any():
            distances.append(np.inf)
            continue
        latest = int(elsewhere.argmax())
        settled = np.flatnonzero(~undecided[:latest])
        earliest = int(settled[-1]) + 1 if settled.size else 0
        beyond = max(beta[earliest] - predicted, 0.0)
        distances.append(
            (beyond or min(beta[latest] - predicted, 0.0)) / spacing(plane)
        )
    return np.array(distances)


def agrees_with_line(plane: xr.Dataset) -> Bool[np.ndarray, "L"]:
    """Where the sweep leaves the forced cycle where the line says.

    The first value beyond the line is less than one spacing away; next to it orbits
    settle too slowly to be seen on the cycle, so that one value before it is allowed as
    well.
    """
    return np.abs(distance_to_line(plane)) <= 1


def is_unsettled(plane: xr.Dataset) -> Bool[np.ndarray, "L"]:
    """Where a cell is undecided more than one spacing before the line."""
    before = [
        cells(plane, place).undecided & (plane.beta.values < beta - spacing(plane))
        for place, beta in on_line(plane)
    ]
    return np.array([row.any() for row in before], bool)


def starts_as_torus(plane: xr.Dataset, place: int) -> bool:
    """Whether the first attractor beside the forced cycle is quasi-periodic.

    Next to its onset an orbit that slowly nears the cycle can look like that.
    """
    kinds = plane.kind.isel(other=place).values
    return bool(kinds[cells(plane, place).elsewhere.argmax()] == Kind.QUASI_PERIODIC)


def other_starts(plane: xr.Dataset) -> xr.DataArray:
    """Where random starts end elsewhere than the paper's."""
    return start_matters(plane.thin_kind, plane.thin_period)


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The paper shows diagrams and gives no number."""
    for name in measured.plane.values:
        _compare_plane(measured.sel(plane=name), f"β × {AXES[name].symbol}", ledger)


def _compare_plane(plane: xr.Dataset, title: str, ledger: Ledger) -> None:
    ledger = ledger.using(table="Diagrams")
    for kind in (Kind.PERIODIC, Kind.QUASI_PERIODIC, Kind.CHAOTIC):
        share = 100 * (plane.thin_kind == kind).mean(["thin_other", "thin_beta"])
        what = f"cells with a {KIND_STYLES[kind].label} attractor"
        quantity = Cell(what, title, f"{what}, {title}")
        compare_percentage(ledger, quantity, share.values.tolist(), BECAUSE)
    highest = plane.thin_leading.max(["thin_other", "thin_beta"])
    ledger.using(unit="nats per step").ours_alone(
        Cell("largest λ₁", title), highest.values, because=BECAUSE
    )
    agrees, symbol = agrees_with_line(plane), AXES[str(plane.plane.values)].symbol
    compare_percentage(
        ledger,
        Cell("onset in the diagram where linear stability has it", title),
        [100 * float(agrees.mean())],
        f"Within one spacing of β, at {len(agrees)} values of {symbol}, from the "
        "paper's start; the line is from Newton's method and eigenvalues, the paper "
        "gives no number",
    )
    if plane.sizes["start"] > 1:
        differ = 100 * other_starts(plane).mean(["thin_other", "thin_beta"])
        compare_percentage(
            ledger,
            Cell("cells where a random start ends elsewhere", title),
            differ.values.tolist(),
            "By decided kind and period, against the paper's start; the paper shows "
            "one start",
        )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Both diagrams: the kind of attractor, λ₁, and the line over them."""
    for name in measured.plane.values:
        yield _draw_plane(measured.sel(plane=name), str(name))


def _draw_plane(plane: xr.Dataset, name: str) -> Figure:
    axis, other = AXES[name], plane.value.values
    across = edges(plane.beta.values)
    along = np.exp(edges(np.log(other))) if axis.is_logarithmic else edges(other)
    figure, (left, right) = subplots(
        1, 2, width=10.5, height=4.6, sharey=True, sharex=True
    )
    plot.kind_map(across, along, plane.kind.values, left)
    plot.exponent_map(across, along, plane.leading.values, right)
    line = np.array([(beta, other[place]) for place, beta in on_line(plane)])
    beta, value = line.reshape(-1, 2).T
    for axes, colour in ((left, "white"), (right, INK)):
        axes.axhline(axis.paper, color=colour, linewidth=0.9, linestyle=":")
        plot.line(beta, value, axes, "--", color=INK, linewidth=1.3)
        axes.grid(False)
        axes.set(xlabel=BETA_LABEL, xlim=across[[0, -1]], ylim=along[[0, -1]])
    left.text(
        0.02,
        axis.paper,
        "paper",
        color="white",
        transform=left.get_yaxis_transform(),
        va="bottom",
    )
    left.set(ylabel=axis.label, yscale="log" if axis.is_logarithmic else "linear")
    left.set_title("Kind of attractor")
    right.set_title("Leading Lyapunov exponent")
    kind_legend(figure, plane.kind.values.ravel())
    return Figure(
        figure,
        f"Phase diagram over β × {axis.symbol}, {plane.sizes['beta']} × "
        f"{plane.sizes['other']} cells, each from the paper's start. Left: the kind of "
        "attractor. Right: the leading Lyapunov exponent, red where it is positive. "
        "Dashed: where the cycle forced by the positional bits loses its stability, by "
        "its multipliers. Dotted: the paper's value.",
        name,
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Names for the findings: the same of each plane."""
    full = SETTINGS["full"]
    return {
        "planes": [tell_plane(measured.sel(plane=name)) for name in AXES],
        "full": full,
        "published": (PUBLISHED_TRANSIENT, PUBLISHED_STEPS),
    }


def tell_plane(plane: xr.Dataset) -> dict[str, Any]:
    """What is told of one plane."""
    beta, other = plane.beta.values, plane.value.values
    leading = plane.leading.values
    row, column = np.unravel_index(leading.argmax(), leading.shape)
    with_chaos = other[(plane.kind.values == Kind.CHAOTIC).any(axis=1)]
    return {
        "symbol": AXES[str(plane.plane.values)].symbol,
        "betas": len(beta),
        "others": len(other),
        "shares": shares(plane.kind),
        "peak": (beta[column], other[row], leading.max()),
        "with_chaos": with_chaos[[0, -1]] if with_chaos.size else None,
        "random_starts": plane.sizes["start"] - 1,
        "differ": 100 * float(other_starts(plane).any("start").mean())
        if plane.sizes["start"] > 1
        else 0.0,
        **tell_onset(plane),
    }


def tell_onset(plane: xr.Dataset) -> dict[str, Any]:
    """How the line that linear stability gives and the sweep agree."""
    other, distances = plane.value.values, distance_to_line(plane)
    line = np.array([(other[place], beta) for place, beta in on_line(plane)])
    if not len(line):
        return {"line": None}
    before = distances < -1
    slow = np.array([starts_as_torus(plane, place) for place, _ in on_line(plane)])
    slow &= before
    early = before & ~slow
    return {
        "line": len(line),
        "lowest": line[line[:, 1].argmin()],
        "highest": line[line[:, 1].argmax()],
        "agreeing": int(agrees_with_line(plane).sum()),
        "early": line[early, 0],
        "spacings": -distances[early].min() if early.any() else 0.0,
        "unsettled": int((slow | (is_unsettled(plane) & ~before)).sum()),
        "late": int((distances > 1).sum()),
    }
