"""What is made of a chain: pulses, transfer tensors, and equilibrium."""

import numpy as np
import pytest

from helpers.open_systems import BIASED, OHMIC, SPIN_BOSON, SPINS, SYSTEMS, driven
from isinglass.systems.paths import (
    Ohmic,
    OpenSystem,
    TimeGrid,
    gibbs_state,
    mean_force_state,
    process_tensor,
    propagate,
    stationary_state,
    sum_paths,
    superoperator,
    transfer_tensors,
    transferred_maps,
)

FLIP = superoperator(np.array([[0.0, 1.0], [1.0, 0.0]]))


@pytest.mark.parametrize("memory", [None, 1, 3])
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_process_tensor_does_what_paths_do(name, memory):
    system = SYSTEMS[name]
    steps = 6 if len(system.positions) == 2 else 4
    grid = TimeGrid(0.1, steps, memory, "tempo")
    process = process_tensor(system, grid, cutoff=0.0)
    expected = sum_paths(system, grid)
    maps = process.maps(system.hamiltonian)
    np.testing.assert_allclose(maps, expected, atol=1e-13)


def test_one_process_tensor_serves_many_systems():
    grid = TimeGrid(0.1, 6, splitting="tempo")
    process = process_tensor(SPIN_BOSON, grid, cutoff=0.0)
    expected = sum_paths(SYSTEMS["driven"], grid)
    np.testing.assert_allclose(process.maps(driven), expected, atol=1e-13)


def test_an_echo_is_exact_for_any_step():
    """A flip half way leaves exp(−Δs² Re[4 g(t) − g(2t)]) of the coherence."""
    process = process_tensor(
        OpenSystem(BIASED, SPINS, OHMIC),
        TimeGrid(0.3, 12, splitting="tempo"),
        cutoff=1e-28,
    )
    silent = np.zeros((2, 2))
    echoed = process.maps(silent, {6: FLIP})
    g = np.real(OHMIC.lineshape(np.array([1.8, 3.6])))
    assert echoed[6, 1, 1] == pytest.approx(np.exp(-4 * g[0]), rel=1e-11)
    assert abs(echoed[12, 1, 2]) == pytest.approx(
        np.exp(-4 * (4 * g[0] - g[1])), rel=1e-10
    )
    assert abs(echoed[12, 1, 1]) < 1e-12
    free = process.maps(silent)
    assert free[12, 1, 1].real == pytest.approx(np.exp(-4 * g[1]), rel=1e-11)


def test_a_pulse_acts_after_its_step():
    process = process_tensor(SPIN_BOSON, TimeGrid(0.1, 4, splitting="tempo"))
    free, first = process.maps(BIASED), process.maps(BIASED, {0: FLIP})
    np.testing.assert_allclose(first[1:], free[1:] @ FLIP, atol=1e-12)
    late = process.maps(BIASED, {2: FLIP, 4: FLIP})
    np.testing.assert_array_equal(late[:3], free[:3])
    assert abs(late[3] - free[3]).max() > 0.1


def test_transfer_tensors_give_back_their_maps_and_carry_on():
    grid = TimeGrid(0.1, 24)
    strong = OpenSystem(BIASED, SPINS, Ohmic(0.2, 5.0, 0.5))
    maps = propagate(strong, grid, cutoff=1e-14, check=False).maps
    whole = transferred_maps(transfer_tensors(maps), 24)
    np.testing.assert_allclose(whole, maps, atol=1e-13)
    errors = [
        abs(transferred_maps(transfer_tensors(maps[: r + 1]), 24) - maps).max()
        for r in (4, 8, 16)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 2e-3


def test_the_stationary_state_is_that_of_mean_force_and_not_of_gibbs():
    """|Δρ| is 0.22 to 0.24 of ξ to Gibbs; to the mean force it is the cut of memory."""
    H = np.array([[0.5, 0.5], [0.5, -0.5]])
    ratios = []
    for xi in (0.2, 0.1):
        system = OpenSystem(H, SPINS, Ohmic(xi, 5.0, 1.0))
        maps = propagate(system, TimeGrid(0.1, 40), cutoff=1e-12, check=False).maps
        still = stationary_state(transfer_tensors(maps))
        ratios.append(abs(still - gibbs_state(system)).max() / xi)
        assert abs(still - mean_force_state(system)).max() < 2e-3
        assert np.trace(still) == pytest.approx(1)
    assert ratios == pytest.approx([0.22, 0.23], abs=0.02)


def test_without_a_bath_equilibrium_is_gibbs():
    system = OpenSystem(SYSTEMS["three levels"].hamiltonian, (1, 0, -1), Ohmic(0, 5, 2))
    np.testing.assert_allclose(
        mean_force_state(system, 10), gibbs_state(system), atol=1e-12
    )


def test_equilibrium_of_what_commutes_is_known():
    """Diagonal H: each level keeps its bath, whose free energy is −λs² but for the
    counterterm."""
    energies, s = np.array([0.3, -0.2]), np.array([0.0, 1.0])
    for counterterm in (True, False):
        bath = Ohmic(0.3, 5.0, 2.0)
        system = OpenSystem(np.diag(energies), s, bath, counterterm=counterterm)
        shifted = energies + (0 if counterterm else -bath.reorganization * s**2)
        weights = np.exp(-2 * shifted)
        expected = np.diag(weights / weights.sum())
        np.testing.assert_allclose(mean_force_state(system, 6), expected, atol=1e-10)
