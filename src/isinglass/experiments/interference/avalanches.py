"""Sizes and durations of avalanches beside their exact laws (Tang 2020, §5.2)."""

from collections.abc import Iterator

import numpy as np
import xarray as xr
from jaxtyping import Float, Num
from scipy.stats import chisquare

from isinglass import plot
from isinglass.plot import COLOURS, INK, subplots
from isinglass.plot.avalanche_sizes import density_dots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import (
    borel,
    branching_ratio,
    duration_distribution,
    fit_exponent,
    reset_avalanches,
    reset_sizes,
    size_density,
    sweep_avalanches,
)

RATIOS = (0.5, 0.8, 0.95, 0.99)
CRITICAL = float(np.sqrt(2 / np.pi))
WIDTHS = (0.6, CRITICAL, 1.0)  # of Gaussian thresholds; J = 1
RESETS = ((50, 0.7), (100, 0.9))  # relays that reset: how many, and what they give
SETTINGS = {
    "quick": {"tensors": 400_000, "resets": 10_000},
    "default": {"tensors": 4_000_000, "resets": 60_000},
}
WRONG = 0.01  # by how much a branching ratio is made wrong, to see that it is refused
SMALL, LARGEST = 20, 100_000  # sizes below and above which bins are not wide
FEWEST = 10  # sizes that a bin of a test is expected to hold
RANGE = (10, 10_000)  # sizes that exponents are fitted to
EDGES = np.unique(np.round(np.geomspace(1, 1e6, 73)).astype(int))  # bins of figures


def measure(context: Context) -> xr.Dataset:
    """Distributions and tests for even, Gaussian and resetting tensors."""
    setting = SETTINGS[context.resolution]
    tensors = setting["tensors"]
    bins = EDGES[:-1]
    even = context.table(ratio=RATIOS, bin=bins)
    lasting = context.table(ratio=RATIOS, bin=bins)
    checks = ("estimate", "error", "right", "low", "high", "durations")
    numbers = context.table(ratio=RATIOS, check=checks)
    for index, (n,) in enumerate(context.cases(RATIOS, what="branching ratios")):
        x = context.rng("even thresholds", index).uniform(-1 / n, 1 / n, tensors)
        avalanches = sweep_avalanches(x, 1.0, durations=True)
        even.loc[n] = density(avalanches.size, len(avalanches))
        lasting.loc[n] = density(avalanches.duration + 1, len(avalanches))
        ratios = (n, n * (1 - WRONG), min(1.0, n * (1 + WRONG)))
        sizes = [size_test(avalanches.size, ratio) for ratio in ratios]
        spread = duration_test(avalanches.duration, n)
        numbers.loc[n] = [*branching_ratio(avalanches.size), *sizes, spread]
    return xr.Dataset(
        {"even": even, "lasting": lasting, "numbers": numbers}
        | _gaussian(context, tensors)
        | _resetting(context, setting["resets"])
    )


def _gaussian(context: Context, tensors: int) -> dict[str, object]:
    """Densities and exponents by width and seed, and the exponent of the law."""
    axes = {"width": WIDTHS, "seed": context.seeds}
    sizes = context.table(**axes, bin=EDGES[:-1])
    names = ("per_tensor", "largest", "exponent", "error", "truncated", "p_value")
    numbers = context.table(gaussian=names, **axes)
    for width, seed in context.cases(*axes.values(), what="widths"):
        rng = context.rng("Gaussian thresholds", seed, WIDTHS.index(width))
        avalanches = sweep_avalanches(rng.normal(0, width, tensors), 1.0)
        sizes.loc[width, seed] = density(avalanches.size, tensors)
        fit = fit_exponent(avalanches.size, *RANGE)
        numbers.loc[:, width, seed] = [
            len(avalanches) / tensors,
            avalanches.size.max() / tensors,
            *(fit.exponent, fit.error, fit.truncated.exponent, fit.truncated.p_value),
        ]
    return {
        "gaussian_density": sizes.mean("seed"),
        "gaussian_numbers": numbers,
        "law_exponent": _exponent_of_law(),
    }


def _exponent_of_law() -> float:
    """What a fit gives of sizes in the very proportions of the critical D(s)."""
    s = np.arange(RANGE[0], RANGE[1] + 1)
    law = size_density(s, CRITICAL)
    counts = np.round(1e7 * law / law.sum()).astype(int)
    return fit_exponent(np.repeat(s, counts), *RANGE).exponent


def _resetting(context: Context, count: int) -> dict[str, xr.DataArray]:
    names = ("mean", "error", "expected", "p_value")
    numbers = context.table(relays=[n for n, _ in RESETS], resetting=names)
    for index, (n, alpha) in enumerate(RESETS):
        seed = context.seed_of("resetting", index)
        sizes = reset_avalanches(n, alpha, count, random_state=seed)
        law = reset_sizes(n, alpha)
        numbers.loc[n] = [
            sizes.mean(),
            sizes.std() / np.sqrt(count),
            n / (n - (n - 1) * alpha),
            fits(sizes, law[: SMALL - 1], first=1),
        ]
    return {"reset_numbers": numbers}


def density(sizes: Num[np.ndarray, "n"], of: float) -> Float[np.ndarray, "bin"]:
    """Avalanches per size and per ``of``, in the bins of the figures."""
    counts, _ = np.histogram(sizes, EDGES)
    return counts / np.diff(EDGES) / of


def fits(values: np.ndarray, law: np.ndarray, *, first: int) -> float:
    """The p-value of χ²: small values in bins of their own, the rest in one."""
    counts = np.bincount(np.asarray(values, int) - first, minlength=len(law) + 1)
    observed = np.append(counts[: len(law)], counts[len(law) :].sum())
    expected = np.append(law, 1 - law.sum()) * counts.sum()
    return float(chisquare(observed, expected).pvalue)


def size_test(sizes: np.ndarray, ratio: float) -> float:
    """The p-value of Borel's law with a branching ratio.

    Small sizes have bins of their own and large ones wider bins; those of which fewer
    than ten are expected are one.
    """
    every = np.arange(1, LARGEST + 1)
    wide = np.geomspace(SMALL, LARGEST, 40).astype(int)[:-1]
    edges = np.unique(np.concatenate([np.arange(1, SMALL), wide]))
    law = np.add.reduceat(borel(every, ratio), edges - 1)
    observed = np.histogram(sizes, np.append(edges, LARGEST + 1))[0]
    law = np.append(law, max(0.0, 1 - law.sum()))
    observed = np.append(observed, len(sizes) - observed.sum())
    # From the end, as many bins as it takes for ten to be expected in what is left.
    left = np.cumsum(law[::-1])[::-1] * len(sizes)
    last = int(np.flatnonzero(left >= FEWEST)[-1])
    together = (
        np.append(column[:last], column[last:].sum()) for column in (observed, law)
    )
    counts, expected = together
    return float(chisquare(counts, expected * len(sizes) / expected.sum()).pvalue)


def duration_test(durations: np.ndarray, ratio: float) -> float:
    """The p-value of the law of durations."""
    return fits(durations, duration_distribution(np.arange(SMALL), ratio), first=0)


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Laws and estimates; the paper states that sizes may not obey a power law."""
    off = ledger.using(table="Even thresholds, by branching ratio").using(
        because="The paper gives no number; the law is exact."
    )
    words = {
        "estimate": "1 − 1/⟨s⟩",
        "right": "p of Borel's law",
        "low": "p, n too small by 1 %",
        "high": "p, n too large by 1 %",
        "durations": "p of the durations",
    }
    for check, word in words.items():
        for n in RATIOS:
            value = measured.numbers.sel(ratio=n, check=check)
            off.ours_alone(
                Cell(word, f"n = {n:g}", f"{word}, n = {n:g}"), [float(value)]
            )
    at = measured.gaussian_numbers.isel(width=1)
    ours = ledger.using(because="The paper gives no number.")
    ours.ours_alone(
        "avalanches per tensor at the critical width (exactly 0.29289)",
        at.sel(gaussian="per_tensor"),
    )
    ours.ours_alone(
        f"exponent of sizes from {RANGE[0]} to {RANGE[1]:,} there "
        f"(of the law {float(measured.law_exponent):.3f}, in the limit 9/4)",
        at.sel(gaussian="exponent"),
    )
    for n, alpha in RESETS:
        mean = measured.reset_numbers.sel(relays=n, resetting="mean")
        ours.ours_alone(
            f"mean size of {n} relays that reset, α = {alpha}", [float(mean)]
        )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Distributions with the exact law drawn through them."""
    figure, (left, middle, right) = subplots(1, 3, width=11.5, height=3.9)
    s = np.unique(np.round(np.geomspace(1, 1e5, 200)))
    times = np.arange(1, 400)
    for n, colour in zip(RATIOS, COLOURS, strict=False):
        dots = {"color": colour, "label": f"n = {n:g}"}
        density_dots(left, EDGES, measured.even.sel(ratio=n).values, **dots)
        plot.line(s, borel(s, n), left, color=colour, linewidth=1)
        density_dots(middle, EDGES, measured.lasting.sel(ratio=n).values, **dots)
        law = duration_distribution(times - 1, n)
        plot.line(times, law, middle, color=colour, linewidth=1)
    names = ("R = 0.6", "critical, R = 0.798", "R = 1")
    for index, (width, name) in enumerate(zip(WIDTHS, names, strict=True)):
        of = measured.gaussian_density.isel(width=index)
        density_dots(right, EDGES, of.values, color=COLOURS[index], label=name)
        if width >= CRITICAL:
            plot.line(
                s, size_density(s, width), right, color=COLOURS[index], linewidth=1
            )
    plot.line(s, 0.5 * s**-1.5, right, ":", color=INK, linewidth=1)
    right.text(2e3, 3e-5, "−3/2", color=INK)
    left.set(ylim=(1e-11, 2), title="Even thresholds", ylabel="probability")
    middle.set(ylim=(1e-7, 2), title="Durations", xlabel="generations")
    right.set(
        ylim=(1e-13, 2), title="Gaussian thresholds", ylabel="avalanches per tensor"
    )
    for panel in (left, right):
        panel.set_xlabel("size of an avalanche")
    for panel in (left, middle, right):
        panel.set(xscale="log", yscale="log")
        panel.legend(loc="lower left", fontsize="small")
    yield Figure(
        figure,
        "Dots: avalanches of tensors that all act on all. Lines: exact laws, nothing "
        "fitted. Left and middle: even thresholds, where one switch sets off n "
        "others. Right: Gaussian thresholds; at the critical width sizes fall with the "
        "exponent 9/4, not 3/2 (dotted), since n = 1 is only passed through.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """P-values, and numbers at the critical width."""
    checks, numbers = measured.numbers, measured.gaussian_numbers.mean("seed")
    wrong = checks.sel(check=["low", "high"]).max("check")
    return {
        "least": checks.sel(check=["right", "durations"]).min().item(),
        "refused": [f"{float(wrong.sel(ratio=n)):.0e} at n = {n:g}" for n in RATIOS],
        "critical": measured.gaussian_numbers.isel(width=1),
        "largest": numbers.sel(gaussian="largest").values,
        "reset_p": measured.reset_numbers.sel(resetting="p_value").min().item(),
    }
