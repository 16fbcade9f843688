"""Layers of targets that relay: what switches below is heard above (Tang 2020, §5.2).

A target that has learned is itself a mean-field tensor. When what it hears brings it to
the end of its branch it switches, and emits along its own routes, on which its signal
arrives after the travel time. What hears these signals learns by the very same law.
"""

from copy import deepcopy
from typing import Any

import numpy as np
from jaxtyping import Float
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from isinglass._common.checks import as_real_array, check_positive
from isinglass._common.types import ArrayLike
from isinglass.systems.interference.tensors.response import spinodal


class RelayLayer(TransformerMixin, BaseEstimator):
    """Turn inputs into what the targets of a trained classifier emit.

    The field at target y is h_y = β(s_y − max s_z)/2 over the other targets z, with s
    the decision of the classifier (its energies J, if it has routes), so that the
    target that answers has h ≥ 0 and all others h ≤ 0. Each starts on its lower branch,
    as a tensor of coupling x (`RelayNetwork`), and switches where h_y reaches the end
    of it, h_s(x). Up to x = 1 exactly those switch that answer, beyond it only one that
    is sure enough.

    A `WaveClassifier` above has a source for each target here, and routes with travel
    times from each: ``WaveClassifier(…).fit(layer.transform(X), y)``. Signals of
    several inputs stand side by side (`np.concatenate`, axis 1) or meet (`meeting`). A
    `RelayLayer` of that classifier is the next layer.

    **Laws.** `fit` takes a copy of the classifier: what it learns later is not heard
    here. So the layer is a fixed function of the input, and what learns above it keeps
    all laws of its own, of order, division, `merge` and `forget`. To forget below is to
    make the layer anew, and what is above it. X is not looked at by `fit`.

    Args:
        model: A trained classifier of two classes or more with `decision_function` or
            `predict_log_proba`. (`sklearn.base.clone` leaves a model untrained that is
            not in a `sklearn.frozen.FrozenEstimator`.)
        coupling: x = βn̄ ≥ 0, one for all targets.
        beta: β > 0, the unit of the decisions.

    Attributes:
        model_: The copy.
        threshold_: h_s, 0 up to x = 1.

    Example:
        >>> layer = RelayLayer(InterferenceClassifier().fit(digits, labels)).fit(digits)
        >>> signals = meeting(layer.transform(left), layer.transform(right))
        >>> same = WaveClassifier(geometry=stage).fit(signals, are_same)

    Source: Tang 2020, §5.2, in words; the field is our reading.
    """

    model_: Any
    threshold_: float

    def __init__(self, model: Any, *, coupling: float = 0.0, beta: float = 1.0) -> None:
        self.model = model
        self.coupling = coupling
        self.beta = beta

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = []  # float64 from any
        return tags

    def fit(self, X=None, y=None) -> "RelayLayer":
        """Take a copy of the classifier as it is now.

        Args:
            X: Not used.
            y: Not used.

        Raises:
            TypeError: If the model is no classifier that says how sure it is.
            ValueError: For parameters out of range, or a model of one class.
            NotFittedError: If it is not trained.
        """
        check_positive(beta=self.beta)
        edge = float(spinodal(as_real_array("coupling", self.coupling, ())).field)
        if _decide(self.model) is None:
            raise TypeError(
                "model must have decision_function or predict_log_proba, got "
                f"{self.model!r}"
            )
        check_is_fitted(self.model, msg="model must be trained")
        if len(self.model.classes_) < 2:
            raise ValueError(
                f"model must have learned two classes, got {self.model.classes_}"
            )
        self.model_, self.threshold_ = deepcopy(self.model), np.nan_to_num(edge)
        return self

    def fields(self, X) -> Float[np.ndarray, "n C"]:
        """Field h at every target, as the class says.

        Args:
            X: Inputs of the classifier, (n, …).
        """
        check_is_fitted(self)
        decide: Any = _decide(self.model_)
        score = np.asarray(decide(X), float)
        if score.ndim == 1:  # scikit-learn's form for two classes
            score = np.stack([np.zeros(len(score)), score], axis=1)
        first, second = np.sort(score, axis=1)[:, :-3:-1].T
        rival = np.where(score == first[:, None], second[:, None], first[:, None])
        return float(self.beta) / 2 * (score - rival)

    def transform(self, X) -> Float[np.ndarray, "n C 1 1"]:
        """Signals that the targets emit, 1 of one that switches and else 0.

        Args:
            X: Inputs of the classifier, (n, …).

        Returns:
            Waves of one time step and one component, as `WaveClassifier` takes them.
        """
        switches = self.fields(X) >= self.threshold_
        return switches[:, :, None, None].astype(float)


def meeting(*signals: ArrayLike) -> Float[np.ndarray, "n S L 1"]:
    """Signals that are heard where they meet alone: products of one of each.

    Where targets of several layers, or of one layer for several inputs, emit to the
    same place, what arrives together counts as one signal of its own. So there is a
    source for each combination of targets, the last layer's fastest, and of S₁ and S₂
    there are S₁·S₂.

    Args:
        signals: Waves of one component, (n, sources, time, 1), at least one, alike but
            for their sources.

    Raises:
        ValueError: If there are none, or their shapes do not fit.

    Source: Tang 2020, §5.2 and Eq. 1 (pairs of guests).
    """
    if not signals:
        raise ValueError("signals must be one array or more, got none")
    parts = [
        as_real_array(f"signals[{place}]", part, (None, None, None, 1))
        for place, part in enumerate(signals)
    ]
    result, *others = parts
    n, _, steps, _ = result.shape
    for place, part in enumerate(others, start=1):
        if part.shape[0] != n or part.shape[2] != steps:
            raise ValueError(
                f"signals[{place}] must be of shape ({n}, sources, {steps}, 1), got "
                f"{part.shape}"
            )
        count = result.shape[1] * part.shape[1]
        result = (result[:, :, None] * part[:, None]).reshape(n, count, steps, 1)
    return np.array(result, float)


def _decide(model: Any) -> Any:
    """What says of each class how sure the model is, or nothing."""
    if isinstance(model, type):
        return None
    for name in ("decision_function", "predict_log_proba"):
        decide = getattr(model, name, None)
        if callable(decide):
            return decide
    return None
