"""The chain: all paths, the published numbers, and the laws of a density matrix."""

from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.open_systems import BIASED, OHMIC, SPIN_BOSON, SPINS, SYSTEMS
from isinglass.experiments import paths as experiments
from isinglass.systems.paths import (
    Drude,
    Ohmic,
    OpenSystem,
    TimeGrid,
    choi_matrix,
    convergence_report,
    propagate,
    sum_paths,
)
from isinglass.systems.paths.pairs import pairs_of

ORACLES = Path(__file__).parent / "oracles"
CARRIED = Path(str(experiments.__file__)).parent
UP = np.diag([1.0, 0.0])


@pytest.mark.parametrize("memory", [None, 1, 3])
@pytest.mark.parametrize("splitting", ["quapi", "tempo"])
@pytest.mark.parametrize("name", SYSTEMS)
def test_an_uncut_chain_is_the_sum_over_all_paths(name, splitting, memory):
    system = SYSTEMS[name]
    steps = 7 if len(system.positions) == 2 else 4
    grid = TimeGrid(0.1, steps, memory, splitting)
    ours = propagate(system, grid, cutoff=0.0, check=False).maps
    np.testing.assert_allclose(ours, sum_paths(system, grid), atol=1e-13)


def test_the_published_density_matrices():
    """Seven steps of full memory, which the program prints to ten digits."""
    x = np.load(CARRIED / "quapi.npz")
    system = OpenSystem(x["H"], x["s"], OHMIC)
    for steps, bar in ((7, 1e-9), (60, 1e-3)):
        run = propagate(system, TimeGrid(0.1, steps, 7), cutoff=1e-13, check=False)
        if steps == 7:
            run = propagate(system, TimeGrid(0.1, 7), cutoff=0.0, check=False)
        error = abs(run.states(x["rho0"]) - x["rho"][: steps + 1]).max()
        assert error < bar


@pytest.mark.parametrize("name", ["biased", "site"])
def test_oqupy(name):
    """The other splitting, no counterterm; OQuPy itself is cut at 1e-8."""
    x = np.load(ORACLES / f"tempo_{name}.npz")
    bath = Ohmic(*(float(x[k]) for k in ("xi", "cutoff", "beta", "delta_s")))
    system = OpenSystem(x["H"], x["s"], bath, counterterm=False)
    grid = TimeGrid(float(x["dt"]), 6, splitting="tempo")
    ours = propagate(system, grid, cutoff=0.0, check=False).states(x["rho0"])
    assert abs(ours - x["rho"][:7]).max() < 2e-8
    grid = TimeGrid(float(x["dt"]), len(x["rho"]) - 1, splitting="tempo")
    ours = propagate(system, grid, cutoff=1e-14, check=False).states(x["rho0"])
    assert abs(ours - x["rho"]).max() < 5e-5


def test_hierarchical_equations_are_met_at_second_order():
    """QuTiP's equations of motion know no path; errors fall fourfold with δ/2."""
    x = np.load(CARRIED / "heom.npz")
    bath = Drude(float(x["reorganization"]), float(x["rate"]), float(x["beta"]))
    system = OpenSystem(x["H"], x["s"], bath)
    errors = []
    for stride, steps in ((4, 10), (2, 20), (1, 40)):
        grid = TimeGrid(0.05 * stride, steps)
        ours = propagate(system, grid, cutoff=1e-14, check=False).states(x["rho0"])
        errors.append(abs(ours - x["rho"][: 40 + 1 : stride]).max())
    assert errors[-1] < 2e-4
    assert 3.8 < errors[0] / errors[1] < 4.3
    assert 3.8 < errors[1] / errors[2] < 4.3


def test_splittings_differ_by_the_second_order():
    differences = []
    for step, steps in ((0.1, 6), (0.05, 12)):
        runs = [
            propagate(SPIN_BOSON, TimeGrid(step, steps, splitting=s), cutoff=1e-15)
            for s in ("quapi", "tempo")
        ]
        differences.append(abs(runs[0].maps[-1] - runs[1].maps[-1]).max())
    assert 3.5 < differences[0] / differences[1] < 4.5


@pytest.mark.parametrize("splitting", ["quapi", "tempo"])
@settings(max_examples=5)
@given(st.floats(0.05, 1), st.floats(0, 0.5), st.floats(0.2, 5), st.floats(-1, 1))
def test_pure_dephasing_is_exact_for_any_step(splitting, step, xi, beta, energy):
    bath = Ohmic(xi, 7.5, beta)
    system = OpenSystem(np.diag([energy, -energy]), SPINS, bath)
    grid = TimeGrid(step, 12, splitting=splitting)
    run = propagate(system, grid, cutoff=1e-28, check=False)
    decay = np.exp(-4 * np.real(bath.lineshape(grid.times)))
    expected = decay * np.exp(-2j * energy * grid.times)
    np.testing.assert_allclose(run.maps[:, 1, 1], expected, atol=1e-13)
    np.testing.assert_allclose(run.maps[:, 0, 0], 1, atol=1e-13)
    assert run.bonds.max() <= 4


@pytest.mark.parametrize("splitting", ["quapi", "tempo"])
@settings(max_examples=6)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1), st.floats(0.1, 5))
def test_maps_keep_trace_hermiticity_and_positivity(splitting, seed, xi, beta):
    rng = np.random.default_rng(seed)
    H = rng.normal(size=(2, 2)) + 1j * rng.normal(size=(2, 2))
    system = OpenSystem(H + H.conj().T, rng.normal(size=2), Ohmic(xi, 5.0, beta))
    run = propagate(system, TimeGrid(0.2, 5, splitting=splitting), cutoff=0.0)
    assert run.trace_error < 1e-12
    for mapping in run.maps:
        choi = choi_matrix(mapping)
        np.testing.assert_allclose(choi, choi.conj().T, atol=1e-13)
        assert np.linalg.eigvalsh(choi).min() > -1e-12


def test_a_cut_leaves_maps_hermitian():
    """As the chain is real, no pair of equal singular values can be torn."""
    run = propagate(SPIN_BOSON, TimeGrid(0.1, 20), cutoff=1e-6, check=False)
    for mapping in run.maps:
        choi = choi_matrix(mapping)
        np.testing.assert_allclose(choi, choi.conj().T, atol=1e-13)


def test_a_bath_of_no_strength_is_none():
    system = OpenSystem(BIASED, SPINS, Ohmic(0.0, 5.0, 1.0))
    energies, states = np.linalg.eigh(BIASED)
    for splitting in ("quapi", "tempo"):
        run = propagate(system, TimeGrid(0.3, 20, splitting=splitting), cutoff=1e-28)
        u = (states * np.exp(-0.3j * 20 * energies)) @ states.T
        expected = u @ UP @ u.conj().T
        np.testing.assert_allclose(run.states(UP)[-1], expected, atol=1e-13)


def test_a_check_says_about_the_error_and_the_trace_does_not():
    grid = TimeGrid(0.1, 20)
    exact = propagate(SPIN_BOSON, grid, cutoff=1e-15, check=False).maps
    for cutoff in (1e-6, 1e-8):
        run = propagate(SPIN_BOSON, grid, cutoff=cutoff)
        error = abs(run.maps - exact).max()
        assert run.change is not None
        assert error / 3 < run.change < 3 * error
        assert run.trace_error < error / 5


def test_a_report_tells_three_errors_apart():
    grid = TimeGrid(0.1, 16, 8)
    report = convergence_report(SPIN_BOSON, grid, cutoff=1e-12)
    whole = propagate(SPIN_BOSON, TimeGrid(0.1, 16), cutoff=1e-13, check=False).maps
    half = propagate(SPIN_BOSON, TimeGrid(0.05, 32), cutoff=1e-13, check=False).maps
    assert report.step == pytest.approx(abs(half[::2] - whole).max(), rel=0.5)
    assert report.cutoff < report.step < report.memory
    run = propagate(SPIN_BOSON, grid, cutoff=1e-12, check=False).maps
    assert abs(run - whole).max() < report.memory


def test_three_labels_do_what_four_pairs_do():
    """Δ decides what a later point does: ±2 and 0 of two levels, five of three."""
    assert len(pairs_of(np.array(SPINS)).label_difference) == 3
    assert len(pairs_of(np.array([1.0, 0.0, -1.0])).label_difference) == 5
    assert len(pairs_of(np.array([1.0, 0.0, -1.5])).label_difference) == 7
    assert len(pairs_of(np.array([0.1, 0.2, 0.3])).label_difference) == 5


def test_blas_has_one_thread_while_it_runs_and_its_own_after():
    during = []

    def threads():
        pools = threadpoolctl.threadpool_info()
        return [p["num_threads"] for p in pools if p["user_api"] == "blas"]

    def hamiltonian(time):
        during.append(max(threads()))
        return BIASED

    with threadpoolctl.threadpool_limits(2):
        before = threads()
        propagate(OpenSystem(hamiltonian, SPINS, OHMIC), TimeGrid(0.1, 2))
        assert threads() == before
    assert set(during) == {1}
