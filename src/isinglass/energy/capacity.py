"""How many patterns an energy holds: retrieval against noise, number and separation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass._common.intervals import Interval

if TYPE_CHECKING:
    import xarray as xr


import jax.numpy as jnp
import xarray as xr
from jaxtyping import Array

from isinglass._common.checks import check_positive, check_whole
from isinglass.energy._arrays import generator, random_ranks
from isinglass.energy.descent import descend
from isinglass.energy.landscape import Landscape, SignLandscape


def capacity(
    landscapes: Sequence[Landscape],
    counts: Sequence[int],
    noises: Sequence[float] = (0.0, 0.1, 0.2, 0.3),
    separations: Sequence[float] = (5.0,),
    *,
    dimension: int = 64,
    trials: int = 4,
    probes: int = 32,
    precision: float = 0.1,
    steps: int = 100,
    key: Array,
) -> xr.Dataset:
    """Retrieve random patterns from states with turned signs, for each energy alike.

    Patterns are random signs, ±1 for energies of signs. For continuous ones they are
    scaled so that two of them are, in the root mean square, the given separation apart.
    The noise is the share of components whose sign is turned. All energies see the same
    signs and the same noise.

    Args:
        landscapes: The energies.
        counts: Numbers of patterns, m.
        noises: Shares of turned components, in [0, 1].
        separations: Distances of two patterns, which matter to continuous energies
            only.
        dimension: n.
        trials: Independent sets of patterns.
        probes: Patterns of each set that are looked for, at most m of them.
        precision: Retrieved where |x − ρ| is at most this times |ρ|.
        steps: Most updates.
        key: Random key.

    Returns:
        Over "energy", "separation", "patterns", "noise" and "trial": error, the mean of
        |x − ρ|/|ρ|; correct, the share of states whose nearest pattern in the end is
        the right one; retrieved, the share within the precision; converged; iterations,
        their mean.

    Raises:
        ValueError: If a number is out of range, or nothing is asked for.

    Source: Hopfield 1982; Krotov & Hopfield 2016; Demircigil et al. 2017; Ramsauer et
    al. 2021.
    """
    _check(landscapes, counts, noises, separations)
    for name, value in (
        ("dimension", dimension),
        ("trials", trials),
        ("probes", probes),
    ):
        whole(name, value, 1)
    check_positive(precision=precision)
    axes = {
        "energy": [landscape.name for landscape in landscapes],
        "separation": list(separations),
        "patterns": list(counts),
        "noise": list(noises),
        "trial": list(range(trials)),
    }
    names = ("error", "correct", "retrieved", "converged", "iterations")
    found = np.empty((len(names), *map(len, axes.values())))
    for trial in range(trials):
        for c, count in enumerate(counts):
            signs, start = _signs(generator(key, trial, count), count, dimension)
            for k, noise in enumerate(noises):
                turned = _turn(signs[:probes], start[:probes], noise)
                for e, landscape in enumerate(landscapes):
                    for s, separation in enumerate(separations):
                        # What separation does not matter to is computed once.
                        if s and isinstance(landscape, SignLandscape):
                            found[:, e, s, c, k, trial] = found[:, e, 0, c, k, trial]
                            continue
                        size = _size(landscape, separation, dimension)
                        found[:, e, s, c, k, trial] = _one(
                            landscape, size * signs, size * turned, precision, steps
                        )
    about = {
        "dimension": dimension,
        "precision": precision,
        "probes": probes,
        "source": "isinglass.energy.capacity",
    }
    data = {
        name: (tuple(axes), values) for name, values in zip(names, found, strict=True)
    }
    return xr.Dataset(data, axes, about)


def _signs(rng: np.random.Generator, count: int, dimension: int) -> tuple[Any, Any]:
    """Patterns of ±1, and ranks of their components by which they are turned."""
    signs = rng.choice([-1.0, 1.0], (count, dimension))
    return signs, random_ranks(rng, (count, dimension))


def _turn(signs: Any, ranks: Any, noise: float) -> Any:
    return np.where(ranks < round(noise * signs.shape[-1]), -signs, signs)


def _size(landscape: Landscape, separation: float, dimension: int) -> float:
    """Random signs are √(2n) apart."""
    return (
        1.0
        if isinstance(landscape, SignLandscape)
        else separation / (2 * dimension) ** 0.5
    )


def _one(
    landscape: Landscape, patterns: Any, start: Any, precision: float, steps: int
) -> tuple[float, ...]:
    patterns, start = (jnp.asarray(x, float) for x in (patterns, start))
    method = "sweep" if isinstance(landscape, SignLandscape) else "update"
    ended = descend(start, patterns, landscape, method=method, steps=steps)
    wanted = np.asarray(patterns)[: start.shape[0]]
    size = np.linalg.norm(wanted, axis=-1)
    error = np.linalg.norm(np.asarray(ended.state) - wanted, axis=-1) / size
    right = np.asarray(ended.nearest) == np.arange(start.shape[0])
    shares = (error, right, error <= precision, ended.converged, ended.iterations)
    return tuple(float(np.mean(x)) for x in shares)


def _check(landscapes: Any, counts: Any, noises: Any, separations: Any) -> None:
    given: dict[str, Any] = {
        "landscapes": landscapes,
        "counts": counts,
        "noises": noises,
        "separations": separations,
    }
    for name, values in given.items():
        if not len(values):
            raise ValueError(f"{name} must hold one at least, got none")
    for count in counts:
        check_whole(counts=count)
    for noise in noises:
        if not 0 <= noise <= 1:
            raise ValueError(f"noises must lie in [0, 1], got {noise}")
    for separation in separations:
        check_positive(separations=separation)


CLOSE = 0.3  # precision of continuous energies


RESAMPLED = 1000


class Half(NamedTuple):
    """Number of patterns at which half of the retrievals fail.

    Attributes:
        place: n, or the separation.
        interval: The number, with a bootstrap interval over sets of patterns.
        theory: An estimate of it; NaN where there is none.
        resampled: The number in each resample of the sets.
        sets: Number of sets.
    """

    place: float
    interval: Interval
    theory: float
    resampled: np.ndarray
    sets: int


def theory(name: str, n: int) -> float:
    """Number of patterns at which a pattern is a fixed point half of the time.

    Of powers: turning a sign is held off by the pattern itself, and pushed by the noise
    of the others, of which the sum is normal; z is what all n signs survive with
    probability ½. Of the exponential: only another pattern one sign away can push, and
    the rest break the tie.
    """
    from scipy.special import factorial2
    from scipy.stats import norm

    z = float(norm.isf(1 - 0.5 ** (1 / n)))
    if name == "Hopfield":
        return n / z**2
    if name == "Demircigil":
        return float(np.log(2) * 2 ** (n + 1) / n)
    k = int(name[-1])
    return float(
        2 * n ** (k - 1) / (factorial2(2 * k - 3) * z**2)
    )  # rectified: half the noise


def continuous_theory(
    separation: float, n: int, inverse_temperature: float = 1.0
) -> float:
    """Number of patterns on a sphere at which the fixed point near one of them is lost.

    On the way a ρ from 0 to ρ the update leads to ρ/(1 + W), where the m others have
    the weight W = m exp(−2βaR² + 2(βaR²)²/n), R² being half the squared separation and
    their products with ρ normal. A fixed point with a ≥ 1 − precision is there up to
    the largest m with W = 1/a − 1.
    """
    a = np.linspace(1 - CLOSE, 1 - 1e-4, 3000)
    exponent = inverse_temperature * a * separation**2
    return float(((1 / a - 1) * np.exp(exponent - exponent**2 / (2 * n))).max())


def half_count(
    place: float,
    counts: Sequence[int],
    shares: Float[np.ndarray, "counts sets"],
    expected: float,
) -> Half:
    """The number of patterns at which the mean share falls below ½, with its interval.

    Args:
        place: n, or the separation.
        counts: Numbers of patterns, ascending.
        shares: What was retrieved, by number and set.
        expected: What theory gives.
    """
    generator = np.random.default_rng(0)
    sets = shares.shape[1]
    chosen = generator.integers(sets, size=(RESAMPLED, sets))
    resampled = np.array([crossing(counts, shares[:, pick].mean(1)) for pick in chosen])
    # Sorted, so that an interval may end at infinity.
    low, high = np.quantile(resampled, [0.025, 0.975], method="nearest")
    whole = crossing(counts, shares.mean(1))
    interval = Interval(whole, min(float(low), whole), max(float(high), whole))
    return Half(place, interval, expected, resampled, sets)


def crossing(counts: Sequence[int], share: Float[np.ndarray, " counts"]) -> float:
    """Where a share, made to fall, is ½, between logarithms; 0 or ∞ if it is nowhere so."""
    from scipy.optimize import isotonic_regression

    falling = isotonic_regression(share, increasing=False).x
    if falling[0] < 0.5:
        return 0.0
    if falling[-1] >= 0.5:
        return float("inf")
    after = int(np.argmax(falling < 0.5))
    part = (falling[after - 1] - 0.5) / (falling[after - 1] - falling[after])
    return float(counts[after - 1] * (counts[after] / counts[after - 1]) ** part)
