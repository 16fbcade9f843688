"""Parameters of classifiers that learn routes, as words and arrays to store."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from isinglass.systems.interference.geometry import Geometry
from isinglass.systems.interference.hosts import Host
from isinglass.systems.interference.tower import Level


def apart(
    parameters: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Parameters in JSON's terms, and those that are arrays."""
    numbers, tensors = dict(parameters), {}
    geometry = numbers.pop("geometry", None)
    if isinstance(geometry, Geometry):
        if not isinstance(geometry.metric, str):
            raise ValueError(
                "cannot save a model whose geometry has a callable metric; name a "
                "scipy metric"
            )
        tensors |= {"sources": geometry.sources, "targets": geometry.targets}
        numbers |= {"metric": geometry.metric, "speed": float(geometry.speed)}
    host = numbers.get("host")
    if isinstance(host, Host):
        tensors["host_magnitude"] = np.asarray(numbers.pop("host").magnitude)
        if host.direction is not None:
            tensors["host_direction"] = np.asarray(host.direction)
    if "levels" in numbers:
        numbers["levels"] = [asdict(level) for level in numbers["levels"]]
    if not isinstance(numbers["route_prior"], str):
        prior = numbers.pop("route_prior")
        tensors["route_prior"] = np.asarray(prior, dtype=np.float64)
    if not isinstance(numbers["random_state"], int | np.integer):
        numbers["random_state"] = None
    return numbers, tensors


def together(
    numbers: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """The parameters from which `apart` made these."""
    parameters = {name: _tuples(value) for name, value in numbers.items()}
    if "sources" in tensors:
        metric, speed = parameters.pop("metric"), parameters.pop("speed")
        parameters["geometry"] = Geometry(
            tensors["sources"], tensors["targets"], metric, speed
        )
    if "levels" in numbers:
        parameters["levels"] = tuple(Level(**level) for level in numbers["levels"])
    if "host_magnitude" in tensors:
        direction = tensors.get("host_direction")
        parameters["host"] = Host(direction, tensors["host_magnitude"])
    if "route_prior" in tensors:
        parameters["route_prior"] = tensors["route_prior"]
    return parameters


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
