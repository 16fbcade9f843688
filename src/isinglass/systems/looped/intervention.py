"""What a looped transformer answers if it may not look at some place.

That attention goes somewhere does not say that the answer depends on it. Barring the
place, in some iterations or in all, and reading the answer again does: what then fails
was needed, and when. That is a causal intervention.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from isinglass._common.checks import check_kind, check_mask, check_real, check_shapes
from isinglass._common.precision import usual_promotion
from isinglass.data.induction import InductionBatch
from isinglass.data.tokens import check_tokens
from isinglass.systems.looped.model import LoopedTransformer
from isinglass.systems.looped.places import Places, check_places

# Numbers in the rows of attention of sequences side by side, which stay in the cache.
ROWS_AT_ONCE = 1 << 15


@usual_promotion()
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
    check_kind(LoopedTransformer, model=model)
    check_tokens("tokens", tokens, 1, model.config.vocabulary)
    check_real(place=place)
    check_mask(when=when)
    check_shapes(tokens=(tokens, "n"), place=(place, "n"), when=(when, "T"))
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


@usual_promotion()
def barred_accuracy(
    model: LoopedTransformer, batch: InductionBatch, places: Places
) -> Float[Array, "5 columns"]:
    """Share of right answers with a place barred, in an iteration alone or in all.

    Counted are the positions at which the places differ.

    Args:
        model: A model of one head.
        batch: Sequences without padding.
        places: What is barred, as `find_places` has it.

    Returns:
        A row for each of `PLACES`, and last one with nothing barred; a column for each
        iteration, and last one for all of them.

    Raises:
        TypeError: If an argument is of another kind.
        ValueError: If the model has more heads than one.
    """
    check_kind(LoopedTransformer, model=model)
    check_places(batch, places)
    return _accuracy(model, batch, places)


@jax.jit
def _accuracy(
    model: LoopedTransformer, batch: InductionBatch, places: Places
) -> Float[Array, "5 columns"]:
    iterations = model.config.iterations
    alone, always = jnp.eye(iterations, dtype=bool), jnp.ones((1, iterations), bool)
    nowhere = jnp.full_like(places.positions[:1], -1)

    def right(sequence: tuple[Array, ...], when: Array) -> Array:
        tokens, targets, place, apart = sequence
        logits = barred_logits(model, tokens, place, when)
        return ((logits.argmax(-1) == targets) & apart).sum()

    def share_right(place: Array, when: Array) -> Array:
        counts = jax.lax.map(
            lambda sequence: right(sequence, when),
            (batch.tokens, batch.targets, place, places.apart),
            batch_size=sequences_at_once(batch.tokens.shape[1]),
        )
        # Of two counts it would be float64 with x64 on, whatever the model's precision.
        share = counts.sum() / places.apart.sum()
        return share.astype(model.readout.dtype)

    return jax.lax.map(
        lambda place: jax.lax.map(
            lambda when: share_right(place, when), jnp.concatenate([alone, always])
        ),
        jnp.concatenate([places.positions, nowhere]),
    )


def sequences_at_once(length: int) -> int:
    """How many sequences side by side have rows of attention that stay in the cache."""
    return max(1, ROWS_AT_ONCE // length**2)
