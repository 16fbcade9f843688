import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.systems.meanfield import gamma_of
from isinglass.systems.meanfield.attention import attend, position_signs


def test_gain_of_the_paper():
    assert gamma_of(2.2, 100.0, 3) == pytest.approx(127.01705922171767, rel=1e-15)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((2.2, 100.0, 0), "n_patterns"),
        ((np.nan, 1.0, 3), "beta_att"),
        ((1.0, np.inf, 3), "scale"),
    ],
)
def test_gain_refuses_what_is_no_gain(arguments, named):
    with pytest.raises(ValueError, match=named):
        gamma_of(*arguments)


def test_positions_are_binary_digits_highest_first():
    assert position_signs(2).tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]
    assert position_signs(0).shape == (1, 0)


def test_attention_is_a_softmax_over_tokens():
    query, keys = (
        jnp.array([1.0, -2.0]),
        jnp.array([[0.5, 0.0], [0.1, 0.3], [-0.2, 0.2]]),
    )
    values = jnp.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0]])
    shares = np.exp(3.0 * keys @ query)
    expected = (shares / shares.sum()) @ values
    np.testing.assert_allclose(
        attend(query, list(keys), list(values), 3.0), expected, rtol=1e-6
    )


def test_attention_survives_any_gain():
    keys = [jnp.array([-0.9]), jnp.array([1.0]), jnp.array([0.5])]
    values = [jnp.array([1.0]), jnp.array([2.0]), jnp.array([3.0])]
    assert attend(jnp.array([1.0]), keys, values, 1e30) == 2.0
    assert attend(jnp.array([-1.0]), keys, values, 1e30) == 1.0


def test_tokens_that_do_not_count_have_no_share():
    keys = [jnp.array([0.1]), jnp.array([5.0])]
    values = [jnp.array([1.0]), jnp.array([7.0])]
    counted = [jnp.array(True), jnp.array(False)]
    assert attend(jnp.array([1.0]), keys, values, 1.0, counted) == 1.0
