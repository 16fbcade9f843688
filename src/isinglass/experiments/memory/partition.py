"""The partition function over balls: exact, as the paper prints it, and what follows.

Nothing here is drawn by chance.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import minimize_scalar

from isinglass.experiments.memory.partition_figures import draw as draw
from isinglass.experiments.memory.setting import (
    CLAIMED,
    MEASURED,
    PATTERNS,
    RATIOS,
    WIDTH,
)
from isinglass.reproduce import Context, Ledger
from isinglass.systems.memory import (
    ball_partition_bounds,
    claimed_cross_entropy,
    critical_radius,
    log_ball_partition,
    log_ball_volume,
    log_partition_misprinted,
    parameters_against_data,
    unit_volume_radius,
    unit_volume_radius_asymptote,
)
from isinglass.systems.memory.quadrature import log_ball_quadrature


@dataclass(frozen=True)
class Setting:
    """How finely curves are drawn.

    Attributes:
        dimensions: n of the balls.
        radii: How many for each n, from 0.05 to 6 in units of √(n/2πe).
        widths: How many n from 2 to 10,000, for what Z = 1 asks for.
    """

    dimensions: tuple[int, ...]
    radii: int
    widths: int


ALL_DIMENSIONS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
SETTINGS = {
    "default": Setting(ALL_DIMENSIONS, 160, 300),
    "quick": Setting((1, 2, 16, 128, 1024), 60, 120),
}


def measure(context: Context) -> xr.Dataset:
    """Both forms of Z, each against quadrature, and what Z = 1 asks for by width."""
    setting = SETTINGS[context.resolution]
    parts = (one_ball(context, setting), many_balls(), by_width(setting))
    return xr.merge(parts, combine_attrs="drop")


def one_ball(context: Context, setting: Setting) -> xr.Dataset:
    """The weight of a ball in logarithms, its bounds, and how far quadrature is off."""
    n, units = np.array(setting.dimensions), np.geomspace(0.05, 6, setting.radii)
    radius = units * unit_volume_radius_asymptote(n)[:, None]
    exact, volume = (
        f(radius, n[:, None]) for f in (log_ball_partition, log_ball_volume)
    )
    printed, errors = np.empty(radius.shape), np.empty((2, len(n)))
    for k, dimension in enumerate(
        context.progress.track(setting.dimensions, "dimensions")
    ):
        printed[k] = [log_partition_misprinted([r], dimension) for r in radius[k]]
        for form, (values, power) in enumerate(((exact, 2), (printed, 1))):
            errors[form, k] = quadrature_error(values[k], radius[k], dimension, power)
    slack = exact + 1e-12 * (1 + abs(exact))
    balls = {
        "radius": radius,
        "exact": exact,
        "printed": printed,
        "bounded": ball_partition_bounds(radius, n[:, None])[0] <= slack,
        "bounded_as_printed": volume - radius <= slack,
    }
    variables = {
        name: (("dimension", "unit"), values) for name, values in balls.items()
    }
    return xr.Dataset(
        variables | {"error": (("form", "dimension"), errors)},
        {"dimension": n, "unit": units, "form": ["exact", "printed"]},
    )


def quadrature_error(
    values: np.ndarray, radius: np.ndarray, n: int, power: int
) -> float:
    """The largest difference of logarithms over 1 + |log Z|, at some twenty radii."""
    some = slice(None, None, max(1, len(radius) // 20))
    numeric = np.array([log_ball_quadrature(r, n, power) for r in radius[some]])
    return float((abs(values[some] - numeric) / (1 + abs(values[some]))).max())


def many_balls() -> xr.Dataset:
    """As many balls as the paper has activations, and where log Z + 1/Z is least."""
    least: Any = minimize_scalar(
        lambda log_z: float(claimed_cross_entropy(log_z)),
        bounds=(-3.0, 5.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    special = [float(unit_volume_radius_asymptote(WIDTH)), MEASURED / 2]
    radii = np.array([*special, *np.linspace(7.9, 11, 400)])
    log_z = np.log(PATTERNS) + log_ball_partition(radii, WIDTH)
    misprint = log_partition_misprinted(special[:1], WIDTH) - log_ball_partition(
        special[0], WIDTH
    )
    return xr.Dataset(
        {
            "best_z": float(np.exp(least.x)),
            "least_entropy": float(least.fun),
            "misprint": float(misprint),
            "log_z": ("ball_radius", log_z),
            "claimed_entropy": ("ball_radius", claimed_cross_entropy(log_z)),
        },
        {"ball_radius": radii},
    )


def by_width(setting: Setting) -> xr.Dataset:
    """Radii by width, and the parameters and data that Z = 1 asks for."""
    widths = np.unique(np.geomspace(2, 1e4, setting.widths).round().astype(int))
    widths = np.union1d(widths, [64, 256, WIDTH])
    sizes = parameters_against_data(widths)
    log_ratio, (low, high) = sizes["log_ratio"], np.log(RATIOS)
    radii = {
        "unit_volume": unit_volume_radius(widths),
        "asymptote": unit_volume_radius_asymptote(widths),
        "critical": critical_radius(PATTERNS, widths),
    }
    return xr.Dataset(
        {name: ("n", values) for name, values in radii.items()}
        | {
            "parameters": sizes["parameters"],
            "log10_data": sizes["log_data"] / np.log(10),
            "log10_ratio": log_ratio / np.log(10),
            "has_ratio": (log_ratio >= low) & (log_ratio <= high),
        },
        {"n": widths},
    )


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The closed form fails; the least log Z + 1/Z, and the paper's numbers, do not."""
    _compare_forms(measured, ledger.using(source="closed form of Z"))
    ledger = ledger.using(because="The paper gives no number here")
    _compare_least(measured, ledger.using(source="Proposition 4"))
    _compare_sizes(measured, ledger)


def _compare_least(measured: xr.Dataset, ledger: Ledger) -> None:
    digits = "it is a search to ten digits"
    ledger.exact(
        "least log Z + 1/Z", measured.least_entropy, 1.0, tolerance=1e-9, because=digits
    )
    ledger.exact(
        "Z at which log Z + 1/Z is least",
        measured.best_z,
        1.0,
        tolerance=1e-6,
        because="where a function is flat, a search finds its place to half the digits "
        "of its value",
    )


def _compare_sizes(measured: xr.Dataset, ledger: Ledger) -> None:
    """Radii, and the data at which Z = 1, at the paper's width and at others."""
    fourth, fifth, radii = (
        ledger.using(source=source)
        for source in ("Proposition 4", "Proposition 5", "Appendix F.1")
    )
    wide, at = measured.sel(n=WIDTH), f"n = {WIDTH:,}"
    balls = measured.sel(ball_radius=MEASURED / 2)
    digits = "the paper gives one digit after the point"
    for name, radius in (
        ("2 √(n/2πe)", wide.asymptote),
        ("twice the radius of unit volume", wide.unit_volume),
    ):
        radii.exact(
            f"{name}, {at}", 2 * radius, CLAIMED, tolerance=0.05, because=digits
        )
    count = f"{PATTERNS:,} balls"
    radii.ours_alone(f"radius of {count} with Z = 1, {at}", wide.critical)
    radii.ours_alone(
        f"log Z of {count} of half the measured distance, {at}", balls.log_z
    )
    fourth.ours_alone(f"log Z + 1/Z there, {at}", balls.claimed_entropy)
    for n in (256, WIDTH):
        data = measured.log10_data.sel(n=n)
        fifth.ours_alone(f"log₁₀ of the data D at which Z = 1, n = {n:,}", data)
    fifth.share(
        "widths from 2 to 10,000 at which N/D² is 8.4e-10 to 8.8e-10",
        int(measured.has_ratio.sum()),
        measured.n.size,
        because="The paper measures this ratio at three widths, where the loss was "
        "least",
    )


def _compare_forms(measured: xr.Dataset, ledger: Ledger) -> None:
    """The paper says that its form is Z: where it is right, the misprint is 0."""
    ledger.exact(
        f"log of the printed form over the integral, n = {WIDTH:,}, r = √(n/2πe)",
        measured.misprint,
        0.0,
        tolerance=1e-6,
        because="both are computed to ten digits at least",
    )
    difference = abs(measured.printed - measured.exact)
    equal = difference <= 1e-6 * (1 + abs(measured.exact))
    corrected = "The corrected bound; the paper has e^{−r}"
    for what, holds, paper in (
        ("the printed form is the integral", equal, 100.0),
        ("e^{−r} V_n(r) ≤ Z_i, as printed", measured.bounded_as_printed, 100.0),
        ("e^{−r²} V_n(r) ≤ Z_i", measured.bounded, None),
    ):
        because = corrected if paper is None else ""
        quantity, count = f"n and r at which {what}", int(holds.sum())
        ledger.share(quantity, count, holds.size, paper, because=because)


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Where the printed form is most wrong, and where the ratio N/D² is the paper's."""
    gap = (measured.printed - measured.exact).stack(point=("dimension", "unit"))
    radius = measured.radius.stack(point=("dimension", "unit"))
    extremes = [
        {
            "exponent": float(gap[at]),
            "n": int(gap.dimension[at]),
            "radius": float(radius[at]),
        }
        for at in (int(gap.argmin("point")), int(gap.argmax("point")))
    ]
    ratio, deviation = measured.log10_ratio, measured.unit_volume / measured.asymptote
    peak = int(ratio.argmax("n"))  # it falls from there on
    falling = ratio[peak:]
    crossing = np.interp(-np.log10(np.mean(RATIOS)), -falling, falling.n)
    return {
        "extremes": extremes,
        "at_paper_radius": measured.isel(ball_radius=0),
        "at_measured": measured.sel(ball_radius=MEASURED / 2),
        "wide": measured.sel(n=WIDTH),
        "worst": measured.isel(n=int(deviation.argmax("n"))),
        "peak": ratio[peak],
        "widths_with_ratio": ratio.n.values[measured.has_ratio].tolist(),
        "crossing": float(crossing),
        "MEASURED": MEASURED,
    }
