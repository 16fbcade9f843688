"""Registers of qubits, their transforms, and translations of what they hold.

A register of r qubits counts 2^r places, the most significant qubit first; amplitudes
of registers (4, 4) are a picture of 16 × 16, row by row. On each register

    F[j, k] = e^(+2πi jk/M)/√M,    M = 2^r

so that F ⊗ F is the Fourier transform in two dimensions, and one register of 8 qubits
has another matrix than two of 4. The controls put another fixed unitary in place of F:

    fourier    as published
    hadamard   (−1)^(j·k)/√M over bits: equal weights, but no momentum
    haar       drawn once from the unitary group, one of each register
    none       the identity
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from isinglass._common.checks import (
    as_list,
    check_choice,
    check_finite,
    check_flag,
    check_in,
    check_seed,
    check_shapes,
    check_whole,
    is_array,
    shown,
)
from isinglass._common.precision import usual_promotion

BASES = ("fourier", "hadamard", "haar", "none")
MOST_QUBITS = 12  # of all registers; a quadratic form then holds 2^24 numbers
MOST_HAAR = 10  # of a register whose unitary is drawn
# Of one gate's matrix. A product over 4 qubits is a matrix of 16 × 16: larger ones take
# more operations, smaller ones more passes over the state.
TOGETHER = 4


def as_registers(registers: Any, basis: str = "fourier") -> tuple[int, ...]:
    """The qubits of each register.

    Raises:
        TypeError: If registers are no sequence.
        ValueError: If one is no whole number of at least 1, or they are too many.
    """
    qubits = as_list("registers", registers)
    for count in qubits:
        check_whole(registers=count)
    if sum(qubits) > MOST_QUBITS:
        raise ValueError(
            f"registers must hold at most {MOST_QUBITS} qubits in all, got "
            f"{sum(qubits)}"
        )
    if basis == "haar" and max(qubits) > MOST_HAAR:
        raise ValueError(
            f"registers must hold at most {MOST_HAAR} qubits each with "
            f"basis='haar', got {max(qubits)}"
        )
    return tuple(int(count) for count in qubits)


@usual_promotion()
def transform_registers(
    states: Inexact[Array, "*batch places"],
    registers: Sequence[int],
    basis: str = "fourier",
    *,
    inverse: bool = False,
    seed: int = 0,
) -> Complex[Array, "*batch places"]:
    """Transform each register of states by a fixed unitary.

    Args:
        states: Amplitudes (…, N), real or complex, N the product of 2^r.
        registers: Qubits r of each register.
        basis: "fourier", "hadamard", "haar" or "none".
        inverse: Whether by the adjoint, which undoes it.
        seed: Of "haar".

    Raises:
        TypeError: If states are no array.
        ValueError: If shapes do not fit, numbers are not finite, or a name is another.
    """
    check_choice(BASES, basis=basis)
    check_flag(inverse=inverse)
    check_seed(seed=seed)
    registers = as_registers(registers, basis)
    _check_states(states, registers)
    return apply_basis(states, registers, (basis, seed), inverse)


def apply_basis(
    states: Array,
    registers: tuple[int, ...],
    kind: tuple[str, Any],
    inverse: bool = False,
) -> Array:
    """The states after each register's unitary.

    `kind` is its name and, of "haar", the seed or the unitaries themselves.
    """
    dtype = jnp.result_type(states, jnp.complex64)
    name, drawn = kind
    states = states.astype(dtype)
    if name == "none":
        return states
    if name == "hadamard":
        pair = jnp.asarray([[1, 1], [1, -1]], dtype) / math.sqrt(2)
        gates = jnp.broadcast_to(pair, (sum(registers), 2, 2))
        return apply_product(states, gates)
    batch = states.shape[:-1]
    fields = states.reshape(*batch, *(2**r for r in registers))
    axes = tuple(range(len(batch), fields.ndim))
    if name == "fourier":
        # What physics calls the transform with e^(+…) signal processing calls inverse.
        wave = jnp.fft.fftn if inverse else jnp.fft.ifftn
        if len(axes) <= 3:
            return wave(fields, axes=axes, norm="ortho").reshape(states.shape)
        for axis in axes:
            fields = wave(fields, axes=(axis,), norm="ortho")
        return fields.reshape(states.shape)
    unitaries = drawn
    if not isinstance(drawn, tuple):
        unitaries = haar_unitaries(registers, drawn)
    for axis, unitary in zip(axes, unitaries, strict=True):
        unitary = jnp.asarray(unitary.conj().T if inverse else unitary, dtype)
        fields = jnp.moveaxis(jnp.tensordot(unitary, fields, axes=(1, axis)), 0, axis)
    return fields.reshape(states.shape)


def apply_product(states: Array, gates: Array) -> Array:
    """The states (…, 2^n) after a gate on each qubit, (n, 2, 2), some at a time."""
    qubits = gates.shape[-3]
    shape, groups = states.shape, math.ceil(qubits / TOGETHER)
    ends = [round(qubits * group / groups) for group in range(groups + 1)]
    for first, last in pairwise(ends):
        joint = kronecker([gates[..., q, :, :] for q in range(first, last)])
        left, own = 2**first, 2 ** (last - first)
        right = 2 ** (qubits - last)
        fields = states.reshape(-1, left, own, right)
        if right == 1:  # one product for the whole batch
            states = (fields[..., 0] @ joint.T).reshape(shape)
        else:
            states = (joint @ fields).reshape(shape)
    return states


def kronecker(matrices: Sequence[Array]) -> Array:
    """The Kronecker product of square matrices, the first most significant."""
    product = matrices[0]
    for matrix in matrices[1:]:
        size = product.shape[-1] * matrix.shape[-1]
        product = product[:, None, :, None] * matrix[None, :, None, :]
        product = product.reshape(size, size)
    return product


def haar_unitaries(
    registers: tuple[int, ...], seed: int
) -> tuple[Complex[np.ndarray, "_ _"], ...]:
    """The draws of all registers by one seed."""
    return tuple(haar_unitary(2**r, seed + place) for place, r in enumerate(registers))


def haar_unitary(size: int, seed: int = 0) -> Complex[np.ndarray, "m m"]:
    """Draw a unitary (M, M) from the unitary group, in complex128; read-only.

    By the QR decomposition of Gaussian numbers, with the phases of R's diagonal moved
    into Q, without which the draw would not be uniform (Mezzadri 2007).

    Args:
        size: M, at most 1,024.
        seed: Of the draw.

    Raises:
        ValueError: If a number is out of range.
    """
    check_whole(size=size)
    check_in(f"[1, {2**MOST_HAAR}]", size=size)
    check_seed(seed=seed)
    return _haar_unitary(int(size), int(seed))


@lru_cache(maxsize=16)  # of 16 MiB at most
def _haar_unitary(size: int, seed: int) -> Complex[np.ndarray, "m m"]:
    rng = np.random.default_rng(seed)
    draws = rng.normal(size=(2, size, size))
    q, r = np.linalg.qr(draws[0] + 1j * draws[1])
    diagonal = np.diagonal(r)
    unitary = q * (diagonal / np.abs(diagonal))
    unitary.flags.writeable = False
    return unitary


@usual_promotion()
def translate(
    states: Inexact[Array, "*batch places"],
    registers: Sequence[int],
    shifts: Sequence[int],
) -> Inexact[Array, "*batch places"]:
    """Move states by whole places along each register, around its end.

    Args:
        states: Amplitudes (…, N).
        registers: Qubits of each register.
        shifts: Places a of each register, of either sign: k becomes k + a.

    Raises:
        TypeError: If states are no array.
        ValueError: If shapes do not fit, or numbers are not finite.
    """
    registers = as_registers(registers)
    _check_states(states, registers)
    steps = _as_shifts(shifts, registers)
    batch = states.shape[:-1]
    fields = jnp.reshape(states, (*batch, *(2**r for r in registers)))
    axes = tuple(range(len(batch), fields.ndim))
    return jnp.roll(fields, steps, axes).reshape(states.shape)


def translation_phases(
    registers: Sequence[int], shifts: Sequence[int]
) -> Float[np.ndarray, "places"]:
    """Compute the phases of a diagonal kernel that moves states: 2π Σ a j/M, (N,).

    Momentum generates translations: F† e^(iφ) F with these φ is the shift by a.

    Args:
        registers: Qubits of each register.
        shifts: Places a of each register.

    Raises:
        TypeError: If registers or shifts are no sequences.
        ValueError: If they do not fit together.
    """
    registers = as_registers(registers)
    phases = np.zeros(())
    for r, shift in zip(registers, _as_shifts(shifts, registers), strict=True):
        own = 2 * np.pi * (shift * np.arange(2**r) % 2**r) / 2**r
        phases = phases[..., None] + own
    return phases.reshape(-1)


def _as_shifts(shifts: Any, registers: tuple[int, ...]) -> tuple[int, ...]:
    steps = as_list("shifts", shifts)
    if len(steps) != len(registers):
        raise ValueError(
            f"shifts must be one of each register, {len(registers)}, got {len(steps)}"
        )
    for step in steps:
        check_whole(-(2**62), shifts=step)
    return tuple(int(step) % 2**r for step, r in zip(steps, registers, strict=True))


def _check_states(states: Any, registers: tuple[int, ...]) -> None:
    """Refuse what are no amplitudes of such registers."""
    if is_array(states) and not jnp.issubdtype(states.dtype, jnp.inexact):
        raise ValueError(f"states must be real or complex numbers, got {shown(states)}")
    check_shapes(states=(states, f"... {2 ** sum(registers)}"))
    check_finite(states=states)
