"""The cycle that the positional bits force, and where it loses its stability.

At high temperature the attention only follows the clock of the positional bits: a cycle
of four steps. It is found here by Newton's method on the map of four steps, and its
multipliers are the eigenvalues of that map's Jacobian: nothing of it is shared with the
sweeps and their tangents, against which it is held.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from isinglass.experiments.meanfield import setting as paper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NEWTON_STEPS, CONVERGED = 50, 1e-13
MARCH, TOP = 0.02, 3.0


class Onset(NamedTuple):
    """Where the cycle loses its stability."""

    beta: float
    angle: float  # of the multiplier on the unit circle, radians in [0, π]; per cycle


def period() -> int:
    """Steps in the cycle: once round the positional bits."""
    return paper.mean_field().period


def multipliers(parameters: Mapping[str, float]) -> Complex[np.ndarray, " n"]:
    """Eigenvalues of the Jacobian of one round of the cycle, largest first.

    Raises:
        FloatingPointError: If Newton's method finds no cycle.
    """
    return _follow(_march(parameters), parameters)[1]


def exponents(parameters: Mapping[str, float]) -> Float[np.ndarray, " n"]:
    """Lyapunov exponents of the cycle, ln|multiplier|/4: descending, nats per step."""
    return np.log(np.abs(multipliers(parameters))) / period()


def onset(gamma: float = paper.GAMMA, epsilon: float = paper.EPSILON) -> Onset | None:
    """The lowest β at which a multiplier leaves the unit circle; None if none does up to β = 3.

    Raises:
        FloatingPointError: If Newton's method finds no cycle.
    """
    from scipy.optimize import brentq

    window, low = _rest(), 0.0
    for high in np.arange(1, round(TOP / MARCH) + 1) * MARCH:
        new, found = _follow(window, paper.parameters(high, gamma, epsilon))
        if np.abs(found[0]) > 1:
            break
        window, low = new, high
    else:
        return None

    def excess(beta: float) -> float:
        found = _follow(window, paper.parameters(beta, gamma, epsilon))[1]
        return float(np.abs(found[0])) - 1

    root: Any = brentq(excess, low, high, xtol=1e-12)
    beta = float(root)
    leading = _follow(window, paper.parameters(beta, gamma, epsilon))[1][0]
    return Onset(beta, float(abs(np.angle(leading))))


def _rest() -> Float[np.ndarray, "L M"]:
    field = paper.mean_field()
    return np.zeros((field.length, field.features.n_patterns))


def _march(parameters: Mapping[str, float]) -> Float[np.ndarray, "L M"]:
    """The cycle just below these parameters, followed from β = 0."""
    window = _rest()
    for beta in np.arange(MARCH, parameters["beta"], MARCH):
        window, _ = _follow(window, {**parameters, "beta": beta})
    return window


def _follow(
    window: Float[np.ndarray, "L M"], parameters: Mapping[str, float]
) -> tuple[Float[np.ndarray, "L M"], Complex[np.ndarray, " n"]]:
    """The cycle near a window, by Newton's method, and its multipliers, largest first."""
    import jax

    flat = window.ravel()
    with jax.enable_x64(True):
        for _ in range(NEWTON_STEPS):
            image, jacobian = (np.asarray(a) for a in _round()(flat, dict(parameters)))
            move = np.linalg.solve(jacobian - np.eye(len(flat)), image - flat)
            flat = flat - move
            if np.abs(move).max() < CONVERGED:
                break
        else:
            raise FloatingPointError(
                f"Newton's method found no cycle at {dict(parameters)}"
            )
    eigenvalues = np.linalg.eigvals(jacobian).astype(complex)
    order = np.argsort(-np.abs(eigenvalues))
    return flat.reshape(window.shape), eigenvalues[order]


@cache
def _round() -> Callable[..., Any]:
    """A compiled function: a window's image after one round of the clock, and the Jacobian."""
    import jax
    import jax.numpy as jnp

    field = paper.mean_field()

    def after_one_round(flat: Any, parameters: Any) -> Any:
        window = list(flat.reshape(field.length, -1))
        for phase in range(field.period):
            window = [field(window, parameters, phase), *window[:-1]]
        return jnp.concatenate(window)

    def both(flat: Any, parameters: Any) -> Any:
        return after_one_round(flat, parameters), jax.jacfwd(after_one_round)(
            flat, parameters
        )

    return jax.jit(both)
