import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from helpers.energy_cases import (
    draw,
    quick,
    scales,
    seeds,
    shapes,
)
from isinglass.energy import (
    attention_energy,
    attention_force,
    demircigil_energy,
    demircigil_force,
    modern_hopfield_energy,
    modern_hopfield_force,
    modern_hopfield_update,
    nearest_neighbour_energy,
)

pytestmark = pytest.mark.usefixtures("double")


@quick
@given(seed=seeds, shape=shapes, scale=scales, beta=st.floats(0.01, 100.0))
def test_modern_energy_and_force_are_the_formula(seed, shape, scale, beta):
    state, patterns = draw(seed, shape[0], shape[1], scale)
    products = beta * state @ patterns.T
    expected = -np.asarray(logsumexp(products, -1)) / beta + (state**2).sum(-1) / 2
    expected += np.log(shape[1]) / beta + (patterns**2).sum(-1).max() / 2
    x, rows = jnp.asarray(state), jnp.asarray(patterns)
    energy = np.asarray(modern_hopfield_energy(x, rows, beta))
    size = scale**2 * shape[0] + 1 / beta
    np.testing.assert_allclose(energy, expected, atol=1e-12 * size)
    assert (energy >= -1e-12 * size).all()
    update = softmax(products, -1) @ patterns
    np.testing.assert_allclose(
        modern_hopfield_update(x, rows, beta), update, atol=1e-10
    )
    np.testing.assert_allclose(
        modern_hopfield_force(x, rows, beta), update - state, atol=1e-10
    )


@quick
@given(seed=seeds, shape=shapes)
def test_demircigil_is_attention_without_a_scale(seed, shape):
    state, patterns = (jnp.asarray(x) for x in draw(seed, *shape))
    energy = attention_energy(state, patterns, 1.0, 1.0)
    np.testing.assert_allclose(demircigil_energy(state, patterns), energy, atol=1e-11)
    force = attention_force(state, patterns, 1.0, 1.0)
    np.testing.assert_allclose(demircigil_force(state, patterns), force, atol=1e-11)


@quick
@given(seed=seeds, shape=shapes, length=st.floats(0.1, 5))
def test_the_distance_energy_is_twice_the_modern_one_for_patterns_of_one_length(
    seed, shape, length
):
    state, patterns = draw(seed, *shape)
    patterns *= length / np.linalg.norm(patterns, axis=-1, keepdims=True)
    x, rows = jnp.asarray(state), jnp.asarray(patterns)
    modern = 2 * modern_hopfield_energy(x, rows, 2.0) - np.log(shape[1])
    np.testing.assert_allclose(nearest_neighbour_energy(x, rows), modern, atol=1e-10)


@pytest.mark.parametrize("beta", [1e9, 1e300])
def test_the_cold_limit_is_the_best_product(beta):
    state, patterns = draw(0, 5, 9)
    products = state @ patterns.T
    x, rows = jnp.asarray(state), jnp.asarray(patterns)
    constant = (state**2).sum(-1) / 2 + (patterns**2).sum(-1).max() / 2
    energy = modern_hopfield_energy(x, rows, beta)
    np.testing.assert_allclose(energy, constant - products.max(-1), atol=1e-8)
    update = modern_hopfield_update(x, rows, beta)
    np.testing.assert_allclose(update, patterns[products.argmax(-1)], rtol=1e-12)


def test_the_hot_limit_is_the_mean_pattern():
    state, patterns = draw(0, 5, 9)
    x, rows = jnp.asarray(state), jnp.asarray(patterns)
    np.testing.assert_allclose(
        modern_hopfield_update(x, rows, 1e-9), [patterns.mean(0)] * 3
    )
    constant = (state**2).sum(-1) / 2 + (patterns**2).sum(-1).max() / 2
    energy = modern_hopfield_energy(x, rows, 1e-7)
    np.testing.assert_allclose(
        energy, constant - (state @ patterns.T).mean(-1), atol=1e-5
    )


def test_large_numbers_do_not_overflow():
    state = jnp.full(4, 1e8)
    for patterns in (jnp.eye(4) * 1e8, np.eye(4) * 1e8):
        assert float(demircigil_energy(state, patterns)) == pytest.approx(-1e16)
        assert jnp.isfinite(modern_hopfield_energy(state, patterns, 1e5))
