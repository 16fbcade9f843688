"""Trained coupled classifiers on disk: whole numbers in one file, no pickle.

The file is that of `isinglass._common.arrays`. Of the symmetric sums of pairs the lower
triangle is written.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from isinglass._common import arrays
from isinglass.systems.interference._signature import signature
from isinglass.systems.interference._storage import (
    labels_from_json,
    labels_to_json,
    plain,
)
from isinglass.systems.interference.coupled.dipoles import DipoleEncoder
from isinglass.systems.interference.coupled.gaussian_prior import GaussianPrior
from isinglass.systems.interference.coupled.pair_sums import PairSums
from isinglass.systems.interference.coupled.strokes import StrokePrior

FORMAT = arrays.Format("isinglass-coupled", 1, "coupled model of isinglass")
_OURS = {kind.__name__: kind for kind in (DipoleEncoder, StrokePrior, GaussianPrior)}
_PARTS = ("encoder", "prior")


class State(NamedTuple):
    """Parameters of the constructor, and the attributes that learning sets."""

    parameters: dict[str, Any]
    attributes: dict[str, Any]


def save(model: Any, sums: Sequence[PairSums], path: Path) -> None:
    """Write a trained model to `path`.

    Raises:
        ValueError: For what the format cannot hold.
        OSError: If the folder does not exist or cannot be written to.
    """
    stored, parts = {}, {}
    for name in _PARTS:
        part = getattr(model, name)
        settings = None
        if type(part) in _OURS.values():
            settings = part.get_params(deep=False)
            if isinstance(part, GaussianPrior):
                stored |= {key: np.asarray(settings[key], float) for key in settings}
                settings = {}
        parts[name] = {
            "kind": None if part is None else type(part).__name__,
            "settings": settings,
            "signature": _digest(part),
        }
    class_prior = model.class_prior
    if not isinstance(class_prior, str):
        class_prior = np.asarray(class_prior, float)
    header = {
        **parts,
        "strength": float(model.strength),
        "mean_strength": float(model.mean_strength),
        "class_prior": class_prior,
        "input_shape": model.input_shape_,
        "classes": labels_to_json(model.classes_),
        "n_features_in": model.n_features_in_,
        "feature_names_in": getattr(model, "feature_names_in_", None),
    }
    lower = np.tril_indices(len(sums[0].total))
    stored |= {
        "counts": np.array([part.count for part in sums], np.int64),
        "totals": np.stack([part.total for part in sums]),
        "pairs": np.stack([part.pairs[lower] for part in sums]),
    }
    words = json.loads(json.dumps(header, default=plain))
    arrays.write(path, FORMAT, words, stored.items())


def load(path: Path, **own: Any) -> State:
    """Read what `save` wrote.

    Args:
        path: The file.
        **own: `encoder` and `prior` of the user's own, or None.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a file that is not wholly what `save` wrote, or whose encoder or
            prior is another.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model file at {path}")
    file = arrays.open_file(path, FORMAT)
    header = file.header
    try:
        stored = file.read()
        parts = {name: _part(header[name], own[name], stored) for name in _PARTS}
        parameters = {
            key: header[key] for key in ("strength", "mean_strength", "class_prior")
        }
        attributes = _learned(header, stored)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    for name in _PARTS:
        if _digest(parts[name]) != header[name]["signature"]:
            raise ValueError(
                f"{path} was learned with another {name}, a {header[name]['kind']}; "
                f"hand the same one to load as {name}=…, got {parts[name]!r}"
            )
    return State(parameters | parts, attributes)


def _learned(header: Any, stored: dict[str, np.ndarray]) -> dict[str, Any]:
    labels = labels_from_json(header["classes"])
    counts, totals = stored["counts"], stored["totals"]
    n_features = totals.shape[1]
    lower = np.tril_indices(n_features)
    sizes = (counts.shape, totals.shape, stored["pairs"].shape)
    if sizes != (labels.shape, (len(labels), n_features), (len(labels), len(lower[0]))):
        raise ValueError(f"sums of shapes {sizes} do not fit {len(labels)} classes")
    sums = []
    for count, total, entries in zip(counts, totals, stored["pairs"], strict=True):
        pairs = np.empty((n_features, n_features), np.int64)
        pairs[lower] = entries
        pairs.T[lower] = entries
        sums.append(PairSums(int(count), total, pairs))
    attributes = {
        "classes_": labels,
        "_sums": tuple(sums),
        "input_shape_": tuple(header["input_shape"]),
        "n_features_in_": header["n_features_in"],
    }
    names = header["feature_names_in"]
    if names is not None:
        attributes["feature_names_in_"] = np.array(names, object)
    return attributes


def _part(words: Any, own: Any, stored: dict[str, np.ndarray]) -> Any:
    """An encoder or a prior: the user's own, or ours as it was."""
    if own is not None or words["settings"] is None:
        return own
    kind = _OURS[words["kind"]]
    if kind is GaussianPrior:
        return kind(stored["mean"], stored["covariance"])
    return kind(**words["settings"])


def _digest(part: Any) -> Any:
    """The signature as JSON has it."""
    return json.loads(json.dumps(signature(part)))
