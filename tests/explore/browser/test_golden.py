"""The explorer's JavaScript computes what the package does: node compares them."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from isinglass._common.precision import double_precision
from isinglass.explore.browser.meanfield_data import meanfield_data
from isinglass.systems.meanfield import Features, MeanField, gamma_of

HERE = Path(__file__).parent
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
        "network": meanfield_data(),
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


VECTORS: dict[str, Callable[[], Any]] = {"meanfield": meanfield_vectors}


def run_node(name: str, vectors: Any, folder: Path) -> None:
    """Run a file of node's tests on golden vectors.

    Raises:
        AssertionError: With node's own words, if a test fails.
    """
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node: the explorer's JavaScript is not tested")
    path = folder / f"{name}.json"
    path.write_text(json.dumps(vectors, allow_nan=False), "utf-8")
    run = subprocess.run(
        [node, "--test", str(HERE / f"{name}.test.js")],
        env={**os.environ, "GOLDEN": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("name", VECTORS)
def test_javascript_computes_what_the_package_does(name, tmp_path):
    run_node(name, VECTORS[name](), tmp_path)
