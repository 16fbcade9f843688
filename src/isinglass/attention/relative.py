"""Attention by offset, inside the softmax and outside it (URPE), that keeps no rows.

    out_i = Σ_j A_ij c_{j−i} v_j,       A_i = softmax_j(⟨q_i, k_j⟩/√d + b_{j−i})

Without c this is attention with a relative bias, a Markov step: rows sum to 1, and a
field that is the same at all places stays so whatever b is. With c the sums of rows are
free, so that places become visible (Luo et al. 2022, arXiv 2205.13401).

Rows are taken a block of queries at a time, and anew for the gradient. Tables b and c
are laid out once a block and head, for all sequences.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import (
    check_finite,
    check_flag,
    check_kind,
    check_real,
    check_shapes,
)
from isinglass._common.precision import usual_promotion
from isinglass.attention.offsets import (
    OffsetTables,
    by_offset,
    check_tables,
    toeplitz,
)
from isinglass.attention.visibility import HIDDEN, check_present

# How many scores and rows are held at a time, by sequence and head.
SCORES = 1 << 20
BLOCKED = 1 << 9
NO_TABLES = OffsetTables()


@usual_promotion()
def relative_attention(
    query: Float[Array, "*batch h n c"],
    key: Float[Array, "*batch h n c"],
    value: Float[Array, "*batch h n e"],
    *,
    tables: OffsetTables = NO_TABLES,
    causal: bool = False,
    present: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch h n e"]:
    """Compute Σ_j A_ij c_{j−i} v_j with A_i = softmax_j(⟨q_i, k_j⟩/√d + b_{j−i}).

    Memory is O(n) for the gradient, and one block of rows besides.

    Args:
        query: q, which is scaled here, (…, heads, n, d).
        key: k, alike.
        value: v, (…, heads, n, e).
        tables: b and c by head and offset key − query, (heads, 2n − 1) each, or None;
            `resize_offsets` makes them of others. They are shared by the batch.
        causal: Whether token i sees only tokens 0 … i.
        present: Which tokens are there, (…, n), all if None: for the others b = −∞ and
            c = 0. A token that sees none gets 0.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If shapes do not fit or a number is not finite.

    Source: Luo et al. 2022, Eq. 7, and its program (multihead_attention.py).
    """
    arguments = _arguments(query, key, value, tables, causal, present)
    n = query.shape[-2]
    most = max(1, min(BLOCKED, SCORES // n))
    if n <= most:
        output: Any = _block(arguments, jnp.zeros((), jnp.int32), causal)
    else:
        output = _in_blocks(arguments, -(-n // most), causal)
    # (heads, batch, e, n) again as the values came.
    return jnp.moveaxis(output, 0, 1).swapaxes(-1, -2).reshape(value.shape)


@usual_promotion()
def relative_rows(
    query: Float[Array, "*batch h n c"],
    key: Float[Array, "*batch h n c"],
    *,
    tables: OffsetTables = NO_TABLES,
    causal: bool = False,
    present: Bool[Array, "*batch n"] | None = None,
) -> Float[Array, "*batch h n n"]:
    """Return the rows A_ij c_{j−i} of `relative_attention` themselves, to look at.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If shapes do not fit or a number is not finite.
    """
    parts = _arguments(query, key, key, tables, causal, present)
    n = query.shape[-2]
    first = jnp.zeros((), jnp.int32)
    scores = _scores(parts, first, causal)
    rows = _shares(scores, *_normaliser(scores))
    if parts.coupling is not None:
        rows = rows * toeplitz(parts.coupling, first, n)[:, None]
    return jnp.moveaxis(rows, 0, 1).swapaxes(-1, -2).reshape(*query.shape[:-1], n)


class _Arguments(NamedTuple):
    """Of the kernel: q (scaled), k and v, (heads, batch, c, n), and the tables."""

    query: Any
    key: Any
    value: Any
    bias: Any
    coupling: Any
    present: Any  # (batch, n)


def _arguments(
    query: Any, key: Any, value: Any, tables: Any, causal: bool, present: Any
) -> _Arguments:
    arrays = {"query": query, "key": key, "value": value}
    check_real(**arrays)
    check_shapes(
        query=(query, "... h n c"), key=(key, "... h n c"), value=(value, "... h n e")
    )
    check_finite(**arrays)
    check_flag(causal=causal)
    check_kind(OffsetTables, tables=tables)
    *batch, heads, n, c = query.shape
    check_tables(tables, heads, n)
    for name, array in arrays.items():
        if array.shape[:-3] != tuple(batch):
            raise ValueError(
                f"{name} must have the batch axes of query, {tuple(batch)}, got "
                f"{array.shape[:-3]}"
            )
    check_present(present, (*batch, n))
    if present is not None:
        present = jnp.asarray(present).reshape(-1, n)
    query = query * c**-0.5

    def by_head(x: Any) -> Array:
        return jnp.moveaxis(x.reshape(-1, *x.shape[-3:]), 1, 0).swapaxes(-1, -2)

    query, key, value = map(by_head, (query, key, value))
    return _Arguments(query, key, value, tables.bias, tables.coupling, present)


def _in_blocks(arguments: _Arguments, blocks: int, causal: bool) -> Array:
    """Attend from one block of queries after another; the last is padded with zeros."""
    query = arguments.query
    n = query.shape[-1]
    rows = -(-n // blocks)
    padded = jnp.pad(query, [(0, 0)] * 3 + [(0, blocks * rows - n)])
    split = jnp.moveaxis(padded.reshape(*query.shape[:-1], blocks, rows), -2, 0)

    def block(part: tuple[Array, Array]) -> Any:
        return _block(arguments._replace(query=part[0]), part[1], causal)

    starts = rows * jnp.arange(blocks, dtype=jnp.int32)
    joined = jnp.moveaxis(jax.lax.map(block, (split, starts)), 0, -2)
    return joined.reshape(*joined.shape[:-2], blocks * rows)[..., :n]


def _scores(arguments: _Arguments, first: Any, causal: bool) -> Array:
    """⟨q_i, k_j⟩ + b_{j−i}, (heads, batch, keys, queries)."""
    query, key, _, bias, _, present = arguments
    rows = query.shape[-1]
    scores = _turned(key) @ query
    if bias is not None:
        scores = scores + toeplitz(bias, first, rows)[:, None]
    keys = jnp.arange(key.shape[-1])[:, None]
    if causal:
        scores = jnp.where(keys <= first + jnp.arange(rows), scores, HIDDEN)
    if present is not None:
        scores = jnp.where(present[..., None], scores, HIDDEN)
    return scores


def _normaliser(scores: Array) -> tuple[Array, Array]:
    """The highest score of a row and log Σ exp of the others below it."""
    peak = scores.max(-2, keepdims=True)
    return peak, jnp.log(jnp.exp(scores - peak).sum(-2, keepdims=True))


def _shares(scores: Array, peak: Array, surprise: Array) -> Array:
    """A_ij; 0 where nothing can be seen."""
    return jnp.where(scores > HIDDEN / 2, jnp.exp(scores - peak - surprise), 0)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _block(arguments: _Arguments, first: Array, causal: bool) -> Array:
    return _forward(arguments, first, causal)[0]


def _forward(arguments: _Arguments, first: Array, causal: bool) -> Any:
    value, coupling = arguments.value, arguments.coupling
    scores = _scores(arguments, first, causal)
    peak, surprise = _normaliser(scores)
    rows = _shares(scores, peak, surprise)
    if coupling is not None:
        rows = rows * toeplitz(coupling, first, rows.shape[-1])[:, None]
    output = value @ rows
    return output, (arguments, first, peak, surprise, output)


def _backward(causal: bool, saved: Any, of_output: Array) -> Any:
    # With s the scores, w = A ⊙ c the rows and g_ij = ⟨∂o_i, v_j⟩: ∂c = Σ A ⊙ g along
    # diagonals, ∂s_ij = w_ij g_ij − A_ij ⟨∂o_i, o_i⟩.
    arguments, first, peak, surprise, output = saved
    query, key, value, bias, coupling, _ = arguments
    shares = _shares(_scores(arguments, first, causal), peak, surprise)
    of_rows = _turned(value) @ of_output
    common = (of_output * output).sum(-2, keepdims=True)
    of_coupling, rows = None, shares
    if coupling is not None:
        # From w, not from c: XLA would fuse c into the product of ∂o and v, and lay it
        # out for all sequences to do so.
        of_rows = jax.lax.optimization_barrier(of_rows)
        of_coupling = by_offset((shares * of_rows).sum(1), first, coupling)
        rows = shares * toeplitz(coupling, first, query.shape[-1])[:, None]
    of_scores = rows * of_rows - shares * common
    of_bias = None if bias is None else by_offset(of_scores.sum(1), first, bias)
    of_key = _turned(of_scores @ _turned(query))
    of_value = _turned(rows @ _turned(of_output))
    # All but the query are whole for every block.
    of_query = key @ of_scores
    return _Arguments(of_query, of_key, of_value, of_bias, of_coupling, None), None


_block.defvjp(_forward, _backward)


def _turned(x: Array) -> Array:
    """(…, c, n) as (…, n, c), made as such: XLA would multiply by transposes of n²."""
    return jax.lax.optimization_barrier(x.swapaxes(-1, -2))
