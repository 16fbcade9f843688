"""How long chaos lasts at β = 1.27, before the orbit finds the cycle of 28 steps."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from isinglass._common.intervals import Interval, quantile_interval, wilson_interval
from isinglass.dynamics import Kind, Measure
from isinglass.experiments.meanfield.program import PROGRAM_STEPS, PROGRAM_TRANSIENT
from isinglass.experiments.meanfield.setting import random_starts, sweep
from isinglass.reproduce import Context

BETA = 1.27
QUANTILES = (0.1, 0.5, 0.9)


class Trials(NamedTuple):
    """How many random starts are followed, and for how many steps."""

    starts: int
    steps: int


SETTINGS = {
    "quick": Trials(48, 8_000),
    "default": Trials(500, 24_000),
    "full": Trials(4_000, 48_000),
}


def measure_lifetimes(context: Context) -> xr.DataArray:
    """Steps from each random start until its orbit has settled on a cycle, (trial,).

    Infinite where it has not, within the steps that were taken.
    """
    trials = SETTINGS[context.resolution]
    runs = sweep(
        context,
        "lifetimes",
        {"beta": np.array([BETA])},
        Measure(0, trials.steps, exponents=1, points=0, extensions=0),
        state=random_starts(context, trials.starts),
        starts=trials.starts,
    ).isel(beta=0)
    is_cycle = np.isin(runs.kind.values, (Kind.FIXED_POINT, Kind.PERIODIC))
    steps = np.where(is_cycle, runs.transient_steps.values, np.inf)
    about = {"long_name": "steps before the cycle", "units": "steps"}
    return xr.DataArray(steps, dims="trial", attrs=about)


def tell_lifetimes(
    lifetimes: Float[np.ndarray, " trial"], resolution: str
) -> dict[str, Any]:
    """Quantiles, and how many outlast the program's run, with 95 % intervals."""
    quantiles: dict[float, Interval] = {
        share: quantile_interval(lifetimes, share) for share in QUANTILES
    }
    program = PROGRAM_TRANSIENT + PROGRAM_STEPS
    longer = int((lifetimes > program).sum())
    return {
        "beta": BETA,
        "trials": SETTINGS[resolution],
        "settled": int(np.isfinite(lifetimes).sum()),
        "quantiles": quantiles,
        "program": program,
        "longer": wilson_interval(longer, lifetimes.size),
    }
