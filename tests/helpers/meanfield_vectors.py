"""Orbits of the mean field, for the explorer's JavaScript to compute again."""

from typing import Any

import jax
import numpy as np

from isinglass._common.precision import double_precision
from isinglass.explore.browser.sections import shipped
from isinglass.systems.meanfield import Features, MeanField, gamma_of

GAMMA = gamma_of(2.2, 100, 3)
PARAMETERS = [
    {"beta": 1.266, "gamma": GAMMA, "epsilon": 0.02},
    {"beta": 2.5, "gamma": 60.0, "epsilon": 0.1},
    {"beta": 0.7, "gamma": 0.0, "epsilon": 0.0},
]
STEPS = 12  # until chaos has made much of a rounding


def meanfield_vectors() -> dict[str, Any]:
    field = MeanField(Features.paper())
    with double_precision():
        step = jax.jit(field.map)
        orbits = [_orbit(field, step, parameters) for parameters in PARAMETERS]
        windows = [_window(field, step, i, at) for i, at in enumerate(PARAMETERS)]
    signal = np.random.default_rng(0).normal(size=64)
    transform = np.fft.fft(signal)
    return {
        "network": shipped("beta"),
        "orbits": orbits,
        "windows": windows,
        "spectrum": {
            "signal": signal.tolist(),
            "real": transform.real.tolist(),
            "imaginary": transform.imag.tolist(),
        },
    }


def _orbit(field: MeanField, step: Any, parameters: dict[str, float]) -> dict[str, Any]:
    state, attentions = field.start_from_pattern(parameters), []
    for _ in range(STEPS):
        state = step(state, parameters)
        attentions.append(np.asarray(state.window[0]).tolist())
    return {"parameters": parameters, "attentions": attentions}


def _window(
    field: MeanField, step: Any, seed: int, parameters: dict[str, float]
) -> dict[str, Any]:
    window = np.random.default_rng(seed).uniform(-1, 1, (field.length, 3))
    position = 5 + seed
    state = field.map.start(window, position)
    return {
        "parameters": parameters,
        "window": window.tolist(),
        "position": position,
        "next": np.asarray(step(state, parameters).window[0]).tolist(),
    }
