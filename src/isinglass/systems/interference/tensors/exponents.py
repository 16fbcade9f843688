"""Exponents of avalanche sizes, in a stated range and beside an alternative.

A straight line in a doubly logarithmic plot is cheap. So an exponent never comes alone
here: the range is the caller's, the fit is by maximum likelihood of whole numbers in
that range, and beside it stands the same law with an exponential cut-off and how much
likelier it makes the sizes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp
from scipy.stats import chi2

from isinglass._common.checks import as_real_array, check_whole
from isinglass._common.types import ArrayLike

_STEPS = 200
_PRECISION = 1e-12


@dataclass(frozen=True)
class TruncatedFit:
    """The alternative p(s) ∝ s^{−α} e^{−λs} in the same range.

    Attributes:
        exponent: α.
        exponent_error: Its standard error.
        rate: λ, the inverse of the size at which sizes are cut off; may be negative
            where large ones are more frequent than any power.
        rate_error: Its standard error.
        log_likelihood_gain: Log-likelihood over that of the plain power law, at least
            0, in nats.
        p_value: How often a plain power law gains as much by chance.
    """

    exponent: float
    exponent_error: float
    rate: float
    rate_error: float
    log_likelihood_gain: float
    p_value: float


@dataclass(frozen=True)
class ExponentFit:
    """A power law p(s) ∝ s^{−α} on whole numbers of a range.

    Attributes:
        exponent: α.
        error: Its standard error, were the law right.
        smallest, largest: The range, both ends included.
        count: How many of the sizes lie in it.
        truncated: The same law with a cut-off; where its p-value is small, the plain
            exponent depends on the range and is no property of the avalanches.
    """

    exponent: float
    error: float
    smallest: int
    largest: int
    count: int
    truncated: TruncatedFit


def fit_exponent(sizes: ArrayLike, smallest: int, largest: int) -> ExponentFit:
    """Fit the exponent of sizes between two ends, with a cut-off as the alternative.

    Args:
        sizes: Of avalanches, (n,), whole numbers.
        smallest: First size that is looked at, at least 1.
        largest: Last one.

    Returns:
        The fit, the truncated alternative in it.

    Raises:
        ValueError: If the range is empty, if sizes are no whole numbers, or if fewer
            than three different ones lie in the range.

    Source: maximum likelihood as in Clauset, Shalizi & Newman 2009, with both ends
    fixed.
    """
    check_whole(smallest=smallest, largest=largest)
    if largest <= smallest:
        raise ValueError(f"largest must exceed smallest, {smallest}, got {largest}")
    s = as_real_array("sizes", sizes, (None,))
    if (s != np.floor(s)).any():
        raise ValueError("sizes must be whole numbers")
    s = s[(s >= smallest) & (s <= largest)]
    if len(np.unique(s)) < 3:
        raise ValueError(
            f"sizes must hold three different ones from {smallest} to {largest}, got "
            f"{len(np.unique(s))}"
        )
    support = np.arange(smallest, largest + 1, dtype=float)
    features = np.stack([np.log(support), support / largest])
    means = np.array([np.log(s).mean(), s.mean() / largest])
    (alpha,), (error,), plain = _exponential_family(features[:1], means[:1], len(s))
    both, errors, better = _exponential_family(features, means, len(s))
    gain = max(0.0, better - plain)
    truncated = TruncatedFit(
        exponent=float(both[0]),
        exponent_error=float(errors[0]),
        rate=float(both[1] / largest),
        rate_error=float(errors[1] / largest),
        log_likelihood_gain=gain,
        p_value=float(chi2.sf(2 * gain, 1)),
    )
    return ExponentFit(float(alpha), float(error), smallest, largest, len(s), truncated)


def _exponential_family(
    features: Float[np.ndarray, "k m"], means: Float[np.ndarray, "k"], count: int
) -> tuple[Float[np.ndarray, "k"], Float[np.ndarray, "k"], float]:
    """Maximum likelihood of p ∝ exp(−Σ a_k f_k): parameters, errors, log-likelihood.

    The likelihood is concave, so that Newton's method with halved steps ends at its
    maximum.
    """

    def value(a: np.ndarray) -> float:
        return float(-a @ means - logsumexp(-a @ features))

    a = np.zeros(len(means))
    a[0] = 1.5
    information = np.eye(len(means))
    for _ in range(_STEPS):
        log_sum: Any = logsumexp(-a @ features)
        p = np.exp(-a @ features - log_sum)
        centred = features - (features @ p)[:, None]
        information = (centred * p) @ centred.T
        slope = features @ p - means
        step: np.ndarray = np.asarray(np.linalg.solve(information, slope))
        rise, scale = float(step @ slope), 1.0
        if rise < _PRECISION:
            break
        while value(a + scale * step) < value(a) and scale > 1e-10:
            scale /= 2
        a = a + scale * step
    errors = np.sqrt(np.diag(np.linalg.inv(information)) / count)
    return a, errors, count * value(a)
