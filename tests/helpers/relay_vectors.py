"""Responses of tensors, avalanches and their laws, for the explorer's JavaScript."""

from typing import Any

import numpy as np

from isinglass.systems.interference import (
    RelayNetwork,
    borel,
    branching_ratio,
    hysteresis,
    loop_area,
    mean_field_solutions,
    size_density,
    spinodal,
    sweep_avalanches,
    switching,
)

COUPLINGS = [0.0, 0.7, 1.0, 1.003, 1.2, 1.5, 2.9]
FIELDS = np.linspace(-1.2, 1.2, 25)
SIDE, COUPLING = 6, 1.3  # of a torus of relays
PATH = [4.0, -0.3, 0.5, -4.0]


def relay_vectors() -> dict[str, Any]:
    return {
        "responses": [_response(x) for x in COUPLINGS],
        "all": _all_on_all(),
        "neighbours": _neighbours(),
        "laws": _laws(),
    }


def _response(x: float) -> dict[str, Any]:
    path = np.array([-1.0, 0.3, -0.1, 1.1, 0.1, -0.15, -1.2, 0.0])
    return {
        "coupling": x,
        "fields": FIELDS.tolist(),
        "solutions": _absent(np.stack(mean_field_solutions(x, FIELDS), axis=-1)),
        "spinodal": _absent(np.array(spinodal(x))),
        "area": float(loop_area(x)),
        "switching": np.array(switching(x)).tolist(),
        "path": path.tolist(),
        "followed": hysteresis(x, path).tolist(),
    }


def _absent(numbers: np.ndarray) -> Any:
    """Numbers as lists, with None where there is none."""
    if numbers.ndim:
        return [_absent(part) for part in numbers]
    return None if np.isnan(numbers) else float(numbers)


def _all_on_all() -> dict[str, Any]:
    local = np.random.default_rng(3).uniform(-1 / 0.8, 1 / 0.8, 500)
    sweep = sweep_avalanches(-local, 1.0, durations=True)
    routes = (np.ones((60, 60)) - np.eye(60)) / 60
    network = RelayNetwork(routes, 1.0, local[:60], COUPLING)
    return {
        "local": local.tolist(),
        "size": sweep.size.tolist(),
        "duration": sweep.duration.tolist(),
        "network": _driven(network),
        "ratio": list(branching_ratio(sweep.size)),
    }


def _neighbours() -> dict[str, Any]:
    local = np.random.default_rng(4).normal(size=SIDE * SIDE)
    places = np.arange(SIDE * SIDE).reshape(SIDE, SIDE)
    routes = np.zeros((SIDE * SIDE, SIDE * SIDE))
    for axis in (0, 1):
        for step in (-1, 1):
            routes[places.ravel(), np.roll(places, step, axis).ravel()] += 0.25
    network = RelayNetwork(routes, 1.0, local, COUPLING)
    return {"local": local.tolist(), "width": SIDE, "network": _driven(network)}


def _driven(network: RelayNetwork) -> dict[str, Any]:
    avalanches = network.drive(PATH)
    return {
        "limit": float(spinodal(COUPLING).field),
        "path": PATH,
        "field": avalanches.field.tolist(),
        "size": avalanches.size.tolist(),
        "duration": avalanches.duration.tolist(),
    }


def _laws() -> dict[str, Any]:
    sizes = [1, 2, 3, 7, 30, 200, 3000]
    return {
        "sizes": sizes,
        "borel": [[n, borel(sizes, n).tolist()] for n in (0.1, 0.8, 0.99)],
        "density": [
            [width, size_density(sizes, width).tolist()] for width in (0.8, 1, 2)
        ],
    }
