import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.energy_cases import draw, draw_jax, quick, seeds
from isinglass.energy import (
    combined_energy,
    global_energy,
    global_force,
    layer_energies,
    nearest_neighbour_energy,
    nearest_neighbour_force,
    split_layers,
)

pytestmark = pytest.mark.usefixtures("double")


@quick
@given(seed=seeds, layers=st.sampled_from([1, 3]), beta=st.floats(0.1, 10))
def test_the_global_energy_is_that_of_all_patterns_in_one_layer(seed, layers, beta):
    state, patterns = (jnp.asarray(x) for x in draw(seed, 5, 12))
    split = split_layers(patterns, layers)
    energies = layer_energies(state, split, beta)
    assert energies.shape == (3, layers)
    whole = nearest_neighbour_energy(state, patterns, beta)
    np.testing.assert_allclose(global_energy(state, split, beta), whole, atol=1e-11)
    np.testing.assert_allclose(combined_energy(energies, beta), whole, atol=1e-11)
    force = nearest_neighbour_force(state, patterns, beta)
    np.testing.assert_allclose(global_force(state, split, beta), force, atol=1e-10)


def test_layers_have_the_energies_of_their_patterns():
    state, patterns = draw_jax(0, 3, 7)
    split = split_layers(patterns, 3)
    assert [len(layer) for layer in split] == [2, 2, 3]
    np.testing.assert_array_equal(jnp.concatenate(split), patterns)
    energies = layer_energies(state, split)
    for t, layer in enumerate(split):
        np.testing.assert_array_equal(
            energies[:, t], nearest_neighbour_energy(state, layer)
        )


def test_energies_of_any_kind_combine_without_overflow():
    result = combined_energy(jnp.asarray([[-1e6, 3.0], [1e6, 1e6]]))
    np.testing.assert_allclose(result, [-1e6, 1e6 - np.log(2)], rtol=1e-15)
