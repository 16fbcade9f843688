"""Flows: maps that solve a differential equation over a time dt."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from isinglass._common.checks import (
    MOST,
    check_choice,
    check_in,
    check_positive,
    check_whole,
    is_index,
)
from isinglass._common.plain_checks import is_traced
from isinglass.dynamics.maps import Parameters, State, Step

VectorField = Callable[..., State]
Method = Literal["euler", "midpoint", "rk4", "dopri5"]

WHOLE = 1e-9  # how near a number of steps must be to a whole one, relative
UNROLLED = 4  # substeps that are written out: more compile long


class Tableau(NamedTuple):
    """An explicit Runge–Kutta method.

    Attributes:
        order: The error of a step is O(dt^(order + 1)).
        stages: For each stage after the first, the weights of the slopes before it. Its
            time is their sum.
        weights: Of all slopes, in the step.
    """

    order: int
    stages: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]


METHODS = {
    "euler": Tableau(1, (), (1,)),
    "midpoint": Tableau(2, ((1 / 2,),), (0, 1)),
    "rk4": Tableau(4, ((1 / 2,), (0, 1 / 2), (0, 0, 1)), (1 / 6, 1 / 3, 1 / 3, 1 / 6)),
    # Dormand & Prince (1980), the fifth-order weights.
    "dopri5": Tableau(
        5,
        (
            (1 / 5,),
            (3 / 40, 9 / 40),
            (44 / 45, -56 / 15, 32 / 9),
            (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
            (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        ),
        (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    ),
}
"""Explicit Runge–Kutta methods of fixed step, by name."""


class ClockedState(NamedTuple):
    """State of a `Flow` whose vector field depends on time.

    Attributes:
        state: The state proper, as the vector field takes it.
        phase: Steps since time 0, modulo the steps of a period where there is one.
    """

    state: State
    phase: Int[Any, ""]


@dataclass(frozen=True)
class Flow:
    """The map that follows a vector field for a time dt; made by `flow`.

    It is a step like any other for the functions of `isinglass.dynamics`, which know
    how long it takes: exponents, their errors and entropy rates are per unit of time.
    Everything that is counted stays in steps.

    Attributes:
        vector_field: The right-hand side, ``vector_field(state, parameters)``, and with
            a period ``vector_field(state, parameters, time)``.
        dt: Time that a step takes.
        method: Name of one of `METHODS`.
        substeps: Steps of the method in a step of the map.
        period: Of the vector field's dependence on time: infinite if it does not
            repeat, None if there is no such dependence.
    """

    vector_field: VectorField
    dt: float
    method: Method = "rk4"
    substeps: int = 1
    period: float | None = None

    def __post_init__(self) -> None:
        check_positive(dt=self.dt)
        check_whole(substeps=self.substeps)
        if not callable(self.vector_field):
            raise ValueError(
                "vector_field must be a function (state, parameters) -> derivative, "
                f"got {self.vector_field!r}"
            )
        check_choice(METHODS, method=self.method)
        if self.period is not None:
            check_in("(0, inf]", period=self.period)
        if self.period is not None and math.isfinite(self.period):
            steps = self.period / self.dt
            if steps > MOST:
                raise ValueError(
                    f"period must be at most {MOST:,} times dt, got "
                    f"{self.period} with dt = {self.dt}"
                )
            if abs(steps - round(steps)) > WHOLE * steps or round(steps) < 1:
                raise ValueError(
                    "period must be a whole number of dt, for the phase is counted in "
                    f"steps; got {self.period} with dt = {self.dt}: take dt = "
                    f"{self.period / max(math.ceil(steps - WHOLE), 1)!r}"
                )

    @property
    def steps_per_period(self) -> int | None:
        """Steps in a period; None where nothing repeats in time."""
        if self.period is None or math.isinf(self.period):
            return None
        return round(self.period / self.dt)

    def start(self, state: State, step: int | Int[Any, "..."] = 0) -> ClockedState:
        """A state at a time, for a vector field that depends on time.

        Args:
            state: As the vector field takes it.
            step: The time, in steps of dt; of many states, each with its own.

        Raises:
            ValueError: If the vector field does not depend on time: its state needs no
                clock.
        """
        if self.period is None:
            raise ValueError("state needs no clock where there is no period")
        if not is_index(step):
            raise ValueError(f"step must be a whole number, got {step!r}")
        period = self.steps_per_period
        phase = step % period if period else step
        if not is_traced(phase) and np.any(np.abs(phase) > MOST):
            raise ValueError(f"step must be at most {MOST:,} in size, got {step}")
        return ClockedState(state, jnp.asarray(phase, jnp.int32))

    def __call__(self, state: State, parameters: Parameters) -> State:
        """The state a time dt later."""
        if self.period is None:
            return self._advanced(state, parameters, None)
        if not isinstance(state, ClockedState):
            raise ValueError(
                "state must have a clock where there is a period: give "
                f"flow.start(state), got {type(state).__name__}"
            )
        after = self._advanced(state.state, parameters, state.phase)
        phase, period = state.phase + 1, self.steps_per_period
        return ClockedState(after, phase % period if period else phase)

    def _advanced(self, state: State, parameters: Parameters, phase: Any) -> State:
        h = self.dt / self.substeps
        # Not what all leaves promote to, which JAX may have been told to refuse.
        real = jnp.asarray(jax.tree.leaves(state)[0]).dtype
        begin = None if phase is None else jnp.asarray(phase, real) * self.dt

        def slope(at: State, time: Any) -> State:
            arguments = () if begin is None else (begin + time,)
            return _like(at, self.vector_field(at, parameters, *arguments))

        def substep(at: State, index: Any) -> tuple[State, None]:
            time = jnp.asarray(index, real) * h
            return _runge_kutta(METHODS[self.method], slope, at, time, h), None

        if self.substeps == 1:
            return substep(state, 0)[0]
        indices = jnp.arange(self.substeps)
        unroll = min(self.substeps, UNROLLED)
        return jax.lax.scan(substep, state, indices, unroll=unroll)[0]


def flow(
    vector_field: VectorField,
    dt: float,
    *,
    method: Method = "rk4",
    substeps: int = 1,
    period: float | None = None,
) -> Flow:
    """Make a map of a differential equation dx/dt = f(x): x(t) → x(t + dt).

    The map is a step for every function of `isinglass.dynamics`: `trajectory`,
    `lyapunov_spectrum`, `bifurcation` and all others, which give exponents and entropy
    rates per unit of time, not per step. The equation is solved by an explicit
    Runge–Kutta method of fixed step, so that the map is smooth and the same arithmetic
    for every orbit; tangents are those of the method, exact for the map. The error of
    results falls as dt to the power of the method's order: halve dt, or double
    ``substeps``, and see what changes.

    A limit cycle of the flow, whose period is no whole number of dt, is a closed curve
    to the map: quasi-periodic. For a vector field that is driven with a period, choose
    dt as a fraction of that; a response is then periodic in steps.

    Args:
        vector_field: f, ``vector_field(state, parameters) -> derivative``, pure JAX. A
            state is a pytree of real arrays, and the derivative one like it.
        dt: Time of a step of the map, the interval at which orbits are seen.
        method: "euler", "midpoint", "rk4", or "dopri5", of orders 1, 2, 4 and 5.
        substeps: Steps of the method in one step of the map.
        period: For a vector field that depends on time, ``vector_field(state,
            parameters, time)``: the period of that dependence, a whole number of dt, or
            `math.inf`. The state then has a clock: begin with ``Flow.start(state)``. An
            angle among the state's numbers, with a constant derivative, does the same
            where the period itself is a parameter.

    Returns:
        The map, hashable: two of the same function and numbers are equal.

    Raises:
        ValueError: If an argument is out of range.

    Source: Hairer, Nørsett & Wanner 1993, Solving Ordinary Differential Equations I.
    """
    check_positive(dt=dt)
    return Flow(vector_field, float(dt), method, substeps, period)


def time_of_step(step: Step) -> float:
    """Time that a step of a map takes: 1, but for a flow."""
    return step.dt if isinstance(step, Flow) else 1.0


def unit_of_time(step: Step) -> str:
    """What exponents of a map are per."""
    return "unit of time" if isinstance(step, Flow) else "step"


def _runge_kutta(
    method: Tableau,
    slope: Callable[[State, Any], State],
    at: State,
    time: Any,
    h: float,
) -> State:
    slopes = [slope(at, time)]
    for weights in method.stages:
        slopes.append(slope(_moved(at, slopes, weights, h), time + sum(weights) * h))
    return _moved(at, slopes, method.weights, h)


def _moved(
    at: State, slopes: list[State], weights: tuple[float, ...], h: float
) -> State:
    """A state, moved by h along weighted slopes."""
    used = [(h * w, k) for w, k in zip(weights, slopes, strict=False) if w]

    def leaf(x: Array, *parts: Array) -> Array:
        return x + sum(w * part for (w, _), part in zip(used, parts, strict=True))

    return jax.tree.map(leaf, at, *(k for _, k in used))


def _like(state: State, derivative: Any) -> State:
    """A derivative, refused if it is not of the form of the state."""
    shapes = [
        jax.tree.map(lambda x: jnp.shape(x), tree) for tree in (state, derivative)
    ]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "vector_field must return a derivative like the state it is given: "
            f"{shapes[0]} became {shapes[1]}"
        )
    return jax.tree.map(lambda x, y: jnp.asarray(y, x.dtype), state, derivative)
