import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.attention import Normalisation


def module(axis, **numbers):
    """With a gain of 1 to 4 and a bias of 0 to 3."""
    return eqx.tree_at(
        lambda tree: (tree.gain, tree.bias),
        Normalisation(4, axis=axis, **numbers),
        (jnp.arange(1.0, 5), jnp.arange(4.0)),
    )


@pytest.mark.parametrize("axis", [0, -1])
def test_features_get_mean_0_and_variance_1_then_gain_and_bias(axis):
    x = 3 + 5 * np.random.default_rng(0).standard_normal((4, 6, 4))
    with jax.enable_x64(True):
        result = np.asarray(module(axis, epsilon=1e-12)(jnp.asarray(x)))
    assert result.dtype == np.float64

    features = (np.moveaxis(result, axis, -1) - np.arange(4)) / np.arange(1, 5)
    np.testing.assert_allclose(features.mean(-1), 0, atol=1e-6)
    np.testing.assert_allclose(features.var(-1), 1, rtol=1e-6)


def test_either_end_may_have_the_features_and_half_precision_stays():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((5, 4)), jnp.bfloat16)
    last, first = module(-1)(x), module(0)(x.T)
    assert last.dtype == first.dtype == jnp.bfloat16
    np.testing.assert_array_equal(last, first.T)


def test_epsilon_is_added_to_the_variance():
    x = jnp.asarray([[1.0, -1.0, 1.0, -1.0]])
    np.testing.assert_allclose(Normalisation(4, epsilon=3.0)(x), x / 2, rtol=1e-6)
