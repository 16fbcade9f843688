"""`WaveClassifier` against loops, and against its sister on pictures."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.systems.interference import (
    Geometry,
    InterferenceClassifier,
    WaveClassifier,
    encode_images,
    paper_settings,
)
from isinglass.systems.interference.learning import SMALLEST_GAIN

SOURCES, TARGETS = (-1, 1), (-2, 2)
STAGE = Geometry(np.array(SOURCES)[:, None], np.array(TARGETS)[:, None])
RATES = (0.3, -0.02, -0.4)


@pytest.fixture
def waves():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 2, 6, 2)) + 0.4, np.arange(9) % 2
    X[:, 0, 2] = 0  # At rest for a while.
    return X, y


def new(**parameters) -> WaveClassifier:
    model = WaveClassifier(geometry=STAGE, rates=RATES, n_durations=8, random_state=0)
    return model.set_params(**parameters)


def slow_training(model: WaveClassifier, X, y) -> np.ndarray:
    """Eq. 4 for emissions over time, sample after sample, in the linear domain."""
    p, g = model.prior_.copy(), np.full(2, 0.5**0.5)
    for wave, label in zip(X, y, strict=True):
        for s in range(2):
            for delta in range(8):
                if delta < abs(SOURCES[s] - TARGETS[label]):
                    continue
                change = 0.0
                for tau in range(wave.shape[1]):
                    if tau + delta < 8:
                        length = np.linalg.norm(wave[s, tau])
                        similarity = wave[s, tau] @ g / length if length else 0.0
                        kind = (
                            0 if similarity >= 0.8 else 2 if similarity <= -0.8 else 1
                        )
                        change += model.rates[kind]
                p[s, label, delta] *= max(1 + change, SMALLEST_GAIN)
            p[s, label] /= p[s, label].sum()
    return p


@pytest.mark.parametrize("rates", [RATES, (0.1, -0.01, -0.1), (2.0, -0.5, -0.9)])
def test_learning_against_loops(waves, rates):
    X, y = waves
    model = new(rates=rates).fit(X, y)
    expected = slow_training(model, X, y)
    np.testing.assert_allclose(model.route_probabilities_, expected, rtol=1e-10)


def test_emissions_beyond_the_last_time_step_do_not_count(waves):
    X, y = waves
    longer = np.concatenate([X, X, X], axis=2)
    model = new().fit(longer, y)
    np.testing.assert_allclose(
        model.route_probabilities_, slow_training(model, longer, y)
    )


def test_one_emission_is_a_picture(draw):
    X, y = draw(0, 10)
    prior = np.random.default_rng(0).random((4, 3, 8))
    pictures = InterferenceClassifier(
        **paper_settings(), n_durations=8, route_prior=prior
    ).fit(X, y)
    with jax.enable_x64(True):
        emitted = np.asarray(encode_images(jnp.asarray(X), (3, 3)))[:, :, None, 1:]
    waves = WaveClassifier(
        geometry=pictures.geometry_,
        rates=pictures.rates,
        threshold=pictures.threshold,
        n_durations=8,
        route_prior=prior,
        readout="peak",
    ).fit(emitted, y)
    routes = waves.route_probabilities_
    np.testing.assert_allclose(routes, pictures.route_probabilities_, rtol=1e-12)
    curves = waves.energy_over_time(emitted)
    np.testing.assert_allclose(
        curves, pictures.energy_over_time(X), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_array_equal(waves.predict(emitted), pictures.predict(X))


@pytest.mark.parametrize(("readout", "score"), [("mean", np.mean), ("peak", np.max)])
def test_readout(waves, readout, score):
    X, y = waves
    model = new(readout=readout).fit(X, y)
    expected = score(model.energy_over_time(X), axis=-1)
    np.testing.assert_allclose(model.energies(X), expected)


def test_sums_over_samples(waves):
    X, y = waves
    model = new(epochs=2).fit(X, y)
    parts = new(epochs=2).fit(X[:4], y[:4]).merge(new(epochs=2).fit(X[4:], y[4:]))
    np.testing.assert_allclose(parts.tally_, model.tally_, rtol=1e-12)
    parts.forget(X[5:], y[5:])
    before = new(epochs=2).fit(X[:5], y[:5])
    np.testing.assert_allclose(
        parts.route_probabilities_, before.route_probabilities_, rtol=1e-12
    )
    parts.forget(X[:5], y[:5])
    np.testing.assert_array_equal(parts.tally_, 0)


def test_weights_are_repetitions(waves):
    X, y = waves
    weight = np.arange(9) % 4
    model = new(epochs=2).fit(X, y, sample_weight=weight)
    repeated = X.repeat(weight, axis=0), y.repeat(weight)
    np.testing.assert_allclose(model.tally_, new(epochs=2).fit(*repeated).tally_)
    np.testing.assert_array_equal(model.class_count_, 2 * np.bincount(repeated[1]))
    model.forget(*repeated)
    np.testing.assert_array_equal(model.tally_, 0)


def test_host(waves):
    X, y = waves
    plain, same = new().fit(X, y), new(host=[3.0, 3.0]).fit(X, y)
    np.testing.assert_allclose(same.energies(X), plain.energies(X))
    turned = new(host=[1.0, -1.0]).fit(X * [1, -1], y)
    np.testing.assert_allclose(turned.energies(X * [1, -1]), plain.energies(X))


def test_two_rotating_sources_are_told_apart():
    time, rng = np.arange(8), np.random.default_rng(0)
    y = np.arange(40) % 2
    phase = np.where(y[:, None, None] == 1, [[0.0], [np.pi]], [[np.pi], [0.0]])
    angle = 2 * np.pi * time / 8 + phase + rng.uniform(-0.2, 0.2, size=(40, 2, 8))
    X = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    model = new(n_durations=20).fit(X[:10], y[:10])
    assert model.score(X[10:], y[10:]) >= 0.9


@pytest.mark.parametrize(
    ("X", "message"),
    [
        ([[[[1.0, 2.0], [3.0]]]], "X must hold inputs of one shape"),
        (
            np.ones((2, 2, 6)),
            r"waves of shape \(n, sources, time, D\), got shape \(2, 2, 6\)",
        ),
        (np.ones((2, 2, 6, 0)), r"got shape \(2, 2, 6, 0\)"),
        (np.ones((2, 3, 6, 2)), "X has 3 sources"),
        (np.full((2, 2, 6, 2), np.nan), "NaN"),
        (np.full((2, 2, 6, 2), np.inf), "infinity"),
        (np.full((2, 2, 6, 2), 1j), "Complex data not supported"),
        (np.ones((0, 2, 6, 2)), r"0 sample\(s\)"),
    ],
)
def test_waves_refused(X, message):
    model = new()
    with pytest.raises(ValueError, match=message):
        model.fit(X, [0, 1])
    assert not hasattr(model, "classes_")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"geometry": None}, "geometry must be a Geometry, got None"),
        ({"geometry": "corners"}, "geometry must be a Geometry, got 'corners'"),
        ({"readout": "sum"}, "readout must be one of mean, peak, got 'sum'"),
        ({"host": [1.0]}, "host must be a non-zero vector of 2 components"),
        ({"host": [0.0, 0.0]}, "host must be a non-zero vector"),
        ({"host": [np.nan, 0.0]}, "host must be finite"),
        ({"host": "up"}, "host must hold real numbers"),
        ({"n_durations": 3}, "n_durations=3 is too short"),
    ],
)
def test_parameters_refused(waves, change, message):
    with pytest.raises(ValueError, match=message):
        new(**change).fit(*waves)


def test_another_wave_shape_is_refused(waves):
    X, y = waves
    model = new().fit(X, y)
    with pytest.raises(ValueError, match=r"waves of \(2, 5, 2\).* learned \(2, 6, 2\)"):
        model.predict(X[:, :, :5])
    with pytest.raises(ValueError, match="input shape differs"):
        model.merge(new().fit(X[:, :, :5], y))


def test_merge_refuses_another_host(waves):
    with pytest.raises(ValueError, match="cannot merge: host differs"):
        new().fit(*waves).merge(new(host=[1.0, -1.0]).fit(*waves))


def test_forget_refuses_waves_never_learned(waves):
    X, y = waves
    model = new().fit(X, y)
    with pytest.raises(ValueError, match="never learned"):
        model.forget(np.ones_like(X), y)


def test_forget_refuses_what_no_remaining_sample_explains():
    opposite, labels = np.full((4, 2, 6, 2), -1.0), [0, 0, 1, 1]
    model = new(rates=(0.1, -0.01, -0.1)).fit(opposite, labels)
    with pytest.raises(ValueError, match="never learned"):
        model.forget(-opposite[:1], [0])
    model.forget(opposite[:1], [0])
