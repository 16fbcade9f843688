"""Softmax attention that also says how peaked its rows are, and never keeps them.

`attend` gives, beside the output, two numbers a row: min_j(−log p_j) and Σ_j p_j^q. Of these two
are the potential and the entropy of a looped transformer (Lam 2026, Eqs. 4 and 5) made, so that
training with both penalties keeps no row in memory. Rows are taken block by block, of up to 512
symbols in one, and computed anew for the gradient.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

# How many scores are held at a time, by sequence and head: rows of up to 512 symbols all together,
# of more than that 512 rows, of 10,000 symbols 104.
SCORES = 1 << 20
BLOCKED = 1 << 9
# What `jax.checkpoint` should save of a block: O(n), and saves the gradient a pass over the rows.
SAVED = (
    "isinglass_mixed",
    "isinglass_peak",
    "isinglass_surprise",
    "isinglass_power",
    "isinglass_place",
)
HIDDEN = -1e30  # a score that no exp survives; −∞ would make NaN of 0 · ∞ in gradients


class RowStatistics(NamedTuple):
    """What is known of every row of attention.

    Attributes:
        surprise: min_j(−log p_j), nats, (…, n): 0 where one key takes all.
        power: Σ_j p_j^q, (…, n): 1 where one key takes all; 0 where q was None.
    """

    surprise: Float[Array, "*batch n"]
    power: Float[Array, "*batch n"]


def attend(
    query: Float[Array, "*batch n c"],
    key: Float[Array, "*batch n c"],
    value: Float[Array, "*batch n d"],
    *,
    causal: bool = True,
    q: float | None = None,
    bias: Float[Array, "n"] | None = None,
) -> tuple[Float[Array, "*batch n d"], RowStatistics]:
    """Attention Σ_j p_ij v_j with p_i = softmax_j (⟨q_i, k_j⟩ + b_{i−j}).

    Memory is O(n) for the gradient and one block of rows besides.

    Args:
        query: Queries, with whatever scale the scores are to have.
        key: Keys.
        value: Values.
        causal: Whether row i sees only keys 0 … i.
        q: Tsallis index whose power sum is wanted; None to leave it out, which is faster.
        bias: b, by how far back a key lies, 0 … n − 1; for causal attention only.

    Returns:
        The output, and the statistics of the rows. All of it can be differentiated.

    Raises:
        ValueError: If there is a bias and the attention is not causal.
    """
    _check_bias(bias, causal)
    n = query.shape[-2]
    rows = n if n <= BLOCKED else max(1, min(BLOCKED, SCORES // n))
    if rows >= n:
        found: Any = _attend(query, key, value, bias, 0, causal, q)
    else:
        found = _in_blocks(query, key, value, bias, rows, causal, q)
    output, surprise, power = found
    return output, RowStatistics(surprise, power)


def attention_rows(
    query: Float[Array, "*batch n c"],
    key: Float[Array, "*batch n c"],
    *,
    causal: bool = True,
    bias: Float[Array, "n"] | None = None,
) -> Float[Array, "*batch n n"]:
    """The rows themselves, of which `attend` says what is meant: n² numbers.

    Raises:
        ValueError: If there is a bias and the attention is not causal.
    """
    _check_bias(bias, causal)
    return jax.nn.softmax(_scores(query, key, bias, 0, causal), axis=-1)


def _check_bias(bias: Any, causal: bool) -> None:
    if bias is not None and not causal:
        raise ValueError("bias is by how far back a key lies: causal must be True, got False")


def _in_blocks(
    query: Any, key: Any, value: Any, bias: Any, rows: int, causal: bool, q: float | None
) -> Any:
    """`_attend` for `rows` queries at a time; the last block is padded with queries of zero."""
    n = query.shape[-2]
    blocks = -(-n // rows)
    padding = [(0, 0)] * (query.ndim - 2) + [(0, blocks * rows - n), (0, 0)]
    split = jnp.pad(query, padding).reshape(*query.shape[:-2], blocks, rows, query.shape[-1])
    first = jnp.arange(blocks) * rows

    def one(block: tuple[Any, Any]) -> Any:
        return _attend(block[0], key, value, bias, block[1], causal, q)

    output, surprise, power = jax.lax.map(one, (jnp.moveaxis(split, -3, 0), first))
    output = jnp.moveaxis(output, 0, -3).reshape(*query.shape[:-2], -1, value.shape[-1])
    surprise, power = (
        jnp.moveaxis(x, 0, -2).reshape(*query.shape[:-2], -1) for x in (surprise, power)
    )
    return output[..., :n, :], surprise[..., :n], power[..., :n]


def _scores(query: Any, key: Any, bias: Any, first: Any, causal: bool) -> Any:
    """⟨q_i, k_j⟩ + b_{i−j}, of which row i stands at place ``first`` + i of the sequence."""
    scores = jnp.einsum("...ic,...jc->...ij", query, key)
    if not causal:
        return scores
    row = first + jnp.arange(scores.shape[-2])
    back = row[:, None] - jnp.arange(scores.shape[-1])
    if bias is not None:
        scores = scores + bias[jnp.maximum(back, 0)]
    return jnp.where(back >= 0, scores, HIDDEN)


def _by_distance(of_scores: Any, first: Any) -> Any:
    """Sums of (…, rows, n) along its diagonals, by how far back they lie, (…, n).

    Each row is moved by one more place than the one before, which takes nothing but a reshape.
    """
    *batch, rows, n = of_scores.shape
    turned = jnp.flip(of_scores, -1)
    padded = jnp.pad(turned, [(0, 0)] * (len(batch) + 1) + [(0, rows)])
    skewed = padded.reshape(*batch, -1)[..., : rows * (n + rows - 1)]
    sums = skewed.reshape(*batch, rows, n + rows - 1).sum(-2)
    # Place m holds the distance first + m − (n − 1); what is asked for are distances 0 … n − 1.
    room = jnp.pad(sums, [(0, 0)] * len(batch) + [(0, n)])
    return jax.lax.dynamic_slice_in_dim(room, n - 1 - first, n, axis=-1)


@partial(jax.custom_vjp, nondiff_argnums=(5, 6))
def _attend(
    query: Any, key: Any, value: Any, bias: Any, first: Any, causal: bool, q: float | None
) -> Any:
    return _forward(query, key, value, bias, first, causal, q)[0]


def _forward(
    query: Any, key: Any, value: Any, bias: Any, first: Any, causal: bool, q: float | None
) -> Any:
    scores = _scores(query, key, bias, first, causal)
    peak = scores.max(-1)
    lifted = scores - peak[..., None]
    weights = jnp.exp(lifted)
    total = weights.sum(-1)
    output = (weights @ value) / total[..., None]
    surprise = jnp.log(total)
    if q is None:
        power = jnp.zeros_like(total)
    else:  # not by `pow` or √ of the weights: on CPUs both cost more than a second exp
        power = jnp.exp(q * lifted).sum(-1) * jnp.exp(-q * surprise)
    # The first key of the highest score: kept, for the gradient of the peak must go to one key
    # where keys are tied, and scores computed anew may differ in the last bit.
    index = jnp.arange(scores.shape[-1], dtype=jnp.float32)
    place = jnp.where(lifted == 0, index, float(index.size)).min(-1)
    made = (output, peak, surprise, power, place)
    kept = [checkpoint_name(each, name) for each, name in zip(made, SAVED, strict=True)]
    return tuple(kept[i] for i in (0, 2, 3)), (query, key, value, bias, first, *kept)


def _backward(causal: bool, q: float | None, saved: Any, given: Any) -> Any:
    query, key, value, bias, first, output, peak, surprise, power, place = saved
    of_output, of_surprise, of_power = given
    logs = (_scores(query, key, bias, first, causal) - peak[..., None]) - surprise[..., None]
    # With s the scores: ∂p = p(∂s − ⟨p, ∂s⟩), −log max p = log Σ e^s − max s, ∂Σp^q = qΣp^(q−1)∂p.
    of_rows = jnp.einsum("...ic,...jc->...ij", of_output, value)
    common = of_surprise - (of_output * output).sum(-1)
    if q is None:
        rows = jnp.exp(logs)
        of_scores = rows * (of_rows + common[..., None])
    else:
        rows, powers = _row_powers(logs, q)
        pull = q * of_power
        common = common - pull * power
        of_scores = rows * (of_rows + common[..., None]) + pull[..., None] * powers
    highest = jnp.arange(logs.shape[-1], dtype=place.dtype) == place[..., None]
    of_scores = of_scores - jnp.where(highest, of_surprise[..., None], 0.0)
    of_query = of_scores @ key
    of_bias = None if bias is None else _by_distance(of_scores, first).reshape(-1, bias.size).sum(0)
    of_key, of_value = _turned_product(of_scores, query), _turned_product(rows, of_output)
    return of_query, of_key, of_value, of_bias, None


_attend.defvjp(_forward, _backward)


def _row_powers(logs: Any, q: float) -> tuple[Any, Any]:
    """Rows p and p^q from log p; the paper's q = 1.5 with one exp."""
    if q == 1.5:
        root = jnp.exp(0.5 * logs)
        return root * root, root * root * root
    return jnp.exp(logs), jnp.exp(q * logs)


def _turned_product(matrix: Any, columns: Any) -> Any:
    """matrixᵀ @ columns, with the small factor turned instead of the n² one.

    XLA on CPUs is three times slower when left to multiply by a transposed matrix, and it folds
    every transpose into the product that it is not kept from folding.
    """
    turned = jax.lax.optimization_barrier(jnp.swapaxes(columns, -1, -2))
    product = jax.lax.optimization_barrier(turned @ matrix)
    return jnp.swapaxes(product, -1, -2)
