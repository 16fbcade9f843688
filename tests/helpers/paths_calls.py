"""Calls of path integrals: valid ones, and those with what they cannot compute with."""

from typing import Any

import numpy as np

from helpers.bad_maps import call
from helpers.open_systems import BIASED, OHMIC, SPIN_BOSON, SPINS
from helpers.public_case import case
from isinglass.systems import paths

GRID = paths.TimeGrid(0.1, 3)
TEMPO = paths.TimeGrid(0.1, 3, 2, "tempo")
RUN = paths.propagate(SPIN_BOSON, GRID, check=False)
TENSORS = paths.transfer_tensors(RUN.maps)
PROCESS = paths.process_tensor(SPIN_BOSON, TEMPO)
WEIGHTS = paths.influence_coefficients(SPIN_BOSON, TEMPO)
FIXED = paths.fixed_bond_process_tensor(SPIN_BOSON, TEMPO, bond=4)
FIXED_RUN = paths.fixed_bond_propagate(SPIN_BOSON, TEMPO, bond=4)
FLIP = np.array([[0.0, 1.0], [1.0, 0.0]])
TIMES = np.array([0.0, 0.5, 2.0])


def density(frequencies: Any) -> Any:
    return frequencies * np.exp(-frequencies)


BATHS = (OHMIC, paths.Drude(0.5, 2.0, 1.0), paths.SpectralBath(density, 1.0))
PATHS = [
    case(paths.Ohmic, 0.1, 7.5, 5.0),
    case(paths.Drude, 0.1, 7.5, 5.0),
    case(paths.SpectralBath, density, 5.0),
    *(case(bath.lineshape, TIMES) for bath in BATHS),
    *(case(bath.spectral_density, TIMES + 1) for bath in BATHS),
    case(paths.OpenSystem, BIASED, np.array(SPINS), OHMIC),
    case(paths.TimeGrid, 0.1, 3, 2, "tempo"),
    case(paths.influence_coefficients, SPIN_BOSON, GRID),
    case(paths.sum_paths, SPIN_BOSON, GRID),
    case(paths.propagate, SPIN_BOSON, GRID),
    case(RUN.states, FLIP),
    case(paths.convergence_report, SPIN_BOSON, GRID),
    case(paths.process_tensor, SPIN_BOSON, TEMPO),
    case(paths.uniform_propagate, SPIN_BOSON, GRID),
    case(paths.uniform_process_tensor, SPIN_BOSON, TEMPO, cutoff=1e-8),
    case(PROCESS.maps, BIASED, {1: paths.superoperator(FLIP)}),
    case(paths.fixed_bond_propagate, SPIN_BOSON, TEMPO, bond=4, weights=WEIGHTS),
    case(paths.fixed_bond_process_tensor, SPIN_BOSON, TEMPO, bond=4),
    case(FIXED.maps, BIASED),
    case(FIXED_RUN.states, FLIP),
    case(paths.transfer_tensors, RUN.maps),
    case(paths.transferred_maps, TENSORS, 5),
    case(paths.stationary_state, TENSORS),
    case(paths.mean_force_state, SPIN_BOSON, 4),
    case(paths.gibbs_state, SPIN_BOSON),
    case(paths.superoperator, FLIP),
    case(paths.choi_matrix, RUN.maps[1]),
]


def lineshape(density: Any) -> Any:
    return paths.SpectralBath(density, 1.0).lineshape(TIMES)


def system(hamiltonian: Any = BIASED, positions: Any = SPINS, bath: Any = OHMIC) -> Any:
    return paths.OpenSystem(hamiltonian, positions, bath)


BAD_PATHS = {
    "beta of NaN": call("beta must be positive", paths.Ohmic, 0.1, 7.5, np.nan),
    "beta of 0": call("beta must be positive", paths.Drude, 0.1, 7.5, 0.0),
    "beta of infinity": call(
        "beta must be positive", paths.SpectralBath, density, np.inf
    ),
    "a bath that pushes back": call("strength must be", paths.Ohmic, -0.1, 7.5, 5.0),
    "a strength of NaN": call("strength must be", paths.Ohmic, np.nan, 7.5, 5.0),
    "a strength, a truth": call("strength must be", paths.Ohmic, False, 7.5, 5.0),
    "strengths": call("strength must be", paths.Ohmic, np.ones(3), 7.5, 5.0),
    "energies": call("energy must be", paths.Drude, [1.0], 7.5, 5.0),
    "no separation": call("separation must be", paths.Ohmic, 0.1, 7.5, 5.0, 0.0),
    "a density that is a number": call("density must be", paths.SpectralBath, 1.0, 1.0),
    "a density that is not odd": call(
        "density must fall fast enough at frequency 0", lineshape, lambda w: np.exp(-w)
    ),
    "a density without an end": call(
        "density must fall fast enough at high", lineshape, lambda w: w
    ),
    "a density below 0": call(
        "density must be finite and at least 0", lineshape, lambda w: -w * np.exp(-w)
    ),
    "a density of NaN": call("density must be finite", lineshape, lambda w: np.nan * w),
    "a density of complex numbers": call(
        "density must give a real number", lineshape, lambda w: 1j * w
    ),
    "a density of one number": call(
        "density must give a real number for each", lineshape, lambda w: 1.0
    ),
    "a reorganisation without an end": call(
        "density must fall fast enough at high",
        lambda: paths.SpectralBath(lambda w: w / (1 + w), 1.0).reorganization,
    ),
    "times without an end": call(
        "times must be at most", BATHS[2].lineshape, [0.0, 1e30]
    ),
    "positions that overflow": call(
        "positions must lie so close",
        paths.propagate,
        system(positions=[1e30, -1e30]),
        GRID,
    ),
    "times before 0": call("times must be at least 0", OHMIC.lineshape, [-1.0]),
    "H of NaN": call("hamiltonian must be finite", system, BIASED * np.nan),
    "H that is not Hermitian": call(
        "hamiltonian must be Hermitian", system, np.array([[0, 1], [0, 0]])
    ),
    "H of three levels": call("hamiltonian must be of shape", system, np.eye(3)),
    "H of words": call("hamiltonian must hold numbers", system, [["a", "b"]] * 2),
    "H, a number": call("hamiltonian must be an array", system, 1.0),
    "H of time that is not Hermitian": call(
        "hamiltonian must be Hermitian",
        paths.propagate,
        system(lambda time: np.array([[0, time], [0, 0]])),
        GRID,
    ),
    "one level": call("positions must be of two", system, np.eye(1), [1.0]),
    "positions of complex numbers": call(
        "positions must hold real", system, BIASED, [1j, 0]
    ),
    "a bath that is none": call("bath must be of Bath", system, BIASED, SPINS, "sea"),
    "a step of 0": call("step must be positive", paths.TimeGrid, 0.0, 3),
    "no steps": call("steps must be at least 1", paths.TimeGrid, 0.1, 0),
    "a memory of 0": call("memory must be at least 1", paths.TimeGrid, 0.1, 3, 0),
    "a splitting of no name": call(
        "splitting must be one of", paths.TimeGrid, 0.1, 3, None, "lie"
    ),
    "too many paths": call(
        "grid.steps must leave", paths.sum_paths, SPIN_BOSON, paths.TimeGrid(0.1, 20)
    ),
    "a cutoff of 1": call(
        "cutoff must be", paths.propagate, SPIN_BOSON, GRID, cutoff=1.0
    ),
    "a grid of two numbers": call(
        "grid must be of TimeGrid", paths.propagate, SPIN_BOSON, (0.1, 3)
    ),
    "a start of three levels": call("start must be of shape", RUN.states, np.eye(3)),
    "pulses between bath points": call(
        'grid.splitting must be "tempo"', paths.process_tensor, SPIN_BOSON, GRID
    ),
    "one tensor between bath points": call(
        'grid.splitting must be "tempo"', paths.uniform_process_tensor, SPIN_BOSON, GRID
    ),
    "a cut that leaves no rest": call(
        "cutoff must be so small that a bath without ends comes to rest",
        paths.uniform_propagate,
        system(bath=paths.Ohmic(20.0, 5.0, 0.02)),
        paths.TimeGrid(0.1, 5, 3, "tempo"),
        cutoff=0.1,
    ),
    "one bond between bath points": call(
        'grid.splitting must be "tempo"',
        paths.fixed_bond_propagate,
        SPIN_BOSON,
        GRID,
        bond=4,
    ),
    "a bond below the levels": call(
        "bond must be at least 2", paths.fixed_bond_propagate, SPIN_BOSON, TEMPO, bond=1
    ),
    "a bond of a half": call(
        "bond must be a whole", paths.fixed_bond_propagate, SPIN_BOSON, TEMPO, bond=4.5
    ),
    "a bond beyond memory": call(
        "bond must leave", paths.fixed_bond_propagate, SPIN_BOSON, TEMPO, bond=10**5
    ),
    "steps beyond memory": call(
        "bond must leave at most 2^27",
        paths.fixed_bond_process_tensor,
        SPIN_BOSON,
        paths.TimeGrid(0.1, 10**9, 2, "tempo"),
        bond=4,
    ),
    "weights of NaN": call(
        "weights.inner must be finite",
        paths.fixed_bond_process_tensor,
        SPIN_BOSON,
        TEMPO,
        bond=4,
        weights=WEIGHTS._replace(inner=WEIGHTS.inner * np.nan),
    ),
    "weights of too few lags": call(
        "weights.inner must be of 2 lags",
        paths.fixed_bond_process_tensor,
        SPIN_BOSON,
        TEMPO,
        bond=4,
        weights=WEIGHTS._replace(inner=WEIGHTS.inner[:1]),
    ),
    "weights that are an array": call(
        "weights must be of Coefficients",
        paths.fixed_bond_process_tensor,
        SPIN_BOSON,
        TEMPO,
        bond=4,
        weights=WEIGHTS.inner,
    ),
    "a fixed chain of H that is not Hermitian": call(
        "hamiltonian must be Hermitian", FIXED.maps, np.array([[0, 1], [0, 0]])
    ),
    "a fixed start of three levels": call(
        "start must be of shape", FIXED_RUN.states, np.eye(3)
    ),
    "a pulse too late": call(
        "pulses must be at whole steps", PROCESS.maps, BIASED, {4: np.eye(4)}
    ),
    "a pulse, a unitary": call(
        "pulses[1] must be of shape", PROCESS.maps, BIASED, {1: FLIP}
    ),
    "maps that do not begin": call(
        "maps must begin", paths.transfer_tensors, RUN.maps[1:]
    ),
    "one map": call("maps must be two", paths.transfer_tensors, RUN.maps[:1]),
    "tensors of three rows": call(
        "tensors must be of shape", paths.transferred_maps, np.ones((2, 3, 3)), 4
    ),
    "tensors that leave nothing": call(
        "tensors must have one stationary",
        paths.stationary_state,
        0.5 * np.eye(4)[None],
    ),
    "odd slices": call("slices must be even", paths.mean_force_state, SPIN_BOSON, 5),
    "equilibrium of what is driven": call(
        "hamiltonian must not depend",
        paths.mean_force_state,
        system(lambda time: BIASED),
    ),
}
