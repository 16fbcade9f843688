"""What "auto" stands for, and the warnings where pictures or parameters do not suit."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from isinglass.systems.interference import (
    FitnessWarning,
    Geometry,
    InterferenceClassifier,
    corners,
    paper_settings,
)
from isinglass.systems.interference.automatic import fitting_patch, log_gains

law = settings(max_examples=50, deadline=None, derandomize=True, database=None)
sides = st.integers(1, 60)


@law
@given(height=sides, width=sides, n_durations=st.integers(3, 70))
def test_the_patch_is_the_smallest_of_which_all_signals_arrive(
    height, width, n_durations
):
    def arrives(h: int, w: int) -> bool:
        flights = corners((height // h, width // w), 4).flight_times
        return flights.max() <= n_durations - 1

    h, w = fitting_patch((height, width), n_durations)
    assert arrives(h, w)
    side = max(h, w)
    assert (h, w) == (min(side, height), min(side, width))
    assert side == 1 or not arrives(min(side - 1, height), min(side - 1, width))


@pytest.mark.parametrize(
    ("image_shape", "patch"),
    [((28, 28), (3, 3)), ((8, 8), (1, 1)), ((1, 30), (1, 2)), ((100, 40), (6, 6))],
)
def test_patches_of_the_usual_pictures(image_shape, patch):
    assert fitting_patch(image_shape, 25) == patch


def test_the_patch_follows_a_geometry_or_a_prior(draw):
    X, y = draw(0, 12)
    stage = Geometry(np.zeros((4, 1)), np.ones((3, 1)))
    options: list[dict[str, Any]]
    options = [{"geometry": stage}, {"route_prior": np.ones((4, 3, 8))}]
    for own in options:
        model = InterferenceClassifier(n_durations=8, **own).fit(X, y)
        assert model.patch_size_ == (3, 3)
    no_grid = Geometry(np.zeros((5, 1)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="geometry has 5 sources"):
        InterferenceClassifier(n_durations=8, geometry=no_grid).fit(X, y)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        ([[1.0], [1.0, 2.0]], "route_prior must hold real numbers"),
        (3.0, r"route_prior must have shape .* = \(9, 3, 8\), got \(\)"),
        ({}, "route_prior must hold real numbers"),
    ],
)
def test_a_prior_that_is_none(draw, prior, message):
    X, y = draw(0, 12)
    model = InterferenceClassifier(n_durations=8).set_params(route_prior=prior)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)


@pytest.mark.parametrize("n_pixels", [1, 4, 9])
def test_a_similar_source_counts_by_how_surprising_it_is(n_pixels):
    directions = np.random.default_rng(0).normal(size=(200_000, n_pixels))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    share = (directions.sum(axis=1) / n_pixels**0.5 >= 0.7).mean()
    similar, neutral, opposite = log_gains(n_pixels, 0.7)
    np.testing.assert_allclose(similar, -np.log(share), atol=0.05)
    assert opposite < neutral < 0 < similar <= -opposite


def test_at_most_as_much_as_an_opposite_one():
    for n_pixels, threshold in ((10_000, 0.7), (9, 1.0)):
        gains = log_gains(n_pixels, threshold)
        assert gains[0] == -gains[2]


def test_samples_weigh_the_same_however_many_they_are(draw):
    X, y = draw(0, 12)
    y[:3] = 0, 1, 2
    model = InterferenceClassifier(n_durations=8, random_state=0).fit(X, y)
    routes = model.route_probabilities_
    repeated = X.repeat(7, axis=0), y.repeat(7)
    for other in (
        InterferenceClassifier(n_durations=8, random_state=0).fit(*repeated),
        InterferenceClassifier(n_durations=8, random_state=0, epochs=7).fit(X, y),
        InterferenceClassifier(n_durations=8, random_state=0).fit(X, y, np.full(12, 7)),
    ):
        np.testing.assert_allclose(other.route_probabilities_, routes, rtol=1e-12)
        np.testing.assert_allclose(np.log1p(other.rates_), np.log1p(model.rates_) / 7)
    empty = model.forget(X, y).route_probabilities_
    np.testing.assert_allclose(empty, model.prior_, rtol=1e-12)


def test_rates(draw):
    X, y = draw(0, 12)
    y[:3] = 0, 1, 2
    model = InterferenceClassifier(n_durations=8).fit(X, y)
    expected = np.exp(log_gains(4, 0.7) / np.bincount(y)[:, None]) - 1
    np.testing.assert_allclose(model.rates_, expected)
    model = InterferenceClassifier(n_durations=8, **paper_settings()).fit(X, y)
    np.testing.assert_array_equal(model.rates_, [(1, -0.5, -0.8)] * 3)


def test_small_digits_are_learned_as_they_come():
    X, y = load_digits(return_X_y=True)
    model = InterferenceClassifier(random_state=0).fit(X[::2], y[::2])
    assert model.score(X[1::2], y[1::2]) > 0.75


def messages(model, X, y) -> list[str]:
    """What `fit` warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    assert all(w.category is FitnessWarning for w in caught)
    return [str(w.message) for w in caught]


def test_a_crop_that_loses_much():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300], y[:300]
    assert messages(InterferenceClassifier(), X, y) == []
    (message,) = messages(InterferenceClassifier(patch_size=3), X, y)
    assert "crops the pictures from (8, 8) to (6, 6) pixels and loses 3" in message
    # The same, however bright.
    (bright,) = messages(InterferenceClassifier(patch_size=3), X * 1e200, y)
    assert bright == message


def test_pictures_without_contrast(draw):
    X, y = draw(0, 12)
    X[2:5] = 7
    (message,) = messages(InterferenceClassifier(n_durations=8), X, y)
    assert message.startswith("3 of 12 pictures have one brightness throughout")


def test_evidence_that_saturates(draw):
    X, y = draw(0, 12)
    model = InterferenceClassifier(n_durations=8, **paper_settings())
    assert messages(model, X, y) == []
    (message,) = messages(model.set_params(epochs=1000), X, y)
    assert message.startswith("the evidence saturates: 100% of the sources")
    assert "rates='auto'" in message
