import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from helpers.energy_cases import check_same, draw_jax, quick
from isinglass.energy import attention_energy, attention_force

some_states = arrays(np.float64, (3, 4), elements=st.floats(-5, 5))
some_keys = arrays(np.float64, (6, 4), elements=st.floats(-5, 5))
temperatures = st.floats(0.05, 20.0)

pytestmark = pytest.mark.usefixtures("double_precision")


@quick
@given(state=some_states, keys=some_keys, tau=st.floats(0.5, 20.0))
def test_energy_is_the_formula(state, keys, tau):
    expected = -tau * np.log(np.exp(state @ keys.T / 2 / tau).sum(-1))
    energy = attention_energy(jnp.asarray(state), jnp.asarray(keys), tau)
    np.testing.assert_allclose(energy, expected, rtol=1e-10, atol=1e-10)


@quick
@given(state=some_states, keys=some_keys, tau=temperatures, scale=st.floats(-2, 2))
def test_force_is_minus_the_gradient(state, keys, tau, scale):
    force = attention_force(jnp.asarray(state), jnp.asarray(keys), tau, scale)
    np.testing.assert_allclose(-gradient(state, keys, tau, scale), force, atol=1e-12)


@jax.jit
def gradient(state, keys, tau, scale):
    return jax.grad(lambda z: attention_energy(z, keys, tau, scale).sum())(state)


@quick
@given(state=some_states, keys=some_keys, tau=temperatures)
def test_force_is_minus_the_finite_difference(state, keys, tau):
    step = 1e-5
    moves = step * np.eye(4)
    above, below = (
        np.asarray(
            attention_energy(
                jnp.asarray(state[:, None] + sign * moves), jnp.asarray(keys), tau
            )
        )
        for sign in (1, -1)
    )
    force = attention_force(jnp.asarray(state), jnp.asarray(keys), tau)
    # The error of central differences: third derivatives, of size |k|³/τ².
    np.testing.assert_allclose(
        (below - above) / (2 * step), force, atol=1e-7 + 1e-7 / tau**2
    )


@quick
@given(state=some_states, keys=some_keys, tau=temperatures)
def test_energy_lies_within_the_entropy_of_its_cold_limit(state, keys, tau):
    coldest = -(state @ keys.T / 2).max(-1)
    energy = np.asarray(attention_energy(jnp.asarray(state), jnp.asarray(keys), tau))
    assert (energy <= coldest + 1e-12).all()
    assert (energy >= coldest - tau * np.log(6) - 1e-12).all()


@quick
@given(
    first=some_states,
    second=some_states,
    keys=some_keys,
    t=st.floats(0, 1),
    tau=temperatures,
)
def test_energy_is_concave(first, second, keys, t, tau):
    mixed, before, after = (
        np.asarray(attention_energy(jnp.asarray(z), jnp.asarray(keys), tau))
        for z in (t * first + (1 - t) * second, first, second)
    )
    assert (mixed >= t * before + (1 - t) * after - 1e-11).all()


@pytest.mark.parametrize("tau", [1e-6, 1e-9, 1e-300])
def test_the_cold_limit_is_the_nearest_key(tau):
    rng = np.random.default_rng(0)
    state, keys = rng.normal(size=(3, 4)), rng.normal(size=(6, 4))
    scores = state @ keys.T / 2
    energy = attention_energy(jnp.asarray(state), jnp.asarray(keys), tau)
    np.testing.assert_allclose(energy, -scores.max(-1), rtol=1e-12)
    nearest = keys[scores.argmax(-1)] / 2
    force = attention_force(jnp.asarray(state), jnp.asarray(keys), tau)
    np.testing.assert_allclose(force, nearest, rtol=1e-12)
    np.testing.assert_allclose(-gradient(state, keys, tau, 0.5), nearest, rtol=1e-12)


def test_the_hot_limit_is_the_mean_key():
    keys = np.random.default_rng(0).normal(size=(6, 4))
    force = attention_force(jnp.ones(4), jnp.asarray(keys), 1e9, 1.0)
    np.testing.assert_allclose(force, keys.mean(0), rtol=1e-7)


def plain(state, keys, tau, scale):
    return -tau * jax.nn.logsumexp(scale * state @ keys.T / tau, -1)


@pytest.mark.parametrize("derivative", [jax.jacfwd])
def test_derivatives_by_state_keys_temperature_and_scale(derivative):
    at = (*draw_jax(0, 2, 7, states=1), jnp.asarray(0.7), jnp.asarray(-0.4))
    check_same(derivative, lambda *a: attention_energy(*a, block=3), plain, *at)


def test_keys_must_be_an_array():
    call = inspect.unwrap(attention_energy)  # without the run-time checker of the tests
    with pytest.raises(
        TypeError, match="keys must be an array of NumPy or JAX, got list"
    ):
        call(jnp.ones(2), [[1.0, 2.0]])


@pytest.mark.parametrize("tau", [1e-300, 1e-38, 1e-36, 1e300])
def test_any_temperature_is_finite_in_single_precision(tau):
    with jax.enable_x64(False):
        state = jnp.asarray(np.full((2, 4), 1e9, np.float32))
        keys = jnp.asarray((1e9 * np.eye(4)[:3] + 1).astype(np.float32))
        energy = attention_energy(state, keys, tau)
        force = np.asarray(attention_force(state, keys, tau))
        assert np.isfinite(force).all()
        if tau < 1:
            np.testing.assert_allclose(energy, -5e17, rtol=1e-6)
        else:
            np.testing.assert_allclose(force, [[5e8 / 3] * 3 + [0.5]] * 2, rtol=1e-6)


@pytest.mark.parametrize("call", [attention_energy, attention_force])
@pytest.mark.parametrize(
    ("state", "keys", "rest", "named"),
    [
        (
            np.ones(2),
            np.eye(2),
            (0.0,),
            "temperature must be positive and finite, got 0.0",
        ),
        (np.ones(2), np.eye(2), (-1.0,), "temperature"),
        (np.ones(2), np.eye(2), (np.nan,), "temperature"),
        (np.ones(2), np.eye(2), (np.inf,), "temperature"),
        (np.ones(2), np.eye(2), (1.0, np.inf), "scale must be finite"),
    ],
)
def test_what_has_no_energy_is_refused(call, state, keys, rest, named):
    with pytest.raises(ValueError, match=named):
        call(jnp.asarray(state), jnp.asarray(keys), *rest)
