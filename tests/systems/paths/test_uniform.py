"""The chain that is the same at all times: all paths, and the chain that has ends."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.open_systems import BIASED, OHMIC, SPIN_BOSON, SPINS, SYSTEMS, driven
from isinglass.experiments import paths as experiments
from isinglass.systems.paths import (
    Drude,
    Ohmic,
    OpenSystem,
    TimeGrid,
    choi_matrix,
    propagate,
    sum_paths,
    superoperator,
    uniform_process_tensor,
    uniform_propagate,
)

ORACLES = Path(__file__).parent / "oracles"
CARRIED = Path(str(experiments.__file__)).parent
FLIP = superoperator(np.array([[0.0, 1.0], [1.0, 0.0]]))


@pytest.mark.parametrize("memory", [None, 1, 3])
@pytest.mark.parametrize("splitting", ["quapi", "tempo"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_chain_that_is_hardly_cut_is_the_sum_over_all_paths(name, splitting, memory):
    system = SYSTEMS[name]
    steps = 6 if len(system.positions) == 2 else 4
    if splitting == "quapi" and memory is None:
        steps = min(steps, 12 // len(system.positions) - 2)
    grid = TimeGrid(0.1, steps, memory, splitting)
    ours = uniform_propagate(system, grid, cutoff=1e-28, check=False).maps
    np.testing.assert_allclose(ours, sum_paths(system, grid), atol=1e-12)


def test_two_ways_to_singular_values_are_one():
    """Squares of matrices, from a cutoff of 1e-14 on, and the matrices."""
    grid = TimeGrid(0.1, 12, splitting="tempo")
    exact = propagate(SPIN_BOSON, grid, cutoff=1e-18, check=False).maps
    errors = [
        abs(uniform_propagate(SPIN_BOSON, grid, cutoff=c, check=False).maps - exact)
        for c in (1.01e-14, 0.99e-14)
    ]
    assert errors[0].max() < 4e-5
    assert errors[0].max() == pytest.approx(errors[1].max(), rel=0.2)


def test_the_published_density_matrices():
    x = np.load(CARRIED / "quapi.npz")
    system = OpenSystem(x["H"], x["s"], OHMIC)
    for steps, bar in ((7, 1e-6), (60, 1e-3)):
        run = uniform_propagate(system, TimeGrid(0.1, steps, 7), cutoff=1e-15)
        assert abs(run.states(x["rho0"]) - x["rho"][: steps + 1]).max() < bar


@pytest.mark.parametrize("name", ["biased", "site"])
def test_oqupy(name):
    x = np.load(ORACLES / f"tempo_{name}.npz")
    bath = Ohmic(*(float(x[k]) for k in ("xi", "cutoff", "beta", "delta_s")))
    system = OpenSystem(x["H"], x["s"], bath, counterterm=False)
    grid = TimeGrid(float(x["dt"]), len(x["rho"]) - 1, splitting="tempo")
    ours = uniform_propagate(system, grid, cutoff=1e-14, check=False)
    assert abs(ours.states(x["rho0"]) - x["rho"]).max() < 1e-4


def test_memory_that_ends_and_a_check_that_says_about_the_error():
    grid = TimeGrid(0.1, 60, 8, "tempo")
    exact = propagate(SPIN_BOSON, grid, cutoff=1e-14, check=False).maps
    for cutoff, bar in ((1e-8, 2e-2), (1e-10, 2e-3), (1e-12, 2e-4)):
        run = uniform_propagate(SPIN_BOSON, grid, cutoff=cutoff)
        error = abs(run.maps - exact).max()
        assert error < bar
        assert run.change is not None
        assert error / 3 < run.change < 3 * error
    for mapping in run.maps:
        choi = choi_matrix(mapping)
        np.testing.assert_allclose(choi, choi.conj().T, atol=1e-13)


def test_one_tensor_serves_driven_systems_and_pulses():
    grid = TimeGrid(0.1, 30, 5, "tempo")
    process = uniform_process_tensor(SPIN_BOSON, grid, cutoff=1e-20)
    assert process.sites[1] is process.sites[-1]
    expected = propagate(SYSTEMS["driven"], grid, cutoff=1e-20, check=False).maps
    np.testing.assert_allclose(process.maps(driven), expected, atol=1e-8)
    echo = uniform_process_tensor(
        OpenSystem(BIASED, SPINS, OHMIC),
        TimeGrid(0.3, 12, splitting="tempo"),
        cutoff=1e-18,
    ).maps(np.zeros((2, 2)), {6: FLIP})
    g = np.real(OHMIC.lineshape(np.array([1.8, 3.6])))
    assert echo[6, 1, 1] == pytest.approx(np.exp(-4 * g[0]), rel=1e-6)
    assert abs(echo[12, 1, 2]) == pytest.approx(
        np.exp(-4 * (4 * g[0] - g[1])), rel=1e-6
    )


@settings(max_examples=10, deadline=None)
@given(st.floats(-4, 0.5), st.floats(-1, 2), st.floats(0.01, 0.5), st.floats(-12, -2))
def test_errors_are_of_the_order_of_the_root_of_the_cutoff(xi, beta, step, cutoff):
    system = OpenSystem(BIASED, SPINS, Ohmic(10**xi, 5.0, 10**beta))
    grid = TimeGrid(step, 5, 3, "tempo")
    run = uniform_propagate(system, grid, cutoff=10**cutoff, check=False)
    error = abs(run.maps - sum_paths(system, grid)).max()
    assert error < 30 * np.sqrt(10**cutoff)


def test_a_strong_bath_is_cut_by_what_its_points_weigh():
    """Without half of their own weight labels are cut as if large: 1e-4."""
    system = OpenSystem(BIASED, SPINS, Drude(100.0, 50.0, 1.0))
    grid = TimeGrid(0.3, 5, 3, "tempo")
    run = uniform_propagate(system, grid, cutoff=1e-6, check=False)
    assert abs(run.maps - sum_paths(system, grid)).max() < 3e-5


def test_maps_that_overflow_are_refused():
    slow = OpenSystem(BIASED, (1.44, -0.53), Ohmic(13.0, 1.7, 0.0042))
    grid = TimeGrid(0.08, 30, 1, "tempo")
    for method in (uniform_propagate, propagate):
        with pytest.raises(ValueError, match="cutoff must be so small that maps"):
            method(slow, grid, cutoff=0.008, check=False)
