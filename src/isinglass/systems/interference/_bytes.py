"""Which patches of pictures of bytes are similar to the host, in whole numbers.

Of a patch of D pixels p in a picture of N, let a = N Σp − D P, where P is the sum of
the picture, and W = D Σp² − (Σp)². Less the picture's mean, the patch has the sum a/N
and, times D, the squared length a²/N² + W, so that its similarity to the uniform field
is s = a/√(a² + N²W). Sums and squares of bytes are whole numbers that float32 holds
exactly, eight or sixteen at a time; only the last comparison, s² ≥ θ², takes float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, UInt8

Bytes = UInt8[Array, "n H W"] | Bool[Array, "n H W"]

_SUM = 1 << 24  # whole numbers up to here are exact in float32
_OPPOSITE = 1 << 12  # more than the pictures of a batch


def fits(images: np.ndarray, patch: tuple[int, int], threshold: float) -> bool:
    """Whether `tally_bytes` gives, to the last bit, what `tally_kinds` does."""
    return (
        images.dtype in (np.uint8, np.bool_)
        and 255**2 * patch[0] * patch[1] < _SUM
        and images.shape[1] * images.shape[2] < 100_000
        and threshold > 1e-3
    )


def tally_bytes(
    images: Bytes,
    members: Float[Array, "n C"],
    patch: tuple[int, int],
    threshold: float,
) -> Float[Array, "S C 3"]:
    """`learning.tally_kinds` of `encoding.image_similarity`, several times faster.

    Args:
        images: Pictures of bytes, or of booleans.
        members: How often sample n counts for class c, as for `tally_kinds`; of float32
            where each is 0 or 1, for at most 4,095 pictures.
        patch: Height and width of a patch.
        threshold: Similarity θ from which a signal is similar (or, negated, opposite).
    """
    similar, opposite = _kinds(images, patch, threshold)
    if members.dtype == jnp.float32:
        # One product for both: counts of a batch leave room for one another.
        both = jnp.where(similar, 1, jnp.where(opposite, _OPPOSITE, 0))
        counts = _product(both.astype(members.dtype), members)
        many = jnp.floor(counts / _OPPOSITE)
        few = counts - _OPPOSITE * many
    else:
        few, many = (
            _product(kind.astype(members.dtype), members)
            for kind in (similar, opposite)
        )
    return jnp.stack([few, members.sum(axis=0) - few - many, many], axis=-1)


def _kinds(
    images: Bytes, patch: tuple[int, int], threshold: float
) -> tuple[Bool[Array, "n S"], Bool[Array, "n S"]]:
    """Whether each patch is similar, and opposite, to the host."""
    size = patch[0] * patch[1]
    total, squares = (value.astype(float) for value in _sums(images, patch))
    pixels = size * total.shape[1]
    a = pixels * total - size * total.sum(axis=1, keepdims=True)
    spread = size * squares - total * total
    # As `is_similar`: θ but for rounding.
    squared = (threshold - 1e-12) ** 2
    aligned = (1 - squared) * (a * a) >= (squared * pixels**2) * spread
    return aligned & (a > 0), aligned & (a < 0)


def _sums(
    images: Bytes, patch: tuple[int, int]
) -> tuple[Float[Array, "n S"], Float[Array, "n S"]]:
    """Sum of each patch and of its squares, exact in float32.

    Rows of a patch are added as they lie in memory, columns by a product with ones.
    """
    (n, height, width), (h, w) = images.shape, patch
    rows, columns = height // h, width // w
    lines = images[:, : rows * h].reshape(n, rows, h, width).astype(jnp.float32)
    line = [lines[:, :, i] for i in range(h)]
    ones = np.zeros((width, columns), np.float32)
    ones[np.arange(columns * w), np.arange(columns * w) // w] = 1
    powers = sum(line), sum(pixel * pixel for pixel in line)
    total, squares = (
        jnp.matmul(
            jnp.asarray(power).reshape(n * rows, width),
            ones,
            precision=jax.lax.Precision.HIGHEST,
        )
        for power in powers
    )
    return total.reshape(n, -1), squares.reshape(n, -1)


def _product(
    kind: Float[Array, "n S"], members: Float[Array, "n C"]
) -> Float[Array, "S C"]:
    return jnp.matmul(kind.T, members, precision=jax.lax.Precision.HIGHEST)
