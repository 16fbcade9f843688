"""Maps that every function of `isinglass.dynamics` must do justice to."""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isinglass.dynamics import DelayMap, DelayState
from isinglass.dynamics.maps import Step
from isinglass.dynamics.textbook import (
    cubic,
    delayed_logistic,
    henon,
    linear,
    logistic,
    standard_map,
)
from isinglass.systems.meanfield import Features, MeanField, gamma_of

# Two patterns and a window of two: of the paper's twelve exponents the programs take
# long to compile.
FIELD = MeanField(Features.random_segments(2, 1, 60, 3, 0))


class Case(NamedTuple):
    """A map, a start that stays finite, and parameters at which nothing is chaotic.

    Attributes:
        name: What to call it.
        step: The map.
        state: Where to start.
        parameters: Of the map.
        dimension: How many real numbers there are in a state.
        qr_every: Steps between orthonormalisations: few of them compile sooner.
    """

    name: str
    step: Step
    state: Any
    parameters: dict[str, Any]
    dimension: int
    qr_every: Literal["auto"] | int = "auto"


def coupled_head(window: Any, parameters: Any, phase: Any) -> Any:
    """Two components over two steps, driven by a clock; chaotic at a = 1.2."""
    x, before = window[0], window[1]
    mixed = 0.8 * x + 0.2 * x[::-1]
    drive = parameters["drive"] * jnp.asarray(phase, x.dtype)
    return 1 - parameters["a"] * mixed**2 + jnp.array([0.3, 0.2]) * before + drive


COUPLED = DelayMap(coupled_head, length=2, period=3)


def clocked_tree(state: Any, parameters: Any) -> Any:
    """A state that is a tree, with a clock that has no tangent."""
    push = 0.1 * (state["time"] % 2)
    return {
        "x": parameters["c"] * jnp.sin(state["x"]) + push,
        "time": state["time"] + 1,
    }


def window(values: Any, phase: int = 0) -> DelayState:
    """A state of a delay map, in float64."""
    return DelayState(np.asarray(values, float), np.array(phase))


CASES = (
    Case("logistic", logistic, np.array([0.3]), {"r": 3.2}, 1),
    Case("henon", henon, np.array([0.1, 0.1]), {"a": 1.0, "b": 0.3}, 2),
    Case("standard", standard_map, np.array([3.0, 0.1]), {"K": 0.7}, 2),
    Case("cubic", cubic, np.array([0.5]), {"r": 1.5, "h": 0.1}, 1),
    Case("linear", linear([[0.9, 0.2], [0.0, -0.5]]), np.array([0.3, 0.7]), {}, 2),
    Case(
        "tree", clocked_tree, {"x": np.ones((1, 2)), "time": np.array(3)}, {"c": 0.9}, 2
    ),
    Case("delayed", delayed_logistic, window([[0.5], [0.4]]), {"r": 1.9}, 2),
    Case(
        "coupled",
        COUPLED,
        window([[0.1, 0.2], [0.3, 0.05]], 1),
        {"a": 1.0, "drive": 0.01},
        4,
        qr_every=2,
    ),
    Case(
        "meanfield",
        FIELD.map,
        window([[0.3, -0.2], [0.1, 0.4]]),
        {"beta": 1.0, "gamma": gamma_of(2.2, 10, 2), "epsilon": 0.02},
        4,
        qr_every=2,
    ),
)


def log_volume(case: Case, states: Any) -> np.ndarray:
    """ln |det| of the map's Jacobian at each of some states, (rows,)."""

    def at(state: Any) -> jax.Array:
        leaves, structure = jax.tree.flatten(state)
        real = [jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves]
        flat = jnp.concatenate(
            [
                leaf.ravel()
                for leaf, is_real in zip(leaves, real, strict=True)
                if is_real
            ]
        )

        def moved(flat: jax.Array) -> jax.Array:
            parts, offset = [], 0
            for leaf, is_real in zip(leaves, real, strict=True):
                if is_real:
                    parts.append(flat[offset : offset + leaf.size].reshape(leaf.shape))
                    offset += leaf.size
                else:
                    parts.append(leaf)
            after = case.step(jax.tree.unflatten(structure, parts), case.parameters)
            return jnp.concatenate(
                [
                    jnp.ravel(leaf)
                    for leaf in jax.tree.leaves(after)
                    if jnp.issubdtype(leaf.dtype, jnp.floating)
                ]
            )

        return jnp.linalg.slogdet(jax.jacfwd(moved)(flat))[1]

    with jax.enable_x64(True):
        states = jax.tree.map(jnp.asarray, states)
        return np.asarray(jax.jit(jax.vmap(at))(states))
