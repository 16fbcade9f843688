"""Softmax attention that also says how peaked its rows are, and never keeps them.

`attend` gives, beside the output, two numbers a row: min_j(−log p_j) and Σ_j p_j^q. The
potential and the entropy of a looped transformer (Lam 2026, Eqs. 4 and 5) are made of
these two, so that training with both penalties keeps no row in memory. Rows are taken
block by block, up to 512 at a time, and computed anew for the gradient.

It computes with features first, (c, …, n), which `attend_first` takes as they are:
where there are only a few features, that is faster on CPUs (`features_first`).
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.ad_checkpoint import checkpoint_name
from jaxtyping import Array, Float

from isinglass._common.checks import check_flag, check_in, check_real, check_shapes
from isinglass._common.largest import first_largest
from isinglass._common.precision import usual_promotion
from isinglass.attention.features_first import features_first, features_last
from isinglass.attention.visibility import HIDDEN

# How many scores and rows are held at a time, by sequence and head. Blocks are of one
# size: two of 300 rows for 600 symbols, 97 of 104 for 10,000.
SCORES = 1 << 20
BLOCKED = 1 << 9
# What `jax.checkpoint` should save of a block: O(n), and saves the gradient a pass over
# the rows.
SAVED = (
    "isinglass_mixed",
    "isinglass_peak",
    "isinglass_surprise",
    "isinglass_power",
    "isinglass_place",
)


class RowStatistics(NamedTuple):
    """How peaked every row of attention is.

    Attributes:
        surprise: min_j(−log p_j), nats, (…, n): 0 where one key takes all.
        power: Σ_j p_j^q, (…, n): 1 where one key takes all; 0 where q was None.
    """

    surprise: Float[Array, "*batch n"]
    power: Float[Array, "*batch n"]


@usual_promotion()
def attend(
    query: Float[Array, "*batch n c"],
    key: Float[Array, "*batch n c"],
    value: Float[Array, "*batch n d"],
    *,
    causal: bool = True,
    q: float | None = None,
    bias: Float[Array, "n"] | None = None,
) -> tuple[Float[Array, "*batch n d"], RowStatistics]:
    """Compute Σ_j p_ij v_j with p_i = softmax_j (⟨q_i, k_j⟩ + b_{i−j}), row by row.

    Memory is O(n) for the gradient, and one block of rows besides. Many sequences are
    best passed at once, as axes of the batch, which on CPUs is faster than `jax.vmap`.

    Args:
        query: Queries, with whatever scale the scores are to have.
        key: Keys.
        value: Values.
        causal: Whether row i sees only keys 0 … i.
        q: Tsallis index of the power sum; None to leave it out, which is faster.
        bias: b, by how far back a key lies, 0 … n − 1; for causal attention only.

    Returns:
        The output, and the statistics of the rows. All of it can be differentiated.

    Raises:
        ValueError: If batches or lengths differ, or there is a bias and it is not
            causal.
    """
    check_real(query=query, key=key, value=value)
    check_shapes(
        query=(query, "... n c"), key=(key, "... n c"), value=(value, "... n d")
    )
    heads = map(features_first, (query, key, value))
    output, rows = attend_first(*heads, causal=causal, q=q, bias=bias)
    return features_last(output), rows


def attend_first(
    query: Float[Array, "c *batch n"],
    key: Float[Array, "c *batch n"],
    value: Float[Array, "d *batch n"],
    *,
    causal: bool = True,
    q: float | None = None,
    bias: Float[Array, "n"] | None = None,
) -> tuple[Float[Array, "d *batch n"], RowStatistics]:
    """Compute what `attend` does, of arguments with features first."""
    _check(query, key, value, bias, causal)
    if q is not None:
        check_in("(-inf, inf)", q=q)
    *batch, n = query.shape[1:]
    # One axis for all of the batch: XLA spoils its layouts where there are more, even
    # of size 1.
    query, key, value = (x.reshape(x.shape[0], -1, n) for x in (query, key, value))
    most = max(1, min(BLOCKED, SCORES // n))
    kind = _Kind(causal, q)
    if n <= most:
        result: Any = _attend(query, key, value, bias, 0, kind)
    else:
        result = _in_blocks((query, key, value, bias), -(-n // most), kind)
    output, surprise, power = (x.reshape(*x.shape[:-2], *batch, n) for x in result)
    return output, RowStatistics(surprise, power)


@usual_promotion()
def attention_rows(
    query: Float[Array, "*batch n c"],
    key: Float[Array, "*batch n c"],
    *,
    causal: bool = True,
    bias: Float[Array, "n"] | None = None,
) -> Float[Array, "*batch n n"]:
    """Return the rows p_ij of `attend` themselves, which are n² numbers a sequence.

    Raises:
        ValueError: If batches or lengths differ, or there is a bias and it is not
            causal.
    """
    check_real(query=query, key=key)
    check_shapes(query=(query, "... n c"), key=(key, "... n c"))
    query, key = features_first(query), features_first(key)
    _check(query, key, key, bias, causal)
    scores = _scores(query, key, bias, 0, causal)
    return jnp.swapaxes(jax.nn.softmax(scores, axis=-2), -1, -2)


def _check(query: Any, key: Any, value: Any, bias: Any, causal: bool) -> None:
    shapes = [x.shape[1:] for x in (query, key, value)]
    if len(set(shapes)) > 1:
        raise ValueError(
            "query, key and value must have one batch and one length, got "
            + ", ".join(map(str, shapes))
        )
    check_flag(causal=causal)
    if query.shape[0] != key.shape[0]:
        raise ValueError(
            "query and key must have the same number of features, got "
            f"{query.shape[0]} and {key.shape[0]}"
        )
    if bias is not None:
        check_real(bias=bias)
    if bias is not None and bias.shape != query.shape[-1:]:
        raise ValueError(
            f"bias must hold one number a symbol, {query.shape[-1]}, got shape "
            f"{bias.shape}"
        )
    if bias is not None and not causal:
        raise ValueError(
            "bias is by how far back a key lies: causal must be True, got False"
        )


@dataclass(frozen=True)
class _Kind:
    """What of `attend` the compiled program depends on."""

    causal: bool
    q: float | None


def _in_blocks(arguments: tuple[Any, ...], blocks: int, kind: _Kind) -> Any:
    """Attend from one block of queries after another; the last is padded with zeros."""
    query, key, value, bias = arguments
    n = query.shape[-1]
    rows = -(-n // blocks)
    padded = jnp.pad(query, [(0, 0)] * (query.ndim - 1) + [(0, blocks * rows - n)])
    split = jnp.moveaxis(padded.reshape(*query.shape[:-1], blocks, rows), -2, 0)

    def block(part: tuple[Any, Any]) -> Any:
        return _attend(part[0], key, value, bias, part[1], kind)

    results = jax.lax.map(block, (split, jnp.arange(blocks) * rows))
    joined = (jnp.moveaxis(x, 0, -2) for x in results)
    return tuple(x.reshape(*x.shape[:-2], blocks * rows)[..., :n] for x in joined)


def _scores(query: Any, key: Any, bias: Any, first: Any, causal: bool) -> Any:
    """⟨q_i, k_j⟩ + b_{i−j}, (…, keys, queries); query i stands at ``first`` + i."""
    scores = jnp.einsum("c...j,c...i->...ji", key, query)
    if not causal:
        return scores
    keys, queries = scores.shape[-2:]
    back = first + jnp.arange(queries) - jnp.arange(keys)[:, None]
    if bias is not None:
        scores = scores + bias[jnp.maximum(back, 0)]
    # Held together, or the mask is kept for all sequences, and read from memory every
    # time.
    visible, scores = jax.lax.optimization_barrier((back >= 0, scores))
    return jnp.where(visible, scores, HIDDEN)


def _by_distance(of_scores: Any, first: Any) -> Any:
    """Sums of (…, n, rows) along its diagonals, by how far back they lie, (…, n).

    Each row is moved by one more place than the one before, which takes nothing but a
    reshape.
    """
    *batch, n, rows = of_scores.shape
    turned = jnp.flip(jnp.swapaxes(of_scores, -1, -2), -1)
    padded = jnp.pad(turned, [(0, 0)] * (len(batch) + 1) + [(0, rows)])
    skewed = padded.reshape(*batch, -1)[..., : rows * (n + rows - 1)]
    sums = skewed.reshape(*batch, rows, n + rows - 1).sum(-2)
    # Place m holds the distance first + m − (n − 1); distances 0 … n − 1 are cut out.
    room = jnp.pad(sums, [(0, 0)] * len(batch) + [(0, n)])
    return jax.lax.dynamic_slice_in_dim(room, n - 1 - first, n, axis=-1)


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def _attend(
    query: Any, key: Any, value: Any, bias: Any, first: Any, kind: _Kind
) -> Any:
    return _forward(query, key, value, bias, first, kind)[0]


def _forward(
    query: Any, key: Any, value: Any, bias: Any, first: Any, kind: _Kind
) -> Any:
    q = kind.q
    scores = _scores(query, key, bias, first, kind.causal)
    peak = scores.max(-2)
    lifted = scores - peak[..., None, :]
    weights = jnp.exp(lifted)
    total = weights.sum(-2)
    output = _over_keys(value, weights) / total
    surprise = jnp.log(total)
    if q is None:
        power = jnp.zeros_like(total)
    else:
        power = _powers(weights, lifted, q).sum(-2) * jnp.exp(-q * surprise)
    # The first key of the highest score is saved: the gradient of the peak must go to
    # one key where keys are tied, and scores computed anew may differ in the last bit.
    place = first_largest(scores, -2, jnp.float32)
    results = (output, peak, surprise, power, place)
    saved = [checkpoint_name(x, name) for x, name in zip(results, SAVED, strict=True)]
    return tuple(saved[i] for i in (0, 2, 3)), (query, key, value, bias, first, *saved)


def _backward(kind: _Kind, saved: Any, cotangents: Any) -> Any:
    query, key, value, bias, first, output, peak, surprise, power, place = saved
    of_output, of_surprise, of_power = cotangents
    q = kind.q
    logs = (
        _scores(query, key, bias, first, kind.causal)
        - peak[..., None, :]
        - surprise[..., None, :]
    )
    # With s the scores: ∂p = p(∂s − ⟨p, ∂s⟩), −log max p = log Σ e^s − max s, and
    # ∂Σp^q = qΣp^(q−1)∂p.
    of_rows = jnp.einsum("c...j,c...i->...ji", value, of_output)
    common = of_surprise - (of_output * output).sum(0)
    rows = jnp.exp(logs)
    if q is None:
        of_scores = rows * (of_rows + common[..., None, :])
    else:
        pull = q * of_power
        common = common - pull * power
        of_power_sum = pull[..., None, :] * _powers(rows, logs, q)
        of_scores = rows * (of_rows + common[..., None, :]) + of_power_sum
    highest = _places(logs) == place[..., None, :]
    of_scores = of_scores - jnp.where(highest, of_surprise[..., None, :], 0.0)
    of_bias = (
        None
        if bias is None
        else _by_distance(of_scores, first).reshape(-1, bias.size).sum(0)
    )
    of_query = _over_keys(key, of_scores)
    of_key, of_value = _over_queries(of_scores, query), _over_queries(rows, of_output)
    return of_query, of_key, of_value, of_bias, None


_attend.defvjp(_forward, _backward)


def _places(scores: Any) -> Any:
    """Places of the keys, (keys, 1), exact whatever the precision of the scores."""
    return jnp.arange(scores.shape[-2], dtype=jnp.float32)[:, None]


def _powers(shares: Any, logs: Any, q: float) -> Any:
    """p^q, from the logarithms of p, or for the paper's q = 1.5 by a faster root."""
    if q != 1.5:
        return jnp.exp(q * logs)
    least = jnp.finfo(shares.dtype).tiny  # a root of 0 has no slope
    return shares * jnp.sqrt(jnp.maximum(shares, least))


# XLA on CPUs is slow where it is left to multiply by a transposed matrix of n², and it
# folds every transpose into the product that it is not kept from folding: so the small
# factor is turned.


def _over_keys(columns: Any, scores: Any) -> Any:
    """Σ_j columns_cj scores_ji, (c, …, queries)."""
    turned = jax.lax.optimization_barrier(jnp.moveaxis(columns, 0, -2))
    return jnp.moveaxis(jax.lax.optimization_barrier(turned @ scores), -2, 0)


def _over_queries(scores: Any, columns: Any) -> Any:
    """Σ_i scores_ji columns_ci, (c, …, keys)."""
    turned = jax.lax.optimization_barrier(jnp.moveaxis(columns, 0, -1))
    return jnp.moveaxis(jax.lax.optimization_barrier(scores @ turned), -1, 0)
