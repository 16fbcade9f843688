"""Is a pattern stored? Definition 1 of Niu et al. 2024, after Ramsauer et al. 2021.

Around each pattern lies a ball, and no two balls meet. A pattern is *stored* if its
ball holds one fixed point of the update, to which every state of the ball converges. It
is *retrieved* with precision ε if the update comes within ε of that point; |x − ρ| is
then the retrieval error.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import (
    check_key,
    check_kind,
    check_positive,
    check_real,
    check_whole,
)
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import (
    Patterns,
    as_real,
    check_patterns,
    check_squares,
    random_ranks,
    rng_of,
)
from isinglass.energy.descent import descend
from isinglass.energy.landscape import (
    Landscape,
    ModernHopfield,
    NearestNeighbour,
    SignLandscape,
)
from isinglass.energy.methods import published_method
from isinglass.energy.streaming import on_device


class Certificate(NamedTuple):
    """What can be proved of each pattern.

    The bounds are rounded up, and are of T as it is defined. A computed one is rounded
    itself, by some ε|ρ| with the ε of its numbers, and comes no closer to anything.

    Attributes:
        stored: Whether the update provably maps the ball into itself and contracts it,
            (m,): then the ball holds one fixed point, to which all of it converges.
        error: Bound on |x* − ρ| where stored, (m,).
        contraction: Bound on the Lipschitz constant of the update in the ball, (m,).
    """

    stored: Bool[Array, "m"]
    error: Float[Array, "m"]
    contraction: Float[Array, "m"]


@usual_promotion()
def ball_radii(patterns: Patterns) -> Float[Array, "_"]:
    """Measure half the distance from each pattern to the nearest other one, (m,).

    Open balls of these radii never meet. It is 0 where there are two of a pattern; a
    lone pattern has an infinite one.

    Args:
        patterns: ρ_j, (m, n).

    Raises:
        ValueError: If there is no pattern, or it is not finite.
    """
    return _ball_radii(_checked(patterns))


@usual_promotion()
def storage_certificate(
    patterns: Patterns,
    landscape: NearestNeighbour | ModernHopfield,
    radius: Float[Array, "_"] | None = None,
) -> Certificate:
    """Prove, pattern by pattern, that it is stored.

    What is not proved may be stored all the same.

    In a ball of radius r around ρ_i the weight of another pattern at distance Δ is at
    most w = exp(−β(Δ² − 2rΔ)) for the distance energy, and exp(−β(⟨ρ_i, ρ_i − ρ_j⟩ −
    rΔ)) for the modern one. So T leads at most Σ wΔ away from ρ_i, and its derivative,
    2β or β times the covariance of the patterns, is at most that times Σ wΔ². If the
    first is at most r and the second below 1, Banach's theorem does the rest. What
    rounding may take from either is added to it.

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
    points = _checked(patterns)
    radii = _radii(points, landscape, radius)
    by_distance = isinstance(landscape, NearestNeighbour)
    # An infinite β would make NaN of 0 · ∞.
    beta = min(landscape.inverse_temperature, float(jnp.finfo(points.dtype).max))
    return _certificate(by_distance, points, radii, jnp.asarray(beta))


@dataclass(frozen=True)
class StorageProbe:
    """How states are drawn and followed to see which patterns are stored.

    Attributes:
        samples: States drawn in each ball, on its edge every second one.
        precision: ε, relative to |ρ|.
        steps: Most updates.
        tolerance: As for `descend`.

    Raises:
        ValueError: If a number is out of range.
    """

    samples: int = 16
    precision: float = 1e-2
    steps: int = 1000
    tolerance: float = 1e-5

    def __post_init__(self) -> None:
        check_whole(samples=self.samples, steps=self.steps)
        check_positive(precision=self.precision, tolerance=self.tolerance)


@usual_promotion()
def storage(
    patterns: Patterns,
    landscape: Landscape | None = None,
    radius: Float[Array, "_"] | None = None,
    *,
    key: Array,
    probe: StorageProbe | None = None,
) -> xr.Dataset:
    """Test which patterns are stored and retrieved, from states drawn in their balls.

    Drawn states can show that a pattern is *not* stored; that it is, they only make
    likely. `certified` says where it is proved.

    Args:
        patterns: ρ_j, (m, n); of ±1 where the energy is one of signs.
        landscape: The energy; `NearestNeighbour` if None.
        radius: Of each ball; if None, half of `ball_radii` for continuous energies, and
            all of it for energies of signs, where states are drawn by turning signs.
        key: Random key.
        probe: How many states are drawn, how they are followed, and the precision.

    Returns:
        Over "pattern": radius, disjoint (its ball meets no other), inside (the fixed
        point reached from ρ lies in the ball), unique (all states drawn converge to
        it), stored (all three), certified, retrieved (the share of states that came
        within ε of it), error |x* − ρ|.

    Raises:
        ValueError: If a number is out of range, or as `descend` does.

    Source: Niu et al. 2024, Definition 1; Ramsauer et al. 2021, Definition 1.
    """
    landscape = NearestNeighbour() if landscape is None else landscape
    probe = StorageProbe() if probe is None else probe
    check_kind(Landscape, landscape=landscape)
    check_kind(StorageProbe, probe=probe)
    check_key(key=key)
    points = _checked(patterns)
    check_squares(points)
    if isinstance(landscape, SignLandscape) and not (np.abs(points) == 1).all():
        raise ValueError(
            f"patterns must hold −1 and 1 only: {landscape.name} is an energy of signs"
        )
    radii = _radii(points, landscape, radius)
    ends = _ends(points, landscape, np.asarray(radii), rng_of(key), probe)
    disjoint = np.asarray(_disjoint(points, radii))
    certified = np.zeros(len(points), bool)
    if isinstance(landscape, NearestNeighbour | ModernHopfield):
        certified = np.asarray(storage_certificate(points, landscape, radii).stored)
    columns = {
        "radius": np.asarray(radii),
        "disjoint": disjoint,
        "inside": ends["inside"],
        "unique": ends["unique"],
        "stored": disjoint & ends["inside"] & ends["unique"],
        "certified": disjoint & certified,
        "retrieved": ends["retrieved"],
        "error": ends["error"],
    }
    about = {
        "energy": landscape.name,
        "precision": probe.precision,
        "samples": probe.samples,
        "source": "Niu et al. 2024, Definition 1",
    }
    return xr.Dataset({name: ("pattern", x) for name, x in columns.items()}, {}, about)


def _ends(
    patterns: jax.Array,
    landscape: Landscape,
    radii: np.ndarray,
    rng: np.random.Generator,
    probe: StorageProbe,
) -> dict[str, np.ndarray]:
    """Where the patterns themselves end, and states drawn in their balls."""
    points = np.asarray(patterns)
    signs = isinstance(landscape, SignLandscape)
    start = jnp.asarray(
        _drawn(signs, points, radii, probe.samples, rng), patterns.dtype
    )
    fixed, ends = (
        descend(
            x,
            patterns,
            landscape,
            published_method(landscape),
            steps=probe.steps,
            tolerance=probe.tolerance,
        )
        for x in (patterns, start)
    )
    apart = np.linalg.norm(np.asarray(ends.state) - np.asarray(fixed.state), axis=-1)
    error = np.linalg.norm(np.asarray(fixed.state) - points, axis=-1)
    size = np.linalg.norm(points, axis=-1)
    # A descent stops at a residual, short of its end by up to 1/(1 − contraction) times
    # as much.
    same = apart <= np.maximum(100 * probe.tolerance * (1 + size), 1e-3 * radii)
    alike = (same & np.asarray(ends.converged)).all(0)
    return {
        "inside": error <= radii,
        "unique": alike & np.asarray(fixed.converged),
        "retrieved": (apart <= probe.precision * size).mean(0),
        "error": error,
    }


@jax.jit
def _ball_radii(patterns: Any) -> Any:
    def radius(i: Any) -> Any:
        squared = ((patterns - patterns[i]) ** 2).sum(-1)
        return jnp.sqrt(squared.at[i].set(jnp.inf).min()) / 2

    return jax.lax.map(radius, jnp.arange(patterns.shape[0]))


@jax.jit
def _disjoint(patterns: Any, radii: Any) -> Any:
    """Whether a ball meets no other, with room for rounding where they touch."""

    def is_free(i: Any) -> Any:
        apart = jnp.sqrt(((patterns - patterns[i]) ** 2).sum(-1))
        free = (radii + radii[i] <= apart * (1 + 1e-5)) & (apart > 0)
        return free.at[i].set(True).all()

    return jax.lax.map(is_free, jnp.arange(patterns.shape[0]))


@partial(jax.jit, static_argnums=0)
def _certificate(
    by_distance: bool, patterns: Any, radii: Any, beta: Any
) -> Certificate:
    """Both bounds, each with more added than rounding and underflow may take away."""
    (m, n), machine = patterns.shape, jnp.finfo(patterns.dtype)
    # Of sums over components and over patterns, and the operations around them.
    by_components, by_patterns = ((16 + terms) * machine.eps for terms in (n, m))

    def bounds(i: Any) -> Any:
        away, r = patterns - patterns[i], radii[i]
        squared = (away**2).sum(-1)
        most = squared * (1 + by_components) + n * machine.tiny
        apart = jnp.sqrt(most)
        products = -away * patterns[i]
        gap = (squared - r * apart) if by_distance else products.sum(-1)
        size = (squared + r * apart) if by_distance else jnp.abs(products).sum(-1)
        exponent = r * apart - gap + by_components * (r * apart + size)
        weight = jnp.exp(jnp.minimum(beta * exponent, 0)).at[i].set(0)
        # XLA takes for 0 what is below the least normal number, be it a weight or a
        # product: each may lose that much.
        least = 2 * machine.tiny * jnp.maximum(apart, 1)
        error = (weight * apart + least).sum()
        # In this order, for 2β may be infinite.
        slope = (weight * most).sum() * beta * (2 if by_distance else 1)
        return error * (1 + by_patterns), slope * (1 + by_patterns) + machine.eps

    error, slope = jax.lax.map(bounds, jnp.arange(m))
    return Certificate((error <= radii) & (slope < 1) & (radii > 0), error, slope)


def _checked(patterns: Any) -> jax.Array:
    check_patterns(patterns)
    return as_real(on_device(patterns))


def _radii(patterns: Any, landscape: Landscape, radius: Any) -> Any:
    return (
        _default(patterns, landscape)
        if radius is None
        else _checked_radius(patterns, radius)
    )


def _default(patterns: Any, landscape: Landscape) -> Any:
    """Half of half the nearest distance: at half the way both pull alike."""
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
