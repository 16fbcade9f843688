"""What the mean-field experiments share: the paper's network, its parameters, how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from isinglass.figures.attractors import UNDECIDED
from isinglass.reproduce.ledger import Row, compare

if TYPE_CHECKING:
    import xarray as xr

    from isinglass.dynamics import DelayState
    from isinglass.reproduce.experiment import Context
    from isinglass.systems.meanfield import MeanField

PAPER = "Poc-López & Aguilera 2024"

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
    """The mean field of the paper's network: its features, and a window of four tokens."""
    from isinglass.systems.meanfield import Features, MeanField

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
    from isinglass.dynamics import DelayState

    shape = (mean_field().length, mean_field().features.n_patterns)
    windows = [
        np.random.default_rng([context.seed, index]).uniform(-1.0, 1.0, shape)
        for index in range(count)
    ]
    return DelayState(np.stack(windows), np.zeros((), np.int32))  # pyright: ignore[reportArgumentType]


def start_matters(starts: Sequence[xr.Dataset]) -> np.ndarray:
    """Where other starts end on another kind or period than the first one, (others, ...).

    A cell in which the kind of one of the two is undecided counts as agreement.
    """
    kinds, periods = (
        np.stack([found[name].values for found in starts])
        for name in ("kind", "period")
    )
    differ = (kinds[1:] != kinds[0]) | (periods[1:] != periods[0])
    return differ & (kinds[1:] != UNDECIDED) & (kinds[0] != UNDECIDED)


def percentages(
    experiment: str, source: str, quantity: str, samples: Sequence[float], because: str
) -> Row:
    """Row of a percentage that the paper does not give: one sample for each start.

    Cells of a grid follow from each other, so that their number says nothing of the
    error.

    Args:
        experiment: As in `compare`.
        source: As in `compare`.
        quantity: As in `compare`.
        samples: In percent, one for each start.
        because: As in `compare`.

    Returns:
        The row; its interval ends at 0 and 100 %.
    """
    told = ", ".join(f"{value:.3g}" for value in samples)
    ended = because.rstrip(".")
    if len(samples) == 1:
        ended += ". One sample: cells of a grid are not independent"
    else:
        ended += f". One sample for each start: {told} %"
    row = compare(
        experiment, source, quantity, samples, paper=None, unit="%", because=ended
    )
    return replace(row, low=max(row.low, 0.0), high=min(row.high, 100.0))
