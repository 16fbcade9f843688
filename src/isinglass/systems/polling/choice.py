"""Poll and pool as plain equations: which places stay, and what the rest becomes.

    poll     the N = ⌊α · places⌋ of the highest score, in descending order
    pool     a_rm = softmax over the rest R of a logit, M weightings that sum to 1

A score orders, and nothing else: the choice has no gradient. JAX compiles for one
number of tokens, so that α is a plain number; `counts` lets how many are polled differ
by picture, or change from step to step, below that.

Source: Wang et al. 2021, arXiv 2109.07036, and its program.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float, Int

from isinglass._common.checks import (
    check_batch_axes,
    check_finite,
    check_in,
    check_instances,
    check_mask,
    check_real,
    check_shapes,
    is_index,
)
from isinglass._common.precision import in_floats, usual_promotion

# α · places of a decimal α may fall short of a whole number by rounding: 0.29 · 100.
ROUNDING = 1e-9


class Poll(NamedTuple):
    """Which places are polled.

    Attributes:
        places: Numbers of the places by descending score, (…, N): among equal scores
            the lowest number first.
        there: Which of these a picture has, (…, N): the first of them; the others fill
            up to N, which all pictures share.
        polled: The same by place, (…, L).
    """

    places: Int[Array, "*batch n"]
    there: Bool[Array, "*batch n"]
    polled: Bool[Array, "*batch l"]


@usual_promotion()
def poll(
    scores: Float[Array, "*batch l"],
    ratio: float,
    mask: Bool[Array, "*masks l"] | None = None,
    counts: Int[Array, "*counts"] | None = None,
) -> Poll:
    """Choose the N = ⌊α · places⌋ places of the highest score.

    A smaller α gives a prefix of what a larger one gives. Ties go to the lowest place:
    of pictures most patches may be equal, and a sort that is not stable would give
    another choice each time.

    Args:
        scores: Of L places, (…, L). They are not differentiated.
        ratio: α in [0, 1], a plain number: it sets N, of L places.
        mask: Which places are there, (…, L); others are never polled. Each picture
            polls ⌊α · its own places⌋. All if None.
        counts: How many to poll in place of that, (…), at most as many: an α that
            changes from step to step without compiling again.

    Raises:
        TypeError: If something is no array, or α is traced.
        ValueError: If shapes do not fit, scores are not finite, α is out of range, a
            mask leaves no place, or a count is below 0 or above ⌊α L⌋.
    """
    check_ratio(ratio)
    check_real(scores=scores)
    check_shapes(scores=(scores, "... l"))
    check_finite(scores=scores)
    length = scores.shape[-1]
    most = polled_of(ratio, length)
    valid = check_places(mask, scores.shape)
    own = _own_counts(ratio, valid, scores.shape, counts, most)
    scores = in_floats(scores)
    if valid is not None:
        scores = jnp.where(valid, scores, -jnp.inf)
    places = jax.lax.top_k(jax.lax.stop_gradient(scores), most)[1]
    there = jnp.broadcast_to(jnp.arange(most) < own[..., None], places.shape)
    none = jnp.zeros(scores.shape, bool)
    polled = jnp.put_along_axis(none, places, there, axis=-1, inplace=False)
    return Poll(places, there, polled)


@usual_promotion()
def pooling_weights(
    logits: Float[Array, "*batch l m"], rest: Bool[Array, "*rest l"]
) -> Float[Array, "*batch l m"]:
    """Compute a_rm, for each m a softmax over the places of the rest.

    Args:
        logits: Of each place and coarse token, (…, L, M).
        rest: Which places are pooled, (…, L).

    Returns:
        (…, L, M): 0 at other places, and 0 altogether where there is no rest, which
        would be NaN.

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit or logits are not finite.
    """
    check_real(logits=logits)
    check_shapes(logits=(logits, "... l m"))
    check_finite(logits=logits)
    check_shapes(rest=(rest, f"... {logits.shape[-2]}"))
    check_mask(rest=rest)
    check_batch_axes(logits.shape[:-1], rest=rest)
    logits, there = in_floats(logits), jnp.asarray(rest)[..., None]
    low = jnp.finfo(logits.dtype).min
    peak = jax.lax.stop_gradient(jnp.where(there, logits, low).max(-2, keepdims=True))
    weights = jnp.where(there, jnp.exp(jnp.where(there, logits - peak, 0)), 0)
    total = weights.sum(-2, keepdims=True)
    return weights / jnp.where(total > 0, total, 1)


def polled_of(ratio: float, places: int) -> int:
    """⌊α · places⌋."""
    return min(math.floor(float(ratio) * places + ROUNDING), places)


def check_ratio(ratio: Any) -> None:
    """Refuse an α that is no plain number of [0, 1].

    Raises:
        TypeError: If JAX traces it.
        ValueError: If it is out of range.
    """
    if isinstance(ratio, Tracer):
        raise TypeError(
            "ratio must be a plain number, for it sets how many tokens there are, got "
            "a traced one; counts may be traced"
        )
    check_in("[0, 1]", ratio=ratio)


def check_places(mask: Any, shape: tuple[int, ...]) -> Array | None:
    """The mask of places (…, L) as an array of such a shape; None if all are there.

    Raises:
        TypeError: If it is no array.
        ValueError: If it is none of truth values, does not fit, or leaves no place.
    """
    if mask is None:
        return None
    check_shapes(mask=(mask, f"... {shape[-1]}"))
    check_batch_axes(shape, mask=mask)
    check_instances(mask=mask)
    return jnp.broadcast_to(jnp.asarray(mask), shape)


def _own_counts(
    ratio: float, valid: Array | None, shape: tuple[int, ...], counts: Any, most: int
) -> Array:
    """How many each picture polls, (…)."""
    if valid is None:
        own = jnp.full(shape[:-1], most)
    else:
        # By a table: products of traced numbers would be rounded in float32.
        table = [polled_of(ratio, places) for places in range(shape[-1] + 1)]
        own = jnp.asarray(table)[valid.sum(-1)]
    if counts is None:
        return own
    check_shapes(counts=(counts, "..."))
    if not is_index(counts):
        raise ValueError(f"counts must be whole numbers, got {counts.dtype}")
    check_batch_axes(shape[:-1], counts=counts)
    if not isinstance(counts, Tracer) and np.size(counts):
        numbers = np.asarray(counts)
        low, high = int(numbers.min()), int(numbers.max())
        if low < 0 or high > most:
            raise ValueError(
                f"counts must be from 0 to {most}, what ratio={ratio} polls of "
                f"{shape[-1]} places, got {low} to {high}"
            )
    return jnp.minimum(own, counts)
