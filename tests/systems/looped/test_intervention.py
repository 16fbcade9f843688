"""Barring places from attention, against models that cannot or need not look there."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.data.induction import InductionBatch, InductionTask
from isinglass.systems.looped import LoopedConfig, LoopedTransformer, barred_logits


@pytest.fixture(scope="module")
def model() -> LoopedTransformer:
    config = LoopedConfig(
        hidden=8, iterations=3, positional_scale=2.0, inner_residual=True
    )
    return LoopedTransformer(config, key=jax.random.key(0))


@pytest.fixture(scope="module")
def batch() -> InductionBatch:
    return InductionTask("full-sequence", 4).batch(jax.random.key(1), 6, 12)


def test_a_loop_with_nothing_barred_is_the_model(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    tokens, never = batch.tokens[0], jnp.zeros(3, bool)
    nowhere, before = jnp.full(12, -1), jnp.arange(12) - 1
    expected = model(tokens)

    for place, when in ((nowhere, ~never), (before, never)):
        logits = barred_logits(model, tokens, place, when)
        np.testing.assert_allclose(logits, expected, atol=2e-5)


def test_what_is_barred_has_no_say(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    """Where no row may look at place 3, the symbol there counts in its own row only."""
    tokens, always = batch.tokens[0], jnp.ones(3, bool)
    other = tokens.at[3].set((tokens[3] + 1) % 4)
    third = jnp.where(jnp.arange(12) == 3, -1, 3)
    before, after = (barred_logits(model, x, third, always) for x in (tokens, other))

    rest = np.arange(12) != 3
    np.testing.assert_allclose(before[rest], after[rest], atol=1e-5)
    assert not np.allclose(before[3], after[3], atol=1e-3)
    assert not np.allclose(before, model(tokens), atol=1e-3)


def test_a_row_that_sees_nothing_else_stays(
    model: LoopedTransformer, batch: InductionBatch
) -> None:
    """The first position has itself alone."""
    barred = barred_logits(model, batch.tokens[0], jnp.arange(12), jnp.ones(3, bool))

    np.testing.assert_allclose(barred[0], model(batch.tokens[0])[0], atol=2e-5)


def test_a_model_of_two_heads_is_refused(batch: InductionBatch) -> None:
    model = LoopedTransformer(LoopedConfig(heads=2), key=jax.random.key(0))
    with pytest.raises(ValueError, match="one head, got 2"):
        barred_logits(model, batch.tokens[0], jnp.arange(12), jnp.ones(3, bool))
