"""TODO: docstring."""

from typing import Any

import jax
import jax.numpy as jnp

from isinglass.dynamics.maps import DelayMap, State, Step


def first_lane(step: Step, state: State) -> State:
    """The first of the states that lie side by side in the last axis."""
    if isinstance(step, DelayMap):
        return state._replace(window=state.window[..., 0])
    return jax.tree.map(lambda leaf: leaf[..., 0], state)


def cells_first(step: Step, state: State) -> State:
    """States with the cells moved from the last axis to the first; a phase stays as it is."""
    if isinstance(step, DelayMap):
        return state._replace(window=jnp.moveaxis(state.window, -1, 0))
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), state)


def lane_axes(step: Step, state: State) -> Any:
    """Where `jax.vmap` finds states side by side: the last axis of all but a shared phase."""
    axes = jax.tree.map(lambda _: -1, state)
    return axes._replace(phase=None) if isinstance(step, DelayMap) else axes


def _one_lane(tree: State) -> State:
    lane = jax.tree.map(lambda leaf: leaf[..., None], tree)
    return lane._replace(phase=tree.phase) if hasattr(tree, "phase") else lane
