"""The bound along a loop, against the library's functions at one state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from helpers.looped_models import drawn
from isinglass.systems.looped import LoopedConfig
from isinglass.systems.looped.contraction import contraction_bound, loop_jacobian_norm
from isinglass.systems.looped.contraction_profile import measure_contraction, shrunk


def test_a_profile_is_of_every_state_of_the_loop() -> None:
    config = LoopedConfig(hidden=8, iterations=2)
    model = drawn(config, key=jax.random.key(0))
    tokens = jnp.asarray([3, 1, 0, 1, 2, 1])
    profile = measure_contraction(model, tokens)
    inputs, (states, rows) = jax.jit(
        lambda model: (model.embed(tokens), model.run(tokens))
    )(model)

    assert profile.inputs == pytest.approx(float(jnp.linalg.norm(inputs)))
    last = float(jnp.linalg.norm(states[2]))
    assert profile.state[1] == pytest.approx(last, rel=1e-5)
    bound = contraction_bound((model.query, model.key, model.value), rows[1, 0])
    assert profile.bound[1] == pytest.approx(float(bound), rel=1e-5)
    norm = float(loop_jacobian_norm(model, states[1], inputs))
    assert profile.loop[1] == pytest.approx(norm, rel=1e-4)
    # The norm of a product is at most the product of norms.
    assert profile.growth <= np.log(np.asarray(profile.loop)).mean() + 1e-4
    assert 0 < profile.scaled_ratio.max() <= 1
    assert (profile.scaled_bound > 0).all()


def test_what_is_too_large_is_shrunk() -> None:
    matrix = jnp.full((2, 2), 2.0)

    assert jnp.linalg.norm(shrunk(matrix, 0.5)) == pytest.approx(0.5)
    np.testing.assert_array_equal(shrunk(matrix / 100, 0.5), matrix / 100)
    np.testing.assert_array_equal(shrunk(0 * matrix, 0.5), 0 * matrix)
