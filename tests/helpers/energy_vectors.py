"""Energies among patterns, for the explorer's JavaScript to compute again."""

from typing import Any

import numpy as np

from isinglass._common.precision import double_precision
from isinglass.energy import (
    Hopfield,
    ModernHopfield,
    NearestNeighbour,
    descend,
    hopfield_energy,
)

BETA = 1.7


def energy_vectors() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    patterns = rng.normal(size=(4, 2))
    states = rng.normal(size=(6, 2))
    letters = rng.choice([-1.0, 1.0], size=(3, 30))
    signs = rng.choice([-1.0, 1.0], size=(5, 30))
    with double_precision():
        landscapes = {
            "distance": NearestNeighbour(BETA),
            "modern": ModernHopfield(BETA),
        }
        continuous = {
            name: {
                "energies": _list(landscape.energy(states, patterns)),
                "forces": _list(landscape.force(states, patterns)),
                "updates": _list(landscape.update(states, patterns)),
            }
            for name, landscape in landscapes.items()
        }
        rest = descend(states, patterns, NearestNeighbour(BETA))
        energies = hopfield_energy(signs, letters, self_coupling=True)
        swept = Hopfield().sweep(signs, letters)
    return {
        "beta": BETA,
        "patterns": patterns.tolist(),
        "states": states.tolist(),
        "continuous": continuous,
        "rest": {"states": _list(rest.state), "steps": _list(rest.iterations)},
        "letters": letters.tolist(),
        "signs": signs.tolist(),
        "hopfield": _list(energies),
        "swept": _list(swept),
    }


def _list(values: Any) -> Any:
    return np.asarray(values).tolist()
