"""The shallow encoder: its equation, its starts, and what the scale does to it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from helpers.shallow_encoders import features
from isinglass.systems.convergence import (
    PooledAttention,
    ShallowConfig,
    ShallowEncoder,
    distance_from_uniform,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("start", ["lecun", "ntk"])
@pytest.mark.parametrize("exponent", [0.5, 1.0])
def test_it_is_the_equation(start, exponent):
    config = ShallowConfig(5, 12, start, exponent)
    with jax.enable_x64(True):
        inputs = jnp.asarray(RNG.normal(size=(4, 3, 5)))
        model = random_model(ShallowEncoder, config)
        layer = model.layer
        weights = [np.asarray(x) for x in (layer.query, layer.key, layer.value)]
        expected = features(weights, np.asarray(inputs), config)
        # One by one and all together take the products in another order.
        alone = np.stack([layer(x) for x in inputs])
        np.testing.assert_allclose(alone, expected, rtol=1e-12)
        np.testing.assert_allclose(layer(inputs), expected, rtol=1e-12)
        outputs = expected @ np.asarray(model.readout)
        np.testing.assert_allclose(model(inputs[None])[0], outputs, rtol=1e-12)
        np.testing.assert_allclose(layer.attention(inputs).sum(-1), 1, rtol=1e-14)


@pytest.mark.parametrize(
    ("start", "below", "above", "scale"),
    [
        ("lecun", 1 / 20, 1 / 500, 1),
        ("he", 2 / 20, 2 / 500, 1),
        ("ntk", 1, 1, 500**-0.5),
    ],
)
def test_starts_have_the_variances_of_the_paper(start, below, above, scale):
    config = ShallowConfig(20, 500, start)
    model = ShallowEncoder(config, key=jax.random.key(0))
    for weight in (model.layer.query, model.layer.key, model.layer.value):
        assert np.var(np.asarray(weight)) == pytest.approx(below, rel=0.06)
    assert np.var(np.asarray(model.readout)) == pytest.approx(above, rel=0.25)
    assert config.output_scale == pytest.approx(scale)
    assert config.score_scale == pytest.approx(500**-0.5)


def test_uniform_mixing_is_the_control_of_zero_scores():
    config = ShallowConfig(5, 12, mixing="uniform")
    control = random_model(PooledAttention, config)
    assert control.query is None
    inputs = jnp.asarray(RNG.normal(size=(4, 3, 5)), jnp.float32)
    zero = np.zeros((12, 5), np.float32)
    expected = features(
        (zero, zero, np.asarray(control.value)), np.asarray(inputs), config
    )
    np.testing.assert_allclose(control(inputs), expected, rtol=1e-5)
    assert float(distance_from_uniform(control.attention(inputs)).max()) < 1e-7


def test_distance_from_uniform_runs_from_0_to_one_token():
    ends = jnp.stack([jnp.full((4, 4), 0.25), jnp.eye(4)])
    np.testing.assert_allclose(distance_from_uniform(ends), [0, 0.75], atol=1e-7)


def test_tokens_of_unit_length_leave_attention_uniform_under_either_scale():
    """The trap: then the two scales cannot differ."""
    tokens = jnp.asarray(RNG.normal(size=(3, 10, 100)), jnp.float32)
    unit = tokens / jnp.linalg.norm(tokens, axis=-1, keepdims=True)
    departures = {}
    for exponent in (0.5, 1.0):
        layer = PooledAttention(
            ShallowConfig(100, 1000, exponent=exponent), key=jax.random.key(0)
        )
        for name, inputs in (("unit", unit), ("Gaussian", tokens)):
            shares = layer.attention(inputs)
            departures[name, exponent] = float(abs(shares - 0.1).max())
    assert departures["unit", 0.5] < 0.01
    assert departures["Gaussian", 0.5] > 10 * departures["Gaussian", 1.0]
