"""Cross-entropy over a large vocabulary that never holds all logits.

Of GPT-2's 50,257 tokens, the logits of one batch of 32 × 1,024 positions alone would
fill 6 GiB. Positions are therefore taken in parts. While the logits of a part are at
hand, its gradients are computed too, so that nothing is computed anew going back: what
is stored are the gradients by the final activations and by the embedding, and the
backward pass only multiplies them by a scalar.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Integer

from isinglass._common.checks import check_choice, check_real, check_shapes
from isinglass._common.precision import usual_promotion

Dtype = Literal["float32", "bfloat16"]
DTYPES: tuple[Dtype, ...] = get_args(Dtype)
_LOGITS = 1 << 26  # at a time: 256 MiB of float32
_ALIGNED = 128  # columns of a product that GPUs like in multiples
_HIDDEN = -1e30  # logit of a column that only fills up: its share is 0


@usual_promotion()
def weighted_cross_entropy(
    final: Float[Array, "m d"],
    embedding: Float[Array, "V d"],
    targets: Integer[Array, "m"],
    weights: Float[Array, "m"],
    dtype: Dtype,
) -> Float[Array, ""]:
    """Compute Σ_i w_i (−log softmax(x_i Eᵀ)[target_i]), nats, in float32.

    Differentiable once, by `final` and `embedding`.

    Args:
        final: x, activations before the read-out.
        embedding: E, which the read-out shares with the input (tied weights).
        targets: Tokens that should follow.
        weights: w, how much each position counts; it has no gradient.
        dtype: Of the products, "float32" or "bfloat16".

    Raises:
        ValueError: If shapes do not fit, or the type is unknown.
    """
    check_choice(DTYPES, dtype=dtype)
    check_real(final=final, embedding=embedding, targets=targets, weights=weights)
    check_shapes(
        final=(final, "m d"),
        embedding=(embedding, "V d"),
        targets=(targets, "m"),
        weights=(weights, "m"),
    )
    if not jnp.issubdtype(targets.dtype, jnp.integer):
        raise ValueError(f"targets must be whole numbers, got {targets.dtype}")
    return _loss(final, embedding, targets, weights, dtype)


# Without checks: JAX refuses what is no array before a function with a gradient of its
# own is called, in words of its own.
@partial(jax.custom_vjp, nondiff_argnums=(4,))
def _loss(final: Any, embedding: Any, targets: Any, weights: Any, dtype: Dtype) -> Any:
    return _in_parts(final, embedding, targets, weights, dtype, False)[0]


def _forward(
    final: Any, embedding: Any, targets: Any, weights: Any, dtype: Dtype
) -> Any:
    loss, *gradients = _in_parts(final, embedding, targets, weights, dtype, True)
    return loss, gradients


def _backward(_: str, gradients: Any, cotangent: Any) -> Any:
    by_final, by_embedding = gradients
    by_final = (cotangent * by_final).astype(by_final.dtype)
    return by_final, cotangent * by_embedding, None, None


_loss.defvjp(_forward, _backward)


def _in_parts(
    final: Any,
    embedding: Any,
    targets: Any,
    weights: Any,
    dtype: Dtype,
    gradients: bool,
) -> Any:
    """The loss, and on request its gradients by `final` and `embedding`."""
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
        (loss, by_matrix), by_final = part(none, tuple(array[0] for array in split))
    else:
        (loss, by_matrix), by_final = jax.lax.scan(part, none, split)
    if not gradients:
        return loss, None, None
    return loss, by_final.reshape(-1, d)[:m], by_matrix[:symbols]


def _part(
    sums: Any, positions: Any, *, matrix: Any, symbols: int, gradients: bool
) -> Any:
    """Add the share of some positions in the loss and the embedding's gradient."""
    (loss, by_matrix), (activations, targets, weights) = sums, positions
    final = activations.astype(matrix.dtype)
    product = partial(jnp.einsum, preferred_element_type=jnp.float32)
    logits = product("nd,vd->nv", final, matrix)
    token = jnp.arange(len(matrix))
    if len(matrix) > symbols:
        logits = jnp.where(token < symbols, logits, _HIDDEN)
    log_total = jax.nn.logsumexp(logits, axis=-1)
    of_target = jnp.take_along_axis(logits, targets[:, None], axis=1)[:, 0]
    loss = loss + (weights * (log_total - of_target)).sum()
    if not gradients:
        return (loss, None), None
    shares = jnp.exp(logits - log_total[:, None]) - (token == targets[:, None])
    by_logits = (weights[:, None] * shares).astype(matrix.dtype)
    by_final = product("nv,vd->nd", by_logits, matrix).astype(activations.dtype)
    return (loss, by_matrix + product("nv,nd->vd", by_logits, final)), by_final
