"""Energies, forces and nearest patterns in float32 wherever patterns and states lie.

All numbers are quarters, and so few that float32 holds them at every offset: what is
computed at an offset of a million can be as exact as about 0.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from helpers.energy_cases import quick, seeds
from isinglass.energy import (
    attention_force,
    demircigil_energy,
    demircigil_force,
    modern_hopfield_energy,
    modern_hopfield_force,
    modern_hopfield_update,
    nearest_neighbour_energy,
    nearest_neighbour_energy_and_force,
    nearest_neighbour_force,
    nearest_neighbour_update,
    nearest_pattern,
)

M, N, S = 7, 3, 2
SPREAD = 8.0
EPSILON = 1.2e-7  # of float32

offsets = st.tuples(*[st.integers(-4_000_000, 4_000_000)] * N).map(
    lambda quarters: np.array(quarters) / 4
)
kinds = st.sampled_from([jnp.asarray, np.asarray])  # of JAX, or read in blocks


@pytest.fixture(autouse=True)
def single_precision():
    with jax.enable_x64(False):
        yield


def draw(seed, offset):
    """Patterns and states near some of them, in quarters, about an offset."""
    rng = np.random.default_rng(seed)
    patterns = np.round(4 * SPREAD * rng.normal(size=(M, N))) / 4
    states = patterns[rng.integers(0, M, S)] + rng.integers(-3, 4, (S, N)) / 4
    patterns, states = patterns + offset, states + offset
    for x in (patterns, states):
        assert (x.astype(np.float32) == x).all()
    return patterns, states


@quick
@given(seed=seeds, offset=offsets, beta=st.sampled_from([0.01, 0.3, 30.0]), kind=kinds)
@example(seed=0, offset=np.full(N, 1e6), beta=0.3, kind=jnp.asarray)
def test_distances_do_not_depend_on_the_origin(seed, offset, beta, kind):
    patterns, states = draw(seed, offset)
    x, rows = jnp.asarray(states, jnp.float32), kind(patterns.astype(np.float32))
    squared = ((states[:, None] - patterns) ** 2).sum(-1)
    size = squared.max()
    energy, force = nearest_neighbour_energy_and_force(x, rows, beta)
    expected = -np.asarray(logsumexp(-beta * squared, -1)) / beta
    np.testing.assert_allclose(energy, expected, atol=30 * EPSILON * size, rtol=0)
    weights = softmax(-beta * squared, -1)
    away = (weights[:, :, None] * (patterns - states[:, None])).sum(1)
    room = 100 * EPSILON * (1 + beta * size) * np.sqrt(size)
    np.testing.assert_allclose(force, 2 * away, atol=room, rtol=0)
    np.testing.assert_array_equal(nearest_neighbour_force(x, rows, beta), force)
    # An update has the rounding of the numbers themselves.
    room = room + EPSILON * np.abs(offset).max()
    update = nearest_neighbour_update(x, rows, beta)
    np.testing.assert_allclose(update, states + away, atol=room, rtol=0)
    nearest = nearest_pattern(x, rows)
    np.testing.assert_array_equal(nearest.pattern, squared.argmin(-1))
    np.testing.assert_array_equal(nearest.squared_distance, squared.min(-1))


@quick
@given(seed=seeds, offset=offsets, beta=st.sampled_from([1e-6, 0.01, 0.3]), kind=kinds)
@example(seed=0, offset=np.full(N, 1e6), beta=1e-6, kind=jnp.asarray)
def test_products_have_the_error_that_rounding_the_state_would_make(
    seed, offset, beta, kind
):
    patterns, states = draw(seed, offset)
    x, rows = jnp.asarray(states, jnp.float32), kind(patterns.astype(np.float32))
    products = states @ patterns.T
    # Differences of products change so much if the last digit of a state does.
    apart = np.abs(patterns[:, None] - patterns).max()
    slip = 20 * EPSILON * N * np.abs(states).max() * apart
    squared = ((states[:, None] - patterns) ** 2).sum(-1)
    lengths = (patterns**2).sum(-1)
    best = products.argmax(-1)
    at_best = np.take_along_axis(products, best[:, None], -1)
    surplus = logsumexp(beta * (products - at_best), -1) / beta
    energy = squared[np.arange(S), best] / 2 + (lengths.max() - lengths[best]) / 2
    energy = energy + np.log(M) / beta - surplus
    np.testing.assert_allclose(
        modern_hopfield_energy(x, rows, beta),
        energy,
        atol=slip + 30 * EPSILON * np.log(M) / beta,
        rtol=10 * EPSILON,
    )
    weights = softmax(beta * products, -1)
    away = (weights[:, :, None] * (patterns - states[:, None])).sum(1)
    room = apart * (4 * beta * slip + 100 * EPSILON)
    force = modern_hopfield_force(x, rows, beta)
    np.testing.assert_allclose(force, away, atol=room, rtol=0)
    room = room + EPSILON * np.abs(offset).max()
    for mean in (
        modern_hopfield_update(x, rows, beta),
        attention_force(x, rows, temperature=1 / beta, scale=1.0),
    ):
        np.testing.assert_allclose(mean, states + away, atol=room, rtol=0)


@quick
@given(seed=seeds, offset=offsets)
def test_the_exponential_energy_is_right_to_its_own_digits(seed, offset):
    patterns, states = draw(seed, np.round(offset / 1000))
    x = jnp.asarray(states, jnp.float32)
    rows = jnp.asarray(patterns, jnp.float32)
    patterns, states = np.asarray(rows, float), np.asarray(x, float)
    products = states @ patterns.T
    size = (np.abs(states)[:, None] * np.abs(patterns)).sum(-1).max()
    np.testing.assert_allclose(
        demircigil_energy(x, rows),
        -np.asarray(logsumexp(products, -1)),
        atol=10 * EPSILON * size + 1e-6,
        rtol=0,
    )
    apart = np.abs(patterns[:, None] - patterns).max()
    slip = 20 * EPSILON * N * np.abs(states).max() * apart
    np.testing.assert_allclose(
        demircigil_force(x, rows),
        softmax(products, -1) @ patterns,
        atol=apart * (4 * slip + 100 * EPSILON) + 2 * EPSILON * np.abs(patterns).max(),
        rtol=0,
    )


@jax.jit
def gradients(x, patterns, beta):
    """By the states and by the patterns, of both energies."""

    def total(energy):
        return lambda x, patterns: energy(x, patterns, beta).sum()

    return tuple(
        jax.grad(total(energy), (0, 1))(x, patterns)
        for energy in (nearest_neighbour_energy, modern_hopfield_energy)
    )


@quick
@given(seed=seeds, offset=offsets)
def test_gradients_are_those_of_the_formulas(seed, offset):
    beta = 0.02
    patterns, states = draw(seed, offset)
    x = jnp.asarray(states, jnp.float32)
    (by_state, by_patterns), (of_modern, _) = gradients(
        x, jnp.asarray(patterns, jnp.float32), beta
    )
    away = states[:, None] - patterns
    weights = softmax(-beta * (away**2).sum(-1), -1)
    expected = 2 * weights[:, :, None] * away
    np.testing.assert_allclose(by_state, expected.sum(1), atol=2e-3, rtol=0)
    np.testing.assert_allclose(by_patterns, -expected.sum(0), atol=2e-3, rtol=0)
    force = modern_hopfield_force(x, jnp.asarray(patterns, jnp.float32), beta)
    np.testing.assert_allclose(of_modern, -force, atol=2e-3, rtol=0)


def test_a_state_far_from_its_patterns_keeps_the_digits_of_the_distance():
    patterns = jnp.asarray([[1e4, 1e4], [1e4 + 1, 1e4]], jnp.float32)
    state = jnp.asarray([-3.0, 5.0], jnp.float32)
    distance = (1e4 + 3) ** 2 + (1e4 - 5) ** 2
    nearest = nearest_pattern(state, patterns)
    assert nearest.pattern == 0
    np.testing.assert_allclose(nearest.squared_distance, distance, rtol=EPSILON)
