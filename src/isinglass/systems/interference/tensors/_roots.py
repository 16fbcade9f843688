"""Roots of u − x tanh u = h, all three of them, by a few steps from a close start.

With μ = tanh u this is Eq. 6 of Tang 2020 in the form that is explicit in the field.
Left of the fold at u_s, where x sech² u_s = 1, the function falls; right of it, it
rises and is convex. For h ≥ 0 there is always one root to the right (the *stable* one,
of least free energy). While h ≤ h_s there are two more, at −u: the *metastable* one
with u ≥ u_s, and the *middle* one between. They meet at the fold, where Newton's method
crawls; starts from the expansion about the fold, u_s ± √(d/μ_s) at the distance
d = h_s − h, are close enough for Halley's to be done in three to five steps.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Numbers = Float[Array, "..."]

_SMALL = 0.1  # mean fields below which a series replaces a difference of near equals
_TERMS = 12


def fold(x: Any) -> tuple[Any, Any]:
    """Mean field μ_s and field h_s at the fold; zeros where x ≤ 1, which has none."""
    # A fold-free x is replaced before the root is taken, so that derivatives are 0.
    inside = jnp.where(x > 1, x, 2.0)
    mean_field = jnp.where(x > 1, jnp.sqrt(1 - 1 / inside), 0.0)
    return mean_field, jnp.where(x > 1, fold_field(inside), 0.0)


@jax.custom_jvp
def fold_field(x: Any) -> Any:
    """h_s = x μ_s − artanh μ_s, for x > 1."""
    return _fold_field(x, jnp.sqrt(1 - 1 / x), _fold_place(x))


@fold_field.defjvp
def _fold_field_jvp(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
    """dh_s/dx = μ_s: the fold is an extremum in u, so that only x itself counts."""
    (x,), (change,) = primals, tangents
    return fold_field(x), jnp.sqrt(1 - 1 / x) * change


def _fold_place(x: Any) -> Any:
    """u_s = artanh μ_s without 1 − μ_s, which is lost for large x."""
    return jnp.log(jnp.sqrt(x) + jnp.sqrt(x - 1))


def _fold_field(x: Any, mean_field: Any, place: Any) -> Any:
    # x μ − artanh μ = Σ_k 2k/(2k + 1) μ^{2k+1}, since x = 1/(1 − μ²); by Horner.
    square, series = mean_field**2, jnp.zeros_like(mean_field)
    for k in range(_TERMS, 0, -1):
        series = square * (2 * k / (2 * k + 1) + series)
    direct = x * mean_field - place
    return jnp.where(mean_field < _SMALL, mean_field * series, direct)


@jax.custom_jvp
def solve(x: Any, h: Any) -> tuple[Any, Any, Any]:
    """The lower, middle and upper μ with μ = tanh(xμ + h); NaN where there is none.

    Derivatives are those of the implicit function, dμ/dh = (1 − μ²)/(1 − x(1 − μ²)) and
    dμ/dx = μ dμ/dh, and 0 where there is no root.
    """
    strength = jnp.abs(h)
    stable, metastable, middle = _by_strength(x, strength)
    opposite = h < 0
    lower = jnp.where(opposite, -stable, metastable)
    upper = jnp.where(opposite, -metastable, stable)
    return lower, jnp.where(opposite, -middle, middle), upper


@solve.defjvp
def _solve_jvp(primals: tuple, tangents: tuple) -> tuple[tuple, tuple]:
    (x, _), (of_x, of_h) = primals, tangents
    roots = solve(*primals)
    changes = []
    for root in roots:
        absent = jnp.isnan(root)
        mean_field = jnp.where(absent, 0.0, root)
        steepness = (1 - mean_field) * (1 + mean_field)
        below = jnp.where(absent, 1.0, 1 - x * steepness)
        slope = jnp.where(absent, 0.0, steepness / below)
        changes.append(slope * (of_h + mean_field * of_x))
    return roots, tuple(changes)


def _by_strength(x: Any, h: Any) -> tuple[Any, Any, Any]:
    """The stable, metastable and middle root for h ≥ 0; the latter two are ≤ 0."""
    # Where there is a single root, the pair of another place is computed and thrown
    # away.
    inside = jnp.where(x > 1, x, 2.0)
    mean_field, place = jnp.sqrt(1 - 1 / inside), _fold_place(inside)
    distance = _fold_field(inside, mean_field, place) - h
    several = (x > 1) & (distance >= 0)
    metastable, middle = _pair(
        inside, jnp.where(several, h, 0.0), place, jnp.maximum(distance, 0.0)
    )
    return (
        jnp.tanh(_stable(x, h)),
        jnp.where(several, -jnp.tanh(metastable), jnp.nan),
        jnp.where(several, -jnp.tanh(middle), jnp.nan),
    )


def _stable(x: Any, h: Any) -> Any:
    """U ≥ 0 for h ≥ 0."""
    # Near x = 1 the equation is a cubic, (1 − x) u + u³/3 = h; far from it tanh u is 1.
    cube_root = jnp.exp(jnp.log(3 * h) / 3)
    cubic = jnp.sqrt(3 * jnp.maximum(x - 1, 0)) + cube_root
    start = jnp.minimum(cubic, h + x)
    # Below x = 1 the tangent at 0 bounds the root.
    tangent = h / jnp.where(x < 1, 1 - x, 1.0)
    start = jnp.where(x < 1, jnp.minimum(start, tangent), start)
    return _halley(x, h, start, steps=4)


def _pair(x: Any, h: Any, place: Any, distance: Any) -> tuple[Any, Any]:
    """Magnitudes |u| of the metastable and of the middle root, for 0 ≤ h ≤ h_s."""
    mean_field = jnp.sqrt(1 - 1 / x)
    step = jnp.sqrt(distance / mean_field)
    bend = (1 - 3 * mean_field**2) / (6 * mean_field) * step**2
    above = jnp.maximum(place + step - bend, place + 0.3 * step)
    metastable = _halley(x, -h, jnp.minimum(above, x - h), steps=3)
    below = place * (1 - jnp.tanh(step / place))
    middle = _halley(x, -h, jnp.maximum(below, h / (x - 1)), steps=5)
    # Rounding at the fold itself may carry either beyond it.
    return jnp.maximum(metastable, place), jnp.clip(middle, 0.0, place)


def _halley(x: Any, h: Any, u: Any, *, steps: int) -> Any:
    """Halley's method, unrolled: one pass over memory whatever the number of points."""
    for _ in range(steps):
        t = jnp.tanh(u)
        steepness = 1 - t * t
        residual = u - x * t - h
        slope = 1 - x * steepness
        bend = x * t * steepness  # half of the second derivative
        below = slope * slope - residual * bend
        u = u - residual * slope / jnp.where(below == 0, 1.0, below)
    return u
