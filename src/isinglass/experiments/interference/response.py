"""The response of a mean field to its host (Tang 2020, Eq. 6 and Fig. 5)."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass import plot
from isinglass.plot import COLOURS, INK, MUTED, hysteresis_loop, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import (
    hysteresis,
    loop_area,
    mean_field_solutions,
    spinodal,
    switching,
)

COUPLINGS = (1.05, 1.2, 1.5, 2.0, 3.0)  # βn̄ of the table
DRAWN = (0.7, 1.0, 1.5)  # of Fig. 5: (a) below 1, the border, (b) above
FIELDS = np.linspace(-0.8, 0.8, 1601)
# Where the published program's search on a grid of 0.01 puts the critical field.
PROGRAM = {1.05: 0.06, 1.2: 0.28, 1.5: 0.35}
NEAR, FAR = 1e-4, 100.0  # distance from 1, and coupling, at which limits are taken
SETTINGS = {
    "quick": {"points": 100_000, "steps": 201, "iterations": 500},
    "default": {"points": 2_000_000, "steps": 801, "iterations": 2000},
}
QUANTITIES = {
    "mean_field": "μ at which a branch ends, μₛ",
    "field": "βB at which it ends, hₛ",
    "landing": "μ after the jump, μ₁",
    "area": "area of the loop, βA",
    "heat": "heat of a jump, βq",
    "entropy": "entropy change of a jump, Δs",
}


def measure(context: Context) -> xr.Dataset:
    """The table, Fig. 5, residuals on random points, and loops by iteration."""
    setting = SETTINGS[context.resolution]
    x = np.array(COUPLINGS)
    columns = [*spinodal(x), loop_area(x), *switching(x)]
    table = xr.DataArray(
        np.stack(columns),
        {"quantity": list(QUANTITIES), "coupling": x},
        ("quantity", "coupling"),
    )
    solutions = xr.DataArray(
        np.stack(mean_field_solutions(np.array(DRAWN)[:, None], FIELDS)),
        {"branch": ["lower", "middle", "upper"], "drawn": list(DRAWN), "h": FIELDS},
        ("branch", "drawn", "h"),
    )
    context.progress.step("iterating")
    loops, areas = _loops(setting["steps"], setting["iterations"])
    context.progress.step("")
    numbers = {
        "residual": _residual(context, setting["points"]),
        "border": _border(),
        "near": float(loop_area(1 + NEAR) / (4.5 * NEAR**2)),
        "far": float(loop_area(FAR) / (4 * spinodal(FAR).field)),
        "iteration": np.abs(loops[1] - loops[0]).max(),
    }
    return xr.Dataset(
        {"table": table, "solutions": solutions, **numbers}
        | {"iterated_area": ("coupling", areas)}
    )


def _residual(context: Context, points: int) -> float:
    """The largest |μ − tanh(xμ + h)| of any solution, x to 5 and h to ±2."""
    rng = context.rng("points")
    x, h = rng.uniform(0, 5, points), rng.uniform(-2, 2, points)
    roots = np.stack(mean_field_solutions(x, h))
    return float(np.nanmax(np.abs(roots - np.tanh(x * roots + h))))


def _border() -> float:
    """The coupling from which on there are three solutions without a field."""
    low, high = 0.5, 1.5
    for _ in range(40):
        middle = (low + high) / 2
        several = np.isfinite(mean_field_solutions(middle, 0.0).middle)
        low, high = (low, middle) if several else (middle, high)
    return high


def _loops(
    steps: int, iterations: int
) -> tuple[Float[np.ndarray, "2 step coupling"], Float[np.ndarray, "coupling"]]:
    """A slow cycle in closed form and by iterating Eq. 6, and the area of the latter.

    The field comes no closer than 10⁻³ to the spinodal, where iteration would stand
    still.
    """
    x = np.array(COUPLINGS)
    rise = np.linspace(-2.0, 2.0, steps)[:, None]
    limit = np.asarray(spinodal(x).field)
    path = np.concatenate([rise, rise[::-1], rise]) * np.ones(len(x))
    close = np.abs(np.abs(path) - limit) < 1e-3
    path = np.where(close, np.sign(path) * (limit + 1e-3), path)
    m, followed = np.full(len(x), -0.99), []
    for h in path:
        for _ in range(iterations):
            new = np.tanh(x * m + h)
            settled, m = np.abs(new - m).max() < 1e-14, new
            if settled:
                break
        followed.append(m)
    iterated = np.array(followed)
    cycle = slice(steps - 1, None)
    turns = np.diff(path[cycle], axis=0) * (iterated[cycle][1:] + iterated[cycle][:-1])
    closed = np.asarray(hysteresis(x, path))
    return np.stack([closed, iterated]), -turns.sum(axis=0) / 2


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Where bistability begins, the program's critical fields, and our table."""
    ledger.exact(
        "βn̄ above which the response jumps",
        float(measured.border),
        1.0,
        tolerance=1e-9,
        because="An interval is halved.",
    )
    program = ledger.using(source="published program", table="Critical field βB")
    for coupling, value in PROGRAM.items():
        ours = float(measured.table.sel(quantity="field", coupling=coupling))
        program.exact(
            Cell("critical field", f"βn̄ = {coupling:g}"),
            ours,
            value,
            tolerance=0.01,
            because="The program searches on a grid of 0.01.",
        )
    ours = ledger.using(
        table="The loop", because="The paper draws it, and gives no number."
    )
    for quantity, words in QUANTITIES.items():
        for coupling in COUPLINGS:
            value = float(measured.table.sel(quantity=quantity, coupling=coupling))
            ours.ours_alone(Cell(words, f"βn̄ = {coupling:g}"), [value])
    checks = ledger.using(because="A check of ours.")
    checks.ours_alone("largest residual of Eq. 6", [float(measured.residual)])
    checks.ours_alone(
        "largest difference of a slow cycle to an iteration of Eq. 6",
        [float(measured.iteration)],
    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Fig. 5, the loops with their area, and the area over the coupling."""
    figure, (left, middle, right) = subplots(1, 3, width=11.5, height=3.7)
    h = measured.h.values
    for coupling, colour in zip(DRAWN, (COLOURS[2], MUTED, COLOURS[0]), strict=True):
        lower, middle_one, upper = measured.solutions.sel(drawn=coupling).values
        if coupling <= 1:  # one curve, though its halves have different names
            lower, upper = np.where(h < 0, lower, upper), np.full(len(h), np.nan)
        plot.line(h, lower, left, color=colour, label=f"βn̄ = {coupling:g}")
        plot.line(h, upper, left, color=colour)
        plot.line(h, middle_one, left, ":", color=colour)
    left.set(xlabel="field βB", ylabel="mean field μ", title="Solutions of Eq. 6")
    left.legend(loc="lower right")
    for coupling, colour in zip((2.0, 1.5, 1.2), COLOURS, strict=False):
        edge = float(measured.table.sel(quantity="field", coupling=coupling))
        inside = edge * np.sin(np.linspace(-np.pi / 2, np.pi / 2, 301))
        lower, _, upper = mean_field_solutions(coupling, inside)
        # Upwards on the lower branch, and back on the upper one.
        field = np.concatenate([inside, [edge], inside[::-1], [-edge]])
        loop = np.concatenate([lower, upper[-1:], upper[::-1], lower[:1]])
        hysteresis_loop(field, loop, middle, color=colour)
        label = {"color": INK, "rotation": 90, "ha": "right", "va": "center"}
        middle.text(edge - 0.01, 0.2, f"βn̄ = {coupling:g}", **label)
    middle.set(xlabel="field βB", ylabel="", title="Loops; their area is dissipated")
    over = np.linspace(1.001, 4, 400)
    plot.line(over, np.asarray(loop_area(over)), right, color=COLOURS[0])
    plot.line(over, 4.5 * (over - 1) ** 2, right, ":", color=MUTED)
    plot.line(over, 4 * np.asarray(spinodal(over).field), right, "--", color=MUTED)
    right.text(2.15, 6.5, "9/2 (βn̄ − 1)²", color=INK, ha="right")
    right.text(3.3, 5.1, "4 βBₛ", color=INK)
    plot.line(
        COUPLINGS,
        measured.iterated_area,
        right,
        "o",
        color=COLOURS[1],
        label="by iteration",
    )
    right.set(ylim=(0, 9), xlabel="coupling βn̄", title="Area βA of the loop")
    right.legend(loc="upper left")
    yield Figure(
        figure,
        "Left: all solutions of μ = tanh(β(n̄μ + B)), as in the paper's Fig. 5; dotted "
        "the unstable one. Middle: what a slow cycle of the field follows; the shaded "
        "area is dissipated in each. Right: that area in closed form, its limits, and "
        "the same from iterating the equation along a slow cycle (dots).",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """How far the iterated areas are from the closed form, in percent."""
    area = measured.table.sel(quantity="area")
    off = 100 * np.abs(measured.iterated_area / area - 1)
    return {"area_off": off.sel(coupling=1.5).item(), "program": PROGRAM}
