"""Weights of balls by numerical integration: a slow check of the closed forms."""

from __future__ import annotations

import functools

import numpy as np
from scipy.special import gammaln, logsumexp

NODES, PANELS = 200, 8


def log_ball_quadrature(radius: float, n: int, power: int) -> float:
    """Compute log ∫_{|y| < r} exp(−|y|^p) dy in n dimensions, without any closed form.

    In polar coordinates the integrand over t = |y| is t^{n−1} exp(−t^p), a narrow peak
    in high dimensions; composite Gauss–Legendre quadrature runs over the part of the
    ball where a double holds anything of it. With p = 2 the result is the weight of a
    ball (`log_ball_partition`), with p = 1 the form that the paper prints for it
    (`log_partition_misprinted`).

    Args:
        radius: r > 0.
        n: Dimension, at least 1.
        power: p, 1 or 2.

    Returns:
        The logarithm, to about 13 digits.
    """
    nodes, weights = _gauss_legendre()
    peak = min(radius, ((n - 1) / power) ** (1 / power))
    width = 12 / np.sqrt(power * max(n, 2)) * max(peak, 1.0) + 40 / max(n, 1)
    low = max(0.0, peak - width)
    high = min(radius, peak + max(width, 8.0 if power == 2 else 60.0))
    edges = np.linspace(low, high, PANELS + 1)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    t = (middle[:, None] + half[:, None] * nodes).ravel()
    weight = np.log((half[:, None] * weights).ravel())
    surface = np.log(2) + n / 2 * np.log(np.pi) - gammaln(n / 2)
    return float(surface + logsumexp(weight + (n - 1) * np.log(t) - t**power))


@functools.cache  # an eigenvalue problem, which takes longer than all the rest
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [−1, 1]."""
    return np.polynomial.legendre.leggauss(NODES)
