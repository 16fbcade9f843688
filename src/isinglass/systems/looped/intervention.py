"""What a looped transformer answers if it may not look at some place.

That attention goes somewhere does not say that the answer depends on it. Barring the
place, in some iterations or in all, and reading the answer again does: what then fails
was needed, and when. That is a causal intervention.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from isinglass.systems.looped.model import LoopedTransformer


def barred_logits(
    model: LoopedTransformer,
    tokens: Int[Array, "n"],
    place: Int[Array, "n"],
    when: Bool[Array, "T"],
) -> Float[Array, "n V"]:
    """Compute the logits of a loop in which some iterations may not look at one place.

    What a row of attention had there is shared out among the rest of it in proportion,
    p_j / (1 − p_place); a row that has nothing else stays as it is. The loop runs as
    many iterations as ``when`` is long. Where nothing is barred the result is that of
    the model itself, up to rounding.

    Args:
        model: A model of one head.
        tokens: Symbols, 0 to V − 1, of one sequence.
        place: Which position the row of each may not look at; −1 for none.
        when: In which iterations.

    Raises:
        ValueError: If the model has more heads than one.
    """
    if model.config.heads != 1:
        raise ValueError(f"model must have one head, got {model.config.heads}")
    inputs = model.embed(tokens)
    allowed = place[:, None] != jnp.arange(len(tokens))

    def iterate(state: Array, closed: Array) -> tuple[Array, None]:
        hidden = state + inputs
        rows = model.attention(hidden)[0]
        rest = jnp.where(allowed | ~closed, rows, 0.0)
        total = rest.sum(-1, keepdims=True)
        rows = jnp.where(total > 0, rest / jnp.where(total > 0, total, 1.0), rows)
        mixed = rows @ (hidden @ model.value)
        return state + model.after_attention(mixed.T).T, None

    return model.decode(jax.lax.scan(iterate, jnp.zeros_like(inputs), when)[0])
