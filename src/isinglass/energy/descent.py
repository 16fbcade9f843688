"""Descent: from a state to a minimum of the energy, with a report on each state."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from isinglass._common.checks import (
    as_list,
    check_in,
    check_kind,
    check_positive,
    check_whole,
    is_number,
)
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import Layers, Patterns, State, check_state, rows
from isinglass.energy.landscape import Landscape, NearestNeighbour, SignLandscape
from isinglass.energy.layered import combined_energy, layer_energies
from isinglass.energy.methods import Method, Update
from isinglass.energy.nearest import nearest_pattern


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


@usual_promotion()
def descend(
    state: State,
    patterns: Patterns,
    landscape: Landscape | None = None,
    method: Method | None = None,
    *,
    steps: int = 1000,
    tolerance: float = 1e-5,
) -> Descent:
    """Descend an energy until nothing moves, and report on each state.

    The energy never increases, whatever the state, the patterns and β, by any `Method`:
    `Update` (the softmax update, or all signs at once), `Flow` (along the force) or
    `Sweep` (one sign after another).

    Args:
        state: x, (…, n); of ±1 where the energy is one of signs.
        patterns: ρ_j, (m, n); wherever they may lie, for all but sweeps.
        landscape: The energy; `NearestNeighbour` if None.
        method: What a step is; `Update` if None.
        steps: Most steps to take.
        tolerance: Converged where the residual is at most this times 1 + |x|.

    Raises:
        ValueError: If a number is out of range, the method does not go with the energy,
            a state of an energy of signs is not one of ±1, or as every energy does.

    Source: Ramsauer et al. 2021, Theorem 1; Yuille & Rangarajan 2003; Hopfield 1982.
    """
    landscape = NearestNeighbour() if landscape is None else landscape
    method = Update() if method is None else method
    check_kind(Landscape, landscape=landscape)
    check_state(state, patterns)
    x = rows(state)
    check_whole(steps=steps)
    check_positive(tolerance=tolerance)
    if not isinstance(method, Method):
        raise ValueError(f"method must be Update(), Flow() or Sweep(), got {method!r}")
    method.check(landscape)
    if isinstance(landscape, SignLandscape) and not bool(_holds_signs(x)):
        raise ValueError(
            f"state must hold −1 and 1 only: {landscape.name} is an energy of signs"
        )

    def step(x: Any) -> Any:
        return method.step(landscape, x, patterns)

    end = _iterate(step, x, steps, tolerance, method.size(landscape))
    nearest = nearest_pattern(end.state, patterns)
    report = Descent(
        *end,
        landscape.energy(x, patterns),
        landscape.energy(end.state, patterns),
        nearest.pattern,
        jnp.sqrt(nearest.squared_distance),
    )
    return Descent(*(_shaped(y, state.shape) for y in report))


@usual_promotion()
def retrieve(
    state: State,
    patterns: Patterns,
    inverse_temperature: float = 1.0,
    *,
    steps: int = 1000,
    tolerance: float = 1e-5,
) -> Descent:
    """Retrieve patterns by the softmax update of `nearest_neighbour_energy`.

    It is `descend` in short.

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


@usual_promotion()
def descend_layers(
    state: State,
    layers: Layers,
    radii: Sequence[float] | float,
    inverse_temperature: float = 1.0,
    *,
    steps: int = 1000,
    tolerance: float = 1e-5,
) -> LayeredDescent:
    """Let each layer minimise its energy E_t in a ball around what came from the last.

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
    # This checks the state and the layers, too.
    first = layer_energies(state, layers, inverse_temperature)
    bounds = _radii(radii, len(layers))
    check_whole(steps=steps)
    check_positive(tolerance=tolerance)
    landscape = NearestNeighbour(inverse_temperature)
    x = rows(state)
    states, energies = [x], [first.reshape(x.shape[0], len(layers))]
    reports = []
    for t, (patterns, bound) in enumerate(zip(layers, bounds, strict=True)):
        step = partial(_bounded_update, landscape, patterns, states[-1], bound)
        end = _iterate(step, states[-1], steps, tolerance, 1.0)
        energies.append(layer_energies(end.state, layers, inverse_temperature))
        before, after = energies[-2:]
        edge = bound * (1 - 1e-5)
        reports.append(_layer(end, states[-1], before, after, edge, t))
        states.append(end.state)
    (all_states, all_energies), columns = _gathered((states, energies), reports)
    total = combined_energy(all_energies, inverse_temperature)
    report = (all_states, *columns, total)
    return LayeredDescent(*(_shaped(y, state.shape, ahead=1) for y in report))


class _End(NamedTuple):
    state: Any
    converged: Any
    iterations: Any
    residual: Any


@partial(jax.jit, static_argnums=5)
def _layer(
    end: _End, start: Any, before: Any, after: Any, edge: Any, t: int
) -> tuple[Any, ...]:
    """The report on a layer, energies of all layers before and after it at hand."""
    moved = jnp.linalg.norm(end.state - start, axis=-1)
    return (*end[1:], before[:, t], after[:, t], moved, moved >= edge)


@jax.jit
def _gathered(lists: Any, reports: Any) -> Any:
    """Lists and columns of reports as arrays."""
    columns = [jnp.stack(column) for column in zip(*reports, strict=True)]
    return [jnp.stack(rows) for rows in lists], columns


@jax.jit
def _bounded(y: Any, centre: Any, radius: Any) -> Any:
    away = y - centre
    length = jnp.linalg.norm(away, axis=-1, keepdims=True)
    inside = centre + away * (radius / jnp.maximum(length, radius))
    return jnp.where(length > radius, inside, y)


def _bounded_update(
    landscape: Landscape, patterns: Any, centre: Any, radius: float, x: Any
) -> Any:
    """The point nearest to the update in a ball around the centre."""
    return _bounded(landscape.update(x, patterns), centre, radius)


def _iterate(
    step: Callable[[Any], Any], x: Any, steps: int, tolerance: float, size: float
) -> _End:
    """Step until what is left over is small; a state that has converged stays.

    A loop of Python, for patterns may be read from disk in every step.
    """
    count = x.shape[0]
    far = np.full(count, np.inf, x.dtype)
    now = _End(x, np.zeros(count, bool), np.zeros(count, np.int32), far)
    for _ in range(steps):
        now, is_over = _after(now, step(now.state), tolerance, size)
        if bool(is_over):
            break
    return now


@jax.jit
def _after(now: _End, new: Any, tolerance: Any, size: Any) -> tuple[_End, Any]:
    """What is known after a step, and whether all have converged."""
    left = jnp.linalg.norm(new - now.state, axis=-1) / size
    done = left <= tolerance * (1 + jnp.linalg.norm(now.state, axis=-1))
    converged = now.converged | done
    after = _End(
        jnp.where(now.converged[:, None], now.state, new),
        converged,
        now.iterations + ~now.converged,
        jnp.where(now.converged, now.residual, left),
    )
    return after, converged.all()


@jax.jit
def _holds_signs(x: Any) -> Any:
    return (jnp.abs(x) == 1).all()


def _radii(radii: Any, layers: int) -> list[float]:
    bounds = [radii] * layers if is_number(radii) else as_list("radii", radii)
    if len(bounds) != layers:
        raise ValueError(
            f"radii must be one, or {layers} for {layers} layers; got {len(bounds)}"
        )
    for number, bound in enumerate(bounds):
        check_in("(0, inf]", **{f"radii[{number}]": bound})
    return [float(r) for r in bounds]


def _shaped(y: Any, shape: tuple[int, ...], ahead: int = 0) -> Any:
    """Rows as the states' own axes again, with `ahead` axes before them."""
    return y.reshape(*y.shape[:ahead], *shape[:-1], *y.shape[ahead + 1 :])
