"""Integrals over a spectral density, of which nothing is known but its values.

Panels are dyadic, from frequencies where nothing is left to those where nothing is
left, halved until J is smooth in them and the fastest wave is resolved. Above what can
be resolved, waves are integrated by Fourier's rule of QUADPACK.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Complex, Float
from scipy.integrate import quad

from isinglass._common.checks import check_positive

Density = Callable[[Any], Float[np.ndarray, "..."]]
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(20)
_LOWEST, _HIGHEST = -100, 100  # powers of 2 between which J is looked at
_LONGEST = 2.0**50  # time, far below that of the lowest frequency
_TINY = 1e-16  # share of an integral below which panels are left out
_SMOOTH = 1e-13  # share by which two halves may differ from a panel
_WAVES = 5.0  # of radians in a panel of 20 nodes
_RESOLVED = 3e4  # radians up to which waves are resolved by nodes


def lineshape_integral(
    density: Density, beta: float, times: Float[np.ndarray, "..."]
) -> Complex[np.ndarray, "..."]:
    """The function g at times of at least 0: see `isinglass.systems.paths.baths`."""
    check_positive(beta=beta)
    flat = times.ravel()
    values = np.zeros(flat.shape, complex)
    longest = float(flat.max(initial=0.0))
    if longest > _LONGEST:
        raise ValueError(
            f"times must be at most {_LONGEST:.2g} (on a grid, its step by its steps), "
            f"got {longest:g}"
        )
    if longest == 0:
        return values.reshape(times.shape)

    def bound(w: Any) -> Any:
        reach = np.minimum((w * longest) ** 2 / 2, 2)
        return density(w) / w**2 / np.tanh(beta * w / 2) * reach

    edges = _panels(bound, "the lineshape")
    if not len(edges):
        return values.reshape(times.shape)
    top = _RESOLVED / longest
    low, tail = edges[edges[:, 0] < top], edges[edges[:, 0] >= top]
    w, weight = _rule(_split(low, _WAVES / longest))
    even = weight * density(w) / w**2 / np.tanh(beta * w / 2)
    odd = weight * density(w) / w**2
    for place, time in enumerate(flat):
        phase = w * time
        # 1 − cos without its cancellation at small angles.
        values[place] = 2 * (even * np.sin(phase / 2) ** 2).sum()
        values[place] += 1j * (odd * np.sin(phase)).sum()
        if len(tail) and time > 0:
            values[place] += _waves(density, beta, tail, time)
    return values.reshape(times.shape) / np.pi


def sloped_integral(density: Density) -> float:
    """(1/π) ∫ J/ω dω."""
    edges = _panels(lambda w: density(w) / w, "the reorganisation energy")
    w, weight = _rule(edges)
    return float((weight * density(w) / w).sum() / np.pi)


def euclidean_integral(
    density: Density, beta: float, times: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """The function g at times −iτ, with τ from 0 to β."""

    def at(w: Any, time: Any) -> Any:
        # [cosh(βω/2) − cosh(ω(β/2 − τ))] / sinh(βω/2), which overflows nowhere.
        fall = np.expm1(-w * time) * np.expm1(-w * (beta - time))
        return density(w) / w**2 * fall / -np.expm1(-w * beta)

    edges = _panels(lambda w: at(w, beta / 2), "the lineshape")
    w, weight = _rule(edges)
    return np.array([(weight * at(w, time)).sum() for time in times]) / np.pi


def _rule(edges: Float[np.ndarray, "n 2"]) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss and Legendre in all panels."""
    half = (edges[:, 1:] - edges[:, :1]) / 2
    nodes = edges[:, :1] + half * (1 + _NODES)
    return nodes.ravel(), (half * _WEIGHTS).ravel()


def _sums(function: Any, edges: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, " n"]:
    nodes, weights = _rule(edges)
    return (weights * function(nodes)).reshape(len(edges), -1).sum(1)


def _panels(bound: Any, what: str) -> Float[np.ndarray, "n 2"]:
    """Panels in which a positive function is smooth, and that hold all of it."""
    powers = 2.0 ** np.arange(_LOWEST, _HIGHEST + 1)
    edges = np.stack([powers[:-1], powers[1:]], 1)
    sums = _sums(bound, edges)
    total = sums.sum()
    if total == 0:
        return edges[:0]
    for end, where in ((sums[0], "at frequency 0"), (sums[-1], "at high frequencies")):
        if end > _SMOOTH * total:
            raise ValueError(
                f"density must fall fast enough {where} (an odd J vanishes at 0): "
                f"{what} diverges"
            )
    left = edges[sums > _TINY * total]
    settled = []
    for _ in range(60):
        middle = left.mean(1)
        halves = np.stack([left[:, 0], middle, middle, left[:, 1]], 1).reshape(-1, 2)
        parts = _sums(bound, halves).reshape(-1, 2).sum(1)
        rough = abs(parts - _sums(bound, left)) > _SMOOTH * total
        settled.append(left[~rough])
        left = halves.reshape(-1, 2, 2)[rough].reshape(-1, 2)
        if not len(left):
            break
        if len(left) > 10_000:
            raise ValueError("density must be piecewise smooth, got one that is not")
    return np.concatenate([*settled, left])


def _split(edges: Float[np.ndarray, "n 2"], width: float) -> Float[np.ndarray, "m 2"]:
    """The panels, those that are wider than the width in equal parts."""
    pieces = []
    for low, high in edges:
        marks = np.linspace(low, high, int(np.ceil((high - low) / width)) + 1)
        pieces.append(np.stack([marks[:-1], marks[1:]], 1))
    return np.concatenate(pieces) if pieces else np.zeros((0, 2))


def _waves(density: Density, beta: float, edges: Any, time: float) -> complex:
    """What lies above all frequencies that nodes resolve."""

    def even(w: Any) -> Any:
        return density(np.asarray(w)) / w**2 / np.tanh(beta * w / 2)

    def odd(w: Any) -> Any:
        return density(np.asarray(w)) / w**2

    low = float(edges[:, 0].min())
    options = {"wvar": time, "epsabs": 1e-15, "limlst": 200, "full_output": 1}
    cosine = quad(even, low, np.inf, weight="cos", **options)[0]
    sine = quad(odd, low, np.inf, weight="sin", **options)[0]
    return _sums(even, edges).sum() - cosine + 1j * sine
