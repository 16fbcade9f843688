"""Trained models on disk: one safetensors file, no pickle, written whole or not at all."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from isinglass._atomic import write_bytes
from isinglass.interference.geometry import Geometry

if TYPE_CHECKING:
    from isinglass.interference._estimator import RouteClassifier

    Model = TypeVar("Model", bound=RouteClassifier)

FORMAT = "isinglass-interference"
VERSION = 1
_SHAPES = ("image_shape_", "wave_shape_")


def save(model: RouteClassifier, path: Path) -> None:
    """Write `model` to `path`."""
    parameters = model.get_params(deep=False)
    tensors = {
        "tally": model.tally_,
        "class_count": model.class_count_,
        "prior": model.prior_,
    }
    geometry = parameters.pop("geometry")
    if isinstance(geometry, Geometry):
        if not isinstance(geometry.metric, str):
            raise ValueError("cannot save a model whose geometry has a callable metric; name a scipy metric")
        tensors |= {"sources": geometry.sources, "targets": geometry.targets}  # pyright: ignore
        parameters |= {"metric": geometry.metric, "speed": float(geometry.speed)}
    if not isinstance(parameters["route_prior"], str):
        tensors["route_prior"] = np.asarray(parameters.pop("route_prior"), dtype=np.float64)
    if not isinstance(parameters["random_state"], int | np.integer):
        parameters["random_state"] = None
    header = {
        "format": FORMAT,
        "version": VERSION,
        "model": type(model).__name__,
        "parameters": parameters,
        "classes": {"dtype": _label_dtype(model.classes_), "values": model.classes_.tolist()},
        "seed": model.seed_,
        "n_features_in": model.n_features_in_,
        "shape": {name: getattr(model, name) for name in _SHAPES if hasattr(model, name)},
    }
    metadata = {"isinglass": json.dumps(header, default=_plain)}
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    write_bytes(path, to_bytes(contiguous, metadata=metadata))


def load(cls: type[Model], path: Path) -> Model:
    """Read a model of class `cls` from `path`."""
    if not path.is_file():
        raise FileNotFoundError(f"no model file at {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    try:
        header = json.loads(metadata["isinglass"])
        kind, version, name = header["format"], header["version"], header["model"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is a safetensors file, but not one of Isinglass's models") from None
    if (kind, version) != (FORMAT, VERSION):
        raise ValueError(f"{path} has format {kind!r} version {version!r}; expected {FORMAT!r} {VERSION}")
    if name != cls.__name__:
        raise ValueError(f"{path} holds a {name}, not a {cls.__name__}; use {name}.load")
    try:
        return _rebuild(cls, header, tensors)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _rebuild(cls: type[Model], header: dict[str, Any], tensors: dict[str, np.ndarray]) -> Model:
    parameters = header["parameters"]
    if "sources" in tensors:
        parameters["geometry"] = Geometry(
            tensors["sources"], tensors["targets"], parameters.pop("metric"), parameters.pop("speed")
        )
    if "route_prior" in tensors:
        parameters["route_prior"] = tensors["route_prior"]
    known = set(inspect.signature(cls.__init__).parameters)
    parameters = {key: _tuples(value) for key, value in parameters.items() if key in known}
    model = cls(**parameters)
    for attribute, value in header["shape"].items():
        setattr(model, attribute, tuple(value))
    model.n_features_in_ = header["n_features_in"]
    model.classes_ = np.array(header["classes"]["values"], dtype=header["classes"]["dtype"])
    model.seed_ = header["seed"]
    model.tally_, model.class_count_, model.prior_ = (tensors[k] for k in ("tally", "class_count", "prior"))
    n_sources, n_classes, n_durations = model.prior_.shape
    shapes = (model.tally_.shape[:2], model.class_count_.shape, (len(model.classes_),), model.n_durations)
    if shapes != ((n_sources, n_classes), (n_classes,), (n_classes,), n_durations):
        raise ValueError(f"tensor shapes do not fit together: {shapes}")
    model._learned_with = model._rule()
    return model


def _label_dtype(classes: np.ndarray) -> str:
    if classes.dtype.kind not in "biufUO" or not all(
        isinstance(label, str | int | float | bool) for label in classes.tolist()
    ):
        raise ValueError(f"cannot save class labels of dtype {classes.dtype}; use numbers or strings")
    return "O" if classes.dtype.kind == "O" else classes.dtype.str


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise ValueError(f"cannot save a parameter of type {type(value).__name__}")


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
