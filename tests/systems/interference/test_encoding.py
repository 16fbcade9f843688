"""From pictures and vectors to unit dipoles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.systems.interference import encode_images, to_dipoles, uniform_host
from isinglass.systems.interference.encoding import image_similarity

pytestmark = pytest.mark.usefixtures("double")


in_one = jax.jit(encode_images, static_argnums=1)


def encode(images, patch) -> np.ndarray:
    return np.asarray(in_one(jnp.asarray(images), patch))


def test_against_loops(draw):
    # Patches of 3 × 2; one row and one column are left over and cropped.
    images = np.pad(draw(0, 5)[0], ((0, 0), (0, 1), (0, 1)), constant_values=9.0)
    expected = np.zeros((5, 6, 7))
    for n, image in enumerate(images):
        centred = image[:6, :6] - image[:6, :6].mean()
        for s, (i, j) in enumerate((i, j) for i in (0, 3) for j in (0, 2, 4)):
            patch = centred[i : i + 3, j : j + 2].ravel()
            expected[n, s, 1:] = patch / np.linalg.norm(patch)
    np.testing.assert_allclose(encode(images, (3, 2)), expected, atol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.1, 0.3, -7.0])
def test_a_picture_of_one_brightness_rests(dtype, value):
    dipoles = encode(np.full((1, 7, 9), value, dtype), (3, 3))
    np.testing.assert_array_equal(
        dipoles, np.eye(10, dtype=dtype)[np.zeros((1, 6), int)]
    )


def test_dipoles_are_of_unit_length_and_blank_patches_rest():
    image = np.zeros((1, 6, 6))
    image[0, :3, :3], image[0, 3:, 3:] = 1, -1  # The mean is 0: two patches stay blank.
    dipoles = encode(image, (3, 3))[0]
    np.testing.assert_allclose(np.linalg.norm(dipoles, axis=-1), 1, rtol=1e-15)
    np.testing.assert_array_equal(dipoles[[1, 2]], np.eye(10)[[0, 0]])
    np.testing.assert_array_equal(dipoles[[0, 3], 0], 0)


def test_a_patch_that_differs_from_the_mean_by_rounding_alone_rests():
    low, high = np.random.default_rng(0).random((2, 100))
    levels = np.stack([low, (low + high) / 2, high], axis=-1)
    images = np.kron(levels[:, None], np.ones((3, 3)))
    assert (images[:, :, 3:6].mean(axis=(1, 2)) != images.mean(axis=(1, 2))).any()
    rests = encode(images, (3, 3))[..., 0]
    np.testing.assert_array_equal(rests, np.broadcast_to([0, 1, 0], (100, 3)))


@pytest.mark.parametrize("level", [0.0, 0.1, 1e9 / 7])
def test_a_uniform_picture_rests_everywhere(level):
    rests = encode(np.full((1, 9, 9), level), (3, 3))[..., 0]
    np.testing.assert_array_equal(rests, 1)


def test_whole_numbers_are_taken_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 6))
    as_bytes = encode(images.astype(np.uint8), (3, 3))
    np.testing.assert_allclose(
        as_bytes, encode(images.astype(float), (3, 3)), atol=1e-14
    )


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e300])
def test_vectors_of_any_length(scale):
    dipole = np.asarray(to_dipoles(jnp.asarray([[3 * scale, -4 * scale]])))
    np.testing.assert_allclose(dipole, [[0, 0.6, -0.8]], rtol=1e-15)


def test_a_zero_vector_rests():
    dipoles = np.asarray(to_dipoles(jnp.zeros((2, 3, 4))))
    np.testing.assert_array_equal(dipoles, np.broadcast_to(np.eye(5)[0], (2, 3, 5)))


def test_host():
    np.testing.assert_allclose(np.asarray(uniform_host(4)), [0, 0.5, 0.5, 0.5, 0.5])


def test_similarity_without_dipoles_is_that_of_the_dipoles():
    images = np.random.default_rng(1).integers(0, 256, (50, 9, 9)).astype(np.uint8)
    images[0] = 7
    expected = encode(images, (3, 3)) @ np.asarray(uniform_host(9))
    similar = jax.jit(image_similarity, static_argnums=1)
    similarity = np.asarray(similar(jnp.asarray(images), (3, 3)))
    np.testing.assert_allclose(similarity, expected, atol=1e-14)
    assert (similarity[0] == 0).all()
