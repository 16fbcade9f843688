"""A layer of attention whose positions are an argument, any of one family."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from isinglass._common.affine import affine
from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_flag,
    check_key,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.offsets import BEYOND, Beyond
from isinglass.attention.relative import relative_attention
from isinglass.attention.relative_positions import Positions
from isinglass.attention.visibility import check_present


class RelativeAttention(eqx.Module):
    """Attention by heads with biases, whose positions come with each call.

        out = concat_h(Σ_j A_ij c_{j−i} v_j) W_O + b_O

    Attributes:
        inward: W_Q, W_K, W_V side by side, (d, 3 d).
        inward_bias: (3 d,).
        outward: W_O, (d, d).
        outward_bias: b_O, (d,).
        heads: Each of d/heads features.
        causal: Whether a token sees only itself and those before.

    Args:
        width: d, a multiple of heads.
        heads: Heads.
        causal: Alike.
        initial: Standard deviation of the weights at the start; biases are 0.
        key: Of the weights.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If a number is out of range, or heads do not divide the width.

    Source: Luo et al. 2022, arXiv 2205.13401, and its program.
    """

    inward: Float[Array, "d 3*d"]
    inward_bias: Float[Array, "3*d"]
    outward: Float[Array, "d d"]
    outward_bias: Float[Array, "d"]
    heads: int = eqx.field(static=True)
    causal: bool = eqx.field(static=True)

    @single_precision()
    def __init__(
        self,
        width: int,
        heads: int,
        *,
        causal: bool = False,
        initial: float = 0.02,
        key: PRNGKeyArray,
    ) -> None:
        check_heads(width, heads)
        check_flag(causal=causal)
        check_positive(initial=initial)
        check_key(key=key)
        inward, outward = jax.random.split(key)
        self.inward = initial * jax.random.normal(inward, (width, 3 * width))
        self.outward = initial * jax.random.normal(outward, (width, width))
        self.inward_bias, self.outward_bias = jnp.zeros(3 * width), jnp.zeros(width)
        self.heads, self.causal = heads, causal

    @usual_promotion()
    def __call__(
        self,
        x: Float[Array, "*batch n d"],
        positions: Positions,
        *,
        present: Bool[Array, "*batch n"] | None = None,
        beyond: Beyond = "refuse",
    ) -> Float[Array, "*batch n d"]:
        """Return what attention makes of tokens, (…, n, d).

        Absolute positions are no matter of attention: a model adds them to x.

        Args:
            x: Tokens.
            positions: `Positions` of as many heads.
            present: Which tokens are there, (…, n); all if None.
            beyond: What tables have at offsets that they were not made for: "refuse" or
                "edge".

        Raises:
            TypeError: If something is of another kind.
            ValueError: If shapes do not fit, a number is not finite, or the sequence is
                longer than positions reach.
        """
        check_tokens_of_width(self.outward.shape[0], x, present)
        check_kind(Positions, positions=positions)
        check_choice(BEYOND, beyond=beyond)
        if positions.heads != self.heads:
            raise ValueError(
                f"positions must be of {self.heads} heads, got {positions.heads}"
            )
        *batch, n, width = x.shape
        size = width // self.heads
        parts = affine(x, self.inward, self.inward_bias)
        parts = parts.reshape(*batch, n, 3, self.heads, size)
        query, key, value = jnp.moveaxis(parts, (-3, -4), (0, -2))
        mixed = relative_attention(
            positions.turned(query),
            positions.turned(key),
            value,
            tables=positions.tables(n, beyond),
            causal=self.causal,
            present=present,
        )
        joined = jnp.swapaxes(mixed, -2, -3).reshape(x.shape)
        return affine(joined, self.outward, self.outward_bias)


def check_heads(width: int, heads: int) -> None:
    """Refuse a width that heads do not divide.

    Raises:
        TypeError: If one is no whole number.
        ValueError: If it is below 1, or there is a rest.
    """
    check_whole(width=width, heads=heads)
    if width % heads:
        raise ValueError(
            f"width must be a multiple of heads, got width {width} and heads {heads}"
        )


def check_tokens_of_width(width: int, x: Array, present: Array | None) -> None:
    """Refuse what are no tokens of so many features, or no mask of them.

    Raises:
        TypeError: If something is no array.
        ValueError: If a shape does not fit, or a number is not finite.
    """
    check_real(x=x)
    check_shapes(x=(x, f"... n {width}"))
    check_finite(x=x)
    check_present(present, x.shape[:-1])
