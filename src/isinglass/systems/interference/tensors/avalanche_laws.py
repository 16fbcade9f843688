"""Exact laws of avalanches: how many tensors switch, and for how long.

A tensor that switches raises the field of others, and each of those that were close
enough switches as well. If one switch sets off n others on average, each independently
of the rest, the number of all of them has Borel's law with the *branching ratio* n. The
paper only says that sizes "may not obey the power law"; here is what they obey.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.special import gammainc, gammaln, xlogy
from scipy.stats import norm

from isinglass._common.checks import (
    as_real_array,
    check_in,
    check_positive,
    check_whole,
)
from isinglass._common.types import ArrayLike

CRITICAL_WIDTH = float(np.sqrt(2 / np.pi))  # of Gaussian thresholds, in units of J

# Panels of the integral over thresholds, in widths: fine about 0, where large
# avalanches come from, since they need a branching ratio close to its maximum.
_PANELS = np.concatenate([[0.0], 2.0 ** np.arange(-14, 4), [10.0]])
_NODES = 16
_LONGEST = 10**8  # generations: as many numbers are computed
_BLOCK = 4096  # sizes at a time


def borel(sizes: ArrayLike, branching_ratio: float) -> Float[np.ndarray, "..."]:
    """Compute Borel's law P(s) = (sn)^{s−1} e^{−sn} / s!.

    It is the size of an avalanche in which every switch sets off a Poisson number of
    others, n on average. The mean is 1/(1 − n); at n = 1 it falls as s^{−3/2} forever,
    else as s^{−3/2} e^{−s(n − 1 − log n)}.

    Args:
        sizes: s, whole numbers of at least 1, any shape.
        branching_ratio: n, from 0 to 1.

    Returns:
        Probabilities of the shape of ``sizes``.

    Raises:
        ValueError: If a size is no positive whole number, or n is outside.
    """
    s = _counts("sizes", sizes)
    n = _ratio(branching_ratio)
    return np.asarray(np.exp(xlogy(s - 1, s * n) - s * n - gammaln(s + 1)))


def borel_mixture(sizes: ArrayLike) -> Float[np.ndarray, "..."]:
    """Compute Borel's law averaged over branching ratios spread evenly from 0 to 1.

    P(s) = P(s, s)/s² with the regularised incomplete gamma function, which goes to
    1/(2s²). A regulated system whose branching ratio sweeps back and forth shows this
    exponent 2, and not the 3/2 of n = 1.

    Args:
        sizes: s, whole numbers of at least 1.

    Raises:
        ValueError: If a size is no positive whole number.

    Source: Tang 2020, conclusion 4, for which it is the limit of a strong regulation.
    """
    s = _counts("sizes", sizes)
    return np.asarray(gammainc(s, s) / s**2)


def duration_distribution(
    durations: ArrayLike, branching_ratio: float
) -> Float[np.ndarray, "..."]:
    """Compute how probable it is that an avalanche lasts so many generations.

    A duration is the number of the last generation, the first switch being number 0.
    P(T < t) = q_t with q_0 = 0 and q_{t+1} = e^{n(q_t − 1)}.

    Args:
        durations: Whole numbers of at least 0, any shape.
        branching_ratio: n, from 0 to 1.

    Returns:
        Probabilities P(T = t) of the shape of ``durations``.

    Raises:
        ValueError: If a duration is no whole number from 0 to 10⁸, or n is outside.
    """
    t = _counts("durations", durations, least=0)
    check_in(f"[0, {_LONGEST}]", durations=t.max(initial=0))
    t = t.astype(int)
    n = _ratio(branching_ratio)
    lasting = [1.0]  # 1 − q_t, which small differences of large t are taken of
    for _ in range(int(t.max(initial=0)) + 1):
        lasting.append(-np.expm1(-n * lasting[-1]))
    return np.asarray(-np.diff(lasting)[t])


def size_density(
    sizes: ArrayLike, width: float, coupling: float = 1.0
) -> Float[np.ndarray, "..."]:
    """Compute avalanches per tensor and size, in a sweep over Gaussian thresholds.

    All tensors act on all others with J/N. While the field passes the threshold x, the
    branching ratio is n = 2Jρ(x), so that

        D(s) = ∫ ρ(x) (1 − n) P_n(s) dx       (P_n is Borel's law).

    Summed over sizes it is 1 − J/(R√π). At the critical width R = √(2/π) J it falls as
    s^{−9/4}, though at no threshold is there any exponent but 3/2.

    Args:
        sizes: s, whole numbers of at least 1, any shape.
        width: R, the standard deviation of the thresholds.
        coupling: J ≥ 0.

    Returns:
        D of the shape of ``sizes``.

    Raises:
        ValueError: If R is below the critical one: then one avalanche takes a share of
            all tensors, however many there are, and D says nothing of it. Or if an
            argument is out of range.
    """
    s = _counts("sizes", sizes)
    check_positive(width=width)
    coupling = coupling_of_law(coupling)
    if width < CRITICAL_WIDTH * coupling * (1 - 1e-12):
        raise ValueError(
            "width must be at least √(2/π) · coupling = "
            f"{CRITICAL_WIDTH * coupling:.6g} (below, one avalanche takes a share of "
            f"all tensors), got {width}"
        )
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    half = np.diff(_PANELS)[:, None] / 2
    x = (_PANELS[:-1, None] + half * (1 + nodes)).ravel()
    density = norm.pdf(x)
    n = np.minimum(2 * coupling * density / width, 1.0)
    spread = 2 * (half * weights).ravel() * density * (1 - n)  # both sides of 0
    # In blocks, since every size is taken at all nodes.
    result = np.empty(s.size)
    for start in range(0, s.size, _BLOCK):
        part = s.ravel()[start : start + _BLOCK, None]
        log_p = xlogy(part - 1, part * n) - part * n - gammaln(part + 1)
        result[start : start + _BLOCK] = np.exp(log_p) @ spread
    return result.reshape(s.shape)


def reset_sizes(n: int, alpha: float) -> Float[np.ndarray, "n"]:
    """Compute the law of avalanches among n relays that reset, exact at every n.

    A relay that has gathered 1 gives α/n to all and starts anew. For L = 1 … n

        P(L) = L^{L−2} C(n−1, L−1) (α/n)^{L−1} (1 − Lα/n)^{n−L−1}
               · n(1 − α)/(n − (n−1)α),

    with mean n/(n − (n−1)α).

    Args:
        n: Number of relays.
        alpha: What a relay gives in all, from 0 to below 1.

    Returns:
        P(1), …, P(n).

    Raises:
        ValueError: If an argument is out of range.

    Source: Eurich, Herrmann & Ernst 2002, Finite-size effects of avalanche dynamics.
    """
    check_whole(n=n)
    alpha = share("alpha", alpha)
    size = np.arange(1, n + 1)
    choices = gammaln(n) - gammaln(size) - gammaln(n - size + 1)
    log_p = (size - 2) * np.log(size) + choices + xlogy(size - 1, alpha / n)
    log_p += (n - size - 1) * np.log1p(-size * alpha / n)
    return np.exp(log_p) * n * (1 - alpha) / (n - (n - 1) * alpha)


def _counts(name: str, value: ArrayLike, *, least: int = 1) -> Float[np.ndarray, "..."]:
    counts = as_real_array(name, value)
    if ((counts < least) | (counts != np.floor(counts))).any():
        raise ValueError(f"{name} must be whole numbers of at least {least}")
    return counts


def _ratio(value: Any) -> float:
    n = as_real_array("branching_ratio", value, ()).item()
    if not 0 <= n <= 1:
        raise ValueError(f"branching_ratio must be from 0 to 1, got {value!r}")
    return n


def share(name: str, value: Any) -> float:
    """A number from 0 to below 1."""
    number = as_real_array(name, value, ()).item()
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be from 0 to below 1, got {value!r}")
    return number


def not_negative(name: str, value: Any, why: str = "") -> float:
    """A finite number of at least 0."""
    number = as_real_array(name, value, ()).item()
    if number < 0:
        raise ValueError(f"{name} must not be negative{why}, got {value!r}")
    return number


def coupling_of_law(value: Any) -> float:
    """The laws need that a switch brings no other tensor back."""
    why = " (tensors that oppose each other have no such law)"
    return not_negative("coupling", value, why)
