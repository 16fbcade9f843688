"""Cross-entropy over a large vocabulary that never holds all logits.

Positions are taken in parts. With the logits of a part at hand its gradients are made
at once, so that nothing is computed anew: what is kept are the gradients by the final
activations and by the embedding, times which comes a scalar.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

_LOGITS = 1 << 26  # at a time: 256 MiB of float32
_ALIGNED = 128  # columns of a product that GPUs like in multiples
_HIDDEN = -1e30


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def weighted_cross_entropy(
    final: Float[Array, "m d"],
    embedding: Float[Array, "V d"],
    targets: Integer[Array, "m"],
    weights: Float[Array, "m"],
    dtype: str,
) -> Float[Array, ""]:
    """Σ_i w_i (−log softmax(x_i Eᵀ)[target_i]), nats, in float32.

    Args:
        final: x, activations before the read-out.
        embedding: E.
        targets: Tokens.
        weights: w; it has no gradient.
        dtype: Of the products.
    """
    return _in_parts(final, embedding, targets, weights, dtype, False)[0]


def _forward(final: Any, embedding: Any, targets: Any, weights: Any, dtype: str) -> Any:
    loss, *gradients = _in_parts(final, embedding, targets, weights, dtype, True)
    return loss, gradients


def _backward(_: str, saved: Any, given: Any) -> Any:
    of_final, of_embedding = saved
    return (given * of_final).astype(of_final.dtype), given * of_embedding, None, None


weighted_cross_entropy.defvjp(_forward, _backward)


def _in_parts(
    final: Any, embedding: Any, targets: Any, weights: Any, dtype: str, gradients: bool
) -> Any:
    """The loss, and if asked for its gradients by `final` and `embedding`."""
    (m, d), symbols = final.shape, len(embedding)
    columns = -(-symbols // _ALIGNED) * _ALIGNED if symbols > _ALIGNED**2 else symbols
    matrix = jnp.pad(embedding.astype(dtype), [(0, columns - symbols), (0, 0)])
    rows = min(m, max(1, _LOGITS // columns))
    parts = -(-m // rows)
    rows = -(-m // parts)
    padding = parts * rows - m
    split = (
        jnp.pad(final, [(0, padding), (0, 0)]).reshape(parts, rows, d),
        jnp.pad(targets, (0, padding)).reshape(parts, rows),
        jnp.pad(weights.astype(jnp.float32), (0, padding)).reshape(parts, rows),
    )
    part = partial(_part, matrix=matrix, symbols=symbols, gradients=gradients)
    none: Any = (jnp.zeros(()), jnp.zeros(matrix.shape) if gradients else None)
    if parts == 1:
        (loss, of_matrix), of_final = part(none, tuple(each[0] for each in split))
    else:
        (loss, of_matrix), of_final = jax.lax.scan(part, none, split)
    if not gradients:
        return loss, None, None
    return loss, of_final.reshape(-1, d)[:m], of_matrix[:symbols]


def _part(sums: Any, given: Any, *, matrix: Any, symbols: int, gradients: bool) -> Any:
    (loss, of_matrix), (final, targets, weights) = sums, given
    final = final.astype(matrix.dtype)
    product = partial(jnp.einsum, preferred_element_type=jnp.float32)
    logits = product("nd,vd->nv", final, matrix)
    token = jnp.arange(len(matrix))
    if len(matrix) > symbols:
        logits = jnp.where(token < symbols, logits, _HIDDEN)
    log_total = jax.nn.logsumexp(logits, axis=-1)
    there = jnp.take_along_axis(logits, targets[:, None], axis=1)[:, 0]
    loss = loss + (weights * (log_total - there)).sum()
    if not gradients:
        return (loss, None), None
    shares = jnp.exp(logits - log_total[:, None]) - (token == targets[:, None])
    of_logits = (weights[:, None] * shares).astype(matrix.dtype)
    of_final = product("nv,vd->nd", of_logits, matrix).astype(given[0].dtype)
    return (loss, of_matrix + product("nv,nd->vd", of_logits, final)), of_final
