"""How attractors of several starts, or cells of a grid, are counted and named."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from isinglass.dynamics import Kind, kaplan_yorke_dimension
from isinglass.plot.kinds import KIND_STYLES
from isinglass.reproduce import Cell, Ledger

# Contraction rates of attractors of one kind that differ by more than this share are
# two attractors.
SAME_ATTRACTOR = 0.02


def kind_name(kind: int, period: int) -> str:
    """A kind of attractor with its period if it has one: "periodic, 28 steps"."""
    label = KIND_STYLES[kind].label
    return f"{label}, {period} steps" if period > 1 else label


def commonest(kind: xr.DataArray) -> int:
    """The kind that most starts reach; the first of several."""
    return Counter(kind.values.tolist()).most_common(1)[0][0]


def dimensions(
    kinds: Int[np.ndarray, " n"], spectra: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, " n"]:
    """Kaplan–Yorke dimension; 1 for a torus, whose λ₁ is 0 but for its noise's sign."""
    return np.array(
        [
            1.0 if kind == Kind.QUASI_PERIODIC else kaplan_yorke_dimension(spectrum)
            for kind, spectrum in zip(kinds, spectra, strict=True)
        ]
    )


def census(runs: xr.Dataset) -> str:
    """The kinds of all starts with their counts: "chaotic (3), undecided (1)"."""
    names = (
        kind_name(int(kind), int(period))
        for kind, period in zip(runs.kind.values, runs.period.values, strict=True)
    )
    counts = Counter(names).most_common()
    if len(counts) == 1:
        return counts[0][0]
    return ", ".join(f"{name} ({count})" for name, count in counts)


def count_attractors(runs: xr.Dataset) -> int:
    """How many attractors, by kind, period and contraction of volumes.

    Chaos counts as one.
    """
    groups: dict[tuple[int, int], list[float]] = {}
    kinds, periods = runs.kind.values, runs.period.values
    contraction = runs.exponents.sum("exponent").values
    for kind, period, rate in zip(kinds, periods, contraction, strict=True):
        if kind in (Kind.FIXED_POINT, Kind.PERIODIC, Kind.QUASI_PERIODIC):
            groups.setdefault((int(kind), int(period)), []).append(float(rate))
    count = int((kinds == Kind.CHAOTIC).any())
    for rates in groups.values():
        ordered = np.sort(rates)
        gaps = np.diff(ordered) > SAME_ATTRACTOR * np.abs(ordered[1:])
        count += 1 + int(gaps.sum())
    return count


def shares(kind: xr.DataArray) -> str:
    """The kinds that occur with their shares: "61.4 % periodic, 3.2 % chaotic"."""
    return ", ".join(
        f"{100 * np.mean(kind.values == number):.1f} % {style.label}"
        for number, style in enumerate(KIND_STYLES)
        if (kind.values == number).any()
    )


def start_matters(kind: xr.DataArray, period: xr.DataArray) -> xr.DataArray:
    """Where other starts end on another kind or period than the first one.

    Args:
        kind: Over "start" and other dimensions. A cell in which the kind of one of the
            two is undecided counts as agreement.
        period: As kind.

    Returns:
        Booleans over all starts but the first, and the other dimensions.
    """
    others = {"start": slice(1, None)}
    differ = (kind != kind.isel(start=0)) | (period != period.isel(start=0))
    decided = (kind != Kind.UNDECIDED) & (kind.isel(start=0) != Kind.UNDECIDED)
    return (differ & decided)[others]


def compare_percentage(
    ledger: Ledger, quantity: str | Cell, samples: Sequence[float], because: str
) -> None:
    """Write down a percentage that the paper does not give: one sample for each start.

    Cells of a grid follow from each other, so that their number says nothing of the
    error.

    Args:
        ledger: Where to write it.
        quantity: What holds in so many of the cells.
        samples: In percent, one for each start.
        because: Why there is nothing to compare it with.
    """
    reason = because.rstrip(".")
    if len(samples) == 1:
        reason += ". One sample: cells of a grid are not independent"
    else:
        listed = ", ".join(f"{value:.3g}" for value in samples)
        reason += f". One sample for each start: {listed} %"
    ledger = ledger.using(unit="%", valid_range=(0, 100), because=reason)
    ledger.ours_alone(quantity, samples)
