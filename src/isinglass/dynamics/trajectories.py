"""Orbits of any map."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
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

FEWEST_ROWS = 64  # that there is room for: short orbits share a program


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
        count = sampling.steps
        spacing = count, sampling.transient, sampling.stride
        rows = _rows((step, observable), max(count, FEWEST_ROWS), *orbit, spacing)
        return jax.tree.map(lambda leaf: np.asarray(leaf)[:count], rows)


def _itself(state: State) -> State:
    return state


@partial(jax.jit, static_argnums=(0, 1))
def _rows(
    functions: tuple[Step, Callable[[State], Any]],
    room: int,
    state: State,
    parameters: Parameters,
    spacing: tuple[Any, Any, Any],  # traced: one program for any numbers
) -> Any:
    """What is observed after a transient, which is part of the first stride."""
    step, observable = functions
    count, transient, stride = spacing

    def on(_: Any, state: State) -> State:
        return step(state, parameters)

    def row(index: Any, loop: tuple[State, Any]) -> tuple[State, Any]:
        # A loop also where the stride is 1. XLA's CPU compiler makes one function of a
        # loop over little memory. A step among all rows it takes apart, and calls a
        # function for each operation, which takes a mean field five times as long.
        before = jnp.where(index == 0, transient, 0)
        state = jax.lax.fori_loop(0, before + stride, on, loop[0])
        return state, jax.tree.map(
            lambda rows, new: jax.lax.dynamic_update_index_in_dim(rows, new, index, 0),
            loop[1],
            observable(state),
        )

    rows = jax.tree.map(
        lambda x: jnp.zeros((room, *x.shape), x.dtype),
        jax.eval_shape(observable, state),
    )
    return jax.lax.fori_loop(0, count, row, (state, rows))[1]
