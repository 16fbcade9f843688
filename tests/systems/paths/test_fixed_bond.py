"""The chain of one bond: all paths and their derivatives, in batches."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from helpers.open_systems import BIASED, OHMIC, SPIN_BOSON, SPINS, SYSTEMS, driven
from isinglass._common.plain_checks import is_traced
from isinglass.systems.paths import (
    Bath,
    Drude,
    Ohmic,
    OpenSystem,
    TimeGrid,
    choi_matrix,
    fixed_bond_process_tensor,
    fixed_bond_propagate,
    influence_coefficients,
    process_tensor,
    propagate,
    sum_paths,
)
from isinglass.systems.paths.fixed_bond import bound_process
from isinglass.systems.paths.traced_baths import traced_lineshape

GRID = TimeGrid(0.1, 5, 3, "tempo")  # before and in the steady window
SHORT = TimeGrid(0.1, 4, 2, "tempo")
NAMES = ("energy", "flip", "strength", "cutoff", "beta")
CASES = np.array(
    [
        [0.5, -1.0, 0.1, 7.5, 5.0],
        [0.7, 0.0, 0.3, 2.0, 0.5],  # pure dephasing
        [0.5, -1.0, 0.0, 5.0, 1.0],  # no bath
        [0.0, 0.0, 0.1, 7.5, 5.0],  # nothing but the bath: equal energies
    ]
)


def system_of(energy, flip, strength, cutoff, beta):
    """Of numbers, or of what JAX traces."""
    some = jnp if is_traced(energy) else np
    matrix = some.array([[energy, flip], [flip, -energy]])
    return OpenSystem(matrix, SPINS, Ohmic(strength, cutoff, beta))


def maps_of(parameters):
    return fixed_bond_propagate(system_of(*parameters), GRID, bond=16).maps


@pytest.fixture(scope="module")
def batch():
    """Maps of all cases side by side, and their derivatives by all parameters."""
    both = jax.jit(jax.vmap(lambda p: (maps_of(p), jax.jacfwd(maps_of)(p))))
    with jax.enable_x64(True), threadpool_limits(1, "blas"):
        maps, slopes = jax.block_until_ready(both(CASES))
    return np.asarray(maps), np.moveaxis(np.asarray(slopes), -1, 1)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_a_batch_is_the_sums_over_all_paths(batch, case):
    expected = sum_paths(system_of(*CASES[case]), GRID)
    np.testing.assert_allclose(batch[0][case], expected, atol=1e-12)


def test_maps_of_a_batch_are_physical(batch):
    trace = np.eye(2).ravel()
    for maps in batch[0]:
        np.testing.assert_allclose(trace @ maps, [trace] * 6, atol=1e-12)
        for mapping in maps:
            choi = choi_matrix(mapping)
            np.testing.assert_allclose(choi, choi.conj().T, atol=1e-13)
            assert np.linalg.eigvalsh(choi).min() > -1e-12
    short = min(GRID.reach, GRID.steps)
    g = Ohmic(*CASES[1, 2:]).lineshape(GRID.times[: short + 1])
    decay = np.exp(-4 * np.real(g))
    dephased = decay * np.exp(-2j * CASES[1, 0] * GRID.times[: short + 1])
    np.testing.assert_allclose(batch[0][1, : short + 1, 1, 1], dephased, atol=1e-12)
    mapping = batch[0][2, -1]  # a unitary keeps lengths
    np.testing.assert_allclose(mapping @ mapping.conj().T, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("place", range(len(NAMES)), ids=NAMES)
@pytest.mark.parametrize("case", [0, 1, 3])
def test_derivatives_are_those_of_the_sum_over_all_paths(batch, case, place):
    slopes = []
    for width in (1e-3, 2e-3):
        ends = []
        for sign in (1, -1):
            moved = CASES[case].copy()
            moved[place] += sign * width
            ends.append(sum_paths(system_of(*moved), GRID))
        slopes.append((ends[0] - ends[1]) / (2 * width))
    expected = (4 * slopes[0] - slopes[1]) / 3
    assert abs(expected).max() > 1e-4
    np.testing.assert_allclose(batch[1][case, place], expected, atol=1e-8)


def test_no_derivative_is_nan_without_a_bath(batch):
    """All but one singular value is 0 there."""
    assert np.isfinite(batch[1]).all()


def test_three_levels():
    """Seven labels, and no counterterm."""
    matrix = SYSTEMS["three levels"].hamiltonian
    system = OpenSystem(
        matrix, (1.0, 0.0, -1.5), Drude(0.4, 2.0, 1.0), counterterm=False
    )
    grid = TimeGrid(0.1, 3, 1, "tempo")
    run = fixed_bond_propagate(system, grid, bond=7)
    np.testing.assert_allclose(run.maps, sum_paths(system, grid), atol=1e-12)
    assert run.dropped is not None
    assert float(run.dropped) < 1e-25


def test_derivatives_backwards():
    """By weights, by a Hamiltonian of time and by the start."""
    weights = influence_coefficients(SPIN_BOSON, SHORT)
    rng = np.random.default_rng(0)
    shares = rng.normal(size=(5, 2, 2))

    def states(scale, angle, start):
        own = jax.tree.map(lambda x: scale * x, weights)
        system = OpenSystem(lambda t: angle * driven(t), SPINS, OHMIC)
        run = fixed_bond_propagate(system, SHORT, bond=9, weights=own)
        return (shares * run.states(start)).real.sum()

    def summed(scale, angle, start):
        bath = Ohmic(0.1 * scale, 7.5, 5.0)
        system = OpenSystem(lambda t: angle * driven(t), SPINS, bath)
        maps = sum_paths(system, SHORT) @ start.ravel()
        return (shares * maps.reshape(-1, 2, 2)).real.sum()

    start = np.array([[0.7, 0.2], [0.2, 0.3]])
    with jax.enable_x64(True):
        slopes = jax.jit(jax.grad(states, (0, 1, 2)))(1.1, 0.9, start)
    step = 1e-4
    scale = summed(1.1 + step, 0.9, start) - summed(1.1 - step, 0.9, start)
    angle = summed(1.1, 0.9 + step, start) - summed(1.1, 0.9 - step, start)
    np.testing.assert_allclose(slopes[:2], [scale / 2e-4, angle / 2e-4], atol=1e-7)
    parts = [summed(1.1, 0.9, unit.reshape(2, 2)) for unit in np.eye(4)]
    np.testing.assert_allclose(slopes[2].ravel(), parts, atol=1e-12)


def test_a_padded_chain_serves_a_batch_of_systems():
    process = process_tensor(SPIN_BOSON, GRID, cutoff=0.0)
    padded = process.padded()
    energies = np.array([0.0, 0.5])

    def maps(energy):
        return padded.maps(jnp.array([[energy, -1.0], [-1.0, -energy]]))

    both = jax.jit(jax.vmap(lambda energy: (maps(energy), jax.jacfwd(maps)(energy))))
    with jax.enable_x64(True):
        batch, slopes = both(energies)
    for own, energy in zip(batch, energies, strict=True):
        matrix = np.array([[energy, -1.0], [-1.0, -energy]])
        np.testing.assert_allclose(own, process.maps(matrix), atol=1e-12)
    shift = 1e-4 * np.diag([1.0, -1.0])
    ends = [process.maps(BIASED + sign * shift) for sign in (1, -1)]
    np.testing.assert_allclose(slopes[1], (ends[0] - ends[1]) / 2e-4, atol=1e-7)


def test_a_long_chain_of_any_bond_does_not_overflow():
    """The norm of all paths would be 2^1200."""
    grid = TimeGrid(0.1, 1200, 1, "tempo")
    maps = process_tensor(SPIN_BOSON, grid).maps(BIASED)
    assert abs(maps[-1] - maps[-2]).max() < 1e-3
    assert maps[-1, 0, 0] + maps[-1, 3, 0] == pytest.approx(1, abs=1e-6)


@pytest.mark.slow
def test_a_long_chain_does_not_overflow():
    """As above."""
    grid = TimeGrid(0.1, 1200, 1, "tempo")
    process = fixed_bond_process_tensor(SPIN_BOSON, grid, bond=4)
    maps = np.asarray(process.maps(BIASED))
    expected = propagate(SPIN_BOSON, grid, cutoff=1e-15, check=False).maps
    np.testing.assert_allclose(maps, expected, atol=1e-6)


@pytest.mark.slow
def test_vectors_must_move_for_a_derivative_by_the_bath():
    """Its error falls with the bond; with vectors that are held it does not."""
    grid = TimeGrid(0.1, 8, splitting="tempo")

    def error(bond, moves):
        def maps(scale):
            own = jax.tree.map(lambda x: scale * x, weights)
            return bound_process(SPIN_BOSON, grid, bond, own, moves).maps(BIASED)

        weights = influence_coefficients(SPIN_BOSON, grid)
        with jax.enable_x64(True):
            _, slope = jax.jvp(maps, (1.0,), (1.0,))
        ends = [
            sum_paths(system_of(0.5, -1.0, 0.1 * s, 7.5, 5.0), grid)
            for s in (0.999, 1.001)
        ]
        return abs(np.asarray(slope) - (ends[1] - ends[0]) / 2e-3).max()

    moved = [error(bond, True) for bond in (4, 8, 16)]
    assert moved[0] > 2 * moved[1] > 4 * moved[2]
    assert moved[2] < 5e-3
    assert error(16, False) > 0.05


def test_lineshapes_by_jax_are_those_by_numpy():
    times = np.array([0.0, 1e-3, 0.7, 20.0])

    class Own(Bath):
        beta = 1.0

        def lineshape(self, times):
            return OHMIC.lineshape(times)

    for bath in (OHMIC, Ohmic(0.2, 0.3, 0.1), Drude(0.4, 2.0, 1.0), Own()):
        with jax.enable_x64(True):
            ours = traced_lineshape(bath, times)
        np.testing.assert_allclose(ours, bath.lineshape(times), atol=1e-13)


def test_what_is_traced_must_be_in_double_precision():
    with pytest.raises(ValueError, match="must be in double precision"):
        jax.grad(lambda p: maps_of(p).real.sum())(CASES[0])
    with pytest.raises(TypeError, match="fixed_bond_propagate"):
        jax.grad(lambda p: propagate(system_of(*p), GRID).maps.sum())(CASES[0])
