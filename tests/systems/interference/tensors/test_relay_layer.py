"""Layers of targets that relay: who switches, what meets, and that laws are kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from isinglass.systems.interference import (
    CoupledClassifier,
    GaussianPrior,
    Geometry,
    RelayLayer,
    RelayNetwork,
    WaveClassifier,
    meeting,
)

STAGE = Geometry(np.zeros((9, 1)), [[-1.0], [1.0]])
law = settings(max_examples=20, deadline=None)


class Integers:
    """An encoder that leaves whole numbers as they are."""

    def transform(self, X):
        return np.asarray(X)


def draw(seed: int, n: int = 60, n_classes: int = 3):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return np.rint(8 * rng.normal(size=(n, 4)) + 12 * np.eye(4)[y]), y


def trained(X, y) -> CoupledClassifier:
    return CoupledClassifier(encoder=Integers(), prior=GaussianPrior(0.0, 64.0)).fit(
        X, y
    )


def above(signals, y, epochs: int = 1) -> WaveClassifier:
    return WaveClassifier(
        geometry=STAGE, n_durations=6, random_state=0, epochs=epochs
    ).fit(signals, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", [CoupledClassifier, LogisticRegression, GaussianNB])
def test_up_to_a_coupling_of_1_who_answers_switches(kind, n_classes):
    X, y = draw(0, n_classes=n_classes)
    model = trained(X, y) if kind is CoupledClassifier else kind().fit(X, y)
    for coupling in (0.0, 1.0):
        layer = RelayLayer(model, coupling=coupling).fit()
        signals = layer.transform(X)
        assert signals.shape == (60, n_classes, 1, 1)
        answer = np.arange(n_classes) == model.predict(X)[:, None]
        np.testing.assert_array_equal(signals[:, :, 0, 0], answer)
    # Of two targets alone the mean spin of one without coupling is p − p′.
    first, second = np.sort(model.predict_log_proba(X), axis=1)[:, :-3:-1].T
    strongest = layer.fields(X).max(axis=1)
    np.testing.assert_allclose(strongest, (first - second) / 2, rtol=1e-9, atol=1e-9)


@given(st.integers(0, 10_000), st.floats(0, 4), st.floats(0.01, 2))
@law
def test_a_target_switches_where_a_relay_in_its_field_does(seed, coupling, beta):
    X, y = draw(seed, 30)
    layer = RelayLayer(trained(X, y), coupling=coupling, beta=beta).fit()
    fields = layer.fields(X)
    relays = RelayNetwork(
        np.zeros((fields.size,) * 2), 1.0, fields.ravel(), coupling=coupling
    )
    relays.jump(0.0)
    np.testing.assert_array_equal(
        layer.transform(X).ravel(), (relays.branches + 1) // 2
    )


def test_the_surer_a_target_must_be_the_fewer_switch():
    X, y = draw(1)
    model = trained(X, y)
    counts = [
        RelayLayer(model, coupling=x).fit().transform(X).sum() for x in (1, 2, 3, 9)
    ]
    assert counts[0] == 60 > counts[1] > counts[2] > counts[3] == 0


def pairs(seed: int, n: int = 30):
    """What a layer emits for pairs of inputs where it meets, and if they agree."""
    X, y = draw(seed, 2 * n)
    layer = RelayLayer(trained(X, y)).fit()
    right = n + np.random.default_rng(seed).permutation(n)
    signals = meeting(layer.transform(X[:n]), layer.transform(X[right]))
    same = y[:n] == y[right]
    same[:2] = True, False
    return signals, same


@given(st.integers(0, 10_000), st.integers(2, 29))
@law
def test_the_layer_above_keeps_its_laws_bit_for_bit(seed, cut):
    signals, same = pairs(seed)
    X = signals[:, :, 0, 0]  # whole numbers, which the coupled learner sums exactly
    whole = trained(X, same)
    order = np.random.default_rng(seed).permutation(30)
    parts = trained(X[:cut], same[:cut]).partial_fit(X[cut:], same[cut:])
    merged = trained(X[:cut], same[:cut]).merge(trained(X[cut:], same[cut:]))
    less = trained(np.concatenate([X, X[:cut]]), [*same, *same[:cut]])
    less.forget(X[:cut], same[:cut])
    for other in (trained(X[order], same[order]), parts, merged, less):
        np.testing.assert_array_equal(other.pair_sums_, whole.pair_sums_)
        np.testing.assert_array_equal(other.predict_proba(X), whole.predict_proba(X))


def test_routes_above_keep_theirs_to_rounding():
    signals, same = pairs(0)
    whole, half = above(signals, same), above(signals[:15], same[:15])
    half.partial_fit(signals[15:], same[15:])
    np.testing.assert_allclose(half.tally_, whole.tally_, rtol=1e-12)
    half.forget(signals[15:], same[15:])
    np.testing.assert_allclose(
        half.tally_, above(signals[:15], same[:15]).tally_, rtol=1e-12
    )


def test_what_the_classifier_learns_later_is_not_heard():
    X, y = draw(2)
    model = trained(X, y)
    layer = RelayLayer(model).fit()
    before = layer.transform(X)
    model.partial_fit(X + 30, (y + 1) % 3)
    np.testing.assert_array_equal(layer.transform(X), before)
    assert (layer.fit().transform(X) != before).any()


def test_layers_stand_on_layers():
    """Same or not of two inputs: no single signal tells, two that meet do."""
    X, y = draw(3, 90)
    X = X + 99 * np.eye(4)[y]  # which the first layer tells apart
    first = RelayLayer(trained(X, y)).fit()
    emitted = first.transform(X)
    np.testing.assert_array_equal(emitted[:, :, 0, 0], np.eye(3)[y])
    # Each answer is as often beside itself as beside another.
    left, right = np.repeat(range(3), 4), np.array([0, 0, 1, 2, 1, 1, 2, 0, 2, 2, 0, 1])
    same = left == right
    signals = meeting(emitted[left], emitted[right])
    model = above(signals, same, epochs=100)
    np.testing.assert_array_equal(model.predict(signals), same)
    second = RelayLayer(model).fit().transform(signals)
    np.testing.assert_array_equal(second[:, 1, 0, 0], same)

    single = np.concatenate([emitted[left], emitted[right]], axis=1)
    stage = Geometry(np.zeros((6, 1)), [[-1.0], [1.0]])
    deaf = WaveClassifier(geometry=stage, n_durations=6, random_state=0)
    deaf.fit(single, same)
    np.testing.assert_allclose(deaf.tally_[:, 0], deaf.tally_[:, 1], rtol=1e-12)


def test_signals_that_meet_are_products():
    rng = np.random.default_rng(0)
    a, b, c = (rng.normal(size=(5, n, 2, 1)) for n in (2, 3, 4))
    expected = np.einsum("nita,njta,nkta->nijkta", a, b, c).reshape(5, 24, 2, 1)
    np.testing.assert_allclose(meeting(a, b, c), expected, rtol=1e-14)
    np.testing.assert_array_equal(meeting(a), a)
    assert meeting(a[:0], b[:0]).shape == (0, 6, 2, 1)


def test_it_is_a_step_of_a_pipeline():
    X, y = draw(4)
    frozen = FrozenEstimator(trained(X, y))
    stage = Geometry(np.zeros((3, 1)), [[-1.0], [1.0]])
    top = WaveClassifier(geometry=stage, n_durations=6, random_state=0)
    line = make_pipeline(RelayLayer(frozen), top).fit(X, y > 0)
    direct = RelayLayer(frozen).fit().transform(X)
    np.testing.assert_array_equal(
        line.predict(X), top.fit(direct, y > 0).predict(direct)
    )


X, Y = draw(5)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: RelayLayer(3).fit(), TypeError, "model must have decision_function"),
        (lambda: RelayLayer(GaussianNB).fit(), TypeError, "model must have decision"),
        (lambda: RelayLayer(GaussianNB()).fit(), ValueError, "model must be trained"),
        (
            lambda: RelayLayer(GaussianNB().fit(X, Y * 0)).fit(),
            ValueError,
            "two classes",
        ),
        (lambda: RelayLayer(trained(X, Y), coupling=-1).fit(), ValueError, "coupling"),
        (lambda: RelayLayer(trained(X, Y), beta=0).fit(), ValueError, "beta must be"),
        (lambda: RelayLayer(trained(X, Y)).transform(X), ValueError, "not fitted"),
        (meeting, ValueError, "signals must be one array or more"),
        (lambda: meeting(np.ones((2, 3))), ValueError, r"signals\[0\] must be of"),
        (
            lambda: meeting(np.ones((2, 3, 1, 1)), np.ones((2, 3, 2, 1))),
            ValueError,
            r"signals\[1\] must be of shape \(2, sources, 1, 1\)",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(make, error, words):
    with pytest.raises(error, match=words):
        make()
