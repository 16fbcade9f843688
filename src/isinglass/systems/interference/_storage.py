"""Trained classifiers on disk: one file of arrays, no pickle, whole or not at all.

The file is that of `isinglass._common.arrays`. This module knows words and arrays, and
nothing of the estimators themselves.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from isinglass._common import arrays

FORMAT = arrays.Format("isinglass-interference", 1, "model of isinglass's interference")


def save(
    path: Path, kind: str, words: Mapping[str, Any], sums: Mapping[str, np.ndarray]
) -> None:
    """Write a trained classifier to `path`.

    Args:
        path: The file; an old one is replaced.
        kind: Name of the estimator's class.
        words: What it amounts to, as JSON has it, NumPy's numbers and arrays included.
        sums: And the arrays.

    Raises:
        ValueError: For what the format cannot hold.
        OSError: If the folder does not exist or cannot be written to.
    """
    header = json.loads(json.dumps({"model": kind, **words}, default=_plain))
    arrays.write(path, FORMAT, header, sums.items())


def load(path: Path, kind: str) -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
    """Read words and arrays of a classifier of the class called `kind` from `path`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: For a file that is not wholly what `save` wrote, or holds another
            class.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no model file at {path}")
    file = arrays.open_file(path, FORMAT)
    stored = file.header.get("model")
    if stored != kind:
        raise ValueError(f"{path} holds a {stored}, not a {kind}; use {stored}.load")
    with damage(path):
        return file.header, file.read()


@contextmanager
def damage(path: Path) -> Iterator[None]:
    """Say that the file is damaged where its words or arrays do not fit each other."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


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


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise ValueError(f"cannot save a parameter of type {type(value).__name__}")


def input_to_json(model: Any) -> dict[str, Any]:
    """What scikit-learn remembers of the inputs first learned."""
    names = ("n_features_in_", "feature_names_in_")
    return {name: getattr(model, name) for name in names if hasattr(model, name)}


def input_from_json(stored: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes from which `input_to_json` made these."""
    attributes = {name: stored[name] for name in ("n_features_in_",) if name in stored}
    if "feature_names_in_" in stored:
        attributes["feature_names_in_"] = np.array(stored["feature_names_in_"], object)
    return attributes
