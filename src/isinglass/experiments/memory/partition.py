"""The partition function over balls: exact, and as the paper prints it; and what follows."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass.experiments.memory import setting as memory_paper
from isinglass.reproduce import Context, Experiment, Figure, Outcome, Row, compare
from isinglass.reproduce.ledger import share

if TYPE_CHECKING:
    import xarray as xr

NAME = "memory-partition"
FORMULA = "closed form of Z"
NO_NUMBER = "The paper gives no number here"
WIDTH, PATTERNS = (
    1024,
    80_000,
)  # of GPT-2 medium, and how many activations the paper takes
CLAIMED, MEASURED = (
    15.5,
    20.0,
)  # the paper's 2 √(n/2πe), and its mean distance of activations
RATIOS = (8.4e-10, 8.8e-10)  # N/D*² of the paper's version 2
DRAWN = (2, 16, 128, 1024)


class Resolution(NamedTuple):
    """Dimensions, and radii in units of √(n/2πe)."""

    dimensions: tuple[int, ...]
    radii: Float[np.ndarray, " R"]
    widths: int


DEFAULT = Resolution(
    (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096), np.geomspace(0.05, 6, 160), 300
)
QUICK = Resolution((1, 2, 16, 128, 1024), np.geomspace(0.05, 6, 60), 120)


class Found(NamedTuple):
    """Partition functions of one ball, K dimensions by R radii, and curves.

    Attributes:
        dimensions: n, (K,).
        units: r / √(n/2πe), (R,).
        radius: r, (K, R).
        exact: log Z_i, (K, R).
        printed: The paper's closed form of it, (K, R).
        quadrature: Largest |log Z_i − quadrature| at each dimension, over 1 + |log
            Z_i|, (K,).
        exponential: The same of the paper's form against ∫ exp(−|y|), (K,).
        lower: Does e^{−r²} V ≤ Z_i hold? (K, R).
        printed_lower: Does the paper's e^{−r} V ≤ Z_i? (K, R).
        lowest: Z at which log Z + 1/Z is least, and its value there.
        widths: n of the curves, (W,).
        unit: Radius of unit volume, (W,).
        asymptote: √(n/2πe), (W,).
        critical: Radius at which `PATTERNS` balls have Z = 1, (W,).
        size: `isinglass.systems.memory.parameters_against_data` over the widths.
    """

    dimensions: np.ndarray
    units: np.ndarray
    radius: np.ndarray
    exact: np.ndarray
    printed: np.ndarray
    quadrature: np.ndarray
    exponential: np.ndarray
    lower: np.ndarray
    printed_lower: np.ndarray
    lowest: tuple[float, float]
    widths: np.ndarray
    unit: np.ndarray
    asymptote: np.ndarray
    critical: np.ndarray
    size: xr.Dataset


def run(context: Context) -> Outcome:
    """Evaluate both forms, check each by quadrature, and follow what Z = 1 asks for."""
    found = measure(context, QUICK if context.quick else DEFAULT)
    return Outcome(
        _rows(found), [_figure(found), _figure_of_size(found)], _findings(found)
    )


# -- measuring -------------------------------------------------------------------------


def measure(context: Context, resolution: Resolution) -> Found:
    """Everything; nothing in it is drawn by chance."""
    from isinglass.systems.memory import (
        ball_partition_bounds,
        critical_radius,
        log_ball_partition,
        log_ball_volume,
        log_partition_misprinted,
        parameters_against_data,
        unit_volume_radius,
        unit_volume_radius_asymptote,
    )

    n = np.array(resolution.dimensions)
    radius = resolution.radii * unit_volume_radius_asymptote(n)[:, None]
    exact = log_ball_partition(radius, n[:, None])
    volume = log_ball_volume(radius, n[:, None])
    printed = np.empty(radius.shape)
    off = np.empty((2, len(n)))
    for k in context.progress.track(range(len(n)), "dimensions"):
        printed[k] = [log_partition_misprinted([r], int(n[k])) for r in radius[k]]
        checked = slice(None, None, max(1, radius.shape[1] // 20))
        for row, (values, power) in enumerate(((exact, 2), (printed, 1))):
            numeric = np.array(
                [quadrature(r, int(n[k]), power) for r in radius[k, checked]]
            )
            some = values[k, checked]
            off[row, k] = (abs(some - numeric) / (1 + abs(some))).max()
    widths = np.unique(np.geomspace(2, 1e4, resolution.widths).round().astype(int))
    widths = np.union1d(widths, [64, 256, WIDTH])
    room = 1e-12 * (1 + abs(exact))
    return Found(
        n,
        resolution.radii,
        radius,
        exact,
        printed,
        off[0],
        off[1],
        ball_partition_bounds(radius, n[:, None])[0] <= exact + room,
        volume - radius <= exact + room,
        minimum(),
        widths,
        unit_volume_radius(widths),
        unit_volume_radius_asymptote(widths),
        critical_radius(PATTERNS, widths),
        parameters_against_data(widths),
    )


def quadrature(radius: float, n: int, power: int) -> float:
    """Log ∫_{|y| < r} exp(−|y|^power) dy by Gauss–Legendre quadrature over |y|."""
    from scipy.special import gammaln, logsumexp

    place, weight = _rule()
    # Where the integrand lies: nothing of it that a double holds is further below its
    # peak.
    peak = min(radius, (((n - 1) / power) if n > 1 else 0.0) ** (1 / power))
    wide = 12 / np.sqrt(power * max(n, 2)) * max(peak, 1.0) + 40 / max(n, 1)
    low, high = (
        max(0.0, peak - wide),
        min(radius, peak + max(wide, 8.0 if power == 2 else 60.0)),
    )
    edges = np.linspace(low, high, 9)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    t = (middle[:, None] + half[:, None] * place).ravel()
    logs = np.log((half[:, None] * weight).ravel()) + (n - 1) * np.log(t) - t**power
    surface = np.log(2) + n / 2 * np.log(np.pi) - gammaln(n / 2)
    return float(surface + np.asarray(logsumexp(logs)))


@functools.cache  # an eigenvalue problem, which takes longer than all the rest
def _rule() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(200)


def minimum() -> tuple[float, float]:
    """Z at which log Z + 1/Z is least, and its value there, by bounded search over log Z."""
    from scipy.optimize import minimize_scalar

    from isinglass.systems.memory import claimed_cross_entropy

    found = minimize_scalar(
        lambda log_z: float(claimed_cross_entropy(log_z)),
        bounds=(-3.0, 5.0),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return float(np.exp(found.x)), float(found.fun)


# -- the ledger ------------------------------------------------------------------------


def _rows(found: Found) -> list[Row]:
    from isinglass.systems.memory import (
        claimed_cross_entropy,
        critical_radius,
        log_ball_partition,
        log_partition,
        log_partition_misprinted,
        unit_volume_radius,
        unit_volume_radius_asymptote,
    )

    radius = float(unit_volume_radius_asymptote(WIDTH))
    many = float(np.log(PATTERNS) + log_ball_partition(MEASURED / 2, WIDTH))
    at, digits = f"n = {WIDTH:,}", "the paper gives one digit after the point"
    # The paper says that its form is Z: where it is right, this is 0.
    apart = log_partition_misprinted([radius], WIDTH) - log_partition([radius], WIDTH)
    rows = [
        _row(
            FORMULA,
            f"log of the printed form over the integral, {at}, r = √(n/2πe)",
            apart,
            0.0,
            1e-6,
            "both are computed to ten digits at least",
        ),
        share(
            NAME,
            FORMULA,
            "n and r at which the printed form is the integral",
            int(
                (
                    abs(found.printed - found.exact) <= 1e-6 * (1 + abs(found.exact))
                ).sum()
            ),
            found.exact.size,
            paper=100.0,
        ),
        share(
            NAME,
            FORMULA,
            "n and r at which e^{−r} V_n(r) ≤ Z_i, as printed",
            int(found.printed_lower.sum()),
            found.printed_lower.size,
            paper=100.0,
        ),
        share(
            NAME,
            FORMULA,
            "n and r at which e^{−r²} V_n(r) ≤ Z_i",
            int(found.lower.sum()),
            found.lower.size,
            paper=None,
            because="The corrected bound; the paper has e^{−r}",
        ),
        _row(
            "Proposition 4",
            "least log Z + 1/Z",
            found.lowest[1],
            1.0,
            1e-9,
            "it is a search to ten digits",
        ),
        _row(
            "Proposition 4",
            "Z at which log Z + 1/Z is least",
            found.lowest[0],
            1.0,
            1e-6,
            "where a function is flat, a search finds its place to half the digits of "
            "its value",
        ),
        _row("Appendix F.1", f"2 √(n/2πe), {at}", 2 * radius, CLAIMED, 0.05, digits),
        _row(
            "Appendix F.1",
            f"twice the radius of unit volume, {at}",
            2 * float(unit_volume_radius(WIDTH)),
            CLAIMED,
            0.05,
            digits,
        ),
        _row(
            "Appendix F.1",
            f"radius of {PATTERNS:,} balls with Z = 1, {at}",
            float(critical_radius(PATTERNS, WIDTH)),
        ),
        _row(
            "Appendix F.1",
            f"log Z of {PATTERNS:,} balls of half the measured distance, {at}",
            many,
        ),
        _row(
            "Proposition 4",
            f"log Z + 1/Z there, {at}",
            float(claimed_cross_entropy(many)),
        ),
    ]
    for n in (256, WIDTH):
        data = found.size.sel(n=n)
        rows.append(
            _row(
                "Proposition 5",
                f"log₁₀ of the data D at which Z = 1, n = {int(data.n):,}",
                float(data.log_data) / np.log(10),
            )
        )
    rows.append(
        share(
            NAME,
            "Proposition 5",
            "widths from 2 to 10,000 at which N/D² is 8.4e-10 to 8.8e-10",
            int(_in_range(found.size).sum()),
            found.size.n.size,
            paper=None,
            because="The paper measures this ratio at three widths, where the loss was least",
        )
    )
    return rows


def _row(
    source: str,
    quantity: str,
    value: float,
    paper: float | None = None,
    tolerance: float | None = None,
    because: str = NO_NUMBER,
) -> Row:
    return compare(
        NAME,
        source,
        quantity,
        [value],
        paper=paper,
        tolerance=tolerance,
        because=because,
    )


def _in_range(size: xr.Dataset) -> np.ndarray:
    ratio = size["log_ratio"].values
    return (ratio >= np.log(RATIOS[0])) & (ratio <= np.log(RATIOS[1]))


# -- what is shown ---------------------------------------------------------------------


def _figure(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots
    from isinglass.systems.memory import (
        claimed_cross_entropy,
        log_ball_partition,
        unit_volume_radius_asymptote,
    )

    figure, (left, middle, right) = subplots(1, 3, width=11.0, height=3.9)
    shown = [k for k, n in enumerate(found.dimensions) if n in DRAWN]
    for colour, k in zip(COLOURS, shown, strict=False):
        n = found.dimensions[k]
        left.plot(found.units, found.exact[k] / n, color=colour, label=f"n = {n:,}")
        left.plot(found.units, found.printed[k] / n, "--", color=colour, linewidth=1.3)
        middle.plot(found.units, (found.printed[k] - found.exact[k]) / n, color=colour)
    left.plot([], [], "--", color=MUTED, linewidth=1.3, label="as printed")
    left.axhline(0, color=INK, linewidth=0.9)
    middle.axhline(0, color=INK, linewidth=0.9)
    left.set(
        xscale="log", ylabel="$n^{-1}\\,\\log Z_i$", title="One ball", ylim=(-3.2, 2.2)
    )
    middle.set(
        xscale="log",
        ylabel="$n^{-1}\\,\\log$ (printed / exact)",
        title="How far it is off",
    )
    for panel in (left, middle):
        panel.set_xlabel("radius / $\\sqrt{n/2\\pi e}$")
        panel.set_xticks([0.1, 1], ["0.1", "1"])
    left.legend(fontsize=8.5, loc="lower right")
    radius = np.linspace(7.9, 11, 400)
    log_z = np.log(PATTERNS) + log_ball_partition(radius, WIDTH)
    right.plot(radius, claimed_cross_entropy(log_z), color=COLOURS[0])
    value = float(np.log(PATTERNS) + log_ball_partition(MEASURED / 2, WIDTH))
    right.plot(MEASURED / 2, value, "o", color=COLOURS[1], markersize=6)
    right.annotate(
        f"half the measured\ndistance: {value:.0f}",
        (MEASURED / 2, value),
        va="bottom",
        textcoords="offset points",
        xytext=(2, 10),
        ha="center",
        fontsize=8.5,
        color=INK,
    )
    unit = float(unit_volume_radius_asymptote(WIDTH))
    right.axvline(unit, color=MUTED, linewidth=1.2, linestyle=":")
    right.text(unit + 0.04, 0.62, "$\\sqrt{n/2\\pi e}$", fontsize=8.5, color=MUTED)
    right.axhline(1, color=INK, linewidth=0.9)
    right.set(
        yscale="log",
        ylim=(0.5, 1e5),
        xlim=(7.5, 11),
        xlabel="radius r",
        ylabel="log Z + 1/Z",
        title=f"{PATTERNS:,} balls, n = {WIDTH:,}",
    )
    return Figure(
        NAME,
        figure,
        "Left: the weight of a ball by its radius, exact (lines) and by the paper's "
        "closed form (dashed). Middle: logarithm of their ratio, per dimension. Right: "
        "what Proposition 4 takes for the cross-entropy, at the paper's number of "
        "patterns and width; its least value is 1 (line). Dotted: the radius that the "
        "paper takes, where it is far above the panel; dot: "
        "half of the distance of neighbours that the paper measures.",
    )


def _figure_of_size(found: Found) -> Figure:
    from isinglass.figures.style import COLOURS, INK, MUTED, subplots

    figure, (left, right) = subplots(1, 2, width=10.0, height=4.0)
    left.plot(found.widths, found.unit, color=COLOURS[0], label="unit volume, exact")
    left.plot(
        found.widths,
        found.asymptote,
        "--",
        color=COLOURS[1],
        label="$\\sqrt{n/2\\pi e}$",
    )
    left.plot(
        found.widths,
        found.critical,
        color=COLOURS[2],
        label=f"{PATTERNS:,} balls with Z = 1",
    )
    left.plot(
        WIDTH,
        CLAIMED / 2,
        "s",
        color=INK,
        markersize=5,
        label="paper: $\\sqrt{n/2\\pi e}$",
    )
    left.plot(
        WIDTH,
        MEASURED / 2,
        "^",
        color=INK,
        markersize=6,
        label="paper: half the distance measured",
    )
    left.set(
        xscale="log",
        yscale="log",
        xlabel="dimension n",
        ylabel="radius",
        title="Radii",
        ylim=(0.05, 40),
    )
    left.legend(fontsize=8.5)
    log10_data = found.size["log_data"].values / np.log(10)
    parameters = found.size["parameters"].values
    seen = (log10_data >= 0) & (log10_data < 40)
    right.plot(log10_data[seen], parameters[seen], color=COLOURS[0], label="Z = 1")
    across = np.linspace(6, 11, 50)
    right.plot(
        across,
        np.mean(RATIOS) * 10 ** (2 * across),
        "--",
        color=COLOURS[1],
        label="$N = 8.6\\times10^{-10}\\,D^2$",
    )
    for n in (64, 256, WIDTH):
        at = int(np.argmin(abs(found.widths - n)))
        if seen[at]:
            right.plot(
                log10_data[at], parameters[at], "o", color=COLOURS[0], markersize=5
            )
            right.annotate(
                f"n = {found.widths[at]}",
                (log10_data[at], parameters[at]),
                textcoords="offset points",
                xytext=(8, -11) if n > 64 else (-6, 6),
                fontsize=8.5,
                color=MUTED,
                ha="left" if n > 64 else "right",
            )
    right.set(
        yscale="log",
        xlabel="$\\log_{10}$ tokens of data D",
        ylabel="parameters N",
        title="Size against data",
        xlim=(-2, 41),
    )
    right.legend(fontsize=8.5, loc="lower right")
    return Figure(
        f"{NAME}-size",
        figure,
        "Left: radius of the ball of unit volume, its asymptote, and the radius at "
        "which as many balls as the paper has activations have Z = 1. Right: "
        "parameters N = 12 · 24 n² against data D = 256 tokens a pattern at which Z = "
        "1, at the radius √(n/2πe), beside N = c D² with the paper's measured c.",
    )


def _findings(found: Found) -> str:
    return "\n\n".join(
        [_of_formula(found), _of_minimum(found), _of_radius(found), _of_size(found)]
    )


def _of_formula(found: Found) -> str:
    apart = found.printed - found.exact
    low, high = (
        np.unravel_index(index, apart.shape)
        for index in (apart.argmin(), apart.argmax())
    )
    extremes = " and ".join(
        f"e^{_exponent(apart[at])} times Z at n = {found.dimensions[at[0]]:,}, r = "
        f"{found.radius[at]:.3g}"
        for at in (low, high)
    ).replace("^-", "^−")
    return (
        "Quadrature of the integral agrees with π^(n/2) P(n/2, r²) to "
        f"{found.quadrature.max():.1g} of 1 + |log Z| at n = {found.dimensions.min()} "
        f"to {found.dimensions.max():,}. The "
        "closed form in the paper is the integral of exp(−|y|) instead, to "
        f"{found.exponential.max():.1g}; it is between {extremes}. Its lower bound "
        "with e^(−r) "
        "fails at "
        f"{100 * (~found.printed_lower).mean():.0f} % of the points, with e^(−r²) at "
        f"{100 * (~found.lower).mean():.0f} %."
    )


def _exponent(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:,.0f}"


def _of_minimum(found: Found) -> str:
    from isinglass.systems.memory import (
        log_ball_partition,
        unit_volume_radius_asymptote,
    )

    radii = (float(unit_volume_radius_asymptote(WIDTH)), MEASURED / 2)
    at = [float(np.log(PATTERNS) + log_ball_partition(r, WIDTH)) for r in radii]
    return (
        f"log Z + 1/Z is least, {found.lowest[1]:.9f}, at Z = {found.lowest[0]:.6f}: "
        "that part of Proposition 4 holds. But nothing holds Z there. For "
        f"{PATTERNS:,} balls at n = {WIDTH:,}, log Z is {at[0]:.0f} at the radius "
        f"√(n/2πe), so that 1/Z is e^{-at[0]:.0f}, and {at[1]:.0f} at half of the "
        "distance that the paper measures."
    ).replace("log Z is -", "log Z is −")


def _of_radius(found: Found) -> str:
    from isinglass.systems.memory import (
        critical_radius,
        unit_volume_radius,
        unit_volume_radius_asymptote,
    )

    exact, near = (
        float(of(WIDTH)) for of in (unit_volume_radius, unit_volume_radius_asymptote)
    )
    small = int(np.argmax(found.unit / found.asymptote))
    return (
        f"At n = {WIDTH:,} the ball of unit volume has the radius {exact:.3f}; "
        f"√(n/2πe) is {near:.3f}, {100 * (1 - near / exact):.1f} % less "
        f"({100 * (1 - found.asymptote[small] / found.unit[small]):.0f} % at n = "
        f"{found.widths[small]}). {PATTERNS:,} balls have Z = 1 at "
        f"{float(critical_radius(PATTERNS, WIDTH)):.3f}. The distances that the paper "
        f"measures, {MEASURED:g} on average, are a diameter: half of that is "
        f"{MEASURED / 2 / exact:.2f} times the radius of unit volume."
    )


def _of_size(found: Found) -> str:
    size = found.size
    ratio = size["log_ratio"].values / np.log(10)
    told = ", ".join(
        f"10^{float(size.sel(n=n).log_data) / np.log(10):.0f} tokens at n = {n:,}"
        for n in (256, WIDTH)
    )
    hits = size.n.values[_in_range(size)]
    peak = int(ratio.argmax())  # it falls from there on
    crossing = np.interp(
        -np.log10(np.mean(RATIOS)), -ratio[peak:], size.n.values[peak:]
    )
    where = (
        f"at n = {', '.join(map(str, hits))}"
        if hits.size
        else f"near n = {crossing:.0f} alone"
    )
    return (
        f"Proposition 5: with balls of the radius √(n/2πe), Z = 1 asks for {told}: "
        "data grow "
        "exponentially with width, parameters like its square, so that N = O(D²) holds "
        "without "
        f"being near. N/D² rises from 10^{ratio[0]:.1f} at n = {size.n.values[0]} to "
        f"10^{ratio[peak]:.1f} at n = {size.n.values[peak]}, then falls to "
        f"10^{ratio[-1]:.0f} at n = {size.n.values[-1]:,}, and has the paper's 8.4e-10 "
        f"to 8.8e-10 {where}: no constant ratio follows from Z = 1."
    ).replace("^-", "^−")


EXPERIMENT = Experiment(
    name=NAME,
    title="The partition function, and what Z = 1 asks for",
    paper=memory_paper.PAPER,
    source="Propositions 4 and 5, Appendix F.1",
    question=(
        "Is the printed closed form of the partition function right? Where is log Z + "
        "1/Z least, what radius and how much data does that ask for, and does N = c D² "
        "follow?"
    ),
    duration=4,
    quick_duration=3,
    default_seeds=1,
    quick_seeds=1,
    run=run,
    needs_digits=False,
)
