import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.energy_cases import (
    draw,
    draw_jax,
    quick,
    seeds,
    shapes,
)
from isinglass.energy import (
    hebbian_weights,
    hopfield_energy,
    hopfield_energy_of_weights,
    hopfield_force,
    krotov_hopfield_energy,
    krotov_hopfield_force,
)

pytestmark = pytest.mark.usefixtures("double")


@quick
@given(seed=seeds, shape=shapes, self_coupling=st.booleans(), biased=st.booleans())
def test_hebbs_energy_is_that_of_hebbs_weights(seed, shape, self_coupling, biased):
    state, patterns = (jnp.asarray(x) for x in draw(seed, *shape))
    bias = jnp.arange(1.0, shape[0] + 1) if biased else None
    weights = hebbian_weights(patterns, self_coupling=self_coupling)
    plain = np.asarray(patterns).T @ np.asarray(patterns) / shape[0]
    plain -= 0 if self_coupling else np.diag(np.diag(plain))
    np.testing.assert_allclose(weights, plain, atol=1e-12)
    energy = hopfield_energy(state, patterns, bias, self_coupling=self_coupling)
    of_weights = hopfield_energy_of_weights(state, weights, bias)
    np.testing.assert_allclose(energy, of_weights, atol=1e-9)
    force = np.asarray(state) @ plain + (0 if bias is None else np.asarray(bias))
    result = hopfield_force(state, patterns, bias, self_coupling=self_coupling)
    np.testing.assert_allclose(result, force, atol=1e-10)


def test_only_the_symmetric_part_of_weights_matters():
    state, weights = draw_jax(0, 4, 4)
    energy = hopfield_energy_of_weights(state, weights)
    symmetric = (weights + weights.T) / 2
    np.testing.assert_allclose(
        energy, hopfield_energy_of_weights(state, symmetric), rtol=1e-12
    )
    np.testing.assert_allclose(
        energy[0], -state[0] @ weights @ state[0] / 2, rtol=1e-12
    )


def test_a_pattern_of_signs_that_is_alone_has_the_energy_of_all_pairs():
    pattern = jnp.asarray([[1.0, -1.0, 1.0, 1.0]])
    assert float(hopfield_energy(pattern[0], pattern)) == pytest.approx(-(4 - 1) / 2)


forms = [(1, True), (2, False), (3, True), (3, False), (6, False)]  # each is compiled


@quick
@given(seed=seeds, form=st.sampled_from(forms), scale=st.sampled_from([1.0, 0.25]))
def test_polynomials_are_the_formula(seed, form, scale):
    degree, rectified = form
    state, patterns = draw(seed, 3, 7)
    z = scale * state @ patterns.T
    z = np.maximum(z, 0) if rectified else z
    options = {"rectified": rectified, "scale": scale}
    x, rows = jnp.asarray(state), jnp.asarray(patterns)
    energy = krotov_hopfield_energy(x, rows, degree, **options)
    np.testing.assert_allclose(energy, -(z**degree).sum(-1), rtol=1e-10, atol=1e-12)
    slope = degree * scale * z ** (degree - 1) * (z > 0 if rectified else 1)
    force = krotov_hopfield_force(x, rows, degree, **options)
    np.testing.assert_allclose(force, slope @ patterns, rtol=1e-9, atol=1e-9)
