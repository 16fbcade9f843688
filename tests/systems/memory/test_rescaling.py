"""A transformer has no scale of its own: the same function with longer activations."""

import jax
import numpy as np
import pytest

from helpers.memory_training import random_model
from isinglass.systems.memory import TransformerConfig, activations, rescaled

CONFIG = TransformerConfig(vocabulary=256, context=16, width=8, heads=2, layers=3)


@pytest.mark.parametrize("factor", [0.3, 64.0])
def test_a_rescaled_model_is_the_same_function(factor):
    model = random_model(CONFIG)
    other = rescaled(model, factor)
    tokens = np.random.default_rng(1).integers(0, 256, (5, 16))
    before, after = (activations(each, tokens).vectors for each in (model, other))

    np.testing.assert_allclose(
        after[:-1], factor * before[:-1], rtol=1e-3, atol=1e-4 * factor
    )
    np.testing.assert_allclose(
        after[-1], before[-1] / factor, rtol=1e-3, atol=1e-4 / factor
    )
    logits = [jax.jit(jax.vmap(each))(tokens) for each in (model, other)]
    np.testing.assert_allclose(*logits, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("factor", [0.0, -1.0, np.inf, np.nan])
def test_a_factor_that_is_none_is_refused(factor):
    with pytest.raises(ValueError, match="factor must be"):
        rescaled(random_model(CONFIG), factor)
