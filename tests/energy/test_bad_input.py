import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from isinglass import energy
from isinglass.energy._arrays import check_state

ENERGIES = {
    "nearest_neighbour_energy": energy.nearest_neighbour_energy,
    "nearest_neighbour_force": energy.nearest_neighbour_force,
    "nearest_pattern": energy.nearest_pattern,
    "modern_hopfield_energy": energy.modern_hopfield_energy,
    "modern_hopfield_update": energy.modern_hopfield_update,
    "demircigil_energy": energy.demircigil_energy,
    "demircigil_force": energy.demircigil_force,
    "hopfield_energy": energy.hopfield_energy,
    "hopfield_force": energy.hopfield_force,
    "krotov_hopfield_energy": energy.krotov_hopfield_energy,
    "krotov_hopfield_force": energy.krotov_hopfield_force,
    "descend": energy.descend,
    "retrieve": energy.retrieve,
    "layer_energies": lambda state, patterns: energy.layer_energies(state, [patterns]),
    "nearest_distance_slack": energy.nearest_distance_slack,
    "modern_hopfield_slack": energy.modern_hopfield_slack,
}
every = pytest.mark.parametrize("call", ENERGIES.values(), ids=ENERGIES)
both = pytest.mark.parametrize("kind", [np.asarray, jnp.asarray], ids=["numpy", "jax"])


@every
@both
@pytest.mark.parametrize("bad", [np.nan, -np.inf])
def test_patterns_that_are_not_finite(call, kind, bad):
    patterns = np.eye(3, dtype=np.float32)
    patterns[1, 2] = bad
    with pytest.raises(ValueError, match="must be finite"):
        call(jnp.ones(3), kind(patterns))


@every
@both
def test_states_that_are_not_finite(call, kind):
    with pytest.raises(ValueError, match="state must be finite"):
        call(jnp.asarray([1.0, np.nan]), kind(np.eye(2, dtype=np.float32)))


@every
@both
def test_no_pattern(call, kind):
    with pytest.raises(ValueError, match=r"one or more rows.*got shape \(0, 2\)"):
        call(jnp.ones(2), kind(np.ones((0, 2), np.float32)))


@every
@both
def test_another_dimension(call, kind):
    with pytest.raises(
        ValueError, match=r"as many components as the .*, 3.*shape \(2,\)"
    ):
        call(jnp.ones(2), kind(np.eye(3, dtype=np.float32)))


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (
            lambda: energy.modern_hopfield_energy(jnp.ones(2), jnp.eye(2), 0.0),
            "inverse_temp",
        ),
        (lambda: energy.ModernHopfield(-1.0), "inverse_temperature must be positive"),
        (lambda: energy.NearestNeighbour(0.0), "inverse_temperature must be positive"),
        (lambda: energy.KrotovHopfield(3, rectified=False), "degree must be even"),
        (
            lambda: energy.KrotovHopfield(1),
            "degree must be at least 2, got 1",
        ),
        (lambda: energy.krotov_hopfield_energy(jnp.ones(2), jnp.eye(2), 0), "degree"),
        (
            lambda: energy.krotov_hopfield_energy(jnp.ones(2), jnp.eye(2), scale=0.0),
            "scale",
        ),
        (
            lambda: energy.hopfield_energy(jnp.ones(2), jnp.eye(2), jnp.ones(3)),
            "bias must have",
        ),
        (
            lambda: energy.hopfield_energy(
                jnp.ones(2), jnp.eye(2), jnp.full(2, jnp.nan)
            ),
            "bias must be finite",
        ),
        (
            lambda: energy.nearest_neighbour_energy(jnp.ones(2), jnp.eye(2), block=0),
            "block",
        ),
        (lambda: energy.layer_energies(jnp.ones(2), []), "layers must hold"),
        (lambda: energy.split_layers(jnp.eye(2), 3), "layers must be at most 2.*got 3"),
        (lambda: energy.split_layers(jnp.eye(2), 0), "layers"),
        (
            lambda: energy.hebbian_weights(jnp.full((2, 2), jnp.nan)),
            "patterns must be finite",
        ),
        (lambda: energy.ball_radii(jnp.ones((0, 2))), "patterns"),
        (
            lambda: energy.storage_certificate(
                jnp.eye(2), energy.NearestNeighbour(), jnp.asarray([1.0, -1.0])
            ),
            "radius must be finite and not negative",
        ),
        (
            lambda: energy.storage(
                jnp.eye(2), radius=jnp.ones(3), key=jax.random.key(0)
            ),
            "radius must have shape",
        ),
        (
            lambda: energy.StorageProbe(samples=0),
            "samples",
        ),
        (
            lambda: energy.storage(
                jnp.eye(2), energy.Hopfield(), key=jax.random.key(0)
            ),
            "patterns must hold −1 and 1 only: Hopfield 1982",
        ),
        (lambda: energy.combined_energy(jnp.ones(2), 0.0), "inverse_temperature"),
        (
            lambda: energy.combined_energy(jnp.ones((3, 0))),
            "energies must hold one layer",
        ),
        (
            lambda: energy.combined_energy(jnp.full(2, jnp.nan)),
            "energies must be finite",
        ),
        (
            lambda: energy.split_layers(jnp.ones((0, 2)), 1),
            "patterns must be one or more rows",
        ),
        (
            lambda: energy.hopfield_energy_of_weights(
                jnp.ones(2), jnp.full((2, 2), jnp.nan)
            ),
            "weights must be finite",
        ),
        (
            lambda: energy.Hopfield().sweep(jnp.ones(2), jnp.ones((2, 3))),
            "as many components",
        ),
        (
            lambda: energy.shard_patterns(jnp.eye(2), []),
            "devices must hold one at least",
        ),
        (
            lambda: energy.attention_energy(jnp.ones(0), jnp.ones((1, 0))),
            "keys must be",
        ),
    ],
)
def test_numbers_that_make_no_sense(call, named):
    with pytest.raises(ValueError, match=named):
        call()


@pytest.mark.parametrize(
    ("state", "patterns", "error", "named"),
    [
        (np.ones(2), [[1.0, 2.0]], TypeError, "patterns must be an array .* got list"),
        ([1.0, 2.0], np.eye(2), TypeError, "state must be an array .* got list"),
        (
            np.ones(2),
            np.eye(2) * 1j,
            ValueError,
            "patterns must be real numbers, got complex",
        ),
        (
            np.ones(2) * 1j,
            np.eye(2),
            ValueError,
            "state must be real numbers, got complex",
        ),
        (
            np.ones(2),
            np.eye(2, dtype=bool),
            ValueError,
            "patterns must be real numbers, got bool",
        ),
        (np.ones(()), np.eye(2), ValueError, r"state must .* got shape \(\)"),
        (np.ones(2), np.ones(2), ValueError, r"patterns must .* got shape \(2,\)"),
        (
            np.ones(2),
            np.ones((2, 0)),
            ValueError,
            r"patterns must .* got shape \(2, 0\)",
        ),
    ],
)
def test_what_is_no_array_of_real_numbers(state, patterns, error, named):
    # Straight at the check, which in tests stands behind that of the annotations.
    with pytest.raises(error, match=named):
        check_state(state, patterns)


def test_patterns_of_numpy_are_looked_at_in_derivatives_too():
    patterns = np.asarray([[1.0, np.nan]], np.float32)
    with pytest.raises(ValueError, match="patterns must be finite"):
        jax.grad(lambda x: energy.nearest_neighbour_energy(x, patterns))(jnp.ones(2))


@pytest.mark.parametrize("dtype", [np.float16, np.int8])
def test_short_patterns_are_those_of_long_ones(dtype):
    # In 16 bits, let alone 8, the squares overflow.
    patterns = np.asarray([[1, 120, 100], [100, 100, 0]], dtype)
    exact = patterns.astype(np.float32)
    weights = energy.hebbian_weights(jnp.asarray(patterns))
    np.testing.assert_allclose(
        weights, energy.hebbian_weights(jnp.asarray(exact)), rtol=1e-6
    )
    np.testing.assert_allclose(energy.ball_radii(patterns), energy.ball_radii(exact))


def test_storage_is_not_proved_of_other_energies():
    certificate = inspect.unwrap(energy.storage_certificate)
    with pytest.raises(
        TypeError, match=r"landscape must be NearestNeighbour or .* got Hopfield"
    ):
        certificate(jnp.eye(2), energy.Hopfield())


def test_no_state_has_no_energy():
    none, patterns = jnp.ones((0, 2)), jnp.eye(2)
    assert energy.nearest_neighbour_force(none, patterns).shape == (0, 2)
    assert energy.descend(none, patterns).state.shape == (0, 2)
    assert energy.descend_layers(none, [patterns], 1.0).states.shape == (2, 0, 2)
    assert energy.layer_energies(none, [patterns]).shape == (0, 1)


@pytest.mark.parametrize("beta", [2, np.float64(2), 1e300])
def test_a_temperature_may_be_any_number(beta):
    x = jnp.asarray([0.9, 0.2])
    result = energy.nearest_neighbour_energy(x, jnp.eye(2), beta)
    squared = ((np.asarray(x) - np.eye(2)) ** 2).sum(-1)
    expected = squared.min() if beta > 2 else -np.log(np.exp(-2 * squared).sum()) / 2
    assert float(result) == pytest.approx(expected, rel=1e-5)
    certificate = energy.storage_certificate(jnp.eye(2), energy.NearestNeighbour(beta))
    assert certificate.stored.tolist() == [beta > 2] * 2
    assert jnp.isfinite(certificate.contraction).all()
