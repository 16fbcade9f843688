"""The regularised incomplete gamma function, as a logarithm that never underflows."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import gammainc, gammaincc, gammaln

from isinglass._common.types import ArrayLike

_SMALLEST = 1e-280  # below it, SciPy's P loses digits or is 0
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)


def log_lower_gamma(a: ArrayLike, x: ArrayLike) -> Float[np.ndarray, "..."]:
    """Logarithm of P(a, x) = ∫₀ˣ tᵃ⁻¹ e⁻ᵗ dt / Γ(a), which tends to 1 as x grows.

    Near x = a and beyond it SciPy is right to rounding. Farther below, P = xᵃe⁻ˣ/Γ(a+1)
    Σ_k xᵏ/((a+1) … (a+k)): all terms are positive, so that nothing cancels, and √a of
    them are enough.

    Args:
        a: Positive; may be an array.
        x: At least 0; may be an array.

    Returns:
        log P, of the broadcast shape; −∞ at x = 0.
    """
    a, x = np.broadcast_arrays(np.asarray(a, float), np.asarray(x, float))
    with np.errstate(divide="ignore", under="ignore"):
        lower = gammainc(a, x)
        result = np.where(lower > 0.5, np.log1p(-gammaincc(a, x)), np.log(lower))
    far = (x > 0) & ((lower < _SMALLEST) | (x < a - 4.5 * np.sqrt(a)))
    result[far] = _by_series(a[far], x[far])
    return result


def _by_series(
    a: Float[np.ndarray, "n"], x: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    term, total, k = np.ones_like(a), np.ones_like(a), 0
    while (term > 1e-17 * total).any():
        k += 1
        term = term * (x / (a + k))
        total += term
    return _log_first_term(a, x) + np.log(total)


def _log_first_term(
    a: Float[np.ndarray, "n"], x: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n"]:
    """log(xᵃe⁻ˣ/Γ(a+1)); for large a, Stirling's formula is taken out: it cancels."""
    large = a >= 16
    plain = a * np.log(x) - x - gammaln(a + 1)
    off = (x - a) / a
    log_ratio = np.where(off < -0.5, np.log(x / a), np.log1p(np.maximum(off, -0.5)))
    correction = sum(c / a ** (2 * i + 1) for i, c in enumerate(_STIRLING))
    stirling = a * (log_ratio - off) - 0.5 * np.log(2 * np.pi * a) - correction
    return np.where(large, stirling, plain)
