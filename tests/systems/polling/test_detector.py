"""The detector: its stem, and what its samplers and controls have in common."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass.systems.polling import (
    PollAndPoolConfig,
    PollingDetector,
    PollingDetectorConfig,
)

SAMPLER = PollAndPoolConfig(8, 2)
SHAPE = PollingDetectorConfig(8, 12, 3, SAMPLER, width=8, heads=2, hidden=8, layers=1)

pytestmark = pytest.mark.usefixtures("double_precision")


def pictures(*batch):
    return jnp.asarray(np.random.default_rng(0).normal(size=(*batch, 8, 12)))


def test_the_stem_is_two_convolutions():
    model = random_model(PollingDetector, SHAPE)
    window, second = model.stem
    kernel = window.weight.reshape(2, 2, 4, 4, 8)  # blocks of 4 × 4, then within
    kernel = kernel.transpose(4, 0, 2, 1, 3).reshape(8, 1, 8, 8)
    response = jax.lax.conv(
        jnp.pad(pictures(2), [(0, 0), (2, 2), (2, 2)])[:, None], kernel, (4, 4), "VALID"
    )
    hidden = jax.nn.relu(jnp.moveaxis(response, 1, -1).reshape(2, 6, 8) + window.bias)
    np.testing.assert_allclose(model.features(pictures(2)), second(hidden), atol=1e-10)


def test_all_polled_by_a_control_is_attention_over_all_places():
    """In any order: attention does not know one but by positions."""
    model = random_model(PollingDetector, replace(SHAPE, sampler=None))
    control = random_model(
        PollingDetector, replace(SHAPE, sampler=replace(SAMPLER, kind="norm"))
    )
    control = eqx.tree_at(
        lambda m: (m.stem, m.encoder, m.query, m.decoder, m.classify, m.locate),
        control,
        (
            model.stem,
            model.encoder,
            model.query,
            model.decoder,
            model.classify,
            model.locate,
        ),
    )
    ours, theirs = (
        jax.jit(lambda m, x: m(x, 1.0))(m, pictures()) for m in (control, model)
    )
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=1e-10)
    np.testing.assert_allclose(ours.place, theirs.place, atol=1e-10)


def test_an_alpha_below_the_compiled_one_is_that_alpha():
    model = random_model(PollingDetector, SHAPE)
    fewer = jax.jit(lambda m, x: m(x, 1 / 3))(model, pictures(2))
    counted = jax.jit(lambda m, x, n: m(x, 2 / 3, counts=n))(
        model, pictures(2), np.array([2, 4])
    )
    np.testing.assert_allclose(counted.logits[0], fewer.logits[0], atol=1e-10)
    assert abs(counted.logits[1] - fewer.logits[1]).max() > 1e-6
    assert counted.tokens.features.shape == (2, 6, 8)
