"""Dipoles: whole numbers that depend on nothing but the picture."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.systems.interference import (
    CoupledClassifier,
    DipoleEncoder,
    Whitening,
)

SMALL = DipoleEncoder(hosts=4, places=2)
law = settings(max_examples=10, deadline=None, derandomize=True, database=None)


def pictures(n: int, *shape: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *shape)) * (rng.random((n, *shape)) < 0.3)


@law
@given(start=st.integers(0, 20), n=st.integers(1, 20))
def test_a_picture_has_its_features_in_any_company(start, n):
    X = pictures(300, 9, 9)
    whole = SMALL.transform(X)
    assert whole.dtype == np.int32
    part = slice(start, start + n)
    np.testing.assert_array_equal(SMALL.transform(X[part]), whole[part])


@law
@given(scale=st.floats(1e-90, 1e90), shift=st.floats(-1, 1))
def test_brightness_does_not_matter(scale, shift):
    X = pictures(5, 9, 9) / 255.0
    changed = scale * (X + shift)
    difference = SMALL.transform(changed) - SMALL.transform(X)
    # A level may round the other way; features have length 2^14.
    assert np.abs(difference).max() <= 8


def test_a_mirror_exchanges_places_and_hosts():
    X = pictures(20, 28, 28)
    there, back = (
        DipoleEncoder().transform(pixels).reshape(20, 13, 6, 6)
        for pixels in (X, X[:, :, ::-1])
    )
    mirrored = [(6 - host) % 12 for host in range(12)] + [12]
    np.testing.assert_array_equal(back, there[:, mirrored][..., ::-1])
    turned = DipoleEncoder().transform(X.swapaxes(1, 2)).reshape(20, 13, 6, 6)
    swapped = [(3 - host) % 12 for host in range(12)] + [12]
    np.testing.assert_array_equal(turned, there[:, swapped].swapaxes(2, 3))


@pytest.mark.parametrize("channels", [(), (3,)])
def test_features_are_not_taken_for_pictures(channels):
    features, y = SMALL.transform(pictures(5, 9, 9, *channels)), [0, 1, 0, 1, 0]
    again = Whitening(encoder=SMALL), CoupledClassifier(encoder=SMALL)
    for use in (
        DipoleEncoder(hosts=4, places=2).fit_transform,
        *(model.fit for model in again),
    ):
        with pytest.raises(ValueError, match="features of a DipoleEncoder"):
            use(features, y)


def test_an_edge_is_answered_by_its_own_host():
    X = np.zeros((1, 28, 28))
    X[:, :, 14:] = 1  # gets lighter to the right: the host of angle 0
    answers = DipoleEncoder(ink=0).transform(X).reshape(12, 36).sum(axis=1)
    assert answers.argmax() == 0
    np.testing.assert_array_equal(answers[[3, 9, 6]], 0)
    # Its neighbours, 30° away, get cos³ of it, and the power is 0.4.
    ratio = np.cos(np.pi / 6) ** (3 * 0.4)
    np.testing.assert_allclose(answers[[1, 11]] / answers[0], ratio, rtol=2e-3)


def test_length_channels_and_constant_pictures():
    X = pictures(6, 12, 7, 3)
    features = SMALL.transform(X)
    assert features.shape == (6, 3 * 5 * 4)
    np.testing.assert_allclose(np.linalg.norm(features, axis=1), 2**14, rtol=1e-3)
    assert not SMALL.transform(np.full((2, 8, 8), 7)).any()
    flat = SMALL.transform(X[..., 0].reshape(6, -1)[:, :81])
    np.testing.assert_array_equal(
        flat, SMALL.transform(X[..., 0].reshape(6, -1)[:, :81].reshape(6, 9, 9))
    )


def test_larger_pictures_of_the_same_drawing_have_like_features():
    y, x = np.mgrid[:84, :84] / 84 - 0.5
    ring = np.exp(-(((np.hypot(x, y) - 0.3) / 0.06) ** 2))[None]
    small = ring.reshape(1, 28, 3, 28, 3).mean(axis=(2, 4))
    large, small = (DipoleEncoder().transform(X)[0] for X in (ring, small))
    assert large @ small / 2.0**28 > 0.998


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hosts": 0}, "hosts must be at least 1"),
        ({"places": 1.5}, "places must be a whole number"),
        ({"window": 0}, "window must be positive"),
        ({"power": 2}, r"power must be in \(0, 1\]"),
        ({"blur": -1}, "blur must be in"),
        ({"ink": np.nan}, "ink must be in"),
    ],
)
def test_bad_parameters(options, words):
    with pytest.raises(ValueError, match=words):
        DipoleEncoder().set_params(**options).fit(np.ones((2, 8, 8)))


def test_bad_pictures():
    with pytest.raises(ValueError, match="X must be pictures"):
        SMALL.transform(np.ones((2, 3, 3, 3, 3)))
    with pytest.raises(ValueError, match="fitted to pictures of"):
        DipoleEncoder().fit(np.ones((2, 4, 4))).transform(np.ones((2, 2, 8)))
