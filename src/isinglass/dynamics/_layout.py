"""How the states of many lanes lie in arrays.

What runs side by side is a lane. While lanes run, they lie in the last axis of every
leaf of a state, where the arithmetic of a small map vectorises; what a caller hands in
or gets back has them in the first axis. The phase of a `DelayMap` is the clock of all
its lanes and has no such axis.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from isinglass.dynamics.maps import DelayMap, DelayState, State, Step


def lane_axes(step: Step, state: State) -> Any:
    """Where `jax.vmap` finds the lanes: the last axis of all but a shared phase."""
    axes = jax.tree.map(lambda _: -1, state)
    return axes._replace(phase=None) if isinstance(step, DelayMap) else axes


def first_lane(step: Step, state: State) -> State:
    """The state of the first lane, of lanes that come last."""
    return _of_lanes(step, lambda leaf: leaf[..., 0], state)


def as_lane(step: Step, state: State) -> State:
    """A state as the only lane."""
    return _of_lanes(step, lambda leaf: np.asarray(leaf)[..., None], state)


def lanes_first(step: Step, state: State) -> State:
    """States whose lanes come last, with their lanes in the first axis, in NumPy."""
    return _of_lanes(step, lambda leaf: np.moveaxis(np.asarray(leaf), -1, 0), state)


def lanes_last(step: Step, state: State) -> State:
    """States whose lanes come first, with their lanes in the last axis, in NumPy."""
    return _of_lanes(step, lambda leaf: np.moveaxis(np.asarray(leaf), 0, -1), state)


def repeated(value: Any, lanes: int) -> np.ndarray:
    """The same value in every lane, along a last axis."""
    return np.repeat(np.asarray(value)[..., None], lanes, axis=-1)


def pick(states: State, which: Any) -> State:
    """Some of the states that lie along the first axis of every leaf.

    A phase that all of them share stays as it is.
    """
    if isinstance(states, DelayState) and np.ndim(states.phase) == 0:
        return states._replace(window=states.window[which])
    return jax.tree.map(lambda leaf: leaf[which], states)


def _of_lanes(step: Step, function: Callable[[Any], Any], state: State) -> State:
    """Apply a function to every leaf that has an axis of lanes."""
    if isinstance(step, DelayMap):
        return state._replace(window=function(state.window))
    return jax.tree.map(function, state)
