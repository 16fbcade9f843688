"""Orbits of any map."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np

from isinglass._common.checks import check_whole
from isinglass.dynamics._checks import checked_state
from isinglass.dynamics._precision import (
    PRECISIONS,
    at_precision,
    in_precision,
    warn_of_single_precision,
)
from isinglass.dynamics.maps import DelayMap, Parameters, State, Step, newest


def trajectory(
    step: Step,
    state: State,
    parameters: Parameters,
    steps: int,
    *,
    transient: int = 0,
    stride: int = 1,
    observable: Callable[[State], Any] | None = None,
    precision: str = "float64",
) -> Any:
    """An orbit, or what an observable shows of it.

    Args:
        step: The map, pure JAX.
        state: Where the orbit starts.
        parameters: Handed to the map.
        steps: How many rows to keep.
        transient: Steps before the first row's.
        stride: Steps from row to row.
        observable: What to keep of a state: a pure JAX function that returns a pytree.
            None for the newest value (d,) of a `DelayMap`, and otherwise the state
            itself.
        precision: "float64"; "float32" warns.

    Returns:
        A pytree of NumPy arrays, rows first; row i is seen after ``transient + (i + 1)
        * stride`` steps.

    Raises:
        ValueError: If a number is out of range, the state or a parameter is not finite,
            or the map does not return a state like the one it is given.
    """
    check_whole(steps=steps, stride=stride)
    check_whole(0, transient=transient)
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {PRECISIONS}, got {precision!r}")
    warn_of_single_precision(precision)
    checked_state(step, state, parameters, precision)
    if observable is None:
        observable = newest if isinstance(step, DelayMap) else _itself
    with in_precision(precision):
        lane = at_precision((state, parameters), precision)
        rows = _orbit(step, observable, steps, stride, *lane, transient)
        return jax.tree.map(np.asarray, rows)


def _itself(state: State) -> State:
    return state


@partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _orbit(
    step: Step,
    observable: Callable[[State], Any],
    steps: int,
    stride: int,
    state: State,
    parameters: Parameters,
    transient: Any,  # traced: one program for any number
) -> Any:
    def on(_: Any, state: State) -> State:
        return step(state, parameters)

    def row(state: State, _: None) -> tuple[State, Any]:
        state = jax.lax.fori_loop(0, stride, on, state)
        return state, observable(state)

    state = jax.lax.fori_loop(0, transient, on, state)
    return jax.lax.scan(row, state, length=steps)[1]
