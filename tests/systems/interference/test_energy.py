"""Energies against a slow transcription of Eqs. 2 and 3."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.systems.interference import (
    Geometry,
    arrivals,
    attended_host,
    energy_over_time,
)
from isinglass.systems.interference.energy import couplings, energies_of_many

pytestmark = pytest.mark.usefixtures("double")

THRESHOLD = 0.5
# As estimators call them: inside a program.
over_time = jax.jit(partial(energy_over_time, threshold=THRESHOLD))
host_of = jax.jit(partial(attended_host, threshold=THRESHOLD))


@jax.jit
def of_two(dipoles, arriving, arrived, host):
    coupling = couplings(dipoles, arrived, host, THRESHOLD)
    return energies_of_many(jnp.stack([arriving, 2 * arriving]), coupling)


def slow_energy(waves, probabilities, reachable, host) -> np.ndarray:
    """J_y(t) per signal, (n, C, T), of emissions (n, S, L, D), by loops."""
    n, n_sources, n_emissions, _ = waves.shape
    n_targets, n_durations = probabilities.shape[1:]
    energies = np.zeros((n, n_targets, n_durations))
    for i in range(n):
        for y in range(n_targets):
            for t in range(n_durations):
                friends, others = [], []
                for s in range(n_sources):
                    for tau in range(min(n_emissions, t + 1)):
                        if reachable[s, y, t - tau]:
                            x, p = waves[i, s, tau], probabilities[s, y, t - tau]
                            (friends if x @ host >= THRESHOLD else others).append(
                                (x, p)
                            )
                h = np.mean([x for x, _ in friends], axis=0) if friends else host
                energies[i, y, t] = sum(p for _, p in friends)
                energies[i, y, t] += sum(p * (x @ h) for x, p in others)
    return energies


@pytest.fixture(params=[1, 3, 9], ids=lambda n: f"{n} emissions")
def problem(request):
    """Waves (n, S, L, D), probabilities, reachable, host; 9 emissions > T."""
    rng = np.random.default_rng(request.param)
    waves = rng.normal(size=(6, 5, request.param, 3)) + np.array([0.3, 0, 0])
    waves /= np.linalg.norm(waves, axis=-1, keepdims=True)
    stage = Geometry(
        rng.uniform(-2, 2, size=(5, 3)), rng.uniform(-2, 2, size=(2, 3)), speed=2
    )
    probabilities = rng.dirichlet(np.ones(7), size=(5, 2))
    return waves, probabilities, stage.reachable(7), np.array([1.0, 0.0, 0.0])


def fast_arguments(waves, probabilities, reachable, host):
    arriving, arrived = arrivals(probabilities, reachable, waves.shape[2])
    dipoles = waves.reshape(len(waves), -1, waves.shape[-1])
    return tuple(jnp.asarray(a) for a in (dipoles, arriving, arrived, host))


def test_against_loops(problem):
    dipoles, arriving, arrived, host = fast_arguments(*problem)
    expected = slow_energy(*problem)
    energies = over_time(dipoles, arriving, arrived, host)
    np.testing.assert_allclose(np.asarray(energies), expected, rtol=1e-12, atol=1e-14)


def test_many_models_at_once(problem):
    dipoles, arriving, arrived, host = fast_arguments(*problem)
    expected = slow_energy(*problem)
    energies = of_two(dipoles, arriving, arrived, host)
    expected = np.stack([expected, 2 * expected])
    np.testing.assert_allclose(np.asarray(energies), expected, rtol=1e-12, atol=1e-14)


def test_without_friends_the_field_is_the_host(problem):
    waves, probabilities, reachable, host = problem
    waves = waves - np.abs(waves) * host  # Every signal points away from the field.
    dipoles, arriving, arrived, g = fast_arguments(
        waves, probabilities, reachable, host
    )
    hosts = np.asarray(host_of(dipoles, arrived, g))
    np.testing.assert_array_equal(hosts, np.broadcast_to(host[:, None], hosts.shape))
    energies = over_time(dipoles, arriving, arrived, g)
    expected = np.einsum("ect,ne->nct", arriving, np.asarray(dipoles) @ host)
    np.testing.assert_allclose(np.asarray(energies), expected, atol=1e-14)


def test_among_friends_the_energy_counts_arrivals(problem):
    waves, probabilities, reachable, host = problem
    waves = np.broadcast_to(host, waves.shape)
    dipoles, arriving, arrived, g = fast_arguments(
        waves, probabilities, reachable, host
    )
    energies = np.asarray(over_time(dipoles, arriving, arrived, g))
    expected = np.broadcast_to(np.asarray(arriving).sum(axis=0), energies.shape)
    np.testing.assert_allclose(energies, expected, atol=1e-14)


def test_a_signal_at_the_threshold_is_a_friend():
    dipoles, arrivals = jnp.array([[[0.5, 0.75**0.5]]]), jnp.ones((1, 1, 1))
    host = jnp.array([1.0, 0.0])
    energy = over_time(dipoles, arrivals, arrivals > 0, host)
    assert float(energy[0, 0, 0]) == 1
