"""Digits learned, read, forgotten and merged, for JavaScript to do again."""

import warnings
from typing import Any

import jax.numpy as jnp
import numpy as np

from isinglass._common.precision import double_precision
from isinglass.explore.browser.digit_data import (
    encoder,
    learners,
    unpacked,
)
from isinglass.explore.browser.sections import shipped
from isinglass.systems.interference import (
    InterferenceClassifier,
    encode_images,
    uniform_host,
)
from isinglass.systems.interference.learning import is_similar

FIRST_FIVE = 50  # lessons, ten of each digit in turn
CHOSEN = slice(0, None, 7)  # samples whose curves travel


def digit_vectors() -> dict[str, Any]:
    data = shipped("digit")
    pictures = unpacked(data["pictures"])
    labels = np.array(data["labels"])
    lessons, samples = pictures[: len(labels)], pictures[len(labels) :]
    return {
        "data": data,
        "pixels": pictures.reshape(len(pictures), -1).tolist(),
        "routes": _routes(data, lessons, labels, samples),
        "couplings": _couplings(data, lessons, labels, samples),
    }


def _routes(
    data: dict[str, Any], lessons: np.ndarray, labels: np.ndarray, samples: np.ndarray
) -> dict[str, Any]:
    def read(model: InterferenceClassifier) -> dict[str, Any]:
        return {
            "tally": np.moveaxis(model.tally_, 1, 0).ravel().tolist(),
            "shares": (model.route_probabilities_ * model._reachable())
            .sum(axis=-1)
            .T.ravel()
            .tolist(),
            "temperature": model.temperature_,
            "curves": model.energy_over_time(samples[CHOSEN]).tolist(),
            "probabilities": model.predict_proba(samples).tolist(),
        }

    model = learners(data)["routes"].set_params(n_signals=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = read(model.partial_fit(lessons, labels, classes=range(10)))
        model.forget(lessons[FIRST_FIVE:], labels[FIRST_FIVE:])
        half = read(model)
    with double_precision():
        dipoles = np.asarray(encode_images(jnp.asarray(samples), (3, 3)))
        similarity = dipoles @ np.asarray(uniform_host(9))
    opposite = is_similar(-similarity, 0.7)
    return {
        "whole": whole,
        "half": half,
        "directions": dipoles[CHOSEN, :, 1:].reshape(-1, 81 * 9).tolist(),
        "kinds": np.where(
            is_similar(similarity, 0.7), 0, np.where(opposite, 2, 1)
        ).tolist(),
    }


def _couplings(
    data: dict[str, Any], lessons: np.ndarray, labels: np.ndarray, samples: np.ndarray
) -> dict[str, Any]:
    model = learners(data)["couplings"].fit(lessons, labels)
    triangle = np.tril_indices(len(data["mean"]))
    whole = model.log_evidence(samples)
    sums = model.feature_sums_, model.pair_sums_[(slice(None), *triangle)]
    model.forget(lessons[1:10], labels[1:10])  # nine of the ten pictures of 0
    return {
        "features": encoder().transform(np.concatenate([lessons, samples])).tolist(),
        "total": sums[0].tolist(),
        "pairs": [sums[1][digit].tolist() for digit in (0, 7)],
        "evidence": whole.tolist(),
        "after": model.log_evidence(samples)[:, 0].tolist(),
    }
