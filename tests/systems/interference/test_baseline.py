import jax
import numpy as np
import pytest

from isinglass.systems.interference import baseline as bp


def softmax(z: np.ndarray) -> np.ndarray:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_features_are_self_attention_over_unit_patches() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 6, 6), dtype=np.uint8)
    pixels = image[0] - image[0].mean()
    patches = pixels.reshape(2, 3, 2, 3).swapaxes(1, 2).reshape(4, 9)
    x = patches / np.linalg.norm(patches, axis=1, keepdims=True)

    expected = softmax(x @ x.T) @ x

    np.testing.assert_allclose(bp.features(image)[0], expected.ravel(), atol=1e-5)


def test_training_is_adam_on_cross_entropy_one_sample_a_step() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(1, 6, 5)).astype(np.float32), np.array([[0, 1, 2, 1, 0, 2]])
    keys = jax.random.split(jax.random.key(0), 1)

    layers = bp.train_many(keys, x, y, n_classes=3, stops=(2, 6))

    weights = np.asarray(jax.random.normal(keys[0], (3, 5))) / 9
    m, v = np.zeros_like(weights), np.zeros_like(weights)
    for step, (sample, label) in enumerate(zip(x[0], y[0], strict=True), start=1):
        gradient = np.outer(softmax(weights @ sample) - np.eye(3)[label], sample)
        m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
        weights = weights - 1e-3 * (m / (1 - 0.9**step)) / (
            np.sqrt(v / (1 - 0.999**step)) + 1e-8
        )
        if step == 2:
            np.testing.assert_allclose(layers[0, 0], weights, atol=1e-5)
    np.testing.assert_allclose(layers[1, 0], weights, atol=1e-5)


@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_are_independent(seeds: int) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(3, 4, 5)).astype(np.float32), rng.integers(0, 2, (3, 4))
    keys = jax.random.split(jax.random.key(0), 3)

    together = bp.train_many(keys, x, y, n_classes=2, stops=(4,))
    some = bp.train_many(keys[:seeds], x[:seeds], y[:seeds], n_classes=2, stops=(4,))

    np.testing.assert_allclose(together[:, :seeds], some, rtol=1e-6)
