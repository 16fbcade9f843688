"""Sweeps that tests of `isinglass.dynamics.sweep` interrupt, here or elsewhere.

python sweep_cases.py KIND DIRECTORY [N_VALUES]
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from isinglass.dynamics import (
    Measure,
    Run,
    bifurcation,
    continuation,
    phase_diagram,
)

MEASURE = Measure(transient=50, steps=100, points=5, exponents=1, max_period=8)


def cubic(x: Any, parameters: Mapping[str, Any]) -> Any:
    """Odd map with two attractors, chaotic for large ``a``; ``b`` breaks symmetry."""
    return parameters["a"] * x - x**3 + parameters["b"]


def run(
    kind: str, directory: str | Path | None, values: int = 40, **options: Any
) -> Any:
    """A sweep of many small tiles; options are those of `Run`."""
    state = np.array([0.1])
    a = np.linspace(1.0, 2.6, values)
    if kind == "bifurcation":
        return bifurcation(
            cubic,
            state,
            {"b": 0.0},
            {"a": a},
            MEASURE,
            Run(lanes=4, store=directory, **options),
        )
    if kind == "continuation":
        return continuation(
            cubic,
            state,
            {"b": 0.01},
            {"a": a},
            MEASURE,
            Run(block=4, store=directory, **options),
        )
    vary = {"a": a, "b": np.linspace(-0.1, 0.1, 7)}
    return phase_diagram(
        cubic, state, {}, vary, MEASURE, Run(lanes=14, store=directory, **options)
    )


def files(directory: Path) -> dict[str, bytes]:
    """Content of every file under a folder, by path."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def head(window: Any, parameters: Mapping[str, Any], phase: Any) -> Any:
    """Head of a delay map that depends on time."""
    return jnp.tanh(parameters["a"] * window[-1] + 0.1 * phase)


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
