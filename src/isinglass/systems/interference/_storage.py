"""Trained models on disk: one safetensors file, no pickle, written whole or not at all."""

import hashlib
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from isinglass._common.files import write_bytes
from isinglass.systems.interference.geometry import Geometry

if TYPE_CHECKING:
    import isinglass.systems.interference._estimator

# Named in full: the module that defines it imports this one.
Model = TypeVar(
    "Model", bound="isinglass.systems.interference._estimator.RouteClassifier"
)

FORMAT = "isinglass-interference"
VERSION = 1


def save(
    model: "isinglass.systems.interference._estimator.RouteClassifier", path: Path
) -> None:
    """Write `model` to `path`.

    Args:
        model: A trained model.
        path: The file; an old one is replaced.

    Raises:
        ValueError: For what the format cannot hold.
        OSError: If the folder does not exist or cannot be written to.
    """
    parameters = model.get_params(deep=False)
    tensors = {
        "tally": model.tally_,
        "class_count": model.class_count_,
        "prior": model.prior_,
    }
    geometry = parameters.pop("geometry")
    if isinstance(geometry, Geometry):
        if not isinstance(geometry.metric, str):
            raise ValueError(
                "cannot save a model whose geometry has a callable metric; name a "
                "scipy metric"
            )
        tensors |= {"sources": geometry.sources, "targets": geometry.targets}
        parameters |= {"metric": geometry.metric, "speed": float(geometry.speed)}
    if not isinstance(parameters["route_prior"], str):
        tensors["route_prior"] = np.asarray(
            parameters.pop("route_prior"), dtype=np.float64
        )
    if not isinstance(parameters["random_state"], int | np.integer):
        parameters["random_state"] = None
    header = {
        "format": FORMAT,
        "version": VERSION,
        "model": type(model).__name__,
        "parameters": parameters,
        "classes": {
            "dtype": _label_dtype(model.classes_),
            "values": model.classes_.tolist(),
        },
        "seed": model.seed_,
        "shape": getattr(model, model._shape_attribute),
        "n_features_in": getattr(model, "n_features_in_", None),
        "feature_names_in": getattr(model, "feature_names_in_", None),
    }
    text = json.dumps(header, default=_plain)
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    metadata = {"isinglass": text, "sha256": _digest(text, tensors)}
    write_bytes(path, to_bytes(tensors, metadata=metadata))


def load(cls: type[Model], path: Path) -> Model:
    """Read a model of class `cls` from `path`.

    Args:
        cls: The class that the model must have.
        path: The file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a file that is not wholly what `save` wrote, or another model's.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model file at {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, AttributeError, OSError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a whole safetensors file: {error}") from None
    try:
        text, digest = metadata["isinglass"], metadata["sha256"]
        header = json.loads(text)
        kind, version, name = header["format"], header["version"], header["model"]
    except (KeyError, TypeError, ValueError):
        raise ValueError(
            f"{path} is a safetensors file, but not one of Isinglass's models"
        ) from None
    if (kind, version) != (FORMAT, VERSION):
        raise ValueError(
            f"{path} has format {kind!r} version {version!r}; expected {FORMAT!r} "
            f"version {VERSION}"
        )
    if digest != _digest(text, tensors):
        raise ValueError(f"{path} is damaged: its checksum does not fit its content")
    if name != cls.__name__:
        raise ValueError(
            f"{path} holds a {name}, not a {cls.__name__}; use {name}.load"
        )
    try:
        return _rebuild(cls, header, tensors)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _digest(text: str, tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype.str} {tensor.shape}".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()


def _rebuild(
    cls: type[Model], header: dict[str, Any], tensors: dict[str, np.ndarray]
) -> Model:
    parameters = header["parameters"]
    if "sources" in tensors:
        metric, speed = parameters.pop("metric"), parameters.pop("speed")
        parameters["geometry"] = Geometry(
            tensors["sources"], tensors["targets"], metric, speed
        )
    if "route_prior" in tensors:
        parameters["route_prior"] = tensors["route_prior"]
    known = inspect.signature(cls).parameters
    model = cls(
        **{key: _tuples(value) for key, value in parameters.items() if key in known}
    )
    setattr(model, cls._shape_attribute, tuple(header["shape"]))
    if header["n_features_in"] is not None:
        model.n_features_in_ = header["n_features_in"]
    if header["feature_names_in"] is not None:
        model.feature_names_in_ = np.array(header["feature_names_in"], dtype=object)
    model.classes_ = np.array(
        header["classes"]["values"], dtype=header["classes"]["dtype"]
    )
    model.seed_ = header["seed"]
    model.tally_, model.prior_ = tensors["tally"], tensors["prior"]
    model.class_count_ = tensors["class_count"]
    stage = (model._n_sources(), len(model.classes_))
    shapes = {
        "tally": (*stage, model._tally_width()),
        "prior": (*stage, model.n_durations),
        "class_count": stage[1:],
    }
    for name, shape in shapes.items():
        if tensors[name].shape != shape:
            raise ValueError(
                f"{name} has shape {tensors[name].shape}, expected {shape}"
            )
    model._check_parameters()
    model._learned_with = model._rule()
    return model


def _label_dtype(classes: np.ndarray) -> str:
    if not all(isinstance(label, str | int | float) for label in classes.tolist()):
        raise ValueError(
            f"cannot save class labels of dtype {classes.dtype}; use numbers or strings"
        )
    return "O" if classes.dtype.kind == "O" else classes.dtype.str


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise ValueError(f"cannot save a parameter of type {type(value).__name__}")


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
