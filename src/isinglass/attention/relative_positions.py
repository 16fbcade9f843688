"""What attention is told of places: one family, from nothing to URPE.

    "none"      nothing
    "absolute"  x_i + p_i, p learned                          (Vaswani et al. 2017)
    "rope"      queries and keys turn with their place        (Su et al. 2021)
    "alibi"     b = −slope · |j − i|                          (Press et al. 2022)
    "rpe"       b learned by head and offset                  (Shaw 2018, Raffel 2020)

and each with a coupling c by head and offset outside the softmax, or without: "rpe"
with c is URPE (Luo et al. 2022, arXiv 2205.13401).
"""

from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.checks import (
    check_choice,
    check_flag,
    check_key,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.attention.offsets import (
    BEYOND,
    Beyond,
    OffsetTables,
    alibi_bias,
    check_length,
    resize_offsets,
)
from isinglass.attention.rotary import rotary

PositionKind = Literal["none", "absolute", "rope", "alibi", "rpe"]
KINDS: tuple[PositionKind, ...] = get_args(PositionKind)
SPREAD = 0.02  # of p and b at the start, as in the program


class Positions(eqx.Module):
    """Parameters of one of the kinds, which layers of a model share or have their own.

    Attributes:
        absolute: p, (longest, width), or None.
        bias: b, (heads, 2 longest − 1), or None.
        coupling: c, alike; 1 at the start, where it says nothing. None without.
        kind: "none", "absolute", "rope", "alibi" or "rpe".
        heads: Of attention.
        longest: Tokens of the longest sequence that it was made for.

    Args:
        kind: Alike.
        width: Features of a token.
        heads: Of attention.
        longest: Tokens.
        coupling: Whether there is a c.
        key: Of p or b, N(0, 0.02²).

    Raises:
        TypeError: If something is of another kind.
        ValueError: If a number is out of range or the kind is unknown.
    """

    absolute: Float[Array, "m d"] | None
    bias: Float[Array, "h k"] | None
    coupling: Float[Array, "h k"] | None
    kind: str = eqx.field(static=True)
    heads: int = eqx.field(static=True)
    longest: int = eqx.field(static=True)

    @single_precision()
    def __init__(
        self,
        kind: str,
        width: int,
        heads: int,
        longest: int,
        coupling: bool = False,
        *,
        key: PRNGKeyArray,
    ) -> None:
        check_choice(KINDS, kind=kind)
        check_whole(width=width, heads=heads, longest=longest)
        check_flag(coupling=coupling)
        check_key(key=key)
        offsets = heads, 2 * longest - 1

        def drawn(*shape: int) -> Array:
            return SPREAD * jax.random.normal(key, shape)

        self.absolute = drawn(longest, width) if kind == "absolute" else None
        self.bias = drawn(*offsets) if kind == "rpe" else None
        self.coupling = jnp.ones(offsets) if coupling else None
        self.kind, self.heads, self.longest = kind, heads, longest

    @usual_promotion()
    def at_places(self, length: int, beyond: Beyond = "refuse") -> Array | None:
        """Return p_i of the tokens of a sequence, (length, width), or None.

        Args:
            length: Tokens.
            beyond: What p has at places that it was not made for: "refuse" for none,
                "edge" for that of the last.

        Raises:
            TypeError: If the length is no whole number.
            ValueError: If the sequence is longer, and that is refused.
        """
        check_whole(length=length)
        check_choice(BEYOND, beyond=beyond)
        if self.absolute is None:
            return None
        check_length(length, self.longest, beyond)
        return self.absolute[jnp.minimum(jnp.arange(length), self.longest - 1)]

    @usual_promotion()
    def turned(self, x: Float[Array, "*batch n c"]) -> Float[Array, "*batch n c"]:
        """Return queries or keys as they enter scores: turned by "rope", else alike.

        Raises:
            TypeError: If it is no array.
            ValueError: If they are to be turned and have an odd number of features.
        """
        return rotary(x) if self.kind == "rope" else x

    @usual_promotion()
    def tables(self, length: int, beyond: Beyond = "refuse") -> OffsetTables:
        """Return b and c for sequences of a length, (heads, 2 length − 1) each.

        ALiBi has a bias at any offset; b and c that were learned have none beyond those
        that they were made for.

        Args:
            length: Tokens.
            beyond: What these have there: "refuse" for none, "edge" for the number of
                the farthest offset on their side.

        Raises:
            TypeError: If the length is no whole number.
            ValueError: If the sequence is longer, and that is refused.
        """
        check_whole(length=length)
        check_choice(BEYOND, beyond=beyond)
        bias, coupling = (
            None if table is None else resize_offsets(table, length, beyond)
            for table in (self.bias, self.coupling)
        )
        if self.kind == "alibi":
            bias = alibi_bias(self.heads, length)
        return OffsetTables(bias, coupling)
