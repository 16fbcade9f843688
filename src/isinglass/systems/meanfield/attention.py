"""The attention of one-bit tokens: its sharpness, its softmax, its clock."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import check_in, check_whole
from isinglass._common.plain_checks import is_index, is_traced, shown


def gamma_of(beta_att: float, scale: float, n_patterns: int) -> float:
    """Attention gain γ = β_att · scale / √M.

    Args:
        beta_att: Inverse temperature of the attention; 2.2 in the paper.
        scale: What the published program multiplies it by; 100 in the paper.
        n_patterns: M, at least 1.

    Raises:
        ValueError: If a number is not finite or ``n_patterns`` is less than 1.
    """
    check_whole(n_patterns=n_patterns)
    check_in("(-inf, inf)", beta_att=beta_att, scale=scale)
    return beta_att * scale / n_patterns**0.5


def check_position(position: Any) -> None:
    """Refuse what is no whole number, which JAX may trace.

    Raises:
        ValueError: If it is another.
    """
    if not is_index(position) or np.ndim(position):
        raise ValueError(f"position must be one whole number, got {shown(position)}")


def check_single_position(position: Any) -> None:
    """Refuse what is no whole number, or is traced by JAX.

    Raises:
        ValueError: If it is another.
    """
    check_position(position)
    if is_traced(position):
        raise ValueError(f"position must be one whole number, got {shown(position)}")


def position_signs(bits: int) -> Float[np.ndarray, "period bits"]:
    """Write the positions 0 … 2^P − 1 as positional bits.

    They are the binary digits, highest first, with −1 for 0.

    Args:
        bits: P, at least 0. Without bits there is one position, and nothing tells it.
    """
    positions = np.arange(2**bits)[:, None]
    return np.where(positions >> np.arange(bits)[::-1] & 1, 1.0, -1.0)


def attend(
    query: Float[Array, "*R M"],
    keys: Sequence[Float[Array, "*R M"]],
    values: Sequence[Float[Array, "*R M"]],
    gamma: Float[Array, ""] | float,
    counted: Sequence[Bool[Array, ""]] | None = None,
) -> Float[Array, "*R M"]:
    """Softmax attention A = Σ_τ softmax_τ(γ Σ_b m^q_b m^k_{b,τ}) m^v_τ of one token.

    Args:
        query: m^q of the newest token.
        keys: m^k of every token in the window.
        values: m^v of the same tokens.
        gamma: Attention gain γ.
        counted: Which tokens count, at least one; all of them if None.
    """
    # Sums written out over the few tokens: a dot of two batched arrays would stop XLA's
    # CPU compiler from running along the batch.
    scores = [gamma * (query * key).sum(axis=-1, keepdims=True) for key in keys]
    if counted is not None:
        scores = [
            jnp.where(c, s, -jnp.inf) for c, s in zip(counted, scores, strict=True)
        ]
    # The result does not depend on what is subtracted, so its derivative need not be
    # followed.
    highest = jax.lax.stop_gradient(reduce(jnp.maximum, scores))
    weights = [jnp.exp(score - highest) for score in scores]
    mixed = reduce(
        jnp.add, [w * value for w, value in zip(weights, values, strict=True)]
    )
    return mixed / reduce(jnp.add, weights)
