"""Encoder, prior and sums of a coupled classifier, as words and arrays to store.

Of the symmetric sums of pairs the lower triangle is written. An encoder or a prior that
is not of this package is not written, only what tells it from another.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from isinglass.systems.interference._signature import signature
from isinglass.systems.interference.coupled.dipoles import DipoleEncoder
from isinglass.systems.interference.coupled.gaussian_prior import GaussianPrior
from isinglass.systems.interference.coupled.pair_sums import PairSums
from isinglass.systems.interference.coupled.strokes import StrokePrior

_OURS = {kind.__name__: kind for kind in (DipoleEncoder, StrokePrior, GaussianPrior)}


def parts_to_words(
    parts: Mapping[str, Any],
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """An encoder and a prior by name, as words and arrays."""
    words, arrays = {}, {}
    for name, part in parts.items():
        settings = None
        if type(part) in _OURS.values():
            settings = part.get_params(deep=False)
            if isinstance(part, GaussianPrior):
                arrays |= {key: np.asarray(settings[key], float) for key in settings}
                settings = {}
        words[name] = {
            "kind": None if part is None else type(part).__name__,
            "settings": settings,
            "signature": _digest(part),
        }
    return words, arrays


def parts_from_words(
    words: Mapping[str, Any], arrays: Mapping[str, np.ndarray], own: Mapping[str, Any]
) -> dict[str, Any]:
    """Encoder and prior: the user's `own`, or ours as they were."""
    return {name: _part(words[name], own[name], arrays) for name in own}


def check_same_parts(path: Path, words: Any, parts: Mapping[str, Any]) -> None:
    """Refuse an encoder or a prior with which the model of this file did not learn."""
    for name, part in parts.items():
        if _digest(part) != words[name]["signature"]:
            raise ValueError(
                f"{path} was learned with another {name}, a {words[name]['kind']}; "
                f"hand the same one to load as {name}=…, got {part!r}"
            )


def sums_to_arrays(sums: Sequence[PairSums]) -> dict[str, np.ndarray]:
    """The sums of all classes."""
    lower = np.tril_indices(len(sums[0].total))
    return {
        "counts": np.array([part.count for part in sums], np.int64),
        "totals": np.stack([part.total for part in sums]),
        "pairs": np.stack([part.pairs[lower] for part in sums]),
    }


def sums_from_arrays(
    arrays: Mapping[str, np.ndarray], n_classes: int
) -> tuple[PairSums, ...]:
    """The sums from which `sums_to_arrays` made these."""
    counts, totals, entries = (arrays[name] for name in ("counts", "totals", "pairs"))
    n_features = totals.shape[1]
    lower = np.tril_indices(n_features)
    sizes = (counts.shape, totals.shape, entries.shape)
    if sizes != ((n_classes,), (n_classes, n_features), (n_classes, len(lower[0]))):
        raise ValueError(f"sums of shapes {sizes} do not fit {n_classes} classes")
    sums = []
    for count, total, triangle in zip(counts, totals, entries, strict=True):
        pairs = np.empty((n_features, n_features), np.int64)
        pairs[lower] = triangle
        pairs.T[lower] = triangle
        sums.append(PairSums(int(count), total, pairs))
    return tuple(sums)


def _part(words: Any, own: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    if own is not None or words["settings"] is None:
        return own
    kind = _OURS[words["kind"]]
    if kind is GaussianPrior:
        return kind(arrays["mean"], arrays["covariance"])
    return kind(**words["settings"])


def _digest(part: Any) -> Any:
    """The signature as JSON has it."""
    return json.loads(json.dumps(signature(part)))
