"""What the experiments share: the paper's network, its parameters and its starts."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from isinglass.dynamics import DelayState
from isinglass.figures.attractors import UNDECIDED
from isinglass.reproduce import Context, Ledger
from isinglass.systems.meanfield import Features, MeanField

BETA_ATT, SCALE, PATTERNS = 2.2, 100.0, 3
GAMMA = BETA_ATT * SCALE / PATTERNS**0.5
EPSILON = 0.02
SIX_BETAS = (1.255, 1.26405, 1.266, 1.27, 1.28, 1.4)
RANGE = (0.0, 3.0)
ZOOM = (1.24, 1.28)
# Resolution of the published diagrams.
PUBLISHED_VALUES, PUBLISHED_TRANSIENT, PUBLISHED_STEPS = 4001, 100_000, 75_000

# Lyapunov exponents that the authors' program found, nats per step, descending.
PROGRAM = "authors' program, 1,000 + 2,000 steps"
PROGRAM_TRANSIENT, PROGRAM_STEPS = 1000, 2000
PROGRAM_EXPONENTS = {
    1.255: (
        0.00079476,
        -0.0091719,
        -0.3349561,
        -0.33599061,
        -0.4747835,
        -0.47540287,
        -0.50614727,
        -0.50859867,
        -0.56256597,
        -0.61772019,
        -0.65434947,
        -0.7126403,
    ),
    1.266: (
        0.03337413,
        -0.04859742,
        -0.31884916,
        -0.43418244,
        -0.53140608,
        -0.61798621,
        -0.79669794,
        -0.90148781,
        -0.98926893,
        -1.09316174,
        -1.22815385,
        -1.37700911,
    ),
    1.4: (
        0.07579026,
        -0.1304311,
        -0.17814752,
        -1.34544082,
        -1.78361399,
        -1.96204533,
        -5.09359919,
        -5.52015803,
        -5.78369031,
        -7.30536386,
        -7.82635108,
        -8.19957075,
    ),
}

ATTENTION_LABELS = ("$A_1$", "$A_2$", "$A_3$")
BETA_LABEL = "inverse temperature $\\beta$"
GAMMA_LABEL = "attention gain $\\gamma$"
EPSILON_LABEL = "weight of positional bits $\\epsilon$"


@cache
def mean_field() -> MeanField:
    """The mean field of the paper's network: its features, a window of four tokens."""
    return MeanField(Features.paper())


def parameters(
    beta: float, gamma: float = GAMMA, epsilon: float = EPSILON
) -> dict[str, float]:
    """Parameters of the map; the defaults are the paper's."""
    return {"beta": beta, "gamma": gamma, "epsilon": epsilon}


def start(parameters: Any) -> DelayState:
    """The published program's start: the first output pattern as the only token."""
    return mean_field().start_from_pattern(parameters)


def random_starts(context: Context, count: int) -> DelayState:
    """Independent starts at phase 0: attentions drawn uniformly from [−1, 1].

    Args:
        context: Gives the base seed.
        count: How many; the first ones are the same whatever the count.

    Returns:
        A state whose ``window`` is (count, L, M).
    """
    shape = (mean_field().length, mean_field().features.n_patterns)
    windows = [
        np.random.default_rng([context.seed, index]).uniform(-1.0, 1.0, shape)
        for index in range(count)
    ]
    return DelayState(np.stack(windows), np.zeros((), np.int32))  # pyright: ignore[reportArgumentType]


def start_matters(starts: Sequence[xr.Dataset]) -> np.ndarray:
    """Where other starts end on another kind or period than the first one.

    A cell in which the kind of one of the two is undecided counts as agreement.

    Returns:
        (other starts, ...), for each cell.
    """
    kinds, periods = (
        np.stack([sweep[name].values for sweep in starts])
        for name in ("kind", "period")
    )
    differ = (kinds[1:] != kinds[0]) | (periods[1:] != periods[0])
    return differ & (kinds[1:] != UNDECIDED) & (kinds[0] != UNDECIDED)


def compare_percentage(
    ledger: Ledger, quantity: str, samples: Sequence[float], because: str
) -> None:
    """Write a percentage that the paper does not give: one sample for each start.

    Cells of a grid follow from each other, so that their number says nothing of the
    error.

    Args:
        ledger: Where to.
        quantity: What was measured.
        samples: In percent, one for each start.
        because: Why there is nothing to compare it with.
    """
    reason = because.rstrip(".")
    if len(samples) == 1:
        reason += ". One sample: cells of a grid are not independent"
    else:
        numbers = ", ".join(f"{value:.3g}" for value in samples)
        reason += f". One sample for each start: {numbers} %"
    percent = ledger.using(unit="%", valid_range=(0, 100))
    percent.ours_alone(quantity, samples, because=reason)
