"""Pictures in patches, some hidden."""

import numpy as np

from isinglass.data import from_patches, hide_patches, to_patches


def test_patches_are_put_together_again():
    images = np.arange(2 * 8 * 6).reshape(2, 8, 6)
    patches = to_patches(images, (4, 3))
    assert patches.shape == (2, 4, 12)
    np.testing.assert_array_equal(patches[0, 1].reshape(4, 3), images[0, :4, 3:])
    np.testing.assert_array_equal(from_patches(patches, (8, 6), (4, 3)), images)


def test_hidden_patches_are_among_those_that_are_scored():
    scored, hidden = hide_patches(50, 20, 10, 2, rng=np.random.default_rng(0))
    assert (scored.sum(1) == 10).all()
    assert (hidden.sum(1) == 8).all()
    assert not (hidden & ~scored).any()
    assert scored.any(0).all()
    assert not scored.all(0).any()
