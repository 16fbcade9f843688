"""The classifier: scikit-learn's contract, and that it learns what it can see."""

import inspect
from typing import Any

import jax
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from isinglass.systems.quantum import SASQuaTChClassifier, quadratic_form
from isinglass.training.lanes import lanes_of

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def bare_constructor(monkeypatch):
    """Without the tests' check of annotations: scikit-learn's constructors take all."""
    bare = inspect.unwrap(SASQuaTChClassifier.__init__)
    monkeypatch.setattr(SASQuaTChClassifier, "__init__", bare)


# `poor_score` is set: tables are no pictures, and that of blobs around the origin is
# one that sees no lengths.
@parametrize_with_checks(
    [SASQuaTChClassifier(1, steps=3, batch_size=4, random_state=0)],
    expected_failed_checks=lambda _: {
        "check_estimators_dtypes": "a row of zeros, which has no state, is refused"
    },
)
def test_contract(estimator, check):
    check(estimator)


def bars(count):
    """Pictures of 4 × 4 with a bar that stands or lies, at any contrast."""
    labels = np.arange(count) % 2
    pictures = 0.1 * RNG.random((count, 4, 4))
    for picture, label in zip(pictures, labels, strict=True):
        place = RNG.integers(4)
        picture[(slice(None), place) if label else place] += 1
    return pictures * RNG.uniform(0.1, 10, (count, 1, 1)), labels


@pytest.fixture(scope="module")
def trained():
    X, y = bars(200)
    bare = SASQuaTChClassifier.__new__(SASQuaTChClassifier)
    inspect.unwrap(SASQuaTChClassifier.__init__)(bare, 2, steps=300, random_state=0)
    return bare.fit(X, np.array(["lies", "stands"])[y])


def test_it_learns_bars_at_any_contrast(trained):
    X, y = bars(200)
    names = np.array(["lies", "stands"])[y]
    assert trained.score(X, names) > 0.9
    values = trained.decision_function(X)
    np.testing.assert_array_equal(
        trained.predict(X), trained.classes_[(values > 0) * 1]
    )
    np.testing.assert_allclose(trained.decision_function(-7 * X), values, atol=1e-6)
    np.testing.assert_array_equal(trained.decision_function(X.reshape(200, 16)), values)


def test_its_decisions_are_its_quadratic_form(trained):
    X, _ = bars(10)
    form = quadratic_form(lanes_of(trained.circuits_, 0))
    states = X.reshape(10, 16) / np.linalg.norm(X.reshape(10, 16), axis=1)[:, None]
    expected = np.einsum("ni,ij,nj->n", states, form, states)
    np.testing.assert_allclose(trained.decision_function(X), expected, atol=1e-6)


def test_the_same_seed_trains_the_same(trained):
    X, y = bars(40)
    model: Any = clone(trained)
    model.set_params(steps=5)
    first = model.fit(X, y).decision_function(X)
    np.testing.assert_array_equal(model.fit(X, y).decision_function(X), first)
    model.set_params(random_state=1)
    other = model.fit(X, y).decision_function(X)
    assert np.abs(other - first).max() > 0.01


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", ">f8"])
def test_numbers_of_any_type_are_taken(trained, dtype):
    """What scikit-learn's check would say, without its row of zeros."""
    X = np.round(9 * bars(6)[0] + 1).clip(1, 200).astype(dtype)
    values = trained.decision_function(X)
    np.testing.assert_allclose(values, trained.decision_function(X.astype(float)))


def test_sides_are_filled_up_to_powers_of_two():
    X = RNG.random((6, 3, 5))
    model = SASQuaTChClassifier(1, steps=1, random_state=0).fit(X, [0, 1, 2] * 2)
    assert model.circuits_.config.registers == (2, 3)
    assert jax.tree.leaves(model.circuits_)[0].shape == (3, 1, 5, 4)
    assert model.decision_function(X).shape == (6, 3)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"layers": 0}, "layers must be at least 1"),
        ({"kernel": "conv"}, "kernel must be one of"),
        ({"basis": "cosine"}, "basis must be one of"),
        ({"registers": (3,)}, "registers must hold 4 qubits"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"random_state": "x"}, "random_state must be None, a whole number"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive"),
    ],
)
def test_parameters_are_refused_by_name(parameters, words):
    X, y = bars(8)
    with pytest.raises(ValueError, match=words):
        SASQuaTChClassifier(**parameters).fit(X, y)


def test_a_training_that_diverges_names_its_rate():
    X, y = bars(8)
    with pytest.raises(ValueError, match=r"learning_rate=3e\+38 is too large"):
        SASQuaTChClassifier(steps=3, learning_rate=3e38).fit(X, y)


def test_pictures_without_a_state_are_refused(trained):
    X, _ = bars(8)
    X[3] = 0
    with pytest.raises(ValueError, match="X must not be 0 everywhere"):
        trained.predict(X)
    with pytest.raises(ValueError, match="X must have pictures of at most 4096 pixels"):
        SASQuaTChClassifier().fit(np.ones((2, 65, 64)), [0, 1])
    with pytest.raises(ValueError, match="y must hold two classes"):
        SASQuaTChClassifier().fit(np.ones((2, 4)), [1, 1])
