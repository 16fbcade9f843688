"""A block of a user's own: an energy, and all else from it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float

from isinglass.dynamics import fixed_points, lyapunov_spectrum
from isinglass.energy import EnergyBlock, block_map


class Well(EnergyBlock):
    """Tokens that each roll into a double well, and pull at each other."""

    depth: Array
    pull: Array
    step_size: Any = 0.1

    def energy(self, state: Float[Array, "*b n d"]) -> Float[Array, "*b"]:
        wells = 0.25 * self.depth * ((state**2 - 1) ** 2).sum((-2, -1))
        spread = state - state.mean(-2, keepdims=True)
        return wells + 0.5 * self.pull * (spread**2).sum((-2, -1))


pytestmark = pytest.mark.usefixtures("double_precision")


def well(pull=0.3, **numbers):
    return Well(jnp.array(1.0), jnp.array(pull), **numbers)


START = np.random.default_rng(0).normal(size=(2, 3, 2))


def test_force_step_and_iterate_follow_from_the_energy():
    x, spread = START, START - START.mean(-2, keepdims=True)
    force = -x * (x**2 - 1) - 0.3 * spread
    np.testing.assert_allclose(well().force(jnp.asarray(x)), force, atol=1e-12)
    after = well().step(jnp.asarray(x))
    np.testing.assert_allclose(after, x + 0.1 * force, atol=1e-12)
    again = well().step(well().step(after))
    np.testing.assert_allclose(well().iterate(x, 3), again, atol=1e-12)


def test_the_report_says_where_the_energy_rises():
    calm = well().follow(START, 30)
    assert calm.rises == 0
    assert calm.energies.shape == (31, 2)
    np.testing.assert_allclose(calm.cosine, 1, atol=1e-9)
    change = well().step(jnp.asarray(START)) - START
    np.testing.assert_allclose(calm.work[0], 10 * (change**2).sum((1, 2)), rtol=1e-9)
    wild = well(step_size=jnp.array(0.9)).follow(3 * START, 2)
    assert 0 < wild.rises <= 1
    assert "rises in" in repr(calm)


@jax.jit
def gradients(x):
    def last(steps):
        return jax.grad(lambda x: (well().iterate(x, steps) ** 2).sum())(x)

    def written_out(x):
        for _ in range(4):
            x = well().step(x)
        return (x**2).sum()

    return last(4), jax.grad(written_out)(x)


def test_the_gradient_passes_through_all_steps():
    np.testing.assert_allclose(*gradients(START), rtol=1e-12)


def test_it_is_a_map_for_dynamics():
    """The origin is a saddle, where |x| = 1 all tokens of a well rest."""
    step = block_map(well())
    points = fixed_points(step, np.array([np.full((3, 2), 0.8)]), {})
    assert points.converged.all()
    np.testing.assert_allclose(points.point, 1, atol=1e-9)
    # At ones the Hessian is 2 + pull (1 - 11ᵀ/n): multipliers 1 − α(2 + pull), 1 − 2α.
    at = {"step_size": 0.2}
    spectrum = lyapunov_spectrum(step, np.full((3, 2), 0.9), at, 400)
    expected = np.log([0.6] * 2 + [0.54] * 4)
    np.testing.assert_allclose(spectrum.exponents, expected, atol=0.01)


def test_weights_are_replaced_by_name():
    assert well().replaced(pull=2.0).pull == 2
    with pytest.raises(ValueError, match=r"depht must be one of depth, pull, step"):
        well().replaced(depht=2.0)
    with pytest.raises(ValueError, match=r"pull must be of shape \(\)"):
        well().replaced(pull=jnp.ones(2))
