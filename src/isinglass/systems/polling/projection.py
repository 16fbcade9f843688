"""From tokens back to places: what dense tasks need of a polled and pooled map."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import (
    check_batch_axes,
    check_finite,
    check_real,
    check_shapes,
)
from isinglass._common.precision import in_floats, usual_promotion
from isinglass.systems.polling.sampler import Tokens, check_tokens


@usual_promotion()
def reverse_projection(
    states: Float[Array, "*states t d"], tokens: Tokens
) -> Float[Array, "*batch l d"]:
    """Bring what attention made of N + M tokens back to L places.

    A fine token goes to its place. A place that was pooled gets the mean of the coarse
    tokens, weighed by how much it gave to each, a_rm / Σ_m a_rm, so that equal states
    stay equal at all places. Without coarse tokens it gets 0, as absent places do.

    The paper describes this for segmentation; it is not published as code.

    Args:
        states: Of the tokens, (…, N + M, D).
        tokens: Of the `PollAndPool`, of the same batch.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If shapes do not fit or states are not finite.
    """
    check_tokens(tokens)
    tokens = Tokens(*map(jnp.asarray, tokens))
    check_real(states=states)
    count = tokens.mask.shape[-1]
    check_shapes(states=(states, f"... {count} d"))
    check_finite(states=states)
    batch = tokens.mask.shape
    check_batch_axes(batch, states=states[..., 0])
    state: Any = in_floats(jnp.asarray(states))
    state = jnp.broadcast_to(state, (*batch, states.shape[-1]))
    fine = tokens.places.shape[-1]
    weights = tokens.weights
    total = weights.sum(-1, keepdims=True)
    shares = weights / jnp.where(total > 0, total, 1)
    spread = shares @ state[..., fine:, :]
    there = tokens.mask[..., :fine, None]
    at = jnp.broadcast_to(tokens.places[..., None], state[..., :fine, :].shape)
    placed = jnp.where(there, state[..., :fine, :], 0)
    onto = jnp.zeros_like(spread)
    # Absent tokens have places of their own, which nothing else is put to.
    onto = jnp.put_along_axis(onto, at, placed, axis=-2, inplace=False)
    return jnp.where(tokens.polled[..., None], onto, spread)
