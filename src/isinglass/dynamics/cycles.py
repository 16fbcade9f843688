"""Fixed points of a map, and the norm of its derivative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    from collections.abc import Callable

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

DENSE = 2048  # numbers in a state up to which its Jacobian is written out


_POWER_STEPS = 2000


class FixedPoints(NamedTuple):
    """Where searches from several starts ended, one row each.

    Attributes:
        point: Z, (k, n, d).
        residual: |step(Z) − Z|, Frobenius, (k,): of the order of 10⁻¹² where Z is
            fixed.
        converged: Whether the residual is within the tolerance, (k,).
        spectral_radius: Largest modulus of an eigenvalue of the map's derivative there,
            (k,); below 1 where the point attracts.
    """

    point: Float[np.ndarray, "k n d"]
    residual: Float[np.ndarray, "k"]
    converged: Bool[np.ndarray, "k"]
    spectral_radius: Float[np.ndarray, "k"]


def jacobian_norm(
    function: Callable[[Array], Array], state: Float[Array, "..."]
) -> Float[Array, ""]:
    """Operator norm of the derivative of a function at a state: its largest singular value.

    Up to `DENSE` numbers the Jacobian is written out; beyond, the norm is found by
    power iteration on products with it, to about 4 digits, from below.
    """
    if state.size <= DENSE:
        dense = jax.jacfwd(function)(state).reshape(-1, state.size)
        return jnp.linalg.norm(dense, 2)
    forward = jax.linearize(function, state)[1]
    backward = jax.linear_transpose(forward, state)

    def onward(carry: tuple[Array, Array, Any]) -> tuple[Array, Array, Any]:
        vector, norm, steps = carry
        pushed = forward(vector)
        (pulled,) = backward(pushed)
        size = jnp.linalg.norm(pulled)  # 0 of a derivative that is 0
        onwards = pulled / jnp.where(size > 0, size, 1)
        return onwards, jnp.linalg.norm(pushed), (norm, steps[1] + 1)

    def goes_on(carry: tuple[Array, Array, Any]) -> Array:
        _, norm, (before, steps) = carry
        return (steps < 3) | (
            (jnp.abs(norm - before) > 1e-6 * norm) & (steps < _POWER_STEPS)
        )

    start = jax.random.normal(jax.random.key(0), state.shape, state.dtype)
    nothing = jnp.zeros((), state.dtype)
    carry = (start / jnp.linalg.norm(start), nothing, (nothing, 0))
    return jax.lax.while_loop(goes_on, onward, carry)[1]


def fixed_points(
    step: Callable[[Array, Any], Array],
    starts: Float[Array, "k n d"],
    parameters: Any,
    *,
    steps: int = 200,
    tolerance: float = 1e-9,
) -> FixedPoints:
    """Look for fixed points of a map, state = step(state, parameters), from several starts.

    Levenberg–Marquardt from each start, in double precision; it ends at the least
    residual that it finds, which need not be 0: a map need not have a fixed point.

    Args:
        step: The map, pure JAX.
        starts: Where to start from.
        parameters: The map's parameters, a tree of arrays.
        steps: Most steps of each search, at least 1.
        tolerance: The residual up to which a point counts as fixed.

    Returns:
        NumPy arrays, one row a start.

    Raises:
        ValueError: If steps is less than 1, the tolerance not positive and finite, a
            start not finite, or the state has more than `DENSE` numbers.
    """
    if steps < 1:
        raise ValueError(f"steps must be at least 1, got {steps}")
    if not 0 < tolerance < np.inf:
        raise ValueError(f"tolerance must be positive and finite, got {tolerance}")
    if not np.isfinite(starts).all():
        raise ValueError("starts must be finite")
    size = int(np.prod(starts.shape[1:]))
    if size > DENSE:
        raise ValueError(
            f"starts must hold at most {DENSE} numbers each, for the Jacobian is "
            f"written out, got {size}"
        )
    with jax.enable_x64(True):
        given = (parameters, starts)
        parameters, starts = jax.tree.map(
            lambda x: jnp.asarray(np.asarray(x), float), given
        )
        found = _search(step, steps, parameters, starts)
        point, distance, jacobian = map(np.asarray, found)
    radius = np.abs(np.linalg.eigvals(jacobian)).max(-1)
    return FixedPoints(point, distance, distance <= tolerance, radius)


@partial(jax.jit, static_argnums=(0, 1))
def _search(
    step: Any, steps: int, parameters: Any, starts: Array
) -> tuple[Array, Array, Array]:
    """Points, residuals and Jacobians of the map there, one start after the other."""
    shape = starts.shape[1:]

    def mapped(flat: Array) -> Array:
        return step(flat.reshape(shape), parameters).ravel()

    def one(start: Array) -> tuple[Array, Array, Array]:
        point = _least_residual(lambda flat: mapped(flat) - flat, start.ravel(), steps)
        distance = jnp.linalg.norm(mapped(point) - point)
        return point.reshape(shape), distance, jax.jacfwd(mapped)(point)

    return jax.lax.map(one, starts)


def _least_residual(
    function: Callable[[Array], Array], start: Array, steps: int
) -> Array:
    """Where Levenberg–Marquardt gets in some steps: it never goes uphill."""

    def onward(_: Any, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        point, damping = carry
        here, slope = function(point), jax.jacfwd(function)(point)
        normal = slope.T @ slope
        # Relative to the size of the problem, and never so small that the solve is
        # singular.
        floor = damping * jnp.trace(normal) / len(point) + 1e-30
        move = jnp.linalg.solve(normal + floor * jnp.eye(len(point)), slope.T @ here)
        there = point - move
        better = jnp.linalg.norm(function(there)) < jnp.linalg.norm(here)
        damping = jnp.clip(jnp.where(better, damping / 5, damping * 3), 1e-14, 1e8)
        return jnp.where(better, there, point), damping

    return jax.lax.fori_loop(0, steps, onward, (start, jnp.asarray(1e-3, start.dtype)))[
        0
    ]
