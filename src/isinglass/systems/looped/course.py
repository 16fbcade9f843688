"""The course of a loop: what every iteration attends to, and what it answers then."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from isinglass._common.checks import check_kind, check_whole
from isinglass._common.precision import usual_promotion
from isinglass.data.induction import InductionBatch
from isinglass.systems.looped.intervention import sequences_at_once
from isinglass.systems.looped.model import LoopedTransformer
from isinglass.systems.looped.places import OTHER, Places, check_places


class Course(NamedTuple):
    """What becomes of sequences, iteration by iteration; T of them.

    Attributes:
        accuracy: Share of right answers read out after t = 0, 1, … iterations.
        attention: Mean attention on previous token, match and itself, at positions
            where the three differ.
        uniform: The same of a row that looks everywhere alike.
        state: Root mean square over positions of |Z_t|, t = 0, 1, ….
        change: The same of |F|, by which an iteration moves.
    """

    accuracy: Float[Array, "times"]
    attention: Float[Array, "T 3"]
    uniform: Float[Array, ""]
    state: Float[Array, "times"]
    change: Float[Array, "T"]


@usual_promotion()
def follow_loop(
    model: LoopedTransformer, batch: InductionBatch, places: Places, iterations: int
) -> Course:
    """Follow the loop over a batch, also beyond the number of iterations of training.

    Args:
        model: A model of one head.
        batch: Sequences without padding.
        places: Where to look, as `find_places` has it.
        iterations: T, how long.

    Raises:
        TypeError: If an argument is of another kind.
        ValueError: If the number of iterations is out of range.
    """
    check_kind(LoopedTransformer, model=model)
    check_places(batch, places)
    check_whole(iterations=iterations)
    return _course(model, batch, places, int(iterations))


@partial(jax.jit, static_argnums=3)
def _course(
    model: LoopedTransformer, batch: InductionBatch, places: Places, iterations: int
) -> Course:
    sequences, length = batch.tokens.shape
    positions, apart = places
    by_sequence = jax.lax.map(
        lambda x: _follow(model, x[0], x[1], x[2], iterations),
        (batch, positions.swapaxes(0, 1), apart),
        batch_size=sequences_at_once(length),
    )
    right, attention, state, change = jax.tree.map(lambda x: x.sum(0), by_sequence)
    visible = jnp.arange(1, length + 1)
    # Shares of counts would be float64 with x64 on, whatever the model's precision.
    return Course(
        (right / batch.mask.sum()).astype(state.dtype),
        attention / apart.sum(),
        ((apart / visible).sum() / apart.sum()).astype(state.dtype),
        jnp.sqrt(state / sequences),
        jnp.sqrt(change / sequences),
    )


def _follow(
    model: LoopedTransformer,
    sequence: InductionBatch,
    positions: Int[Array, "4 n"],
    apart: Bool[Array, "n"],
    iterations: int,
) -> tuple[Array, Array, Array, Array]:
    """Right answers, attention by place, |Z|² and |F|² of a sequence, by iteration."""
    inputs = model.embed(sequence.tokens)
    columns = jnp.maximum(positions[:OTHER], 0).T

    def right(state: Array) -> Array:
        answers = model.decode(state).argmax(-1)
        return ((answers == sequence.targets) & sequence.mask).sum()

    def size(vectors: Array) -> Array:
        return (vectors**2).sum(-1).mean()

    def iterate(state: Array, _: None) -> tuple[Array, tuple[Array, ...]]:
        rows = model.attention(state + inputs)[0]
        looked = jnp.take_along_axis(rows, columns, axis=1)
        attention = (looked * apart[:, None]).sum(0)
        change = model.block(state + inputs)
        after = state + change
        return after, (right(after), attention, size(after), size(change))

    start = jnp.zeros_like(inputs)
    answers, attention, state, change = jax.lax.scan(
        iterate, start, None, length=iterations
    )[1]
    return (
        jnp.concatenate([right(start)[None], answers]),
        attention,
        jnp.concatenate([jnp.zeros(1, state.dtype), state]),
        change,
    )
