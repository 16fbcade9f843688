"""The closed form against the published step-by-step rule."""

import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.systems.interference import (
    Geometry,
    InterferenceClassifier,
    LearningRule,
    encode_images,
    learn_sample,
    uniform_host,
    watch_learning,
)

pytestmark = pytest.mark.usefixtures("double")


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rates", [(1.0, -0.5, -0.8), (0.0, 3.0, -0.99)])
def test_closed_form(draw, seed, rates):
    X, y = draw(seed, 10)
    model = InterferenceClassifier(
        n_durations=8, rates=rates, patch_size=3, random_state=seed
    )
    model.partial_fit(X, y, classes=range(3))
    *_, expected = watch_learning(
        model.prior_,
        np.asarray(encode_images(jnp.asarray(X), (3, 3))),
        y,
        host=np.asarray(uniform_host(9)),
        reachable=model.geometry_.reachable(8),
        rule=LearningRule(rates),
    )
    np.testing.assert_allclose(model.route_probabilities_, expected, rtol=1e-12)
    # The problem has something to learn of every kind.
    assert (model.tally_.sum(axis=(0, 1)) > 0).all()


def test_one_step():
    p, reachable = (
        np.full((2, 2, 4), 0.25),
        np.array([[0, 0, 1, 1]] * 4, bool).reshape(2, 2, 4),
    )
    after = learn_sample(p, 1, np.array([1.0, -0.5]), reachable)
    np.testing.assert_array_equal(after[:, 0], p[:, 0])
    np.testing.assert_allclose(after[0, 1], np.array([1, 1, 2, 2]) / 6)
    np.testing.assert_allclose(after[1, 1], np.array([2, 2, 1, 1]) / 6)
    np.testing.assert_array_equal(p, 0.25)


def test_nothing_is_learned_without_a_reservoir():
    # All durations are reachable: a common gain cancels.
    X = np.random.default_rng(0).normal(size=(5, 6, 6))
    stage = Geometry(np.zeros((4, 1)), np.zeros((2, 1)))
    model = InterferenceClassifier(geometry=stage, n_durations=3).fit(
        X, [0, 1, 0, 1, 1]
    )
    np.testing.assert_allclose(model.route_probabilities_, model.prior_)


def test_thresholds_belong_to_the_similar_and_the_opposite():
    # One patch of one pixel is exactly parallel to the host: s = ±1 = ±θ.
    X = np.array([[[1.0, -1.0]]])
    model = InterferenceClassifier(patch_size=1, threshold=1.0, n_durations=9).fit(
        X, [0]
    )
    np.testing.assert_array_equal(model.tally_[:, 0], [[1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            {"rates": (1.0, -1.0, 0.0)},
            "rates must be three finite numbers greater than -1",
        ),
        # What can be read once only is no parameter of an estimator.
        ({"rates": iter((1.0, -0.5, -0.8))}, "rates must be three finite numbers"),
        ({"threshold": 0.0}, r"threshold must lie in \(0, 1\], got 0"),
    ],
)
def test_a_rule_refuses_what_fit_refuses(rule, message):
    with pytest.raises(ValueError, match=message):
        LearningRule(**rule)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([0, 0], "dipoles and targets must be as many"),
        ([1], r"targets must be in \[0, 1\), got 1"),
    ],
)
def test_watching_wants_a_target_that_there_is_for_every_sample(targets, message):
    p = np.full((1, 1, 2), 0.5)
    course = watch_learning(
        p, [np.eye(2)[:1]], targets, host=np.eye(2)[0], reachable=p > 0
    )
    with pytest.raises(ValueError, match=message):
        list(course)
