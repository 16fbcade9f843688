"""Trained classifiers on disk: one file of arrays, no pickle, whole or not at all.

The file is that of `isinglass._common.arrays`. This module knows what a trained
classifier amounts to, a `TrainedState`, and nothing of the estimators themselves.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from isinglass._common import arrays
from isinglass.systems.interference.geometry import Geometry
from isinglass.systems.interference.hosts import Host
from isinglass.systems.interference.tower import Level

FORMAT = arrays.Format("isinglass-interference", 1, "model of isinglass's interference")


class TrainedState(NamedTuple):
    """What a trained classifier amounts to: its parameters and its sums.

    Attributes:
        kind: Name of the estimator's class.
        parameters: Arguments of its constructor.
        input_shape: Shape of an input.
        classes: Labels in sorted order, (C,).
        class_count: Weight of the samples learned per class, times epochs, (C,).
        tally: Sums over samples, (S, C, K).
        prior: Route probabilities before learning, (S, C, T).
        seed: From which priors of further classes are drawn.
        feature_count: Of scikit-learn's `n_features_in_`; None for waves.
        feature_names: Of scikit-learn's `feature_names_in_`, if there are any.
    """

    kind: str
    parameters: Mapping[str, Any]
    input_shape: tuple[int, ...]
    classes: np.ndarray
    class_count: np.ndarray
    tally: np.ndarray
    prior: np.ndarray
    seed: int
    feature_count: int | None = None
    feature_names: np.ndarray | None = None


def save(state: TrainedState, path: Path) -> None:
    """Write a trained classifier to `path`.

    Args:
        state: What to write.
        path: The file; an old one is replaced.

    Raises:
        ValueError: For what the format cannot hold.
        OSError: If the folder does not exist or cannot be written to.
    """
    parameters, parameter_arrays = _apart(state.parameters)
    header = {
        "model": state.kind,
        "parameters": parameters,
        "shape": state.input_shape,
        "classes": labels_to_json(state.classes),
        "seed": state.seed,
        "n_features_in": state.feature_count,
        "feature_names_in": state.feature_names,
    }
    learned = {
        "tally": state.tally,
        "class_count": state.class_count,
        "prior": state.prior,
    }
    words = json.loads(json.dumps(header, default=plain))
    arrays.write(path, FORMAT, words, (learned | parameter_arrays).items())


def load(path: Path, kind: str) -> TrainedState:
    """Read a trained classifier of the class called `kind` from `path`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a file that is not wholly what `save` wrote, or holds another
            class.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model file at {path}")
    file = arrays.open_file(path, FORMAT)
    header, stored = file.header, file.header.get("model")
    if stored != kind:
        raise ValueError(f"{path} holds a {stored}, not a {kind}; use {stored}.load")
    try:
        contents = file.read()
        names = header["feature_names_in"]
        return TrainedState(
            kind=kind,
            parameters=_together(header["parameters"], contents),
            input_shape=tuple(header["shape"]),
            classes=labels_from_json(header["classes"]),
            class_count=contents["class_count"],
            tally=contents["tally"],
            prior=contents["prior"],
            seed=header["seed"],
            feature_count=header["n_features_in"],
            feature_names=None if names is None else np.array(names, object),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _apart(
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


def _together(
    numbers: Mapping[str, Any], tensors: Mapping[str, np.ndarray]
) -> dict[str, Any]:
    """The parameters from which `_apart` made these."""
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


def labels_to_json(classes: np.ndarray) -> dict[str, Any]:
    """Labels in JSON's terms.

    Raises:
        ValueError: For labels that are neither numbers nor text.
    """
    if not all(isinstance(label, str | int | float) for label in classes.tolist()):
        raise ValueError(
            f"cannot save class labels of dtype {classes.dtype}; use numbers or strings"
        )
    dtype = "O" if classes.dtype.kind == "O" else classes.dtype.str
    return {"dtype": dtype, "values": classes.tolist()}


def labels_from_json(stored: Mapping[str, Any]) -> np.ndarray:
    """The labels from which `labels_to_json` made these."""
    return np.array(stored["values"], stored["dtype"])


def plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise ValueError(f"cannot save a parameter of type {type(value).__name__}")


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
