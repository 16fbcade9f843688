"""Where a diagram leaves the forced cycle, beside what eigenvalues say without orbits.

All functions take one range of `bifurcation.measure`, or one start of it: ``start_``
variables over "thin" values of β, and of `stability` ``onset`` and ``exact``.
"""

import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass.experiments.meanfield import cycle
from isinglass.experiments.meanfield.setting import parameters
from isinglass.reproduce import Ledger


def stability(diagram: xr.Dataset) -> dict[str, tuple]:
    """Onset and exponents of the forced cycle, where the sweep sees nothing else.

    Returns:
        ``onset`` in β, ``turn`` the steps per turn of the oscillation that is born
        there, and ``exact`` the exponents over (thin, exponent), NaN beyond the onset
        and at β = 0.
    """
    onset = cycle.onset_of_paper()
    exact = np.full(diagram["start_exponents"].shape[1:], np.nan)
    for index in range(count_forced(diagram.isel(start=0))):
        beta = float(diagram["start_beta"][index])
        if beta > 0:
            exact[index] = cycle.exponents(parameters(beta))[: exact.shape[1]]
    turn = cycle.period() * 2 * np.pi / onset.angle
    return {
        "onset": ((), onset.value),
        "turn": ((), turn, {"units": "steps"}),
        "exact": (("thin", "exponent"), exact),
    }


def count_forced(start: xr.Dataset) -> int:
    """At how many values, from the lowest on, the orbit ends on the clock's cycle."""
    is_forced = cycle.is_forced(start["start_period"].values)
    return len(is_forced) if is_forced.all() else int(np.argmin(is_forced))


def compare_onset(diagram: xr.Dataset, ledger: Ledger) -> None:
    """The sweep's onset and exponents, from every start."""
    starts = [diagram.isel(start=start) for start in range(diagram.sizes["start"])]
    beta, exact = diagram["start_beta"].values, diagram["exact"].values[:, 0]
    last = slice(count_forced(starts[0]) - 2, count_forced(starts[0]))
    ledger.ours_alone(
        "β at which the forced cycle loses its stability",
        [extrapolated_onset(start) for start in starts],
        because="The paper gives no number. Ours is where a line through the last two "
        "λ₁ on the cycle reaches 0; by Newton's method and the eigenvalues of the "
        f"Jacobian it is {diagram['onset']:.6f}, and by the same line through exact "
        f"exponents {zero(beta[last], exact[last]):.6f}",
    )
    ledger.using(unit="nats per step").ours_alone(
        "largest error of any exponent below that",
        [exponent_error(start) for start in starts],
        because="Ours against ln|multiplier|/4 of the forced cycle, which Newton's "
        "method and eigenvalues give without any orbit",
    )


def extrapolated_onset(start: xr.Dataset) -> float:
    """Where λ₁ reaches 0, on the line through its last two values on the forced cycle.

    The orbit itself settles too slowly near the onset to show where it is.
    """
    last = slice(count_forced(start) - 2, count_forced(start))
    leading = start["start_exponents"].values[:, 0]
    return zero(start["start_beta"].values[last], leading[last])


def zero(x: Float[np.ndarray, "2"], y: Float[np.ndarray, "2"]) -> float:
    """Where the line through two points reaches 0."""
    return float(x[1] - y[1] * (x[1] - x[0]) / (y[1] - y[0]))


def exponent_error(start: xr.Dataset) -> float:
    """Largest difference of any exponent from that of the forced cycle."""
    error = abs(start["start_exponents"] - start["exact"])
    # Exponents that lie too deep for rounding are upper bounds only.
    resolved = error.where(start["start_unresolved"] == 0)
    return float(resolved[: count_forced(start)].max())
