"""Cycles and fixed points of a map: where they are, and whether they attract.

Nothing here follows an orbit. A cycle is the root of an equation, found by Newton's
method whether it attracts or not, and the derivative along it says what happens to
orbits nearby: exact numbers, against which what long orbits show can be held.
"""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy
from jaxtyping import Array, Bool, Complex, Float

from isinglass._common.checks import (
    as_array,
    as_real_array,
    check_finite,
    check_function,
    check_kind,
    check_positive,
    check_real,
    check_whole,
)
from isinglass._common.notebook import html_table
from isinglass._common.precision import double_precision, usual_promotion
from isinglass._common.types import ArrayLike
from isinglass.dynamics._checks import check_map
from isinglass.dynamics._precision import at_precision, in_precision
from isinglass.dynamics._runner import Reals, Rest, Runner, runner_of
from isinglass.dynamics.angles import (
    Angles,
    as_angles,
    check_components,
    offset,
    wrapped,
)
from isinglass.dynamics.flows import Flow, time_of_step
from isinglass.dynamics.maps import DelayMap, Parameters, State, Step

# Converged is what moves by no more than this share of the largest number met. A map
# may round more coarsely, where its cycle is what is left of larger terms that cancel:
# so is what is near that, and comes no nearer.
NEWTON_STEPS, CONVERGED, ROUNDED = 50, 1e-13, 1e-8

DENSE = 2048  # numbers in a state up to which its Jacobian is written out
_POWER_STEPS = 2000


_SHOWN = 4  # multipliers that a cycle shows of itself


class Cycle(NamedTuple):
    """A cycle of a map, which attracts or not.

    Attributes:
        state: One of its states: `period` steps of the map lead back to it.
        period: Steps once round, 1 for a fixed point.
        multipliers: Eigenvalues of the derivative of one round, (D,), largest modulus
            first. What is off the cycle by a little grows by them in each round: the
            cycle attracts where all lie within the unit circle.
        dt: Time that a step takes; 1 for a map that is no `Flow`.
    """

    state: State
    period: int
    multipliers: Complex[np.ndarray, " D"]
    dt: float = 1.0

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{value if value.imag else value.real:.4g}"
            for value in self.multipliers[:_SHOWN]
        )
        rest = len(self.multipliers) - _SHOWN
        more = f", … {rest} more" if rest > 0 else ""
        return f"Cycle(period={self.period}, multipliers {shown}{more})"

    def _repr_html_(self) -> str:
        pairs = zip(self.multipliers, self.exponents, strict=True)
        return html_table(
            f"Cycle of period {self.period}",
            ("", "multiplier", "modulus", "exponent"),
            [
                (str(i), f"{value:.5g}", f"{abs(value):.5g}", f"{exponent:.4g}")
                for i, (value, exponent) in enumerate(pairs, start=1)
            ],
        )

    @property
    def exponents(self) -> Float[np.ndarray, " D"]:
        """Lyapunov exponents ln|multiplier|/period, descending.

        In nats per step; of a `Flow` per unit of time.
        """
        with np.errstate(divide="ignore"):  # −∞ for a direction that vanishes
            return np.log(np.abs(self.multipliers)) / (self.period * self.dt)


class Onset(NamedTuple):
    """Where a cycle loses its stability.

    Attributes:
        value: Of the parameter.
        angle: Of the multiplier that is on the unit circle there, radians in [0, π]. 0
            is a fold or a pitchfork, π a period doubling; with any other the cycle
            gives way to a torus (Neimark–Sacker), round which one turn takes
            2π/angle rounds of the cycle.
    """

    value: float
    angle: float


def cycle(
    step: Step,
    state: State,
    parameters: Parameters,
    period: int = 1,
    *,
    angles: Mapping[int, float] | None = None,
) -> Cycle:
    """Find the cycle of a given period near a state, by Newton's method.

    A state Z is on a cycle of k steps where step^k(Z) = Z. From a start close enough
    the method doubles the digits with every step, and it finds cycles that repel as
    well as those that attract. The period need not be the least: a fixed point is a
    cycle of every period.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        state: Where to start from. Only its real numbers are moved; others, such as the
            phase of a `DelayState`, must be the same again after one round.
        parameters: The map's parameters.
        period: k, in steps; for a `DelayMap` a multiple of its own period.
        angles: Which of the state's real numbers (of a `DelayMap`, of each of its
            values) are angles, and their periods, such as ``{0: 2 * np.pi}``: an orbit
            that has turned whole times has come back, whether the map wraps its angles
            or not, and the cycle's are shown in [0, P).

    Returns:
        The cycle in double precision, with its multipliers.

    Raises:
        ValueError: If the period is out of range, the state or a parameter is not
            finite, or angles are none of the state's numbers.
        FloatingPointError: If there is no cycle within reach: 50 steps of Newton's
            method do not converge, or a multiplier is exactly 1.
    """
    search = _prepared(step, state, parameters, period, angles)
    return search.cycle(*search.newton(search.start, parameters))


def follow_cycle(
    step: Step,
    state: State,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    period: int = 1,
    *,
    angles: Mapping[int, float] | None = None,
) -> list[Cycle]:
    """Follow a cycle along a parameter: each from the one at the value before.

    Args:
        step: The map, as for `cycle`.
        state: Where Newton's method starts at the first value.
        parameters: Values of the other parameters, by name.
        vary: Name of the parameter and its values, one axis, in the order in which they
            are gone through. They must be so close that the cycle at one leads to that
            at the next.
        period: In steps.
        angles: As for `cycle`.

    Returns:
        The cycle at each value.

    Raises:
        ValueError: As `cycle`, and where ``vary`` is not one parameter with values.
        FloatingPointError: If the cycle is lost; it may have ended in a fold. Where
            there are others, Newton's method may go on with one of them instead.
    """
    name, values = _varied(vary)
    check_kind(Mapping, parameters=parameters)
    first = {**parameters, name: values[0]}
    search = _prepared(step, state, first, period, angles)
    cycles, flat = [], search.start
    for value in values:
        flat, jacobian = search.newton(flat, {**parameters, name: value})
        cycles.append(search.cycle(flat, jacobian))
    return cycles


def onset(
    step: Step,
    state: State,
    parameters: Mapping[str, Any],
    vary: Mapping[str, ArrayLike],
    period: int = 1,
    *,
    angles: Mapping[int, float] | None = None,
) -> Onset | None:
    """Find where a cycle loses its stability along a parameter.

    The cycle is followed along the values until a multiplier is outside the unit
    circle; the parameter at which the largest has the modulus 1 is then found to twelve
    digits. A cycle that is unstable only between two neighbouring values is taken for
    stable.

    Args:
        step: The map, as for `cycle`.
        state: Where Newton's method starts at the first value.
        parameters: Values of the other parameters, by name.
        vary: Name of the parameter and its values, as for `follow_cycle`.
        period: In steps.
        angles: As for `cycle`.

    Returns:
        The parameter, and the angle of the multiplier there, which says what takes
        over; None if the cycle is stable at all values.

    Raises:
        ValueError: As `follow_cycle`, and if the cycle is unstable at the first value.
        FloatingPointError: If the cycle is lost.
    """
    name, values = _varied(vary)
    check_kind(Mapping, parameters=parameters)
    first = {**parameters, name: values[0]}
    search = _prepared(step, state, first, period, angles)

    def at(value: float, start: np.ndarray) -> tuple[np.ndarray, complex]:
        flat, jacobian = search.newton(start, {**parameters, name: value})
        return flat, _multipliers(jacobian)[0]

    low = values[0]
    stable, leading = at(low, search.start)
    if abs(leading) > 1:
        raise ValueError(f"vary must begin where the cycle is stable, got {low}")
    for high in values[1:]:
        following, leading = at(high, stable)
        if abs(leading) > 1:
            break
        stable, low = following, high
    else:
        return None
    root: Any = scipy.optimize.brentq(
        lambda value: abs(at(value, stable)[1]) - 1, low, high, xtol=1e-12
    )
    return Onset(float(root), float(abs(np.angle(at(float(root), stable)[1]))))


def _varied(vary: Mapping[str, ArrayLike]) -> tuple[str, list[float]]:
    if not isinstance(vary, Mapping) or len(vary) != 1:
        raise ValueError(f"vary must name one parameter and its values, got {vary!r}")
    ((name, values),) = vary.items()
    values = as_real_array(f"vary[{name!r}]", values, (None,))
    if not values.size:
        raise ValueError(f"vary[{name!r}] must be finite numbers, at least one")
    return name, values.tolist()


def _multipliers(jacobian: np.ndarray) -> np.ndarray:
    multipliers = np.linalg.eigvals(jacobian).astype(complex)
    return multipliers[np.argsort(-np.abs(multipliers))]


class _Search(NamedTuple):
    """Newton's method for the cycles of one map and period, on flat real numbers.

    Attributes:
        runner: The map.
        period: In steps.
        reals: Arrays of the shapes that the flat numbers have in a state.
        rest: What else the state holds, which does not move.
        turns: Which of the flat numbers are angles, and their periods.
    """

    runner: Runner
    period: int
    reals: Reals
    rest: Rest
    turns: Angles

    @property
    def start(self) -> np.ndarray:
        """The state that the search was prepared with."""
        return np.concatenate([np.ravel(leaf) for leaf in self.reals])

    def newton(
        self, flat: np.ndarray, parameters: Parameters
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where a round leads back to its start, and the derivative of it there."""
        identity, size = np.eye(len(flat)), float(np.abs(flat).max())
        before = np.inf
        with in_precision("float64"):
            for _ in range(NEWTON_STEPS):
                jacobian, image, rest = map(
                    _on_the_host,
                    _round(self.runner, self.period, flat, *self[2:4], parameters),
                )
                if not all(map(np.array_equal, rest, self.rest)):
                    raise ValueError(
                        "state must hold the same whole numbers after "
                        f"{self.period} steps, or the period is another"
                    )
                try:
                    gap = self._gap(image - flat)
                    move = np.linalg.solve(jacobian - identity, gap)
                except np.linalg.LinAlgError:
                    break
                flat = flat - move
                size = max(size, float(np.abs(flat).max()))
                moved = float(np.abs(move).max())
                if moved <= (ROUNDED if moved >= before else CONVERGED) * size:
                    return flat, jacobian
                before = moved
        raise FloatingPointError(
            f"Newton's method found no cycle of {self.period} steps at "
            f"{jax.tree.map(lambda value: np.asarray(value).tolist(), parameters)}"
        )

    def _gap(self, difference: np.ndarray) -> np.ndarray:
        """A difference of states, for angles the short way round."""
        for place, turn in self.turns:
            here = slice(place, place + 1)
            difference[here] = offset(difference[here], turn)
        return difference

    def cycle(self, flat: np.ndarray, jacobian: np.ndarray) -> Cycle:
        """What `newton` ended at."""
        flat = wrapped(flat, self.turns)
        with in_precision("float64"):
            state = self.runner.join(_like(flat, self.reals), self.rest)
        dt = time_of_step(self.runner.step)
        return Cycle(_on_the_host(state), self.period, _multipliers(jacobian), dt)


def multipliers_at(
    step: Step,
    state: State,
    parameters: Parameters,
    period: int,
    closes: Callable[[np.ndarray], bool],
) -> Complex[np.ndarray, " D"] | None:
    """Multipliers of a cycle that an orbit has reached, largest modulus first.

    Args:
        step: The map.
        state: A state on the cycle.
        parameters: The map's parameters.
        period: Steps in which what is observed recurs; the state may need several.
        closes: Whether a state that is off by a vector after a round has come round.

    Returns:
        None where the state has not come round.
    """
    period = math.lcm(period, _clock(step))
    with in_precision("float64"):
        runner = runner_of(step, at_precision(state, "float64"))
        reals, rest = runner.split(at_precision(state, "float64"))
        flat = np.concatenate([np.ravel(leaf) for leaf in reals])
        jacobian, image, after = map(
            _on_the_host, _round(runner, period, flat, reals, rest, parameters)
        )
    if not closes(image - flat) or not all(map(np.array_equal, after, rest)):
        return None
    return _multipliers(jacobian)


def _clock(step: Step) -> int:
    """Steps after which the map depends on time as before."""
    if isinstance(step, DelayMap):
        return step.period
    return (isinstance(step, Flow) and step.steps_per_period) or 1


def _prepared(
    step: Step,
    state: State,
    parameters: Parameters,
    period: int,
    angles: Mapping[int, float] | None,
) -> _Search:
    check_whole(period=period)
    if isinstance(step, DelayMap) and period % step.period:
        raise ValueError(
            f"period must be a multiple of {step.period}, the map's own, got {period}"
        )
    check_map(step, state, parameters, "float64")
    with in_precision("float64"):
        state = at_precision(state, "float64")
        runner = runner_of(step, state)
        reals, rest = runner.split(state)
    return _Search(runner, period, reals, rest, _turns(step, reals, angles))


def _turns(step: Step, reals: Reals, angles: Mapping[int, float] | None) -> Angles:
    """Places and periods of the angles among all real numbers of a state."""
    circles = as_angles(angles)
    size = sum(leaf.size for leaf in reals)
    width = reals[0].shape[-1] if isinstance(step, DelayMap) else size
    check_components(circles, width)
    return tuple(
        (start + component, turn)
        for start in range(0, size, width)
        for component, turn in circles
    )


def _round(
    runner: Runner,
    period: int,
    flat: Any,
    reals: Any,
    rest: Any,
    parameters: Parameters,
) -> tuple[Array, Array, Any]:
    """Jacobian of a round of the cycle, and the state after it: flat, and the rest."""
    blocks, remainder = divmod(period, runner.block)
    return _blocks(runner, remainder, blocks, flat, (reals, rest), parameters)


@partial(jax.jit, static_argnums=(0, 1))
def _blocks(
    runner: Runner,
    remainder: int,
    blocks: Any,  # traced: one program for all periods
    flat: Array,
    state: tuple[Any, Any],
    parameters: Parameters,
) -> tuple[Array, Array, Any]:
    reals, rest = state

    def after(flat: Array) -> tuple[Array, tuple[Array, Any]]:
        def block(_: Any, carry: Any) -> Any:
            return runner.advance(carry[0], carry[1], parameters, runner.block)

        carry = jax.lax.fori_loop(0, blocks, block, (_like(flat, reals), rest))
        moved, rest_after = runner.advance(carry[0], carry[1], parameters, remainder)
        image = jnp.concatenate([jnp.ravel(leaf) for leaf in moved])
        return image, (image, rest_after)

    jacobian, (image, rest_after) = jax.jacfwd(after, has_aux=True)(flat)
    return jacobian, image, rest_after


def _like(flat: Any, reals: Reals) -> tuple[Array, ...]:
    """Flat numbers in the shapes of the real leaves of a state."""
    ends = np.cumsum([leaf.size for leaf in reals])
    return tuple(
        jnp.asarray(flat[end - leaf.size : end]).reshape(leaf.shape)
        for leaf, end in zip(reals, ends, strict=True)
    )


def _on_the_host(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


class FixedPoints(NamedTuple):
    """Where searches from several starts ended, one row each.

    Attributes:
        point: Z, (k, n, d).
        residual: |step(Z) − Z|, Frobenius, (k,): of the order of 10⁻¹² |Z| where Z is
            fixed.
        converged: Whether the residual is within the tolerance, (k,).
        spectral_radius: Largest modulus of an eigenvalue of the map's derivative there,
            (k,); below 1 where the point attracts.
    """

    point: Float[np.ndarray, "k n d"]
    residual: Float[np.ndarray, "k"]
    converged: Bool[np.ndarray, "k"]
    spectral_radius: Float[np.ndarray, "k"]

    def __repr__(self) -> str:
        attracting = int((self.converged & (self.spectral_radius < 1)).sum())
        return (
            f"FixedPoints({int(self.converged.sum())} of {len(self.converged)} starts "
            f"converged, {attracting} to a point that attracts)"
        )


def _check_function(function: Callable[[Array], Array], state: Array) -> None:
    try:
        after = jax.eval_shape(function, state)
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise ValueError(
            f"function fails on the state: {type(error).__name__}: {error}"
        ) from error
    is_array = isinstance(after, jax.ShapeDtypeStruct) and after.size
    if not is_array or not jnp.issubdtype(after.dtype, jnp.inexact):
        raise ValueError(
            f"function must give an array of floating-point numbers, got {after}"
        )


@usual_promotion()
def jacobian_norm(
    function: Callable[[Array], Array], state: Float[Array, "..."]
) -> Float[Array, ""]:
    """Operator norm of the derivative of a function at a state.

    It is the largest singular value of the Jacobian. Up to `DENSE` numbers the Jacobian
    is written out; beyond, the norm is found by power iteration on products with it, to
    about 4 digits, from below.

    Raises:
        TypeError: If it is no function.
        ValueError: If the state is no array of floating-point numbers of 32 bits or
            more, or the function fails on it or gives no such numbers.
    """
    check_function(function=function)
    check_real(state=state)
    is_floating = jnp.issubdtype(state.dtype, jnp.floating)
    if not state.size or not is_floating or state.dtype.itemsize < 4:
        raise ValueError(
            "state must hold one floating-point number at least, of 32 bits or more, "
            f"got {state.dtype} of shape {state.shape}"
        )
    _check_function(function, state)
    if state.size <= DENSE:
        dense = jax.jacfwd(function)(state).reshape(-1, state.size)
        return jnp.linalg.norm(dense, 2)
    forward = jax.linearize(function, state)[1]
    backward = jax.linear_transpose(forward, state)

    def onward(carry: tuple[Array, Array, Any]) -> tuple[Array, Array, Any]:
        vector, norm, steps = carry
        pushed = forward(vector)
        (pulled,) = backward(pushed)
        size = jnp.linalg.norm(pulled)  # 0 of a derivative that is 0
        onwards = pulled / jnp.where(size > 0, size, 1)
        return onwards, jnp.linalg.norm(pushed), (norm, steps[1] + 1)

    def goes_on(carry: tuple[Array, Array, Any]) -> Array:
        _, norm, (before, steps) = carry
        return (steps < 3) | (
            (jnp.abs(norm - before) > 1e-6 * norm) & (steps < _POWER_STEPS)
        )

    start = jax.random.normal(jax.random.key(0), state.shape, state.dtype)
    nothing = jnp.zeros((), state.dtype)
    carry = (start / jnp.linalg.norm(start), nothing, (nothing, 0))
    return jax.lax.while_loop(goes_on, onward, carry)[1]


def fixed_points(
    step: Callable[[Array, Any], Array],
    starts: Float[Array | np.ndarray, "k n d"],
    parameters: Any,
    *,
    steps: int = 200,
    tolerance: float = 1e-9,
    angles: Mapping[int, float] | None = None,
) -> FixedPoints:
    """Look for fixed points, state = step(state, parameters), from several starts.

    Levenberg–Marquardt from each start, in double precision; it ends at the least
    residual that it finds, which need not be 0: a map need not have a fixed point.

    Args:
        step: The map, pure JAX.
        starts: Where to start from.
        parameters: The map's parameters, a tree of arrays.
        steps: Most steps of each search, at least 1.
        tolerance: The residual up to which a point counts as fixed, as a share of its
            size or its start's, |Z|, whichever is larger.
        angles: As for `cycle`, among the numbers of a state row by row.

    Returns:
        NumPy arrays, one row a start.

    Raises:
        TypeError: If the map is no function.
        ValueError: If steps is less than 1, the tolerance not positive and finite, a
            start or a parameter not finite, the state has more than `DENSE` numbers,
            angles are none of them, or the map fails on it or does not return a state
            like it.
    """
    check_whole(steps=steps)
    steps = int(steps)
    check_positive(tolerance=tolerance)
    starts = as_array("starts", starts)
    if not starts.shape or not len(starts):
        raise ValueError(f"starts must be one start or more in rows, got {starts!r}")
    check_finite(starts=starts)
    start = np.asarray(starts[0], np.float64)
    check_map(step, start, parameters, "float64", "starts")
    size = int(np.prod(starts.shape[1:]))
    if size > DENSE:
        raise ValueError(
            f"starts must hold at most {DENSE} numbers each, for the Jacobian is "
            f"written out, got {size}"
        )
    circles = as_angles(angles)
    check_components(circles, size)
    with double_precision():
        parameters, starts = jax.tree.map(
            lambda x: jnp.asarray(np.asarray(x), float), (parameters, starts)
        )
        point, distance, jacobian = map(
            np.asarray, _search(step, steps, circles, parameters, starts)
        )
    radius = np.abs(np.linalg.eigvals(jacobian)).max(-1)
    sizes = [np.linalg.norm(x.reshape(len(x), -1), axis=1) for x in (point, starts)]
    converged = distance <= tolerance * np.maximum(*sizes)
    shown = wrapped(point.reshape(len(point), -1), circles).reshape(point.shape)
    return FixedPoints(shown, distance, converged, radius)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _search(
    step: Any, steps: int, circles: Angles, parameters: Any, starts: Array
) -> tuple[Array, Array, Array]:
    """Points, residuals and Jacobians of the map there, one start after the other."""
    shape = starts.shape[1:]

    def mapped(flat: Array) -> Array:
        return step(flat.reshape(shape), parameters).ravel()

    def gap(flat: Array) -> Array:
        difference = mapped(flat) - flat
        for place, turn in circles:
            turns = jnp.round(difference[place] / turn)
            difference = difference.at[place].add(-turn * turns)
        return difference

    def search(start: Array) -> tuple[Array, Array, Array]:
        point = _least_residual(gap, start.ravel(), steps)
        distance = jnp.linalg.norm(gap(point))
        return point.reshape(shape), distance, jax.jacfwd(mapped)(point)

    return jax.lax.map(search, starts)


def _least_residual(
    function: Callable[[Array], Array], start: Array, steps: int
) -> Array:
    """Where Levenberg–Marquardt gets in some steps: it never goes uphill."""

    def onward(_: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        point, damping = carry
        residual, slope = function(point), jax.jacfwd(function)(point)
        normal = slope.T @ slope
        # Relative to the size of the problem, and never so small that the solve is
        # singular.
        floor = damping * jnp.trace(normal) / len(point) + 1e-30
        move = jnp.linalg.solve(
            normal + floor * jnp.eye(len(point)), slope.T @ residual
        )
        moved = point - move
        better = jnp.linalg.norm(function(moved)) < jnp.linalg.norm(residual)
        damping = jnp.clip(jnp.where(better, damping / 5, damping * 3), 1e-14, 1e8)
        return jnp.where(better, moved, point), damping

    return jax.lax.fori_loop(0, steps, onward, (start, jnp.asarray(1e-3, start.dtype)))[
        0
    ]
