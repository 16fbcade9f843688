"""Orbits of any map."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from isinglass._common.checks import check_function, check_whole
from isinglass.dynamics._checks import check_hashable, check_map, check_output
from isinglass.dynamics._precision import (
    Precision,
    at_precision,
    check_precision,
    in_precision,
    warn_of_single_precision,
)
from isinglass.dynamics.maps import DelayMap, Parameters, State, Step, newest


@dataclass(frozen=True)
class Sampling:
    """Which states of an orbit are kept, as rows.

    Row i is the state after ``transient + (i + 1) * stride`` steps.

    Attributes:
        steps: How many rows.
        transient: Steps before the first row's.
        stride: Steps from row to row.

    Raises:
        ValueError: If a number is out of range.
    """

    steps: int
    transient: int = 0
    stride: int = 1

    def __post_init__(self) -> None:
        check_whole(steps=self.steps, stride=self.stride)
        check_whole(0, transient=self.transient)

    @classmethod
    def of(cls, steps: "int | Sampling") -> "Sampling":
        """A sampling as it is; a number stands for so many successive states."""
        return steps if isinstance(steps, Sampling) else cls(steps)


def trajectory(
    step: Step,
    state: State,
    parameters: Parameters,
    steps: int | Sampling,
    *,
    observable: Callable[[State], Any] | None = None,
    precision: Precision = "float64",
) -> Any:
    """Compute an orbit, or what an observable shows of it.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        state: Where the orbit starts.
        parameters: Handed to the map.
        steps: How many steps to take and states to keep; or a `Sampling`, which leaves
            out a transient, or keeps only some of the states.
        observable: What to keep of a state: a pure JAX function that returns a pytree.
            None for the newest value (d,) of a `DelayMap`, and otherwise the state
            itself.
        precision: "float64"; "float32" warns.

    Returns:
        A pytree of NumPy arrays, rows first. The initial state is none of them.

    Raises:
        ValueError: If a number is out of range, the state or a parameter is not finite,
            or the map does not return a state like the one it is given.
    """
    sampling = Sampling.of(steps)
    check_precision(precision)
    warn_of_single_precision(precision)
    check_map(step, state, parameters, precision)
    if observable is not None:
        check_function(observable=observable)
        check_hashable(observable=observable)
    if observable is None:
        observable = newest if isinstance(step, DelayMap) else _itself
    with in_precision(precision):
        orbit = at_precision((state, parameters), precision)
        check_output("observable", observable, orbit[0])
        rows = _rows(
            (step, observable),
            sampling.steps,
            sampling.stride,
            *orbit,
            sampling.transient,
        )
        return jax.tree.map(np.asarray, rows)


def _itself(state: State) -> State:
    return state


@partial(jax.jit, static_argnums=(0, 1, 2))
def _rows(
    functions: tuple[Step, Callable[[State], Any]],
    count: int,
    stride: int,
    state: State,
    parameters: Parameters,
    transient: Any,  # traced: one program for any number
) -> Any:
    step, observable = functions

    def on(_: Any, state: State) -> State:
        return step(state, parameters)

    def row(state: State, _: None) -> tuple[State, Any]:
        state = jax.lax.fori_loop(0, stride, on, state)
        return state, observable(state)

    state = jax.lax.fori_loop(0, transient, on, state)
    return jax.lax.scan(row, state, length=count)[1]
