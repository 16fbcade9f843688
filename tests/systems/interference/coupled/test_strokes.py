"""The prior of pen strokes, and whitening by a prior."""

import numpy as np
import pytest

from isinglass.systems.interference import (
    DipoleEncoder,
    GaussianPrior,
    StrokePrior,
    Whitening,
)
from isinglass.systems.interference.coupled import pen

ENCODER = DipoleEncoder(hosts=4, places=2)
PRIOR = StrokePrior(n=30, copies=3)


def test_strokes_are_drawings():
    strokes = pen.draw_strokes(40, 3, (28, 28, 1), 0)
    assert strokes.shape == (40, 3, 28, 28, 1)
    ink = (strokes > 127).mean(axis=(1, 2, 3, 4))
    assert (ink > 0.005).all()
    assert ink.max() < 0.5
    copies = strokes.reshape(40, 3, -1).astype(float)
    apart = [
        np.linalg.norm(copies[:, 0] - other, axis=-1).mean()
        for other in (copies[:, 1], np.roll(copies[:, 1], 1, axis=0))
    ]
    assert 0 < apart[0] < 0.9 * apart[1]
    again = pen.draw_strokes(40, 3, (28, 28, 1), 0)
    np.testing.assert_array_equal(again, strokes)
    assert (pen.draw_strokes(40, 3, (28, 28, 1), 1) != strokes).any()


def test_moments_are_those_of_the_copies():
    mean, covariance = PRIOR.moments(ENCODER, (28, 28))
    strokes = pen.draw_strokes(30, 3, (28, 28, 1), 0)
    features = ENCODER.transform(strokes.reshape(90, 28, 28)).reshape(30, 3, -1)
    within = np.mean([np.cov(group.T) for group in features], axis=0)
    ridge = 0.1 * np.trace(within) / len(within) * np.eye(len(within))
    np.testing.assert_allclose(covariance, (within + ridge) / 4, rtol=1e-9, atol=1e-6)
    np.testing.assert_allclose(mean, features.reshape(90, -1).mean(axis=0))


def test_whitening_makes_the_prior_the_identity():
    white = Whitening(encoder=ENCODER, prior=PRIOR).fit(np.zeros((1, 28, 28)))
    _, covariance = PRIOR.moments(ENCODER, (28, 28))
    identity = white.root_ @ covariance @ white.root_
    np.testing.assert_allclose(identity, np.eye(len(identity)), atol=1e-9)
    np.testing.assert_allclose(white.root_, white.root_.T, atol=1e-12)
    X = pen.draw_strokes(4, 2, (28, 28, 1), 3).reshape(8, 28, 28)
    expected = (ENCODER.transform(X) - white.mean_) @ white.root_
    np.testing.assert_allclose(white.transform(X), expected)


def test_a_prior_from_pictures():
    rng = np.random.default_rng(0)
    X = rng.random((5, 9, 9, 3))
    prior = StrokePrior.from_pictures(X, PRIOR, encoder=ENCODER)
    mean, covariance = prior.moments(ENCODER, (9, 9, 3))
    assert mean.shape == (60,)
    assert np.linalg.eigvalsh(covariance).min() > 0
    # A deformation of nothing but a shift moves what is there.
    spot = np.zeros((1, 9, 9, 1))
    spot[0, 4, 4] = 1
    moved = pen.deformed(spot, 50, 0)
    assert moved.max() <= 1
    assert 0.5 < moved.sum(axis=(2, 3, 4)).mean() < 1.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"copies": 1}, "copies must be at least 2"),
        ({"ridge": 0}, "ridge must be positive"),
        ({"scale": np.inf}, "scale must be in"),
        ({"random_state": -1}, "random_state must be at least 0"),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises(ValueError, match=words):
        StrokePrior().set_params(**options).moments(ENCODER, (8, 8))


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (GaussianPrior(np.zeros(3)), r"mean must be of shape \(20,\)"),
        (GaussianPrior(0, np.eye(3)), r"covariance must be of shape \(20, 20\)"),
        (GaussianPrior(0, -1.0), "must be positive definite"),
        (GaussianPrior(0, np.tri(20) + 20 * np.eye(20)), "must be symmetric"),
        (GaussianPrior(np.nan), "mean must be finite"),
    ],
)
def test_bad_moments(prior, words):
    with pytest.raises(ValueError, match=words):
        Whitening(encoder=ENCODER, prior=prior).fit(np.ones((1, 8, 8)))


def test_one_picture_makes_no_prior():
    with pytest.raises(ValueError, match="pictures must be at least two"):
        StrokePrior.from_pictures(np.ones((1, 8, 8)))
