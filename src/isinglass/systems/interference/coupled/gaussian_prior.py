"""What is taken for granted of features before any is learned.

A prior is anything with a method `moments(encoder, input_shape)` that returns the mean
m₀ and the covariance Σ₀ of the features of a class. `GaussianPrior` states them;
`strokes.StrokePrior` takes them from random pen strokes.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import LinAlgError, cholesky
from sklearn.base import BaseEstimator

from isinglass._common.checks import as_real_array
from isinglass._common.types import ArrayLike


class Moments(NamedTuple):
    """Mean and covariance of the features of a class, as a prior has them.

    Attributes:
        mean: m₀, (D,).
        covariance: Σ₀, (D, D), positive definite.
        root: Its lower Cholesky factor, (D, D).
    """

    mean: np.ndarray
    covariance: np.ndarray
    root: np.ndarray


class Prior(Protocol):
    """What a `CoupledClassifier` takes as its prior."""

    def moments(
        self, encoder: Any, input_shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance, or a number for either that stands for all of it."""
        ...


def check_prior(prior: Any) -> None:
    """Refuse what is no prior.

    Raises:
        TypeError: If it has no method `moments`.
    """
    if isinstance(prior, type) or not callable(getattr(prior, "moments", None)):
        raise TypeError(
            f"prior must have a method moments(encoder, input_shape), got {prior!r}"
        )


class GaussianPrior(BaseEstimator):
    """A prior that is stated: mean m₀ and covariance Σ₀ of the features of a class.

    Args:
        mean: m₀, in units of the features: (D,), or one number for all.
        covariance: Σ₀: (D, D), positive definite, or a positive number that stands for
            as many times the identity.
    """

    def __init__(self, mean: ArrayLike = 0.0, covariance: ArrayLike = 1.0) -> None:
        self.mean = mean
        self.covariance = covariance

    def moments(
        self, encoder: Any, input_shape: tuple[int, ...]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the moments as they were stated, whatever is encoded."""
        return (
            as_real_array("mean", self.mean),
            as_real_array("covariance", self.covariance),
        )


def full_moments(mean: np.ndarray, covariance: np.ndarray, n_features: int) -> Moments:
    """Moments of D features, checked.

    Raises:
        ValueError: If the prior is of another number of features, or its covariance not
            symmetric and positive definite.
    """
    shapes = ((), (n_features,)), ((), (n_features, n_features))
    for name, value, allowed in zip(
        ("mean", "covariance"), (mean, covariance), shapes, strict=True
    ):
        if value.shape not in allowed:
            raise ValueError(
                f"the prior's {name} must be of shape {allowed[1]} for {n_features} "
                f"features, or a number, got shape {value.shape}"
            )
    mean = np.broadcast_to(mean, n_features)
    if covariance.ndim == 0:
        covariance = covariance * np.eye(n_features)
    if not np.allclose(covariance, covariance.T, rtol=1e-9, atol=0):
        raise ValueError("the prior's covariance must be symmetric")
    try:
        root = np.asarray(cholesky(covariance, lower=True))
    except LinAlgError:
        raise ValueError("the prior's covariance must be positive definite") from None
    return Moments(mean, covariance, root)


def within_groups(
    features: Int[np.ndarray, "groups copies D"], ridge: float
) -> tuple[Float[np.ndarray, "D"], Float[np.ndarray, "D D"]]:
    """Mean of features, and their covariance within groups plus a ridge.

    The ridge is that many times the mean variance, on the diagonal. Sums are of whole
    numbers and exact.
    """
    groups, copies, n_features = features.shape
    flat = features.reshape(-1, n_features).astype(np.float64)
    totals = features.sum(axis=1).astype(np.float64)
    scatter = copies * (flat.T @ flat) - totals.T @ totals
    within = scatter / (copies * groups * (copies - 1))
    # Where nothing varies, as in pictures of one pixel, the unit of whole numbers.
    mean_variance = np.trace(within) / n_features or 1.0
    return flat.mean(axis=0), within + ridge * mean_variance * np.eye(n_features)
