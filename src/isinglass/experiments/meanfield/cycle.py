"""The cycle that the positional bits force, and where it loses its stability.

At high temperature the attention only follows the clock of the positional bits: a cycle
of four steps. `isinglass.dynamics.cycles` finds it by Newton's method on the map of
four steps, and its multipliers are the eigenvalues of that map's Jacobian: nothing of
it is shared with the sweeps and their tangents, against which it is held.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Complex, Float, Int

from isinglass.dynamics import DelayState, cycles
from isinglass.dynamics.cycles import Cycle, Onset
from isinglass.experiments.meanfield.setting import EPSILON, GAMMA, mean_field

MARCH, TOP = 0.02, 3.0  # β from value to value, and the last


def period() -> int:
    """Steps in the cycle: once round the positional bits."""
    return mean_field().period


def is_forced(periods: Int[np.ndarray, "*n"]) -> Bool[np.ndarray, "*n"]:
    """Whether orbits end on a cycle of the clock, by the periods that a sweep found."""
    return (periods > 0) & (period() % np.maximum(periods, 1) == 0)


def multipliers(parameters: Mapping[str, float]) -> Complex[np.ndarray, " n"]:
    """Eigenvalues of the Jacobian of one round of the cycle, largest first.

    Raises:
        FloatingPointError: If Newton's method finds no cycle.
    """
    return _cycle(parameters).multipliers


def exponents(parameters: Mapping[str, float]) -> Float[np.ndarray, " n"]:
    """Lyapunov exponents of the cycle, ln|multiplier|/4: descending, nats per step."""
    return _cycle(parameters).exponents


def exponents_along(
    betas: Float[np.ndarray, " n"],
) -> Float[np.ndarray, "n D"]:
    """Exponents of the paper's cycle at several β > 0, ascending.

    The cycle is followed from β = 0 once.
    """
    path = np.union1d(np.arange(MARCH, betas[-1], MARCH), betas)
    followed = _follow({"gamma": GAMMA, "epsilon": EPSILON}, path.tolist())
    return np.array([followed[at].exponents for at in np.searchsorted(path, betas)])


def onset(gamma: float = GAMMA, epsilon: float = EPSILON) -> Onset | None:
    """The lowest β at which a multiplier leaves the unit circle; None up to β = 3.

    Raises:
        FloatingPointError: If Newton's method finds no cycle.
    """
    betas = np.arange(round(TOP / MARCH) + 1) * MARCH
    others = {"gamma": gamma, "epsilon": epsilon}
    return cycles.onset(mean_field().map, _rest(), others, {"beta": betas}, period())


def onset_of_paper() -> Onset:
    """The onset at the paper's parameters, which has one."""
    paper = onset()
    if paper is None:
        raise RuntimeError(
            "the forced cycle of the paper's network is stable up to β = 3"
        )
    return paper


def _cycle(parameters: Mapping[str, float]) -> Cycle:
    """The cycle at these parameters, followed from β = 0."""
    betas = [*np.arange(MARCH, parameters["beta"], MARCH), parameters["beta"]]
    return _follow(parameters, betas)[-1]


def _follow(parameters: Mapping[str, float], betas: Sequence[float]) -> list[Cycle]:
    """The cycle at each β, from one to the next."""
    return cycles.follow_cycle(
        mean_field().map, _rest(), parameters, {"beta": betas}, period()
    )


def _rest() -> DelayState:
    """A window without attention, at the clock's first position."""
    field = mean_field()
    window = np.zeros((field.length, field.features.n_patterns))
    return DelayState(window, np.zeros((), np.int32))  # pyright: ignore[reportArgumentType]
