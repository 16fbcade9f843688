"""Features in units of what a prior expects: a scikit-learn transformer."""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from isinglass._common.samples import read_inputs
from isinglass.systems.interference._features import whole_features
from isinglass.systems.interference.coupled.dipoles import DipoleEncoder
from isinglass.systems.interference.coupled.gaussian_prior import (
    check_prior,
    full_moments,
)
from isinglass.systems.interference.coupled.strokes import StrokePrior


class Whitening(TransformerMixin, BaseEstimator):
    """Whiten pictures by a prior: x = Σ₀^{−1/2} (f − m₀), with f from an encoder.

    In these coordinates pictures of a class differ alike in all directions, as far as
    the prior is right. Any learner may use them, and most gain: they are what
    `CoupledClassifier` knows beforehand, without what it learns. Nothing is learned
    from the pictures that it is fitted to but their shape.

    X are pictures, which it encodes by itself: no encoder stands before it.

    Args:
        encoder: What turns inputs into whole numbers; a `DipoleEncoder()` if None.
        prior: Mean m₀ and covariance Σ₀; a `StrokePrior()` if None.

    Attributes:
        mean_: m₀, (D,).
        root_: The symmetric root Σ₀^{−1/2}, (D, D).
        input_shape_: Shape of an input.
        n_features_in_: Its numbers.

    Example:
        >>> make_pipeline(Whitening(), LogisticRegression()).fit(images, labels)
    """

    def __init__(self, *, encoder: Any = None, prior: Any = None) -> None:
        self.encoder = encoder
        self.prior = prior

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = []  # float64 from any
        return tags

    def fit(self, X, y=None) -> "Whitening":
        """Take note of the shape of the inputs, and compute the prior for it.

        Args:
            X: Inputs, as the encoder takes them.
            y: Not used.

        Raises:
            ValueError: For a parameter or an input that cannot be used, naming it.
        """
        X = read_inputs(self, X, reset=True)
        encoder = DipoleEncoder() if self.encoder is None else self.encoder
        prior = StrokePrior() if self.prior is None else self.prior
        check_prior(prior)
        n_features = whole_features(encoder, X[:1]).shape[1]
        mean, covariance = prior.moments(encoder, X.shape[1:])
        moments = full_moments(mean, covariance, n_features)
        values, vectors = eigh(moments.covariance)
        self.input_shape_ = X.shape[1:]
        self.mean_ = moments.mean
        self.root_ = (vectors / np.sqrt(values)) @ vectors.T
        return self

    def transform(self, X) -> Float[np.ndarray, "n D"]:
        """Whitened features x, (n, D).

        Args:
            X: Inputs of the shape fitted.

        Raises:
            ValueError: For an input that cannot be used.
        """
        check_is_fitted(self)
        X = read_inputs(self, X, reset=False)
        encoder = DipoleEncoder() if self.encoder is None else self.encoder
        return (whole_features(encoder, X) - self.mean_) @ self.root_
