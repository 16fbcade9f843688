"""Random sets of patterns of many kinds, with states around them."""

from itertools import product
from typing import Any

import numpy as np

DISTRIBUTIONS = ("normal", "uniform", "signs", "heavy tails", "clusters")
SEPARATIONS = (1.0, 3.0, 10.0)  # root mean square distance of two patterns
SCALES = (0.0, 0.25, 0.5, 1.0, 2.0)  # of the noise around a pattern, in separations


def draw_sets(
    rng: np.random.Generator, n: int, m: int
) -> tuple[dict[str, list[Any]], np.ndarray, np.ndarray]:
    """One set of each kind.

    Returns:
        Separations, distributions and whether lengths are equal, by name, (sets,);
        patterns, (sets, m, n); states, (sets, states, n).
    """
    kinds, patterns, states = [], [], []
    for name, is_equal, separation in product(
        DISTRIBUTIONS, (False, True), SEPARATIONS
    ):
        if name == "signs" and not is_equal:
            continue  # of one length as they are drawn
        vectors = _patterns(rng, name, m, n)
        if is_equal:
            vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors = vectors * (separation / _rms_distance(vectors))
        kinds.append((separation, name, is_equal))
        patterns.append(vectors)
        states.append(_states(rng, vectors, separation))
    separations, names, are_equal = map(list, zip(*kinds, strict=True))
    columns = {"separation": separations, "distribution": names, "is_equal": are_equal}
    return columns, np.array(patterns), np.array(states)


def _patterns(rng: np.random.Generator, name: str, m: int, n: int) -> np.ndarray:
    if name == "uniform":
        return rng.uniform(-1, 1, (m, n))
    if name == "signs":
        return rng.choice([-1.0, 1.0], (m, n))
    if name == "heavy tails":
        return rng.standard_t(3, (m, n))
    normal = rng.standard_normal((m, n))
    if name == "clusters":
        centres = rng.standard_normal((4, n))
        return centres[rng.integers(4, size=m)] + 0.2 * normal
    return normal


def _rms_distance(patterns: np.ndarray) -> float:
    """Root mean square distance of two, but no less than a rounding error."""
    m = len(patterns)
    total = 2 * m * ((patterns - patterns.mean(0)) ** 2).sum()
    return max(float(np.sqrt(total / (m * (m - 1)))), 1e-6)


def _states(
    rng: np.random.Generator, patterns: np.ndarray, separation: float
) -> np.ndarray:
    """Around one pattern, between two, and the mean of all, (8, n)."""
    m, n = patterns.shape
    noise = rng.standard_normal((len(SCALES), n)) * separation / np.sqrt(n)
    near = patterns[0] + np.array(SCALES)[:, None] * noise
    between = (patterns[0] + patterns[1 % m]) / 2
    inside = rng.dirichlet(np.ones(m)) @ patterns
    return np.stack([*near, between, inside, patterns.mean(0)])
