"""Maps that cannot be run, with what their error must say."""

from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from isinglass import dynamics
from isinglass.dynamics import attractor, basins, trajectory


class Call(NamedTuple):
    """A call, and the words that its error must say, with | between."""

    words: str
    function: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]


def call(words: str, function: Any, *arguments: Any, **options: Any) -> Call:
    return Call(words, function, arguments, options)


def henon(state: Any, parameters: Any) -> Any:
    x, y = state
    a, b = parameters["a"], parameters["b"]
    return jnp.stack([1 - a * x * x + y, b * x])


START, HENON = np.zeros(2), {"a": 1.4, "b": 0.3}
GRID = {"a": np.linspace(1.0, 1.4, 3)}

FEW = dynamics.Measure(transient=8, steps=16)
MAPS = {  # each takes a map, a start and parameters
    "trajectory": partial(trajectory, steps=4),
    "lyapunov_spectrum": partial(dynamics.lyapunov_spectrum, measure=1),
    "attractor": partial(attractor, measure=FEW),
    "cycle": dynamics.cycle,
    "follow_cycle": partial(dynamics.follow_cycle, vary=GRID),
    "onset": partial(dynamics.onset, vary=GRID),
    "bifurcation": partial(dynamics.bifurcation, vary=GRID, measure=FEW),
    "continuation": partial(dynamics.continuation, vary=GRID, measure=FEW),
    "fixed_points": dynamics.fixed_points,
    "basins": partial(basins, measure=FEW),
}
SIDE_BY_SIDE = {"fixed_points": "starts", "basins": "states"}


def map_calls() -> dict[str, Call]:
    calls = {}
    for name, function in MAPS.items():
        start = START[None] if name in SIDE_BY_SIDE else START
        scalar = np.zeros(start.shape[:-1])
        whole = np.array([["x"]]) if name == "fixed_points" else start.astype(int)
        wide = np.zeros((*start.shape[:-1], 3))
        argument = SIDE_BY_SIDE.get(name, "state")
        calls |= {
            f"{name}, {what}": call(words, function, *arguments)
            for what, words, *arguments in [
                ("no b", "parameters must hold 'b'|['a']", henon, start, {"a": 1.4}),
                ("b is a word", "parameters['b']", henon, start, {"b": "x", "a": 1.0}),
                ("b is NaN", "parameters['b']", henon, start, {"b": np.nan, "a": 1.0}),
                ("scalar start", "state of shape ()", henon, scalar, HENON),
                ("whole start", "number", henon, whole, HENON),
                ("wordy start", "number", henon, np.full(start.shape, "x"), HENON),
                ("NaN start", "finite", henon, start + np.nan, HENON),
                ("wide start", "state of shape (3,)", henon, wide, HENON),
                ("no start", "sta", henon, None, HENON),
                ("empty start", argument, lambda x, _: x, start[..., :0], HENON),
                ("no map", "step must be a function", 3.0, start, HENON),
                ("changes form", "like the one", lambda x, _: x[:1], start, HENON),
            ]
        }
    return calls


CALLS = map_calls()
