import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.energy_cases import draw, quick, scales, seeds, shapes
from isinglass.energy import (
    global_energy_slack,
    modern_hopfield_slack,
    modern_nearest_slack,
    nearest_distance_slack,
    split_layers,
)

pytestmark = pytest.mark.usefixtures("double")


@jax.jit
def all_slacks(state, patterns, beta):
    return (
        nearest_distance_slack(state, patterns, beta),
        modern_hopfield_slack(state, patterns),
        modern_nearest_slack(state, patterns),
        global_energy_slack(state, split_layers(patterns, min(3, len(patterns))), beta),
    )


def assert_no_violation(slack, size):
    for side in slack:
        assert (np.asarray(side) >= -1e-12 * size).all()


@quick
@given(seed=seeds, shape=shapes, scale=scales, beta=st.floats(0.05, 20))
def test_no_proposition_is_violated(seed, shape, scale, beta):
    state, patterns = (jnp.asarray(x) for x in draw(seed, shape[0], shape[1], scale))
    size = 1 / beta + 4 * float((patterns**2).sum(-1).max() + (state**2).sum(-1).max())
    for slack in all_slacks(state, patterns, beta):
        assert_no_violation(slack, size)


def test_bounds_are_tight_where_they_should_be():
    state = jnp.zeros((1, 4))
    alike = jnp.eye(4) * 3  # all equally far, and of one length
    expected = [(0, np.log(4)), (0, 0), (0, np.log(4)), (0, np.log(2)), (0, 0)]

    @jax.jit
    def slacks(state, alike):
        return (
            nearest_distance_slack(state, alike),
            modern_hopfield_slack(state, alike),
            modern_nearest_slack(state, alike),
            global_energy_slack(state, [alike[:2], alike[2:]]),
            nearest_distance_slack(state, alike[:1]),
        )

    for slack, sides in zip(slacks(state, alike), expected, strict=True):
        np.testing.assert_allclose([*slack.below, *slack.above], sides, atol=1e-12)


def test_a_long_and_a_short_pattern_show_that_proposition_two_needs_its_room():
    patterns = jnp.asarray([[1.0, 0.0], [3.0, 0.0]])
    far = jnp.asarray([[-50.0, 0.0]])  # sees the short one only
    slack = modern_hopfield_slack(far, patterns)
    np.testing.assert_allclose([*slack.below, *slack.above], [0, 16], atol=1e-10)
