"""The digits and the prior that the explorer ships: whole, and made by our own code."""

import base64

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from isinglass.data import mnist
from isinglass.explore.browser import digit_data
from isinglass.explore.browser.sections import shipped

PICTURES = npst.arrays(
    np.uint8, (3, 28, 28), elements=st.sampled_from([0, 0, 0, 1, 255])
)


@given(PICTURES)
def test_pictures_come_out_as_they_were_packed(pictures):
    assert (digit_data.unpacked(digit_data.packed(pictures)) == pictures).all()


def test_blank_pictures_are_small():
    blank = digit_data.packed(np.zeros((20, 28, 28), np.uint8))
    assert len(base64.b64decode(blank)) == 2 * -(-20 * 784 // 255)
    assert not digit_data.unpacked(blank).any()


def test_shipped_pictures_are_the_packages_own():
    data = shipped("digit")
    pictures = digit_data.unpacked(data["pictures"])
    labels = np.array(data["labels"] + data["samples"])
    digits = mnist.load(source="subset").train
    for digit in range(10):
        ours = pictures[labels == digit]
        assert (ours == digits.images[digits.labels == digit][: len(ours)]).all()
    # What is to be shown has not been learned.
    lessons, samples = np.split(pictures, [len(data["labels"])])
    assert not (lessons[:, None] == samples).all(axis=(2, 3)).any()


def test_the_shipped_prior_is_one():
    data = shipped("digit")
    mean, covariance = digit_data.prior(data).moments(digit_data.encoder(), (28, 28))
    size = (data["hosts"] + 1) * data["places"] ** 2
    assert mean.shape == (size,)
    values = np.linalg.eigvalsh(covariance)
    # Rounded to 16 bits it keeps the ridge below it.
    assert values.min() > 0.9 * 0.1 * np.trace(covariance) / size / 1.1


def test_the_shipped_gains_are_those_of_the_package():
    assert shipped("digit")["gains"] == digit_data.gains()


@pytest.mark.slow
def test_what_is_shipped_can_be_made_again():
    data = shipped("digit")
    made = digit_data.make()
    assert data.keys() == made.keys()
    for name, value in made.items():
        if name in ("unit", "covariance"):
            continue
        assert data[name] == value, name
    ours, theirs = (
        digit_data.prior(data).moments(None, ())[1] for data in (data, made)
    )
    np.testing.assert_allclose(theirs, ours, atol=2 * made["unit"])


def test_the_learners_read_digits_that_they_have_not_learned(monkeypatch):
    monkeypatch.setattr(digit_data, "READ", 10)
    accuracies = digit_data.accuracies(shipped("digit"))
    assert accuracies.keys() == {"routes", "couplings"}
    assert 0.4 < accuracies["routes"] < accuracies["couplings"] <= 1


@pytest.mark.slow
def test_the_learners_read_as_many_as_the_docs_say():
    accuracies = digit_data.accuracies(shipped("digit"))
    shares = {name: f"{share:.1%}" for name, share in accuracies.items()}
    assert shares == {"routes": "64.4%", "couplings": "92.3%"}
