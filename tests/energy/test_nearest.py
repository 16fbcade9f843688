import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp, softmax

from helpers.energy_cases import (
    check_same,
    draw,
    draw_jax,
    quick,
    scales,
    seeds,
    shapes,
)
from isinglass.energy import (
    nearest_neighbour_energy,
    nearest_neighbour_energy_and_force,
    nearest_neighbour_force,
    nearest_neighbour_update,
    nearest_pattern,
    squared_nearest_distance,
)

pytestmark = pytest.mark.usefixtures("double")


def squared_distances(state, patterns):
    return ((state[..., None, :] - patterns) ** 2).sum(-1)


def plain_energy(state, patterns, beta):
    return -jax.nn.logsumexp(-beta * squared_distances(state, patterns), -1) / beta


def plain_update(state, patterns, beta):
    return jax.nn.softmax(-beta * squared_distances(state, patterns), -1) @ patterns


@quick
@given(seed=seeds, shape=shapes, scale=scales, beta=st.floats(0.01, 100.0))
def test_energy_force_and_update_are_the_formula(seed, shape, scale, beta):
    state, patterns = draw(seed, shape[0], shape[1], scale)
    lifted = -beta * squared_distances(state, patterns)
    state, patterns = jnp.asarray(state), jnp.asarray(patterns)
    energy = nearest_neighbour_energy(state, patterns, beta)
    force = nearest_neighbour_force(state, patterns, beta)
    size = scale**2 * shape[0] + 1 / beta
    np.testing.assert_allclose(
        energy, -np.asarray(logsumexp(lifted, -1)) / beta, atol=1e-12 * size
    )
    update = softmax(lifted, -1) @ np.asarray(patterns)
    np.testing.assert_allclose(
        nearest_neighbour_update(state, patterns, beta), update, atol=1e-10
    )
    np.testing.assert_allclose(force, 2 * (update - np.asarray(state)), atol=1e-10)
    both = nearest_neighbour_energy_and_force(state, patterns, beta)
    np.testing.assert_allclose(both[0], energy, rtol=1e-14)
    np.testing.assert_allclose(both[1], force, rtol=1e-14)


def in_blocks(call):
    return lambda *args: call(*args, block=3)


@pytest.mark.parametrize(
    ("derivative", "call", "plain"),
    [
        (jax.jacrev, in_blocks(nearest_neighbour_update), plain_update),
        (jax.hessian, in_blocks(nearest_neighbour_energy), plain_energy),
    ],
    ids=["update backward", "energy twice"],
)
def test_derivatives_by_state_patterns_and_temperature(derivative, call, plain):
    check_same(derivative, call, plain, *draw_jax(0, 2, 7, states=1), jnp.asarray(0.7))


@quick
@given(seed=seeds, shape=shapes)
def test_the_cold_limit_is_the_nearest_pattern(seed, shape):
    state, patterns = draw(seed, *shape)
    distances = squared_distances(state, patterns)
    x, rows = jnp.asarray(state), jnp.asarray(patterns)
    nearest = nearest_pattern(x, rows)
    np.testing.assert_array_equal(nearest.pattern, distances.argmin(-1))
    np.testing.assert_allclose(nearest.squared_distance, distances.min(-1), rtol=1e-14)
    expected = 2 * (patterns[distances.argmin(-1)] - state)
    gap = np.sort(distances, -1)[:, :2]
    apart = np.ptp(gap, -1) > 1e-6 if shape[1] > 1 else np.ones(3, bool)
    for beta in (1e9, 1e30, 1e300):
        energy, force = nearest_neighbour_energy_and_force(x, rows, beta)
        np.testing.assert_allclose(energy, distances.min(-1), rtol=1e-7)
        np.testing.assert_allclose(np.asarray(force)[apart], expected[apart], atol=1e-9)


@jax.jit
def first_and_second(x, patterns, beta):
    def energy(x):
        return nearest_neighbour_energy(x, patterns, beta)

    return jax.grad(energy)(x), jax.hessian(energy)(x)


@pytest.mark.parametrize("beta", [1e9, 1e30, 1e300])
def test_derivatives_stay_finite_in_the_cold_limit(beta):
    state, patterns = draw(0, 4, 7)
    nearest = patterns[squared_distances(state[0], patterns).argmin()]
    gradient, hessian = first_and_second(
        jnp.asarray(state[0]), jnp.asarray(patterns), beta
    )
    np.testing.assert_allclose(gradient, 2 * (state[0] - nearest), atol=1e-12)
    # The distance to one pattern, if it is far nearer than all others.
    np.testing.assert_allclose(hessian, 2 * np.eye(4), atol=1e-12)


@quick
@given(seed=seeds, shape=shapes)
def test_the_hot_limit_is_the_mean_distance(seed, shape):
    state, patterns = draw(seed, *shape)
    beta = 1e-6
    energy, force = nearest_neighbour_energy_and_force(
        jnp.asarray(state), jnp.asarray(patterns), beta
    )
    energy = np.asarray(energy) + np.log(shape[1]) / beta
    np.testing.assert_allclose(
        energy, squared_distances(state, patterns).mean(-1), rtol=1e-2
    )
    np.testing.assert_allclose(force, 2 * (patterns.mean(0) - state), atol=1e-2)


def test_single_precision_is_right_near_patterns_of_large_norm():
    with jax.enable_x64(False):
        rng = np.random.default_rng(0)
        patterns = jnp.asarray(100 + rng.normal(size=(50, 256)), jnp.float32)
        state = patterns[:4] + jnp.asarray(
            1e-2 * rng.normal(size=(4, 256)), jnp.float32
        )
        energy = nearest_neighbour_energy(state, patterns)
    exact = squared_distances(
        np.asarray(state, float), np.asarray(patterns, float)
    ).min(-1)
    np.testing.assert_allclose(
        energy, exact, rtol=1e-5
    )  # |x|² itself has an ulp of 0.25


def test_g_has_the_gradient_of_the_nearest():
    state, patterns = draw_jax(3, 5, 6)
    gradient = jax.jit(jax.grad(lambda x: squared_nearest_distance(x, patterns).sum()))(
        state
    )
    nearest = patterns[squared_distances(state, patterns).argmin(-1)]
    np.testing.assert_allclose(gradient, 2 * (state - nearest), atol=1e-12)


@pytest.mark.parametrize(
    "call",
    [
        nearest_neighbour_energy,
        nearest_neighbour_force,
        nearest_neighbour_update,
        nearest_neighbour_energy_and_force,
    ],
)
@pytest.mark.parametrize("beta", [0.0, -1.0, np.nan, np.inf])
def test_a_temperature_that_is_none_is_refused(call, beta):
    with pytest.raises(
        ValueError, match="inverse_temperature must be positive and finite, got"
    ):
        call(jnp.ones(2), jnp.eye(2), beta)
