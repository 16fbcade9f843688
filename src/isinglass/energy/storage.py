"""Is a pattern stored? Definition 1 of Niu et al. 2024, after Ramsauer et al. 2021.

Around each pattern lies a ball, and no two balls meet. A pattern is *stored* if its
ball holds one fixed point of the update, to which every state of the ball converges. It
is *retrieved* with precision ε if the update comes within ε of that point; |x − ρ| is
then the retrieval error.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import check_positive, check_real, check_whole
from isinglass.energy._arrays import (
    Patterns,
    as_real,
    checked_patterns,
    generator,
    random_ranks,
)
from isinglass.energy.descent import descend
from isinglass.energy.landscape import (
    Landscape,
    ModernHopfield,
    NearestNeighbour,
    SignLandscape,
)
from isinglass.energy.streaming import on_device


class Certificate(NamedTuple):
    """What can be proved of each pattern.

    Attributes:
        stored: Whether the update provably maps the ball into itself and contracts it,
            (m,): then the ball holds one fixed point, to which all of it converges.
        error: Bound on |x* − ρ| where stored, (m,).
        contraction: Bound on the Lipschitz constant of the update in the ball, (m,).
    """

    stored: Bool[Array, "m"]
    error: Float[Array, "m"]
    contraction: Float[Array, "m"]


def ball_radii(patterns: Patterns) -> Float[Array, "_"]:
    """Half the distance to the nearest other pattern, (m,): 0 where there are two of a pattern.

    Open balls of these radii never meet. A lone pattern has an infinite one.

    Args:
        patterns: ρ_j, (m, n).

    Raises:
        ValueError: If there is no pattern, or it is not finite.
    """
    return _ball_radii(_checked(patterns))


def storage_certificate(
    patterns: Patterns,
    landscape: NearestNeighbour | ModernHopfield,
    radius: Float[Array, "_"] | None = None,
) -> Certificate:
    """Prove, pattern by pattern, that it is stored; what is not proved may be stored all the same.

    In a ball of radius r around ρ_i the weight of another pattern at distance Δ is at
    most w = exp(−β(Δ² − 2rΔ)) for the distance energy, and exp(−β(⟨ρ_i, ρ_i − ρ_j⟩ −
    rΔ)) for the modern one. So T leads at most Σ wΔ away from ρ_i, and its derivative,
    2β or β times the covariance of the patterns, is at most that times Σ wΔ². If the
    first is at most r and the second below 1, Banach's theorem does the rest.

    Args:
        patterns: ρ_j, (m, n).
        landscape: The energy.
        radius: r of each ball; half of `ball_radii` if None.

    Raises:
        TypeError: If the energy is another.
        ValueError: If there is no pattern, anything is not finite, or a radius is
            negative.

    Source: This library's; in the manner of Ramsauer et al. 2021, Theorem 4.
    """
    if not isinstance(landscape, NearestNeighbour | ModernHopfield):
        raise TypeError(
            "landscape must be NearestNeighbour or ModernHopfield, got "
            f"{type(landscape).__name__}"
        )
    given = _checked(patterns)
    radii = _radii(given, landscape, radius)
    by_distance = isinstance(landscape, NearestNeighbour)
    # An infinite β would make NaN of 0 · ∞.
    beta = min(landscape.inverse_temperature, float(jnp.finfo(given.dtype).max))
    return _certificate(by_distance, given, radii, jnp.asarray(beta))


def storage(
    patterns: Patterns,
    landscape: Landscape | None = None,
    radius: Float[Array, "_"] | None = None,
    *,
    key: Array,
    samples: int = 16,
    precision: float = 1e-2,
    steps: int = 1000,
    tolerance: float = 1e-5,
) -> xr.Dataset:
    """Which patterns are stored and retrieved, by Definition 1, from states drawn in their balls.

    Drawn states can show that a pattern is *not* stored; that it is, they only make
    likely. `certified` says where it is proved.

    Args:
        patterns: ρ_j, (m, n); of ±1 where the energy is one of signs.
        landscape: The energy; `NearestNeighbour` if None.
        radius: Of each ball; if None, half of `ball_radii` for continuous energies, and
            all of it for energies of signs, where states are drawn by turning signs.
        key: Random key.
        samples: States drawn in each ball, on its edge every second one.
        precision: ε, relative to |ρ|.
        steps: Most updates.
        tolerance: As for `descend`.

    Returns:
        Over "pattern": radius, disjoint (its ball meets no other), inside (the fixed
        point reached from ρ lies in the ball), unique (all states drawn converge to
        it), stored (all three), certified, retrieved (the share of states that came
        within ε of it), error |x* − ρ|.

    Raises:
        ValueError: If a number is out of range, or as `descend` does.

    Source: Niu et al. 2024, Definition 1; Ramsauer et al. 2021, Definition 1.
    """
    chosen = NearestNeighbour() if landscape is None else landscape
    given = _checked(patterns)
    check_whole(samples=samples)
    check_positive(precision=precision)
    if isinstance(chosen, SignLandscape) and not (np.abs(given) == 1).all():
        raise ValueError(
            f"patterns must hold −1 and 1 only: {chosen.name} is an energy of signs"
        )
    radii = _radii(given, chosen, radius)
    options: Any = {"steps": steps, "tolerance": tolerance}
    if isinstance(chosen, SignLandscape):
        options["method"] = "sweep"
    fixed = descend(given, given, chosen, **options)
    points, reach = np.asarray(given), np.asarray(radii)
    drawn = _drawn(
        isinstance(chosen, SignLandscape), points, reach, samples, generator(key)
    )
    ended = descend(jnp.asarray(drawn, given.dtype), given, chosen, **options)
    apart = np.linalg.norm(np.asarray(ended.state) - np.asarray(fixed.state), axis=-1)
    error = np.linalg.norm(np.asarray(fixed.state) - points, axis=-1)
    size = np.linalg.norm(points, axis=-1)
    within = apart <= precision * size
    # A descent stops at a residual, short of its end by up to 1/(1 − contraction) times
    # as much.
    same = apart <= np.maximum(100 * tolerance * (1 + size), 1e-3 * reach)
    disjoint = np.asarray(_disjoint(given, radii))
    unique = (same & np.asarray(ended.converged)).all(0) & np.asarray(fixed.converged)
    inside = error <= reach
    certified = np.zeros(len(size), bool)
    if isinstance(chosen, NearestNeighbour | ModernHopfield):
        certified = np.asarray(storage_certificate(given, chosen, radii).stored)
    columns = {
        "radius": reach,
        "disjoint": disjoint,
        "inside": inside,
        "unique": unique,
        "stored": disjoint & inside & unique,
        "certified": disjoint & certified,
        "retrieved": within.mean(0),
        "error": error,
    }
    about = {
        "energy": chosen.name,
        "precision": precision,
        "samples": samples,
        "source": "Niu et al. 2024, Definition 1",
    }
    return xr.Dataset(
        {name: ("pattern", x) for name, x in columns.items()}, attrs=about
    )


@jax.jit
def _ball_radii(patterns: Any) -> Any:
    def one(i: Any) -> Any:
        squared = ((patterns - patterns[i]) ** 2).sum(-1)
        return jnp.sqrt(squared.at[i].set(jnp.inf).min()) / 2

    return jax.lax.map(one, jnp.arange(patterns.shape[0]))


@jax.jit
def _disjoint(patterns: Any, radii: Any) -> Any:
    """Whether a ball meets no other, with room for rounding where they touch."""

    def one(i: Any) -> Any:
        apart = jnp.sqrt(((patterns - patterns[i]) ** 2).sum(-1))
        free = (radii + radii[i] <= apart * (1 + 1e-5)) & (apart > 0)
        return free.at[i].set(True).all()

    return jax.lax.map(one, jnp.arange(patterns.shape[0]))


@partial(jax.jit, static_argnums=0)
def _certificate(
    by_distance: bool, patterns: Any, radii: Any, beta: Any
) -> Certificate:
    def one(i: Any) -> Any:
        away = patterns - patterns[i]
        squared = (away**2).sum(-1)
        apart, r = jnp.sqrt(squared), radii[i]
        gap = (squared - r * apart) if by_distance else -(away @ patterns[i])
        weight = jnp.exp(jnp.minimum(beta * (r * apart - gap), 0)).at[i].set(0)
        slope = (
            (weight * squared).sum() * beta * (2 if by_distance else 1)
        )  # 2β may be infinite
        return (weight * apart).sum(), slope

    error, slope = jax.lax.map(one, jnp.arange(patterns.shape[0]))
    return Certificate((error <= radii) & (slope < 1) & (radii > 0), error, slope)


def _checked(patterns: Any) -> jax.Array:
    checked_patterns(patterns)
    return as_real(on_device(patterns))


def _radii(patterns: Any, landscape: Landscape, radius: Any) -> Any:
    return (
        _default(patterns, landscape)
        if radius is None
        else _checked_radius(patterns, radius)
    )


def _default(patterns: Any, landscape: Landscape) -> Any:
    """Half of half the nearest distance, for at its edge half the way both pull alike."""
    largest = np.asarray(_ball_radii(patterns))
    lone = np.linalg.norm(np.asarray(patterns), axis=-1) + 1
    share = 1 if isinstance(landscape, SignLandscape) else 0.5
    return jnp.asarray(np.where(np.isinf(largest), lone, share * largest))


def _checked_radius(patterns: Any, radius: Any) -> Any:
    check_real(radius=radius)
    if radius.shape != patterns.shape[:1]:
        raise ValueError(
            f"radius must have shape {patterns.shape[:1]}, got {radius.shape}"
        )
    if not (np.isfinite(radius) & (np.asarray(radius) >= 0)).all():
        raise ValueError("radius must be finite and not negative")
    return as_real(radius)


def _drawn(
    signs: bool,
    patterns: np.ndarray,
    radii: np.ndarray,
    samples: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """States in each ball, (samples, m, n)."""
    m, n = patterns.shape
    depth = rng.random((samples, m))
    depth[::2] = 1
    if signs:  # k turned signs lead 2√k away
        most = np.floor(radii**2 / 4)
        turned = random_ranks(rng, (samples, m, n)) < np.round(most * depth)[..., None]
        return np.where(turned, -patterns, patterns)
    way = rng.normal(size=(samples, m, n))
    way /= np.linalg.norm(way, axis=-1, keepdims=True)
    return patterns + (radii * depth ** (1 / n))[..., None] * way
