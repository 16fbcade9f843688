"""Gram–Schmidt for small sets of tangent vectors, many sets side by side."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

# Up to here a sum over components is written out, which XLA fuses; beyond, it is a
# reduction.
LONGEST_SUM = 64


def orthonormalise(
    vectors: Float[Array, "D k"],
) -> tuple[Float[Array, "D k"], Float[Array, " k"], Bool[Array, " k"]]:
    """Modified Gram–Schmidt, column by column.

    Linear-algebra libraries factorise small matrices one by one; this vectorises over
    whatever the caller maps it over, and its R is as accurate as Householder's.

    Returns:
        Q, with zero columns where a vector vanished; the logarithms of R's diagonal (−∞
        there); and whether a diagonal entry is lost in rounding: what is left of the
        vector beside its predecessors is no more than D rounding errors of its length.
    """
    size, count = vectors.shape
    columns = jnp.arange(count)
    floor = size * jnp.finfo(vectors.dtype).eps
    before = jnp.sqrt(_dot(vectors, vectors))

    def column(index: jax.Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        vectors, norms = carry
        vector = vectors[:, index]
        norm = jnp.sqrt(_dot(vector, vector))
        unit = vector * jnp.where(norm > 0, 1 / norm, 0)
        later = jnp.where(columns > index, _dot(vectors, unit), 0)
        vectors = vectors - unit[:, None] * later
        return vectors.at[:, index].set(unit), norms.at[index].set(norm)

    vectors, norms = jax.lax.fori_loop(
        0, count, column, (vectors, jnp.zeros_like(before))
    )
    return vectors, jnp.log(norms), norms <= floor * before


def _dot(a: Array, b: Array) -> Array:
    if len(a) > LONGEST_SUM:
        return jnp.sum(a * b if a.ndim == b.ndim else a * b[:, None], axis=0)
    total = a[0] * b[0]
    for index in range(1, len(a)):
        total = total + a[index] * b[index]
    return total
