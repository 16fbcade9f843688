"""Gram–Schmidt for small sets of tangent vectors, many sets side by side."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

# Up to here a sum over components is written out, which XLA fuses; beyond, it is a
# reduction.
LONGEST_SUM = 64
FEWEST_LOOPED = 4  # vectors; fewer are written out, which compiles sooner


def orthonormalise(
    vectors: Float[Array, "D k *lanes"],
) -> tuple[
    Float[Array, "D k *lanes"], Float[Array, "k *lanes"], Bool[Array, "k *lanes"]
]:
    """Modified Gram–Schmidt, column by column.

    Linear-algebra libraries factorise small matrices one by one; this vectorises over
    the lanes, and its R is as accurate as Householder's.

    Returns:
        Q, with zero columns where a vector vanished; the logarithms of R's diagonal (−∞
        there); and whether a diagonal entry is lost in rounding: what is left of the
        vector beside its predecessors is no more than D rounding errors of its length.
    """
    size, count = vectors.shape[:2]
    floor = size * jnp.finfo(vectors.dtype).eps
    columns = _written_out if count < FEWEST_LOOPED else _looped
    vectors, norms, before = columns(vectors)
    return vectors, lax.log(norms), norms <= floor * before


def _written_out(vectors: Array) -> tuple[Array, Array, Array]:
    """Q, R's diagonal, and the lengths before; later columns alone lose their part."""
    before = lax.sqrt(_dot(vectors, vectors))
    columns = [vectors[:, index] for index in range(vectors.shape[1])]
    units, norms = [], []
    while columns:
        first, *later = columns
        unit, norm = _normalised(first)
        columns = [column - unit * _dot(column, unit) for column in later]
        units.append(unit)
        norms.append(norm)
    return jnp.stack(units, 1), jnp.stack(norms), before


def _looped(vectors: Array) -> tuple[Array, Array, Array]:
    """The same of many columns, in a program as short as for one.

    Each column in turn, which stays in the nearest cache meanwhile, loses its parts
    along all before it, one after another. These are of any length as yet: a part is
    divided by the square of it, and in that division lies the speed. XLA's CPU compiler
    computes what is cheap anew for each of its uses, here a sum over all components for
    each of them, but never a quotient.
    """
    _, count, *lanes = vectors.shape
    zero = jnp.zeros((count, *lanes), vectors.dtype)
    update = lax.dynamic_update_index_in_dim

    # What has lost its parts is written to an array of its own, and goes through the
    # inner loop, too: else XLA copies all vectors for each column.
    def column(index: jax.Array, carry: tuple[Array, Array, Array]) -> Any:
        others, squares, before = carry

        def without(earlier: jax.Array, carry: tuple[Array, Array, Array]) -> Any:
            vector, others, squares = carry
            other = lax.dynamic_index_in_dim(others, earlier, 1, keepdims=False)
            square = lax.dynamic_index_in_dim(squares, earlier, 0, keepdims=False)
            square = jnp.where(square == 0, jnp.inf, square)
            vector = vector - other * (_dot(other, vector) / square)
            return vector, others, squares

        vector = lax.dynamic_index_in_dim(vectors, index, 1, keepdims=False)
        before = update(before, _dot(vector, vector), index, 0)
        vector, others, squares = lax.fori_loop(
            0, index, without, (vector, others, squares)
        )
        squares = update(squares, _dot(vector, vector), index, 0)
        return update(others, vector, index, 1), squares, before

    others, squares, before = lax.fori_loop(
        0, count, column, (jnp.zeros_like(vectors), zero, zero)
    )
    norms = lax.sqrt(squares)
    units = others * jnp.where(norms > 0, 1 / norms, 0)
    return units, norms, lax.sqrt(before)


def _normalised(vector: Array) -> tuple[Array, Array]:
    """A vector of unit length, or zero if it has none; and its length."""
    norm = lax.sqrt(_dot(vector, vector))
    return vector * jnp.where(norm > 0, 1 / norm, 0), norm


def _dot(a: Array, b: Array) -> Array:
    """Sums over the first axis of products of arrays that broadcast."""
    if len(a) > LONGEST_SUM:
        return jnp.sum(a * b, axis=0)
    total, *others = (
        lax.index_in_dim(a, index, keepdims=False)
        * lax.index_in_dim(b, index, keepdims=False)
        for index in range(len(a))
    )
    for other in others:
        total = total + other
    return total
