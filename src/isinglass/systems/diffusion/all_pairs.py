"""Conductances between all pairs of instances, and what flows by them (DIFFormer).

    -s   S_ij ∝ 1 + ⟨q̃_i, k̃_j⟩      in O(N): Σ_l v_l + q̃ (K̃ᵀV) over N + q̃ Σ_l k̃_l
    -a   S_ij ∝ σ(⟨q_i, k_j⟩)         a block of queries at a time, in O(N) memory

and Σ_j S_ij = 1. **Program and paper differ.** The program divides q and k by one
Frobenius norm each, of all instances and heads. Then |q̃ k̃| ~ 1/N, and attention is the
mean but for 10⁻³: ``norm="global"``. In the paper's theory each row has its own norm:
``norm="rows"``. -a norms nothing in the program, and its conductance is then no
function of the distance.

Source: Wu et al. 2023, arXiv 2301.09474, and its program.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_instances,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, usual_promotion

Heads = Float[Array, "*#batch n h c"]
Mask = Bool[Array, "*batch n"] | None
_SIZES = sorted(range(96, 257), key=lambda size: abs(size - 200))  # rows of a block
_FEW = 2048  # rows that are one block


@usual_promotion()
def simple_diffusion(
    queries: Heads, keys: Heads, values: Heads, mask: Mask = None, norm: str = "global"
) -> Heads:
    """Compute S v of DIFFormer-s, S_ij ∝ 1 + ⟨q̃_i, k̃_j⟩, in O(N) time and memory.

    Args:
        queries: q, (…, N, H, C): N instances, H heads.
        keys: k, alike.
        values: v, (…, N, H, C').
        mask: Which instances are there, (…, N); others flow nowhere and get 0. All if
            None.
        norm: "global" as in the program (one number for all instances and heads of a
            member of the batch), or "rows" as in the paper (each instance and head by
            itself). What is all 0 stays 0, and its conductances are equal.

    Returns:
        (…, N, H, C'). A row that has no conductance at all (a key opposite to the query
        and no other) is 0.

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit, numbers are not finite, a mask leaves no
            instance, or the norm has another name.
    """
    check_choice(("global", "rows"), norm=norm)
    there = _checked(queries, keys, values, mask)
    count: Any = queries.shape[-3]
    if there is not None:
        queries, keys, values = (x * there for x in (queries, keys, values))
        count = there.sum(-3)
        there = there[..., 0]
    scale: Any = 1.0
    if norm == "global":
        # One number for all: on the small product, no array of all instances is made.
        scale = (_inverse_norm(queries, norm) * _inverse_norm(keys, norm))[..., 0]
    else:
        queries, keys = _normed(queries, norm), _normed(keys, norm)
    # Head by head: with heads as an axis of products, XLA takes four times as long. Not
    # by moving their axis, of which a gradient makes copies of all that flows.
    heads = []
    for head in range(queries.shape[-2]):
        q, k, v = (x[..., head, :] for x in (queries, keys, values))
        both = _unnormed_flow(q, k, v, scale)
        flow, total = both[..., :-1], both[..., -1:] + count
        least = count * jnp.finfo(total.dtype).eps
        share = jnp.where(total > least, 1 / jnp.where(total > least, total, 1), 0)
        heads.append(flow * (share if there is None else there * share))
    return jnp.stack(heads, -2)


@usual_promotion()
def sigmoid_diffusion(
    queries: Heads, keys: Heads, values: Heads, mask: Mask = None, block: int = 256
) -> Heads:
    """Compute S v of DIFFormer-a, S_ij ∝ σ(⟨q_i, k_j⟩), with O(N · block) memory.

    Rows of S are formed for a block of queries at a time, and formed again for the
    gradient. They are a softmax of log σ, so that scores of any size are safe.

    Args:
        queries: q, (…, N, H, C): N instances, H heads; nothing is normed.
        keys: k, alike.
        values: v, (…, N, H, C').
        mask: Which instances are there, (…, N); others flow nowhere and get 0. All if
            None.
        block: Queries at a time, at least 1.

    Returns:
        (…, N, H, C').

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit, numbers are not finite, a mask leaves no
            instance, or the block is less than 1.
    """
    check_whole(block=block)
    there = _checked(queries, keys, values, mask)
    if there is None:
        there = jnp.ones((1, 1, 1), bool)
    bar = jnp.where(there, 0, -jnp.inf)[..., 0]  # (…, N, 1)
    bar = jnp.swapaxes(bar, -1, -2)[..., None, :]  # (…, 1, 1, N)

    @jax.checkpoint
    def rows(part: Array) -> Array:
        scores = jnp.einsum("...nhc,...lhc->...hnl", part, keys)
        shares = jax.nn.softmax(jax.nn.log_sigmoid(scores) + bar, axis=-1)
        return jnp.einsum("...hnl,...lhe->...nhe", shares, values)

    count = queries.shape[-3]
    if count <= block:
        return there * rows(queries)
    blocks = -(-count // block)
    widths = [(0, 0)] * queries.ndim
    widths[-3] = (0, blocks * block - count)
    padded = jnp.moveaxis(jnp.pad(queries, widths), -3, 0)
    parts = padded.reshape(blocks, block, *padded.shape[1:])
    flow = jax.lax.map(lambda part: rows(jnp.moveaxis(part, 0, -3)), parts)
    flow = jnp.moveaxis(flow, -3, 1).reshape(
        blocks * block, *flow.shape[1:-3], *flow.shape[-2:]
    )
    return there * jnp.moveaxis(flow[:count], 0, -3)


@usual_promotion()
def conductances(
    queries: Heads, keys: Heads, kind: str = "simple", norm: str = "global"
) -> Float[Array, "*batch n m h"]:
    """Compute the matrix S itself, (…, N, N, H): N² numbers, to look at.

    Args:
        queries: q, (…, N, H, C).
        keys: k, alike.
        kind: "simple" (-s) or "sigmoid" (-a).
        norm: Of "simple": see `simple_diffusion`.

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit, numbers are not finite, or a name is another.
    """
    check_choice(("simple", "sigmoid"), kind=kind)
    check_choice(("global", "rows"), norm=norm)
    _checked(queries, keys, keys, None)
    if kind == "simple":
        queries, keys = _normed(queries, norm), _normed(keys, norm)
    scores = jnp.einsum("...nhc,...lhc->...nlh", queries, keys)
    if kind == "sigmoid":
        return jax.nn.softmax(jax.nn.log_sigmoid(scores), axis=-2)
    weights = 1 + scores
    total = weights.sum(-2, keepdims=True)
    return weights / jnp.where(total > 0, total, 1)


def _unnormed_flow(queries: Array, keys: Array, values: Array, scale: Any) -> Array:
    """Σ_l (1 + s⟨q_i, k_l⟩) v_l and, last, s Σ_l ⟨q_i, k_l⟩, of arrays (…, N, C)."""
    by_key = scale * _summed_products(keys, values)
    total = scale * jnp.swapaxes(keys.sum(-2, keepdims=True), -1, -2)
    total = jnp.broadcast_to(total, (*by_key.shape[:-1], 1))
    # Both in one product, as the gradient's are then, too: twice as fast.
    both = queries @ jnp.concatenate([by_key, total], -1)
    mean = values.sum(-2, keepdims=True)
    return both + jnp.concatenate([mean, jnp.zeros_like(mean[..., :1])], -1)


def _summed_products(keys: Array, values: Array) -> Array:
    """KᵀV of (…, N, C) and (…, N, C'), block by block where blocks divide N.

    XLA multiplies few columns of many rows at a fifth of a large product's rate, and
    blocks that stay in a cache twice as fast.
    """
    count = keys.shape[-2]
    size = _block(count)
    if size == count:
        return jnp.swapaxes(keys, -1, -2) @ values
    k, v = (
        x.reshape(*x.shape[:-2], count // size, size, x.shape[-1])
        for x in (keys, values)
    )
    return (jnp.swapaxes(k, -1, -2) @ v).sum(-3)


def _block(count: int) -> int:
    """The number of rows next to 200 that divides all, or all."""
    if count < _FEW:
        return count
    return next((size for size in _SIZES if count % size == 0), count)


def _checked(queries: Any, keys: Any, values: Any, mask: Any) -> Array | None:
    """Whether each instance is there, (…, N, 1, 1); None if all are."""
    arrays = {"queries": queries, "keys": keys, "values": values}
    check_real(**arrays)
    check_shapes(
        queries=(queries, "... n h c"),
        keys=(keys, "... n h c"),
        values=(values, "... n h e"),
    )
    check_finite(**arrays)
    batches = {name: x.shape[:-3] for name, x in arrays.items()}
    if mask is not None:
        check_shapes(mask=(mask, f"... {queries.shape[-3]}"))
        check_instances(mask=mask)
        batches["mask"] = mask.shape[:-1]
    try:
        np.broadcast_shapes(*batches.values())
    except ValueError:
        raise ValueError(
            f"{', '.join(batches)} must have batch axes that go together, got "
            f"{', '.join(map(str, batches.values()))}"
        ) from None
    if mask is None:
        return None
    return jnp.asarray(mask)[..., None, None]


def _normed(x: Array, norm: str) -> Array:
    return x * _inverse_norm(x, norm)


def _inverse_norm(x: Array, norm: str) -> Array:
    """1/|x| of all (…, 1, 1, 1) or of each row (…, N, H, 1); 0 where all is 0."""
    axes = (-3, -2, -1) if norm == "global" else -1
    x = in_floats(x)
    squared = (x * x).sum(axes, keepdims=True)
    return jnp.where(squared > 0, jax.lax.rsqrt(jnp.where(squared > 0, squared, 1)), 0)
