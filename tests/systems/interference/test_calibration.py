"""Probabilities: of the energies, exact, and about as often right as they say."""

import copy
import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss, roc_auc_score

from isinglass.systems.interference import InterferenceClassifier
from isinglass.systems.interference.calibration import log_probabilities, temperature

law = settings(max_examples=100, deadline=None, derandomize=True, database=None)


def new(**parameters) -> InterferenceClassifier:
    return InterferenceClassifier(n_durations=8, random_state=0, **parameters)


@law
@given(
    energies=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 4), st.integers(1, 5)),
        elements=st.floats(-1e3, 1e3) | st.sampled_from([1.0, np.nextafter(1, 2)]),
    ),
    heat=st.just(0.0) | st.floats(1e-9, 1e9),
)
def test_the_winner_is_the_largest_and_rows_sum_to_one(energies, heat):
    logs = log_probabilities(energies, heat)
    probabilities = np.exp(logs)
    np.testing.assert_array_equal(probabilities.argmax(1), energies.argmax(1))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-14)
    if heat > 1:
        ratio = np.exp((energies - energies.max(axis=1, keepdims=True)) / heat)
        expected = ratio / ratio.sum(axis=1, keepdims=True)
        np.testing.assert_allclose(probabilities, expected, rtol=1e-12)


def test_the_temperature():
    in_time = np.array([[0.0, 1.0], [0.5, 0.5], [0.2, 0.4]])
    expected = 0.025 * np.sqrt((0.25 + 0.01) * (1 + 3 * 0.375))
    for counts in ([2.0, 4.0], [4.0, 2.0]):
        assert temperature(in_time, np.array(counts)) == pytest.approx(expected)
    single = temperature(in_time, np.array([0.0, 1.0]))
    assert single == pytest.approx(0.025 * np.sqrt(0.26 * 4))
    # A class that learned nothing says nothing of how many samples there were.
    assert single == temperature(in_time, np.zeros(2))
    assert temperature(np.ones((3, 1)), np.ones(1)) == 0


def test_probabilities(draw):
    X, y = draw(0, 30)
    model = new().fit(X, y)
    p = model.predict_proba(X)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p, rtol=1e-12)
    logits = model.energies(X) / (1000 * model.temperature_)
    np.testing.assert_allclose(
        np.log(p[:, 0] / p[:, 1]), logits[:, 0] - logits[:, 1], atol=1e-9
    )
    # However many signals are sent.
    np.testing.assert_allclose(new(n_signals=7).fit(X, y).predict_proba(X), p)


def test_one_class_is_certain(draw):
    X, _ = draw(0, 5)
    np.testing.assert_array_equal(new().fit(X, [3] * 5).predict_proba(X), 1)


def test_they_are_exact_under_forgetting_and_merging(draw):
    X, y = draw(0, 30)
    y[:6] = [0, 1, 2] * 2
    model = new().fit(X[:12], y[:12])
    before, other = model.predict_proba(X), new().fit(X[12:], y[12:])
    whole = copy.deepcopy(model).merge(other)
    np.testing.assert_array_equal(
        whole.predict_proba(X), new().fit(X, y).predict_proba(X)
    )
    np.testing.assert_array_equal(whole.forget(X[12:], y[12:]).predict_proba(X), before)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[::2], y[::2], X[1::2], y[1::2]


def test_they_are_about_as_often_right_as_they_say(digits):
    X, y, others, labels = digits
    model = InterferenceClassifier(random_state=0).fit(X, y)
    p = model.predict_proba(others)
    right = p.argmax(axis=1) == labels
    assert abs(p.max(axis=1).mean() - right.mean()) < 0.05
    sure = p.max(axis=1) > 0.9
    assert right[sure].mean() > 0.9 > right[~sure].mean()
    assert log_loss(labels, p) < 0.8
    assert roc_auc_score(labels, p, multi_class="ovr") > 0.95


def test_scikit_learn_may_calibrate_them(digits, monkeypatch):
    # Without the tests' check of annotations: clone hands over what it likes.
    bare = inspect.unwrap(InterferenceClassifier.__init__)
    monkeypatch.setattr(InterferenceClassifier, "__init__", bare)
    X, y, others, labels = digits
    model = InterferenceClassifier(random_state=0)
    for method in ("sigmoid", "isotonic"):
        calibrated = CalibratedClassifierCV(model, method=method, cv=2).fit(X, y)
        assert log_loss(labels, calibrated.predict_proba(others)) < 1
