"""The cycle that the positional bits force, and where it loses its stability.

At high temperature the attention only follows the clock of the positional bits: a cycle
of four steps. `isinglass.dynamics.cycles` finds it by Newton's method on the map of
four steps, and its multipliers are the eigenvalues of that map's Jacobian: nothing of
it is shared with the sweeps and their tangents, against which it is held.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Complex, Float

from isinglass.dynamics import DelayState, cycles
from isinglass.dynamics.cycles import Cycle, Onset
from isinglass.experiments.meanfield import setting as paper

MARCH, TOP = 0.02, 3.0  # β from value to value, and the last


def period() -> int:
    """Steps in the cycle: once round the positional bits."""
    return paper.mean_field().period


def multipliers(parameters: Mapping[str, float]) -> Complex[np.ndarray, " n"]:
    """Eigenvalues of the Jacobian of one round of the cycle, largest first.

    Raises:
        FloatingPointError: If Newton's method finds no cycle.
    """
    return _cycle(parameters).multipliers


def exponents(parameters: Mapping[str, float]) -> Float[np.ndarray, " n"]:
    """Lyapunov exponents of the cycle, ln|multiplier|/4: descending, nats per step."""
    return _cycle(parameters).exponents


def onset(gamma: float = paper.GAMMA, epsilon: float = paper.EPSILON) -> Onset | None:
    """The lowest β at which a multiplier leaves the unit circle; None up to β = 3.

    Raises:
        FloatingPointError: If Newton's method finds no cycle.
    """
    betas = np.arange(round(TOP / MARCH) + 1) * MARCH
    others = {"gamma": gamma, "epsilon": epsilon}
    return cycles.onset(
        paper.mean_field().map, _rest(), others, {"beta": betas}, period()
    )


def _cycle(parameters: Mapping[str, float]) -> Cycle:
    """The cycle at these parameters, followed from β = 0."""
    betas = [*np.arange(MARCH, parameters["beta"], MARCH), parameters["beta"]]
    return cycles.follow_cycle(
        paper.mean_field().map, _rest(), parameters, {"beta": betas}, period()
    )[-1]


def _rest() -> DelayState:
    """A window without attention, at the clock's first position."""
    field = paper.mean_field()
    window = np.zeros((field.length, field.features.n_patterns))
    return DelayState(window, np.zeros((), np.int32))  # pyright: ignore[reportArgumentType]
