"""Hosts that change in time, and several of them at one target."""

import copy
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.interference import (
    Geometry,
    Host,
    InterferenceClassifier,
    WaveClassifier,
    encode_images,
    ensemble_energies,
    superpose,
    uniform_host,
)

law = settings(max_examples=10, deadline=None, derandomize=True, database=None)
seeds = st.integers(0, 10**6)
T = 8
RATES = (1.0, -0.5, -0.8)
PULSE = Host(magnitude=np.eye(T)[5])
CONSTANT = Host(magnitude=np.ones(T))
OPPOSITE = Host(magnitude=-np.ones(T))


def new(host: Any = PULSE, **parameters) -> InterferenceClassifier:
    return InterferenceClassifier(
        n_durations=T, patch_size=3, rates=RATES, random_state=0, host=host
    ).set_params(**parameters)


def assert_same(model, other):
    np.testing.assert_array_equal(model.tally_, other.tally_)
    np.testing.assert_array_equal(
        model.route_probabilities_, other.route_probabilities_
    )


def test_a_host_of_constant_magnitude_is_the_default(draw):
    X, y = draw(0, 12)
    constant, model = new("constant").fit(X, y), new(CONSTANT).fit(X, y)

    assert_same(model, constant)
    np.testing.assert_allclose(model.energies(X), constant.energies(X), rtol=1e-12)
    np.testing.assert_array_equal(model.arrival_entropy(X), constant.arrival_entropy(X))


@law
@given(seed=seeds, order=st.permutations(range(11)), cut=st.sampled_from([3, 8]))
def test_learning_under_any_host_is_a_sum(draw, seed, order, cut):
    host = Host(magnitude=np.random.default_rng(seed).choice([0, 0.8, 1, -1], T))
    X, y = draw(seed, 11)
    y[:3] = range(3)
    whole = new(host).fit(X, y)
    first, rest = order[:cut], order[cut:]
    parts = [
        new(host).partial_fit(X[part], y[part], classes=range(3))
        for part in (first, rest)
    ]

    assert_same(copy.deepcopy(parts[0]).merge(parts[1]), whole)
    assert_same(whole.forget(X[rest], y[rest]), parts[0])


@pytest.mark.parametrize("rates", [RATES, "auto"])
def test_signals_are_judged_by_the_field_when_they_arrive(draw, double, rates):
    X, y = draw(1, 9)
    magnitude = np.array([1, 1, -1, 0.9, 0, 0.3, 1, -1])
    model = new(Host(magnitude=magnitude), rates=rates).fit(X, y)
    reachable, routes = model.geometry_.reachable(T), model.prior_.copy()
    gains = np.log1p(model.rates_)
    similarity = np.asarray(encode_images(jnp.asarray(X), (3, 3)) @ uniform_host(9))
    for s, label in zip(similarity, np.searchsorted(model.classes_, y), strict=True):
        field = s[:, None] * magnitude
        similar, opposite = field >= 0.7 - 1e-6, field <= -0.7 + 1e-6
        gain = np.select([similar, opposite], gains[label, ::2], gains[label, 1])
        routes[:, label] *= np.exp(gain * reachable[:, label])
        routes[:, label] /= routes[:, label].sum(axis=-1, keepdims=True)

    np.testing.assert_allclose(model.route_probabilities_, routes, rtol=1e-6)


def test_two_hosts_in_antiphase_teach_nothing(draw):
    X, y = draw(2, 30)
    model = new(superpose([CONSTANT, OPPOSITE])).fit(X, y)
    n = np.bincount(y)[None, :, None]
    reachable = model.geometry_.reachable(T)
    # Evidence n log(1 + η₋) for all sources alike.
    routes = model.prior_ * (1 + RATES[1]) ** (n * reachable)

    np.testing.assert_array_equal(
        model.tally_, np.tile(n * np.array([0, 1, 0]), (4, 1, 1))
    )
    np.testing.assert_allclose(
        model.route_probabilities_,
        routes / routes.sum(axis=-1, keepdims=True),
        rtol=1e-13,
    )
    np.testing.assert_array_equal(model.energies(X), 0)


@law
@given(
    angle=st.floats(0, 2 * np.pi),
    magnitudes=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    turn=seeds,
)
def test_fields_add_as_vectors(angle, magnitudes, turn):
    basis = np.linalg.qr(np.random.default_rng(turn).normal(size=(9, 2)))[0].T
    second = np.cos(angle) * basis[0] + np.sin(angle) * basis[1]
    hosts = [Host(basis[0], magnitudes[0]), Host(second, magnitudes[1])]
    field = superpose(hosts).field(9, 3)
    a, b = magnitudes
    length = a**2 + b**2 + 2 * a * b * np.cos(angle)

    np.testing.assert_allclose((field**2).sum(axis=1), length, atol=1e-12)


def test_a_host_is_absent_until_its_field_has_arrived():
    hosts = [Host(magnitude=np.arange(1.0, 5)), Host(magnitude=np.full(4, 10.0))]
    total = superpose(hosts, [0, 2]).field(4, 4)

    np.testing.assert_allclose(total[:, 0], np.array([1, 2, 13, 14]) / 2)
    alone = superpose([Host(np.eye(2), [3.0, 4.0])], [1])
    np.testing.assert_allclose(alone.field(2, 2), [[0, 0], [3, 0]])


def test_under_a_pulse_there_is_energy_at_its_time_alone(draw):
    X, y = draw(3, 12)
    model = new().fit(X, y)
    curves = model.energy_over_time(X)

    assert (curves[..., 5] != 0).any()
    np.testing.assert_array_equal(np.delete(curves, 5, axis=-1), 0)


@pytest.mark.parametrize("times", [5, [4, 6], np.array([7]), None])
def test_without_a_host_the_most_similar_signals_win(draw, times):
    X, y = draw(4, 20)
    model = new().fit(X, y)
    read = range(5, T) if times is None else np.atleast_1d(times)  # flights take ≤ 4
    similarity = model.expected_similarity(X)[..., list(read)].mean(axis=-1)

    np.testing.assert_array_equal(
        model.predict_without_host(X, times), model.classes_[similarity.argmax(axis=1)]
    )


def test_waves_are_read_without_a_host_too():
    waves = np.random.default_rng(0).normal(size=(6, 2, 3, 2))
    stage = Geometry([[-1.0], [1.0]], [[-2.0], [2.0]])
    model = WaveClassifier(geometry=stage, n_durations=T, random_state=0)

    assert set(model.fit(waves, [0, 1] * 3).predict_without_host(waves)) <= {0, 1}


@pytest.mark.parametrize("host", [PULSE, Host(np.eye(T, 9) + 0.1, np.arange(T) / T)])
def test_a_host_is_saved_with_its_model(draw, tmp_path, host):
    X, y = draw(5, 12)
    model = new(host).fit(X, y)
    model.save(tmp_path / "model")
    again = InterferenceClassifier.load(tmp_path / "model")

    assert again.host == host
    np.testing.assert_array_equal(again.energies(X), model.energies(X))
    assert_same(again.merge(model).forget(X, y), model)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Host(magnitude=np.nan), "magnitude must be finite"),
        (lambda: Host(magnitude=np.ones((2, 2))), r"magnitude .* got shape \(2, 2\)"),
        (lambda: Host(np.zeros(3)), "direction must be .* not all zero"),
        (lambda: Host(np.ones((3, 2)), np.ones(4)), "same number .* got 3 and 4"),
        (lambda: superpose([]), "hosts must hold one"),
        (lambda: superpose([PULSE, Host(np.ones(9))]), "directions of one size"),
        (lambda: superpose([PULSE, Host(magnitude=[1, 2])]), r"got \[0\] .* \[2, 8\]"),
        (lambda: superpose([PULSE], [-1]), r"whole number from 0 .* got \[-1\]"),
        (lambda: superpose([PULSE], [1, 2]), "for each of 1 hosts"),
        (lambda: superpose([Host()], [1]), "need a magnitude for every time step"),
    ],
)
def test_what_is_no_host_is_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("pulse", "host must be 'constant' or a Host, got 'pulse'"),
        (Host(magnitude=np.ones(5)), "host has 5 time steps, but n_durations is 8"),
        (Host(np.ones(4)), "direction of 4 components, but a patch has 9 pixels"),
    ],
)
def test_a_host_that_does_not_fit_is_refused(draw, host, message):
    with pytest.raises(ValueError, match=message):
        new(host).fit(*draw(6, 6))


def test_models_of_different_hosts_do_not_mix(draw):
    X, y = draw(7, 9)
    model, other = new().fit(X, y), new("constant").fit(X, y)

    with pytest.raises(ValueError, match="cannot merge: host differs"):
        model.merge(other)
    with pytest.raises(ValueError, match="must have host='constant'"):
        ensemble_energies([other, model], X)
    with pytest.raises(ValueError, match="times must be whole numbers from 0 to 7"):
        model.predict_without_host(X, 8)
    with pytest.raises(ValueError, match="host is Host"):
        model.set_params(host=CONSTANT).predict(X)
