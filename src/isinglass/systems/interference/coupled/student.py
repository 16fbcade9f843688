"""The predictive density of a class: a Student t whose couplings are learned.

Under a normal–inverse-Wishart prior of mean m₀ and covariance Σ₀, the samples of a
class and the next one are exchangeable, and the density of the next one x, in whitened
coordinates Σ₀^{−1/2}(f − m₀), is that of a multivariate Student t. With κ_n = κ + n, m
= Σx/κ_n, Λ = νI + Σxxᵀ − κ_n m mᵀ, r = κ_n/(κ_n + 1) and e = ν + n + 2 + D its
logarithm, but for the constant (D/2) log πν, is

    log Γ(e/2) − log Γ((e − D)/2) − ½ log|Λ/ν| + (D/2) log r
        − (e/2) log(1 + r (x − m)ᵀ Λ⁻¹ (x − m)).

Read as an energy: Λ⁻¹ couples the features in pairs, Λ⁻¹m is a field, and the logarithm
saturates. It can be had in two ways that agree to rounding. *Directly*, in coordinates
of the features, where Λ becomes νΣ₀ + S and is factored, D² a picture. Or by a *Gram*
matrix as large as there are samples, D·n a picture, where these are few: Λ = νI + VVᵀ
with one column of V for each sample, which follows from the sums as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Real
from scipy.linalg import cholesky, get_blas_funcs, get_lapack_funcs, solve_triangular
from scipy.special import gammaln

from isinglass.systems.interference.coupled.gaussian_prior import Moments
from isinglass.systems.interference.coupled.pair_sums import PairSums, panels

_ROWS = 1024  # pictures that are scored at a time
_FEW = 1 / 8  # samples per feature below which the Gram form is the faster
_LEAF = 64  # rows of a triangle that LAPACK inverts as fast as products would

_multiply: dict[Any, Any] = {
    np.dtype(dtype): get_blas_funcs("trmm", dtype=dtype)
    for dtype in (np.float32, np.float64)
}
_pivoted_root, _invert = get_lapack_funcs(("pstrf", "trtri"), dtype=np.float64)

Form = Literal["auto", "direct", "gram"]


class Strengths(NamedTuple):
    """How many samples the prior weighs as much as.

    Attributes:
        covariance: ν.
        mean: κ.
    """

    covariance: float
    mean: float


@dataclass(frozen=True)
class Predictive:
    """The density of one class, ready to be evaluated.

    Attributes:
        constant: Its logarithm at the mean.
        exponent: e/2.
        ratio: r.
        mean: m, in coordinates of the features; whitened in the Gram form.
        factor: L⁻¹ with L the lower triangular root of νΣ₀ + S, (D, D); in the Gram
            form V B⁻ᵀ, (D, n), with BBᵀ = νI + VᵀV.
        form: Which of the two.
    """

    constant: float
    exponent: float
    ratio: float
    mean: np.ndarray
    factor: np.ndarray
    form: Form

    @classmethod
    def of(
        cls,
        sums: PairSums,
        moments: Moments,
        strengths: Strengths,
        form: Form = "auto",
    ) -> Predictive:
        """The density of a class that has learned these sums."""
        n, (nu, kappa) = sums.count, strengths
        n_features = len(moments.mean)
        if form == "auto":
            form = "gram" if n < _FEW * n_features else "direct"
        away = (
            (sums.total - n * moments.mean) / n if n else np.zeros(n_features)
        )  # of the mean of the samples from that of the prior
        pull = np.sqrt(kappa * n / (kappa + n)) * away
        make = _gram if form == "gram" else _direct
        factor, log_volume = make(sums, moments, nu, pull)
        shift = n / (kappa + n) * away
        mean = moments.mean + shift
        if form == "gram":
            mean = solve_triangular(moments.root, shift, lower=True)
        ratio = (kappa + n) / (kappa + n + 1)
        exponent = (nu + n + 2 + n_features) / 2
        constant = (
            gammaln(exponent)
            - gammaln(exponent - n_features / 2)
            - log_volume / 2
            + n_features / 2 * np.log(ratio)
        )
        return cls(float(constant), exponent, ratio, mean, factor, form)

    def log_density(self, distance: np.ndarray) -> np.ndarray:
        """Its logarithm where (x − m)ᵀ Λ⁻¹ (x − m) is this."""
        return self.constant - self.exponent * np.log1p(self.ratio * distance)


def log_evidence(
    features: Real[np.ndarray, "n D"],
    predictives: Sequence[Predictive],
    moments: Moments,
    nu: float,
) -> Float[np.ndarray, "n C"]:
    """Evidence −E of each class for features, as the module says.

    Args:
        features: f, not whitened.
        predictives: Of the classes.
        moments: m₀ and Σ₀.
        nu: ν, the strength of Σ₀.
    """
    evidence = np.empty((len(features), len(predictives)))
    for start in range(0, len(features), _ROWS):
        rows = slice(start, start + _ROWS)
        away = features[rows] - moments.mean
        gram_evidence(away, predictives, moments, nu, evidence[rows])
        for place, item in enumerate(predictives):
            if item.form == "direct":
                distance = squares(away - (item.mean - moments.mean), item.factor)
                evidence[rows, place] = item.log_density(distance)
    return evidence


def gram_evidence(
    away: Float[np.ndarray, "n D"],
    predictives: Sequence[Predictive],
    moments: Moments,
    nu: float,
    evidence: Float[np.ndarray, "n C"],
) -> None:
    """Write the evidence of the classes in the Gram form, 0 for the others."""
    evidence[:] = 0
    few = [place for place, item in enumerate(predictives) if item.form == "gram"]
    if not few:
        return
    whitened = _times(_inverse(moments.root), away.copy())
    square = _squares(whitened)
    for place in few:
        item = predictives[place]
        distance = _gram_distance(whitened, square, item) / nu
        evidence[:, place] = item.log_density(distance)


def squares(
    away: Float[np.ndarray, "n d"], factor: Float[np.ndarray, "d d"]
) -> Float[np.ndarray, "n"]:
    """|L⁻¹(f − m)|², or the sum of its first squares. Overwrites f − m."""
    return _squares(_times(factor, away))


def _direct(
    sums: PairSums, moments: Moments, nu: float, pull: np.ndarray
) -> tuple[np.ndarray, float]:
    coupled = sums.scatter()
    for rows, columns in panels(len(pull)):
        panel = coupled.T[rows, columns]  # which lies in memory row by row
        panel += nu * moments.covariance[rows, columns]
        panel += pull[rows, None] * pull[columns]
    try:
        root = np.asarray(cholesky(coupled, lower=True, overwrite_a=True))
    except np.linalg.LinAlgError as error:
        raise ValueError(f"prior must be nearer to the features: {error}") from None
    prior = _log_diagonal(np.sqrt(nu) * moments.root)
    return _inverse(root), 2 * (_log_diagonal(root) - prior)


def _gram(
    sums: PairSums, moments: Moments, nu: float, pull: np.ndarray
) -> tuple[np.ndarray, float]:
    columns = [pull[:, None]]
    if sums.count > 1:
        # The scatter has the rank of its samples: pivoted, its root ends by itself.
        root, order, rank, _ = _pivoted_root(sums.scatter(), lower=1)
        spread = np.empty((len(pull), rank))
        spread[order - 1] = np.tril(root)[:, :rank]
        columns.append(spread)
    samples = solve_triangular(moments.root, np.hstack(columns), lower=True)
    size = samples.shape[1]
    small = cholesky(nu * np.eye(size) + samples.T @ samples, lower=True)
    factor = solve_triangular(small, samples.T, lower=True).T
    return factor, 2 * _log_diagonal(small) - size * np.log(nu)


def _gram_distance(
    whitened: np.ndarray, square: np.ndarray, predictive: Predictive
) -> Float[np.ndarray, "n"]:
    """ν times the distance, |d|² − |B⁻¹Vᵀd|² of d = x − m."""
    mean, factor = predictive.mean, predictive.factor
    along = whitened @ factor - mean @ factor
    far = square - 2 * (whitened @ mean) + mean @ mean
    return far - np.einsum("nd,nd->n", along, along)


def _inverse(root: Float[np.ndarray, "D D"]) -> Float[np.ndarray, "D D"]:
    """Of a lower triangular matrix, whose upper triangle is not looked at.

    By its blocks [[A, 0], [B, C]], so that nearly all of it is products.
    """
    size = len(root)
    if size <= _LEAF:
        inverse, _ = _invert(np.asfortranarray(root), lower=1)
        return inverse
    multiply, half = _multiply[root.dtype], size // 2
    above, below = _inverse(root[:half, :half]), _inverse(root[half:, half:])
    corner = np.array(root[half:, :half], order="F")
    corner = multiply(-1.0, below, corner, lower=1, overwrite_b=1)
    inverse = np.zeros((size, size), root.dtype, order="F")
    inverse[:half, :half], inverse[half:, half:] = above, below
    inverse[half:, :half] = multiply(1.0, above, corner, side=1, lower=1, overwrite_b=1)
    return inverse


def _times(
    triangle: Float[np.ndarray, "D D"], rows: Float[np.ndarray, "n D"]
) -> Float[np.ndarray, "n D"]:
    """Each row times a lower triangular matrix. Overwrites the rows."""
    multiply = _multiply[rows.dtype]
    return multiply(1.0, triangle, rows.T, lower=1, overwrite_b=1).T


def _squares(rows: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n"]:
    """Squared lengths."""
    return np.einsum("nd,nd->n", rows, rows).astype(np.float64)


def _log_diagonal(root: np.ndarray) -> float:
    return float(np.log(root.diagonal()).sum())
