"""How far apart tokens lie, by direction: what a repulsion between them should keep."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.precision import usual_promotion
from isinglass.energy.block import check_state_of_block


class Spread(NamedTuple):
    """How tokens are spread, (…) each.

    Attributes:
        effective_rank: exp of the entropy of singular values as shares of their sum,
            from 1 (all on a line) to the number of channels or tokens.
        angle: Mean angle of two tokens, degrees.
    """

    effective_rank: Float[Array, "*batch"]
    angle: Float[Array, "*batch"]


@usual_promotion()
def token_spread(state: Float[Array, "*batch n d"]) -> Spread:
    """Measure effective rank and mean angle of tokens, as published for Hyper-SET.

    Args:
        state: Tokens such as `HyperSET.projections`, at least two, (…, n, d). A token
            of zeros counts as at right angles to all; of zeros alone the rank is 1.

    Raises:
        TypeError: If it is no array.
        ValueError: If it is not real and finite, or one token alone.

    Numbers of half precision are measured in float32.

    Source: Roy & Vetterli 2007; Hu, Zou & Xu 2025.
    """
    check_state_of_block(state)
    if state.shape[-2] < 2:
        raise ValueError(f"state must have two tokens at least, got {state.shape}")
    # Half precisions have no singular values of their own.
    state = state.astype(jnp.promote_types(state.dtype, jnp.float32))
    values = jnp.linalg.svd(state, compute_uv=False)
    total = values.sum(-1, keepdims=True)
    shares = values / jnp.where(total > 0, total, 1)
    logarithms = jnp.log(jnp.where(shares > 0, shares, 1))
    rank = jnp.exp(-(shares * logarithms).sum(-1))
    length = jnp.linalg.norm(state, axis=-1, keepdims=True)
    direction = state / jnp.where(length > 0, length, 1)
    rows, columns = jnp.triu_indices(state.shape[-2], 1)
    cosines = (direction @ jnp.swapaxes(direction, -1, -2))[..., rows, columns]
    angles = jnp.degrees(jnp.arccos(jnp.clip(cosines, -1, 1)))
    return Spread(rank, angles.mean(-1))
