"""TODO: docstring."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jaxtyping import Bool, Float, Int

if TYPE_CHECKING:
    from jax import Array

    from isinglass.systems.looped import LoopedTransformer


def barred_logits(
    model: LoopedTransformer,
    tokens: Int[Array, "n"],
    place: Int[Array, "n"],
    when: Bool[Array, "T"],
) -> Float[Array, "n V"]:
    """Logits of a loop in which some iterations may not look at one place.

    What a row had there is shared out among the rest in proportion; a row that has
    nothing else stays as it is.

    Args:
        model: A model of one head.
        tokens: Symbols.
        place: What the row of each position may not look at, −1 for no place.
        when: In which iterations.
    """
    import jax
    import jax.numpy as jnp

    inputs = model.embed(tokens)
    allowed = place[:, None] != jnp.arange(len(tokens))

    def iterate(state: Array, closed: Array) -> tuple[Array, None]:
        hidden = state + inputs
        rows = model.attention(hidden)[0]
        kept = jnp.where(allowed | ~closed, rows, 0.0)
        left = kept.sum(-1, keepdims=True)
        rows = jnp.where(left > 0, kept / jnp.where(left > 0, left, 1.0), rows)
        mixed = rows @ (hidden @ model.value)
        return state + model._digest(mixed.T).T, None

    return model.decode(jax.lax.scan(iterate, jnp.zeros_like(inputs), when)[0])
