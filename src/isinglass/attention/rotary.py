"""Rotary positions: queries and keys turn with their place (RoPE, Su et al. 2021)."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Real

from isinglass._common.checks import check_positive, check_real, check_shapes
from isinglass._common.precision import in_floats, usual_promotion


@usual_promotion()
def rotary(
    x: Real[Array, "*batch n c"], base: float = 10_000.0
) -> Float[Array, "*batch n c"]:
    """Turn the pairs of features of token i by i times their frequency.

    Scores of queries and keys that are turned so depend on places by their difference
    alone. Features k and k + c/2 are a pair, of frequency base^(−2k/c). Angles are of
    32 bits at least, whatever x is: bfloat16 has no number between 256 and 258.

    Args:
        x: Queries or keys, (…, n, c), c even.
        base: Ratio of the longest to the shortest wavelength, about.

    Raises:
        TypeError: If it is no array.
        ValueError: If the number of features is odd, or the base is not positive.

    Source: Su et al. 2021, arXiv 2104.09864, Eq. 34, whose pairs are neighbours.
    """
    check_real(x=x)
    check_shapes(x=(x, "... n c"))
    check_positive(base=base)
    x = in_floats(x)
    n, c = x.shape[-2:]
    if c % 2:
        raise ValueError(f"x must have an even number of features, got {c}")
    frequencies = base ** (-jnp.arange(0, c, 2) / c)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    angles = (jnp.arange(n)[:, None] * frequencies).astype(wide)
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    first, second = x[..., : c // 2], x[..., c // 2 :]
    return jnp.concatenate(
        [first * cos - second * sin, second * cos + first * sin], axis=-1
    ).astype(x.dtype)
