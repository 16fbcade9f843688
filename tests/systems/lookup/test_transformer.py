"""Tables in the place of perceptrons: what a block adds, learns, and costs."""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.random_models import random_model
from isinglass.systems.lookup import (
    LookupMixer,
    LookupMixerConfig,
    LookupTransformer,
    LookupTransformerConfig,
    TransformerSize,
    conditional_sum,
    count_operations,
)

TABLES = LookupMixerConfig(8, 6, 3, 2)
RNG = np.random.default_rng(0)
PATCHES = jnp.asarray(RNG.normal(size=(2, 5, 4)), jnp.float32)


@eqx.filter_jit
def new(config):
    return LookupMixer(config, key=jax.random.key(0))


def shape(mixer="lookup"):
    return LookupTransformerConfig(5, 4, 3, 8, 2, 2, mixer, 7, TABLES)


def normalised(x, norm):
    centred = x - x.mean(-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    return centred / spread * norm.gain + norm.bias


def test_a_block_without_mixer_is_attention_written_plainly():
    model = random_model(
        LookupTransformer, replace(shape("none"), blocks=1), spread=0.5
    )
    attend, patches = model.attention[0], np.asarray(PATCHES, float)
    x = patches @ model.embed.weight + model.embed.bias + model.positions
    parts = normalised(x, attend.norm) @ attend.parts.weight + attend.parts.bias
    q, k, v = (part.reshape(2, 5, 2, 4) for part in np.split(parts, 3, axis=-1))
    mixed = np.zeros((2, 5, 2, 4))
    for head in range(2):
        scores = q[:, :, head] @ k[:, :, head].transpose(0, 2, 1) / 2  # √4
        weights = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        mixed[:, :, head] = weights @ v[:, :, head]
    x = x + mixed.reshape(2, 5, 8) @ attend.out.weight + attend.out.bias
    means = normalised(x, model.norm).mean(1)
    expected = means @ model.head.weight + model.head.bias
    np.testing.assert_allclose(model(PATCHES), expected, atol=2e-5)


def test_a_block_adds_rows_of_the_tables_that_answer_1():
    mixer = new(TABLES)
    x = jnp.asarray(RNG.normal(size=(2, 5, 8)), jnp.float32)
    bits = np.asarray(mixer.norm(x))[..., None] > TABLES.thresholds
    bits = jnp.asarray(bits.reshape(2, 5, 16))
    up = mixer.layer(bits) > 0
    expected = x + conditional_sum(up, mixer.weights) + mixer.bias
    np.testing.assert_allclose(mixer(x), expected, atol=1e-5)


def test_what_a_block_adds_is_0_on_average_at_the_start():
    config = LookupMixerConfig(16, 400)
    mixer = new(config)
    x = jnp.asarray(RNG.normal(size=(300, 16)), jnp.float32)
    added = np.asarray(mixer(x) - x)
    assert abs(added.mean()) < 0.05
    assert 0.3 < added.std() < 0.9


def test_thresholds_are_quantiles_and_the_window_is_their_distance():
    np.testing.assert_allclose(LookupMixerConfig(8, bits=1).thresholds, [0], atol=1e-15)
    config = LookupMixerConfig(8, bits=3, windowed=True)
    quartile = 0.6744897501960817
    np.testing.assert_allclose(config.thresholds, [-quartile, 0, quartile], atol=1e-12)
    assert config.window == pytest.approx(quartile)
    assert LookupMixerConfig(8).window is None


@pytest.mark.parametrize("mixer", ["lookup", "mlp", "none"])
def test_all_parameters_have_a_gradient(mixer):
    model = LookupTransformer(shape(mixer), key=jax.random.key(1))
    gradient = eqx.filter_jit(eqx.filter_grad(lambda m: (m(PATCHES) ** 2).sum()))(model)
    leaves = jax.tree.leaves(eqx.filter(gradient, eqx.is_inexact_array))
    assert all(np.abs(leaf).max() > 0 for leaf in leaves)
    assert all(np.isfinite(leaf).all() for leaf in leaves)


def test_models_of_one_key_begin_alike_but_for_their_mixers():
    models = [
        LookupTransformer(shape(mixer), key=jax.random.key(2))
        for mixer in ("lookup", "none")
    ]
    pairs = [(m.embed, m.positions, m.attention, m.head) for m in models]
    for mine, its in zip(*map(jax.tree.leaves, pairs), strict=True):
        np.testing.assert_array_equal(mine, its)


def test_clipping_is_of_tables_alone():
    model = random_model(LookupTransformer, shape(), spread=3.0)
    cut = model.clipped()
    assert np.abs(cut.mixers[0].layer.tables).max() == 1
    np.testing.assert_array_equal(cut.mixers[1].weights, model.mixers[1].weights)
    plain = random_model(LookupTransformer, shape("none"))
    assert plain.clipped().mixers == ()


def test_perceptrons_have_556_of_1000_multiplications_of_i_vit_tiny():
    """The paper's "approximately 55 %", from its sizes alone."""
    count = count_operations()
    assert count.mixer.multiplications == 12 * 8 * 197 * 192**2
    assert round(100 * count.mixer_share, 1) == 55.6
    without = count_operations(mixer="none")
    saved = count.total.multiplications - without.total.multiplications
    assert saved == count.mixer.multiplications


def test_tables_multiply_nothing():
    size = TransformerSize(16, 32, 2, 128, 16, 4, 10, tables=192, bits=4)
    count = count_operations(size, "lookup")
    assert count.mixer == (0, 2 * 16 * 192 * 32, 2 * 16 * 32 * 4, 2 * 16 * 192)
    assert count.mixer_share == 0
    assert count.total.multiplications == 2 * (4 * 16 * 32**2 + 2 * 16**2 * 32) + (
        16 * 4 * 32 + 32 * 10
    )
    config = LookupTransformerConfig(16, 4, tables=LookupMixerConfig(32))
    assert config.operations() == count
