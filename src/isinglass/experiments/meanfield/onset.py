"""Where a diagram leaves the forced cycle, beside what eigenvalues say without orbits.

All functions take one range of `bifurcation.measure`, from the paper's start: ``beta``,
``period``, ``exponents`` and ``unresolved`` over "value", and of `stability` ``onset``
and ``exact``. Nothing here depends on chance: orbits from all starts end on the one
cycle that attracts there.
"""

import numpy as np
import xarray as xr

from isinglass.experiments.meanfield import cycle
from isinglass.reproduce import Ledger


def stability(diagram: xr.Dataset) -> dict[str, tuple]:
    """Onset and exponents of the forced cycle, where the sweep sees nothing else.

    Returns:
        ``onset`` in β, ``turn`` the steps per turn of the oscillation that is born
        there, and ``exact`` the exponents over (value, exponent), NaN beyond the onset
        and at β = 0.
    """
    onset = cycle.onset_of_paper()
    exact = np.full(diagram["exponents"].shape, np.nan)
    beta = diagram["beta"].values[: count_forced(diagram)]
    if (beta > 0).any():
        exponents = cycle.exponents_along(beta[beta > 0])
        exact[: len(beta)][beta > 0] = exponents[:, : exact.shape[1]]
    turn = cycle.period() * 2 * np.pi / onset.angle
    return {
        "onset": ((), onset.value),
        "turn": ((), turn, {"units": "steps"}),
        "exact": (("value", "exponent"), exact),
    }


def count_forced(diagram: xr.Dataset) -> int:
    """At how many values, from the lowest on, the orbit ends on the clock's cycle."""
    is_forced = cycle.is_forced(diagram["period"].values)
    return len(is_forced) if is_forced.all() else int(np.argmin(is_forced))


def compare_onset(diagram: xr.Dataset, ledger: Ledger) -> None:
    """The sweep's onset and exponents; computed, not sampled."""
    ledger.ours_alone(
        "β at which the forced cycle loses its stability",
        [extrapolated_onset(diagram, "exponents")],
        because="The paper gives no number. Ours is where a line through the last two "
        "λ₁ on the cycle reaches 0; by Newton's method and the eigenvalues of the "
        f"Jacobian it is {diagram['onset']:.6f}, and by the same line through exact "
        f"exponents {extrapolated_onset(diagram, 'exact'):.6f}",
    )
    ledger.using(unit="nats per step").ours_alone(
        "largest error of any exponent below that",
        [exponent_error(diagram)],
        because="Ours against ln|multiplier|/4 of the forced cycle, which Newton's "
        "method and eigenvalues give without any orbit",
    )


def extrapolated_onset(diagram: xr.Dataset, exponents: str = "exponents") -> float:
    """Where λ₁ reaches 0, on the line through its last two values on the forced cycle.

    The orbit itself settles too slowly near the onset to show where it is.

    Args:
        diagram: One range.
        exponents: Whose λ₁: the sweep's "exponents", or the "exact" ones.
    """
    last = slice(count_forced(diagram) - 2, count_forced(diagram))
    x, y = diagram["beta"].values[last], diagram[exponents].values[last, 0]
    return float(x[1] - y[1] * (x[1] - x[0]) / (y[1] - y[0]))


def exponent_error(diagram: xr.Dataset) -> float:
    """Largest difference of any exponent from that of the forced cycle."""
    error = abs(diagram["exponents"] - diagram["exact"])
    # Exponents that lie too deep for rounding are upper bounds only.
    resolved = error.where(diagram["unresolved"] == 0)
    return float(resolved[: count_forced(diagram)].max())
