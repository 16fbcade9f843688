"""What the mean-field experiments share: the paper's network, and sweeps of it."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from isinglass.dynamics import DelayState, Measure, Run, bifurcation
from isinglass.reproduce import Context
from isinglass.systems.meanfield import Features, MeanField

BETA_ATT, SCALE, PATTERNS = 2.2, 100.0, 3
GAMMA = BETA_ATT * SCALE / PATTERNS**0.5
EPSILON = 0.02
SIX_BETAS = (1.255, 1.26405, 1.266, 1.27, 1.28, 1.4)
RANGE = (0.0, 3.0)
ZOOM = (1.24, 1.28)
# Resolution of the published diagrams.
PUBLISHED_VALUES, PUBLISHED_TRANSIENT, PUBLISHED_STEPS = 4001, 100_000, 75_000

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
        context: Gives the random numbers.
        count: How many; the first ones are the same whatever the count.

    Returns:
        A state whose ``window`` is (count, L, M).
    """
    shape = (mean_field().length, mean_field().features.n_patterns)
    windows = [
        context.rng("start", index).uniform(-1.0, 1.0, shape) for index in range(count)
    ]
    return DelayState(np.stack(windows), np.zeros((), np.int32))  # pyright: ignore[reportArgumentType]


def sweep(
    context: Context,
    name: str,
    vary: Mapping[str, np.ndarray],
    measure: Measure,
    diagram: Callable[..., xr.Dataset] = bifurcation,
    **options: Any,
) -> xr.Dataset:
    """Sweep the paper's map over parameters, in a folder that can be resumed.

    Args:
        context: Of the experiment.
        name: Of the sweep, unique in the experiment.
        vary: The parameters and their values; the others are the paper's.
        measure: What is measured.
        diagram: Such as `isinglass.dynamics.phase_diagram`.
        **options: ``state`` (by default the published program's start); and fields of
            the `isinglass.dynamics.Run`: ``starts``, ``lanes``.
    """
    state = options.pop("state", start)
    with context.follow(name) as report:
        run = Run(store=context.store(name), progress=report, **options)
        return diagram(
            mean_field().map, state, parameters(1.0), vary, measure, run
        ).load()
