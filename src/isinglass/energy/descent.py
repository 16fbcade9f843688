"""Descent: from a state to a minimum of the energy, with a report on each state."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from isinglass._common.checks import check_positive, check_whole
from isinglass.energy._arrays import Layers, Patterns, State, checked, rows
from isinglass.energy.landscape import (
    ContinuousLandscape,
    Landscape,
    NearestNeighbour,
    SignLandscape,
)
from isinglass.energy.layered import combined_energy, layer_energies
from isinglass.energy.nearest import nearest_pattern

METHODS = ("update", "flow", "sweep")


class Descent(NamedTuple):
    """Where descents ended, and how.

    Attributes:
        state: x, (…, n).
        converged: Whether the residual came within the tolerance, (…).
        iterations: Steps taken, (…).
        residual: How far the last step went, |x′ − x|; for a flow, over its step size:
            |∇E|.
        energy_before: (…).
        energy_after: (…).
        nearest: The pattern nearest to where it ended, (…).
        distance: How far that is, |x − ρ|, (…).
    """

    state: Float[Array, "*batch n"]
    converged: Bool[Array, "*batch"]
    iterations: Int[Array, "*batch"]
    residual: Float[Array, "*batch"]
    energy_before: Float[Array, "*batch"]
    energy_after: Float[Array, "*batch"]
    nearest: Int[Array, "*batch"]
    distance: Float[Array, "*batch"]


class LayeredDescent(NamedTuple):
    """A pass through layers, of which each starts where the one before ended.

    Attributes:
        states: x_0, …, x_l, (l + 1, …, n).
        converged: Of each layer, (l, …).
        iterations: Steps taken in each layer, (l, …).
        residual: Length of the last step in each layer, (l, …).
        energy_before: E_t(x_{t−1}), (l, …).
        energy_after: E_t(x_t), (l, …): never more.
        moved: |x_t − x_{t−1}|, at most δ_t, (l, …).
        bounded: Whether it ended on the edge of its ball, (l, …): the layer would go
            further.
        global_energy: Of all layers at x_0, …, x_l, (l + 1, …); it may rise.
    """

    states: Float[Array, "l1 *batch n"]
    converged: Bool[Array, "l *batch"]
    iterations: Int[Array, "l *batch"]
    residual: Float[Array, "l *batch"]
    energy_before: Float[Array, "l *batch"]
    energy_after: Float[Array, "l *batch"]
    moved: Float[Array, "l *batch"]
    bounded: Bool[Array, "l *batch"]
    global_energy: Float[Array, "l1 *batch"]


def descend(
    state: State,
    patterns: Patterns,
    landscape: Landscape | None = None,
    *,
    method: str = "update",
    steps: int = 1000,
    tolerance: float = 1e-5,
    step_size: float | None = None,
) -> Descent:
    """Descend an energy until nothing moves.

    The energy never increases, whatever the state, the patterns and β:

    - ``"update"``: x ← `Landscape.update`, the softmax update of continuous energies
      and all signs at once of the others. Both go to the minimum of a function that
      lies above the energy and touches it at x.
    - ``"flow"``: dx/dt = −∇E by Euler's method, for continuous energies. It follows the
      flow for small steps, and descends for all up to 2/L
      (`ContinuousLandscape.smoothness`).
    - ``"sweep"``: one sign after another, for energies of signs
        (`SignLandscape.sweep`).

    Args:
        state: x, (…, n); of ±1 where the energy is one of signs.
        patterns: ρ_j, (m, n); wherever they may lie, for all but sweeps.
        landscape: The energy; `NearestNeighbour` if None.
        method: "update", "flow" or "sweep".
        steps: Most steps to take.
        tolerance: Converged where the residual is at most this times 1 + |x|.
        step_size: h of a flow, at most 2/L; a tenth of 1/L if None.

    Raises:
        ValueError: If a number is out of range, the method does not go with the energy,
            a state of an energy of signs is not one of ±1, or as every energy does.

    Source: Ramsauer et al. 2021, Theorem 1; Yuille & Rangarajan 2003; Hopfield 1982.
    """
    chosen = NearestNeighbour() if landscape is None else landscape
    checked(state, patterns)
    x = rows(state)
    check_whole(steps=steps)
    check_positive(tolerance=tolerance)
    move, unit = _move(chosen, x, method, step_size)
    found = _iterate(lambda x: move(x, patterns), x, steps, tolerance, unit)
    nearest = nearest_pattern(found.state, patterns)
    report = Descent(
        *found,
        chosen.energy(x, patterns),
        chosen.energy(found.state, patterns),
        nearest.pattern,
        jnp.sqrt(nearest.squared_distance),
    )
    return Descent(*(_shaped(y, state.shape) for y in report))


def retrieve(
    state: State,
    patterns: Patterns,
    inverse_temperature: float = 1.0,
    *,
    steps: int = 1000,
    tolerance: float = 1e-5,
) -> Descent:
    """Retrieve patterns by the softmax update of `nearest_neighbour_energy`: `descend` in short.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        inverse_temperature: β > 0.
        steps: Most updates.
        tolerance: As for `descend`.

    Raises:
        ValueError: As `descend` does.
    """
    landscape = NearestNeighbour(inverse_temperature)
    return descend(state, patterns, landscape, steps=steps, tolerance=tolerance)


def descend_layers(
    state: State,
    layers: Layers,
    radii: Sequence[float] | float,
    inverse_temperature: float = 1.0,
    *,
    steps: int = 1000,
    tolerance: float = 1e-5,
) -> LayeredDescent:
    """Let each layer minimise its energy E_t within a ball δ_t around what came from the last.

    By majorisation and minimisation: E_t lies below |z − T(x)|² + constant and touches
    it at z = x, T(x) being the soft mean of the layer's patterns. In a ball that is
    least at the point nearest to T(x), to which x is moved, again and again. So E_t(x)
    never increases, and x never leaves the ball. The global energy is not bound to
    fall, and at times it does not.

    Args:
        state: x_0, (…, n).
        layers: Patterns of each layer, (m_t, n).
        radii: δ_t > 0 of each layer, or one for all; infinity sets no bound.
        inverse_temperature: β > 0; 1 in the paper.
        steps: Most steps of each layer.
        tolerance: As for `descend`.

    Raises:
        ValueError: If there is no layer, the radii are not as many as the layers or not
            positive, or as `descend` does.

    Source: Niu et al. 2024, §4, Eqs. 6–8.
    """
    first = layer_energies(state, layers, inverse_temperature)  # checks what is given
    bounds = _radii(radii, len(layers))
    check_whole(steps=steps)
    check_positive(tolerance=tolerance)
    landscape = NearestNeighbour(inverse_temperature)
    x = rows(state)
    states, overall, found = [x], [first.reshape(x.shape[0], len(layers))], []
    for t, (patterns, bound) in enumerate(zip(layers, bounds, strict=True)):
        start = states[-1]

        def move(
            x: Any, start: Any = start, patterns: Any = patterns, bound: Any = bound
        ) -> Any:
            return _into_ball(landscape.update(x, patterns), start, bound)

        ended = _iterate(move, start, steps, tolerance, 1.0)
        states.append(ended.state)
        overall.append(layer_energies(ended.state, layers, inverse_temperature))
        moved = jnp.linalg.norm(ended.state - start, axis=-1)
        edge = moved >= bound * (1 - 1e-5)
        found.append((*ended[1:], overall[-2][:, t], overall[-1][:, t], moved, edge))
    columns = [jnp.stack(column) for column in zip(*found, strict=True)]
    total = combined_energy(jnp.stack(overall), inverse_temperature)
    report = (jnp.stack(states), *columns, total)
    return LayeredDescent(*(_shaped(y, state.shape, ahead=1) for y in report))


class _Ended(NamedTuple):
    state: Any
    converged: Any
    iterations: Any
    residual: Any


def _iterate(
    move: Callable[[Any], Any], x: Any, steps: int, tolerance: float, unit: float
) -> _Ended:
    """Move until what is left over is small; a state that has converged stays.

    A loop of Python, for patterns may be read from disk in every step.
    """
    count = x.shape[0]
    far = jnp.full(count, jnp.inf, x.dtype)
    now = _Ended(x, jnp.zeros(count, bool), jnp.zeros(count, jnp.int32), far)
    for _ in range(steps):
        now = _step(now, move(now.state), tolerance, unit)
        if bool(now.converged.all()):
            break
    return now


@jax.jit
def _step(now: _Ended, new: Any, tolerance: Any, unit: Any) -> _Ended:
    left = jnp.linalg.norm(new - now.state, axis=-1) / unit
    done = left <= tolerance * (1 + jnp.linalg.norm(now.state, axis=-1))
    return _Ended(
        jnp.where(now.converged[:, None], now.state, new),
        now.converged | done,
        now.iterations + ~now.converged,
        jnp.where(now.converged, now.residual, left),
    )


def _move(
    landscape: Landscape, x: Any, method: str, step_size: float | None
) -> tuple[Callable[[Any, Any], Any], float]:
    """One step, and by what to divide its length."""
    if method not in METHODS:
        raise ValueError(f"method must be one of {METHODS}, got {method!r}")
    if isinstance(landscape, SignLandscape) and not bool((jnp.abs(x) == 1).all()):
        raise ValueError(
            f"state must hold −1 and 1 only: {landscape.name} is an energy of signs"
        )
    if method == "update":
        return landscape.update, 1.0
    if method == "sweep":
        if not isinstance(landscape, SignLandscape):
            raise ValueError(
                f"method 'sweep' is for energies of signs, not {landscape.name}"
            )
        return landscape.sweep, 1.0
    if not isinstance(landscape, ContinuousLandscape):
        raise ValueError(
            f"method 'flow' is for continuous energies, not {landscape.name}"
        )
    h = 0.1 / landscape.smoothness if step_size is None else step_size
    if not 0 < h <= 2 / landscape.smoothness:
        raise ValueError(
            f"step_size must be in (0, {2 / landscape.smoothness:g}], got {step_size}"
        )
    return lambda x, patterns: x + h * landscape.force(x, patterns), h


def _into_ball(x: Any, centre: Any, radius: float) -> Any:
    """The point of the ball nearest to x."""
    away = x - centre
    length = jnp.linalg.norm(away, axis=-1, keepdims=True)
    return jnp.where(
        length > radius, centre + away * (radius / jnp.maximum(length, radius)), x
    )


def _radii(radii: Any, layers: int) -> list[float]:
    given = [radii] * layers if np.ndim(radii) == 0 else list(radii)
    if len(given) != layers:
        raise ValueError(
            f"radii must be one, or {layers} for {layers} layers; got {len(given)}"
        )
    if not all(r > 0 for r in given):
        raise ValueError(f"radii must be positive, got {radii}")
    return [float(r) for r in given]


def _shaped(y: Any, shape: tuple[int, ...], ahead: int = 0) -> Any:
    """One of many rows as one of the states' axes; `ahead` axes go before them."""
    return y.reshape(*y.shape[:ahead], *shape[:-1], *y.shape[ahead + 1 :])
