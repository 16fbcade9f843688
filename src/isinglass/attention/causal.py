"""Causal softmax attention, exact, that never keeps its rows.

Rows are formed block by block, and anew for the gradient: what is kept of a block is
its output and one number a row, the logarithm of its normaliser (Dao et al. 2022,
"FlashAttention", arXiv 2205.14135, on a device's own terms). A block sees only keys
that stand before its end, so that about half of what a causal mask would throw away is
never computed.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import check_choice, check_real, check_shapes
from isinglass._common.precision import usual_promotion
from isinglass.attention.visibility import HIDDEN

Implementation = Literal["blocks", "cudnn"]
IMPLEMENTATIONS: tuple[Implementation, ...] = get_args(Implementation)
BANDS = 8  # most blocks that each have their own number of keys
_FEWEST_ROWS = 64
SCORES = 1 << 20  # of one head and sequence at a time


@usual_promotion()
def causal_attention(
    query: Float[Array, "h n c"],
    key: Float[Array, "h n c"],
    value: Float[Array, "h n c"],
    implementation: Implementation = "blocks",
) -> Float[Array, "h n c"]:
    """Compute Σ_{j ≤ i} p_ij v_j with p_i = softmax_{j ≤ i} ⟨q_i, k_j⟩/√c, by head.

    Scores and their softmax are float32, whatever the type of the arguments; the output
    has the type of the values. Memory is O(n) for the gradient, and one block of rows
    besides. For many sequences, `jax.vmap` it.

    Args:
        query: Queries of one sequence, which are scaled here.
        key: Keys.
        value: Values.
        implementation: "blocks", which runs anywhere, or "cudnn" for NVIDIA's kernel,
            which takes 16-bit numbers only.

    Raises:
        ValueError: If the implementation is unknown or shapes do not fit.
    """
    check_choice(IMPLEMENTATIONS, implementation=implementation)
    check_real(query=query, key=key, value=value)
    check_shapes(
        query=(query, "h n c"), key=(key, "h n c"), value=(value, "h n values")
    )
    query = query * query.shape[-1] ** -0.5
    n = query.shape[-2]
    if implementation == "cudnn":
        # Of even lengths only; what is added comes last, so that no other row sees it.
        positions_first = (
            jnp.pad(jnp.swapaxes(x, 0, 1), [(0, n % 2), (0, 0), (0, 0)])
            for x in (query, key, value)
        )
        mixed = jax.nn.dot_product_attention(
            *positions_first, is_causal=True, scale=1.0, implementation="cudnn"
        )
        return jnp.swapaxes(mixed[:n], 0, 1)
    rows = max(_FEWEST_ROWS, -(-n // BANDS))
    bands = [
        _band(query[:, i : i + rows], key[:, : i + rows], value[:, : i + rows], i)
        for i in range(0, n, rows)
    ]
    return bands[0] if len(bands) == 1 else jnp.concatenate(bands, axis=1)


def _band(query: Any, key: Any, value: Any, first: int) -> Any:
    """Attend from the rows that begin at ``first``, in parts that fit in memory."""
    rows, n = query.shape[-2], key.shape[-2]
    most = max(1, SCORES // n)
    if rows <= most:
        return _rows(query, key, value, first)
    parts = -(-rows // most)
    padded = jnp.pad(query, [(0, 0), (0, parts * most - rows), (0, 0)])
    split = jnp.moveaxis(padded.reshape(len(query), parts, most, -1), 1, 0)
    starts = first + most * jnp.arange(parts)
    mixed = jax.lax.map(
        lambda part: _rows(part[0], key, value, part[1]), (split, starts)
    )
    return jnp.moveaxis(mixed, 0, 1).reshape(padded.shape)[:, :rows]


@jax.custom_vjp
def _rows(query: Any, key: Any, value: Any, first: Any) -> Any:
    return _forward(query, key, value, first)[0]


def _forward(query: Any, key: Any, value: Any, first: Any) -> Any:
    scores = _scores(query, key, first)
    peak = scores.max(-1, keepdims=True)
    weights = jnp.exp(scores - peak)
    total = weights.sum(-1, keepdims=True)
    mixed = _product("hij,hjc->hic", weights.astype(value.dtype), value) / total
    output = mixed.astype(value.dtype)
    return output, (query, key, value, first, output, peak + jnp.log(total))


def _backward(saved: Any, of_output: Any) -> Any:
    # With s the scores and p the rows: ∂p = p(∂s − ⟨p, ∂s⟩), and ⟨p, v·∂o⟩ = ⟨o, ∂o⟩.
    query, key, value, first, output, log_total = saved
    rows = jnp.exp(_scores(query, key, first) - log_total)
    of_rows = _product("hic,hjc->hij", of_output, value)
    common = (of_output.astype(jnp.float32) * output).sum(-1, keepdims=True)
    of_scores = (rows * (of_rows - common)).astype(query.dtype)
    of_query = _product("hij,hjc->hic", of_scores, key)
    of_key = _product("hij,hic->hjc", of_scores, query)
    of_value = _product("hij,hic->hjc", rows.astype(value.dtype), of_output)
    return (
        of_query.astype(query.dtype),
        of_key.astype(key.dtype),
        of_value.astype(value.dtype),
        None,
    )


_rows.defvjp(_forward, _backward)


def _scores(query: Any, key: Any, first: Any) -> Any:
    scores = _product("hic,hjc->hij", query, key)
    row = first + jnp.arange(query.shape[-2])
    return jnp.where(row[:, None] >= jnp.arange(key.shape[-2]), scores, HIDDEN)


_product = partial(jnp.einsum, preferred_element_type=jnp.float32)
