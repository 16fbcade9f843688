"""Barring places from attention, against models that cannot or need not look there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.looped_models import drawn
from helpers.random_models import random_model
from isinglass.data.induction import InductionBatch, InductionTask
from isinglass.systems.looped import LoopedConfig, LoopedTransformer, barred_logits
from isinglass.systems.looped.course import follow_loop
from isinglass.systems.looped.intervention import barred_accuracy
from isinglass.systems.looped.places import MATCH, OTHER, find_places


@pytest.fixture(scope="module")
def model() -> LoopedTransformer:
    config = LoopedConfig(
        hidden=8, iterations=3, positional_scale=2.0, inner_residual=True
    )
    return drawn(config, key=jax.random.key(0))


@pytest.fixture(scope="module")
def batch() -> InductionBatch:
    task = InductionTask("full-sequence", 4)
    return jax.jit(lambda key: task.batch(key, 6, 12))(jax.random.key(1))


read = jax.jit(lambda model, tokens: model(tokens))
barred = jax.jit(barred_logits)


def test_a_loop_with_nothing_barred_is_the_model(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    tokens, never = batch.tokens[0], jnp.zeros(3, bool)
    nowhere, before = jnp.full(12, -1), jnp.arange(12) - 1
    expected = read(model, tokens)

    for place, when in ((nowhere, ~never), (before, never)):
        logits = barred(model, tokens, place, when)
        np.testing.assert_allclose(logits, expected, atol=2e-5)


def test_what_is_barred_has_no_say(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    """Where no row may look at place 3, the symbol there counts in its own row only."""
    tokens, always = batch.tokens[0], jnp.ones(3, bool)
    other = tokens.at[3].set((tokens[3] + 1) % 4)
    third = jnp.where(jnp.arange(12) == 3, -1, 3)
    before, after = (
        np.asarray(barred(model, x, third, always)) for x in (tokens, other)
    )

    rest = np.arange(12) != 3
    np.testing.assert_allclose(before[rest], after[rest], atol=1e-5)
    assert not np.allclose(before[3], after[3], atol=1e-3)
    assert not np.allclose(before, read(model, tokens), atol=1e-3)


def test_a_row_that_sees_nothing_else_stays(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    """The first position has itself alone."""
    tokens = batch.tokens[0]
    alone = np.asarray(barred(model, tokens, jnp.arange(12), jnp.ones(3, bool)))

    np.testing.assert_allclose(alone[0], np.asarray(read(model, tokens))[0], atol=2e-5)


def test_a_model_of_two_heads_is_refused(batch: InductionBatch) -> None:
    model = random_model(LoopedTransformer, LoopedConfig(heads=2))
    with pytest.raises(ValueError, match="one head, got 2"):
        barred_logits(model, batch.tokens[0], jnp.arange(12), jnp.ones(3, bool))


def test_accuracy_is_by_place_and_iteration(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    where = find_places(batch, jax.random.key(2))
    accuracy = np.asarray(barred_accuracy(model, batch, where))
    apart = np.asarray(where.apart)

    def share(place: jax.Array, when: list[bool]) -> float:
        logits = jax.vmap(barred, (None, 0, 0, None))(
            model, batch.tokens, place, jnp.array(when)
        )
        right = np.asarray(logits).argmax(-1) == batch.targets
        return right[apart].mean()

    assert accuracy.shape == (OTHER + 2, 4)
    match = where.positions[MATCH]
    assert accuracy[MATCH, 1] == pytest.approx(share(match, [False, True, False]))
    assert accuracy[MATCH, -1] == pytest.approx(share(match, [True] * 3))
    assert (accuracy[-1] == accuracy[-1, 0]).all()


def test_a_course_agrees_with_the_trajectory(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    batch = jax.tree.map(lambda x: x[:1], batch)
    where = find_places(batch, jax.random.key(2))
    accuracy, attention, uniform, state, change = follow_loop(model, batch, where, 5)
    states, rows = jax.jit(lambda model, x: model.run(x))(model, batch.tokens[0])
    states = np.asarray(states)

    expected = np.linalg.norm(states, axis=-1) ** 2
    np.testing.assert_allclose(state[:4] ** 2, expected.mean(-1), rtol=1e-4)
    first = np.linalg.norm(states[1] - states[0], axis=-1) ** 2
    np.testing.assert_allclose(change[0] ** 2, first.mean(), rtol=1e-4)
    at = np.flatnonzero(where.apart[0])
    match = np.asarray(rows)[2, 0, at, np.asarray(where.positions)[MATCH, 0, at]]
    assert attention[2, MATCH] == pytest.approx(match.mean(), rel=1e-4)
    assert uniform == pytest.approx((1 / (at + 1)).mean())
    answers = np.asarray(model.decode(jnp.asarray(states[3]))).argmax(-1)
    right = (answers == batch.targets[0])[np.asarray(batch.mask[0])]
    assert accuracy[3] == pytest.approx(right.mean())
    assert accuracy.shape == (6,)
