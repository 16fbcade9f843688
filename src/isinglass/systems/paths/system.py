"""What moves: a system of d levels, the bath it is coupled to, and steps in time."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Array, Complex, Float

from isinglass._common.checks import (
    as_array,
    as_real_array,
    check_choice,
    check_flag,
    check_kind,
    check_positive,
    check_whole,
    is_array,
    shown,
)
from isinglass._common.plain_checks import is_traced
from isinglass._common.types import ArrayLike
from isinglass.systems.paths.baths import Bath
from isinglass.systems.paths.traced_baths import traced_lineshape

SPLITTINGS = ("quapi", "tempo")
_HERMITIAN = 1e-10  # of the largest element


@dataclass(frozen=True, eq=False)
class OpenSystem:
    """A system of d levels, whose position s is coupled to a bath.

    Attributes:
        hamiltonian: H, Hermitian (d, d), in the basis where the position is diagonal;
            or a function of time that gives it. ħ = 1. What JAX traces is taken, too,
            as it is of a bath, for `fixed_bond_propagate`.
        positions: s of each level, (d,).
        bath: The bath.
        counterterm: Whether λs² is added to H, as in the published program, so that the
            bath does not shift the levels; OQuPy adds none. It makes no difference
            where all s² are equal.

    Raises:
        TypeError: If the bath is none.
        ValueError: If H is no Hermitian matrix of finite numbers, or the positions are
            no real ones, of each level.
    """

    hamiltonian: Any
    positions: Any
    bath: Bath
    counterterm: bool = True

    def __post_init__(self) -> None:
        check_kind(Bath, bath=self.bath)
        check_flag(counterterm=self.counterterm)
        positions = as_real_array("positions", self.positions, (None,))
        if len(positions) < 2:
            raise ValueError(
                f"positions must be of two levels at least, got {len(positions)}"
            )
        object.__setattr__(self, "positions", positions)
        if not callable(self.hamiltonian):
            matrix = self.hamiltonian
            if is_traced(matrix):
                _check_size(matrix.shape, len(positions))
            else:
                matrix = as_hamiltonian(matrix, len(positions))
            object.__setattr__(self, "hamiltonian", matrix)

    def lineshape(self, times: Any) -> Complex[np.ndarray, "..."]:
        """The function g of the bath, without the counterterm if there is none."""
        values = self.bath.lineshape(times)
        if self.counterterm:
            return values
        return values - 1j * self.bath.reorganization * np.asarray(times)

    def traced_lineshape(self, times: Any) -> Complex[Array, "..."]:
        """The same by JAX, of a bath of which it may trace something."""
        values = traced_lineshape(self.bath, times)
        if self.counterterm:
            return values
        return values - 1j * self.bath.reorganization * np.asarray(times)

    def propagator(self, time: float, step: float) -> Complex[np.ndarray, "p p"]:
        """The map U ⊗ Ū of a density matrix over a step that begins at a time.

        A Hamiltonian of time is taken at the middle of the step.
        """
        matrix = hamiltonian_at(self.hamiltonian, time + step / 2, len(self.positions))
        return superoperator(evolution(matrix, step))


@dataclass(frozen=True)
class TimeGrid:
    """Steps in time, and how they are cut.

    Attributes:
        step: δ.
        steps: N.
        memory: The largest lag in steps at which the bath acts; None for all.
        splitting: "quapi" (published): whole steps of the system between points of the
            bath, of which the first and the last stand for half a step; "tempo": points
            at the middles of steps, half steps of the system at both ends. Both are of
            second order in δ.

    Raises:
        ValueError: If one is another.
    """

    step: float
    steps: int
    memory: int | None = None
    splitting: str = "quapi"

    def __post_init__(self) -> None:
        check_positive(step=self.step)
        check_whole(steps=self.steps)
        if self.memory is not None:
            check_whole(memory=self.memory)
        check_choice(SPLITTINGS, splitting=self.splitting)

    @property
    def times(self) -> Float[np.ndarray, " n"]:
        """0, δ, …, Nδ."""
        return self.step * np.arange(self.steps + 1)

    @property
    def reach(self) -> int:
        """The largest lag in steps at which the bath acts."""
        return self.steps if self.memory is None else min(self.memory, self.steps)


def superoperator(operator: ArrayLike) -> Complex[np.ndarray, "p p"]:
    """The map ρ ↦ AρA† on the rows of ρ one after another, A ⊗ Ā.

    Args:
        operator: A, complex (d, d), such as the unitary of a pulse.

    Raises:
        ValueError: If it is no square matrix of finite numbers.
    """
    matrix = as_square("operator", operator)
    return np.kron(matrix, matrix.conj())


def choi_matrix(mapping: ArrayLike) -> Complex[np.ndarray, "p p"]:
    """The Choi matrix of a map: positive if and only if the map is completely positive.

    Args:
        mapping: Complex (d², d²), as of `propagate`.

    Raises:
        ValueError: If it is no such matrix.
    """
    matrix = as_map("mapping", mapping)
    size = int(np.sqrt(len(matrix)))
    four = matrix.reshape(size, size, size, size)  # out, out', in, in'
    return four.transpose(0, 2, 1, 3).reshape(len(matrix), -1)


def gibbs_state(system: OpenSystem) -> Complex[np.ndarray, "d d"]:
    """exp(−βH)/Z of the system by itself.

    Raises:
        TypeError: If it is no system.
        ValueError: If H depends on time.
    """
    energies, states = np.linalg.eigh(fixed_hamiltonian(system))
    weights = np.exp(-system.bath.beta * (energies - energies.min()))
    return (states * weights) @ states.conj().T / weights.sum()


def fixed_hamiltonian(system: Any) -> Complex[np.ndarray, "d d"]:
    """H, which must not depend on time."""
    check_system(system)
    if callable(system.hamiltonian):
        raise ValueError("hamiltonian must not depend on time, got a function")
    return system.hamiltonian


def evolution(hamiltonian: np.ndarray, step: complex) -> Complex[np.ndarray, "d d"]:
    """exp(−iHδ)."""
    energies, states = np.linalg.eigh(hamiltonian)
    return (states * np.exp(-1j * step * energies)) @ states.conj().T


def hamiltonian_at(hamiltonian: Any, time: float, size: int) -> np.ndarray:
    """H at a time, checked if a function gives it."""
    if not callable(hamiltonian):
        return hamiltonian
    return as_hamiltonian(hamiltonian(time), size)


def as_hamiltonian(value: Any, size: int) -> Complex[np.ndarray, "d d"]:
    """A Hermitian matrix of a size."""
    matrix = as_square("hamiltonian", value)
    _check_size(matrix.shape, size)
    off = abs(matrix - matrix.conj().T).max()
    if off > _HERMITIAN * max(abs(matrix).max(), 1e-300):
        raise ValueError(f"hamiltonian must be Hermitian, is off by {off:.2g}")
    return (matrix + matrix.conj().T) / 2


def _check_size(shape: tuple[int, ...], size: int) -> None:
    if shape != (size, size):
        raise ValueError(
            f"hamiltonian must be of shape ({size}, {size}), as positions say, got "
            f"{shape}"
        )


def check_system(system: Any) -> None:
    """Refuse what is no system, or one of which JAX traces something.

    Raises:
        TypeError: If it is another.
    """
    check_kind(OpenSystem, system=system)
    parts = (system.hamiltonian, *getattr(system.bath, "__dict__", {}).values())
    if any(is_traced(part) for part in parts):
        raise TypeError(
            "system must hold values, got one that JAX traces, which "
            "fixed_bond_propagate and fixed_bond_process_tensor take"
        )


def as_density_matrix(name: str, value: Any, size: int) -> Complex[np.ndarray, "d d"]:
    """A matrix of a size: an initial state, which need not be normalised."""
    matrix = as_square(name, value)
    if len(matrix) != size:
        raise ValueError(
            f"{name} must be of shape ({size}, {size}), got {matrix.shape}"
        )
    return matrix


def as_map(name: str, value: Any, size: int | None = None) -> np.ndarray:
    """A map of density matrices, (d², d²), of d levels if d is said."""
    matrix = as_square(name, value)
    levels = round(len(matrix) ** 0.5)
    if levels**2 != len(matrix) or size not in (None, levels):
        expected = "(d², d²)" if size is None else f"({size**2}, {size**2})"
        raise ValueError(f"{name} must be of shape {expected}, got {matrix.shape}")
    return matrix


def as_square(name: str, value: Any) -> Complex[np.ndarray, "n n"]:
    """A square matrix of finite complex numbers."""
    matrix = as_complex(name, value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not matrix.size:
        raise ValueError(f"{name} must be a square matrix, got shape {matrix.shape}")
    return matrix


def as_complex(name: str, value: Any) -> Complex[np.ndarray, "..."]:
    """A complex copy of an array of finite numbers."""
    if not (is_array(value) or isinstance(value, list | tuple)) or is_traced(value):
        raise TypeError(f"{name} must be an array of NumPy or JAX, got {shown(value)}")
    array = np.asarray(as_array(name, value))
    if array.dtype.kind not in "iufc":
        raise ValueError(f"{name} must hold numbers, got {array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return array.astype(complex)
