"""Numbers by offset: a bias inside the softmax, and a coupling outside it.

Attention that knows how far apart two tokens stand has a number for each offset: key −
query, from −(n − 1) to n − 1. A table of them by head, (heads, 2n − 1), has offset δ at
δ + n − 1. As a matrix of queries and keys it is constant along diagonals (Toeplitz);
that matrix is made a block at a time, once for all sequences.
"""

from functools import partial
from typing import Any, Literal, NamedTuple, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import usual_promotion

Beyond = Literal["refuse", "edge"]
BEYOND: tuple[Beyond, ...] = get_args(Beyond)


class OffsetTables(NamedTuple):
    """What attention knows of offsets, (heads, 2n − 1) each; None for nothing.

    Attributes:
        bias: b, added to the scores inside the softmax; 0 where it says nothing.
        coupling: c, by which rows are multiplied outside of it; 1 where it says
            nothing. Any sign.
    """

    bias: Float[Array, "h k"] | None = None
    coupling: Float[Array, "h k"] | None = None


@usual_promotion()
def resize_offsets(
    table: Float[Array, "*heads k"], length: int, beyond: Beyond = "refuse"
) -> Float[Array, "*heads o"]:
    """Return the part of a table that sequences of a length need, (…, 2 length − 1).

    Args:
        table: Made for m tokens, (…, 2m − 1).
        length: Tokens of the sequences.
        beyond: What offsets have that are farther than m − 1: "refuse" for none, or
            "edge" for the number of the farthest on their side.

    Raises:
        TypeError: If the table is no array.
        ValueError: If it holds no odd number of offsets, or the sequences are longer
            than m and that is refused.
    """
    check_real(table=table)
    check_shapes(table=(table, "... offsets"))
    check_whole(length=length)
    check_choice(BEYOND, beyond=beyond)
    if table.shape[-1] % 2 == 0:
        raise ValueError(
            f"table must hold an odd number of offsets, 2 m − 1, got {table.shape[-1]}"
        )
    longest = (table.shape[-1] + 1) // 2
    if length > longest:
        check_length(length, longest, beyond)
        widths = [(0, 0)] * (table.ndim - 1) + [(length - longest, length - longest)]
        return jnp.pad(table, widths, mode="edge")
    return table[..., longest - length : longest + length - 1]


def check_length(length: int, longest: int, beyond: Beyond) -> None:
    """Refuse a sequence that is longer than what positions were made for.

    Raises:
        ValueError: If it is, and there is no rule for what lies beyond.
    """
    if length > longest and beyond == "refuse":
        raise ValueError(
            f"a sequence must have at most the {longest} tokens that positions were "
            f'made for, or beyond must be "edge"; got {length}'
        )


@usual_promotion()
def alibi_bias(heads: int, length: int) -> Float[Array, "h k"]:
    """Return the table of ALiBi: b = −slope · |offset|, slopes 2^(−8 h/heads).

    Args:
        heads: Heads h = 1 … heads.
        length: Tokens n; the table is (heads, 2n − 1).

    Raises:
        TypeError: If a number is no whole one.
        ValueError: If it is below 1.

    Source: Press, Smith & Lewis 2022, arXiv 2108.12409, for causal attention. Here
    keys after the query are held back too, by their distance and the same slope.
    """
    check_whole(heads=heads, length=length)
    slopes = 2.0 ** (-8.0 * jnp.arange(1, heads + 1) / heads)
    return -slopes[:, None] * jnp.abs(jnp.arange(1 - length, length))


def check_tables(tables: OffsetTables, heads: int, length: int) -> None:
    """Refuse tables that are not of so many heads and offsets.

    Raises:
        TypeError: If one is no array.
        ValueError: If one does not fit or is not finite.
    """
    for name, table in tables._asdict().items():
        if table is not None:
            check_real(**{name: table})
            check_shapes(**{name: (table, f"{heads} {2 * length - 1}")})
            check_finite(**{name: table})


@partial(jax.jit, static_argnames="rows")
def toeplitz(table: Array, first: Any, rows: int) -> Array:
    """Lay out a table for a block of queries, (heads, keys, rows).

    Key j of query i of the block, which stands at ``first`` + i, has the offset j −
    first − i.
    """
    n = (table.shape[-1] + 1) // 2
    # From the last offset of the block to its first, after room for queries that only
    # fill a block up: place p holds the offset n − 1 − first − p.
    flipped = jnp.pad(table[:, ::-1], [(0, 0), (0, rows)])
    own = jax.lax.dynamic_slice_in_dim(flipped, first, n + rows - 1, axis=-1)
    # Key j starts n − 1 − j places on: what is rolled by one place a row is a reshape.
    period = n + rows
    turned = jnp.roll(jnp.pad(own, [(0, 0), (0, 1)]), 1 - n, axis=-1)
    tiled = jnp.broadcast_to(turned[:, None], (len(table), n, period))
    flat = tiled.reshape(len(table), -1)[:, : n * (period - 1)]
    return flat.reshape(len(table), n, period - 1)[..., :rows]


def by_offset(of_block: Array, first: Any, like: Array) -> Array:
    """Sum a block (heads, keys, rows) along its diagonals, as the table it is of."""
    rows = of_block.shape[-1]
    _, transpose = jax.vjp(lambda table: toeplitz(table, first, rows), like)
    return transpose(of_block)[0]
