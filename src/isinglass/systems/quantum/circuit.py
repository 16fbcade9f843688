"""SASQuaTCh: self-attention as a kernel on the Fourier modes of a quantum state.

    |ψ⟩ = Σ_k x_k |k⟩/|x|,   |ψ'⟩ = F† V_L … V_1 F |ψ⟩,   ⟨Z⟩ = Σ_k |ψ'_k|² z_k(φ)

Self-attention with a stationary kernel is a convolution, hence diagonal among Fourier
modes: what Fourier layers do to fields, this circuit of n + 1 spins does to 2^n
amplitudes. It is linear and keeps the norm, and is seen through one expectation value
alone; the class is its sign. n data qubits in registers, one spin that is read.

Of the published circuit the idea, the QFT, kernels of R_X and R_Z with 4 angles a qubit
and controlled turns of one spin are known; the order of gates, the ring of CNOTs and 16
× 16 pixels are this package's choices, as no program of the authors is public.

Source: Evans, Cook, Bradshaw & LaBorde 2024, arXiv 2403.14753 (v2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, PRNGKeyArray

from isinglass._common.checks import (
    check_choice,
    check_in,
    check_key,
    check_kind,
    check_seed,
    check_whole,
)
from isinglass._common.precision import single_precision, usual_promotion
from isinglass.systems.quantum.kernel import KERNELS, apply_kernels, kernel_shape
from isinglass.systems.quantum.readout import spin_components
from isinglass.systems.quantum.registers import BASES, apply_basis, as_registers
from isinglass.systems.quantum.states import states_of

MOST_SHOTS = 10**7  # float32 counts them exactly


@dataclass(frozen=True)
class SASQuaTChConfig:
    """Shape of a `SASQuaTCh`; 48 angles in 9 spins by default.

    Attributes:
        registers: Qubits of each register: (4, 4) for 16 × 16 pixels and a transform in
            two dimensions, (8,) for one over all of them, (2, 2, 2, 2) for four tokens
            of four features. At most 12 in all.
        layers: L.
        kernel: "circuit", as published; "rotations", without the ring; "diagonal", a
            phase of each mode; or "none".
        basis: F: "fourier", as published, or the controls "hadamard", "haar" (a
            fixed draw) and "none".
        seed: Of "haar".

    Raises:
        TypeError: If registers are no sequence.
        ValueError: If a value is out of range.
    """

    registers: tuple[int, ...] = (4, 4)
    layers: int = 1
    kernel: str = "circuit"
    basis: str = "fourier"
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice(KERNELS, kernel=self.kernel)
        check_choice(BASES, basis=self.basis)
        registers = as_registers(self.registers, self.basis)
        object.__setattr__(self, "registers", registers)
        check_whole(layers=self.layers)
        check_seed(seed=self.seed)

    @property
    def qubits(self) -> int:
        """Of the data, n; the readout is one more."""
        return sum(self.registers)

    @property
    def places(self) -> int:
        """Amplitudes, 2^n."""
        return 2**self.qubits

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        shape = kernel_shape(self.kernel, self.layers, self.qubits)
        return (math.prod(shape) if shape else 0) + 2 * self.qubits


class SASQuaTCh(eqx.Module):
    """The circuit: from fields (…, 2^n) to ⟨Z⟩ of the readout, (…), within [−1, 1].

    All of it is one quadratic form xᵀAx/|x|² (`quadratic_form`), so that f(cx) = f(x)
    of any c ≠ 0: contrast and sign of a picture are invisible.

    Attributes:
        kernel: θ, (L, n, 4), or phases (L, 2^n) of "diagonal", or None of "none".
        readout: φ, (n, 2).
        config: Its `SASQuaTChConfig`.

    Args:
        config: The shape.
        key: Key of the first angles, uniform in [−π, π).

    Raises:
        TypeError: If the config is no `SASQuaTChConfig`, or the key no JAX key.
    """

    kernel: Float[Array, "..."] | None
    readout: Float[Array, "n 2"]
    config: SASQuaTChConfig = eqx.field(static=True)

    @single_precision()
    def __init__(self, config: SASQuaTChConfig, *, key: PRNGKeyArray) -> None:
        check_kind(SASQuaTChConfig, config=config)
        check_key(key=key)
        below, above = jax.random.split(key)
        shape = kernel_shape(config.kernel, config.layers, config.qubits)
        self.kernel = None if shape is None else _angles(below, shape)
        self.readout = _angles(above, (config.qubits, 2))
        self.config = config

    @usual_promotion()
    def __call__(self, fields: Float[Array, "*batch places"]) -> Float[Array, "*batch"]:
        """Return ⟨Z⟩, (…); the class is its sign.

        Args:
            fields: x, (…, 2^n), such as pictures row by row. Their type is that of the
                computation.

        Raises:
            TypeError: If fields are no array.
            ValueError: If one is 0 everywhere (NaN under `jax.jit`), shapes do not fit,
                or numbers are not real and finite.
        """
        return self.expectation(states_of("fields", fields, self.config.places))

    @usual_promotion()
    def evolve(
        self, fields: Float[Array, "*batch places"]
    ) -> Complex[Array, "*batch places"]:
        """Return amplitudes ψ' behind the last layer, (…, 2^n).

        Args:
            fields: x, (…, 2^n).

        Raises:
            TypeError: If fields are no array.
            ValueError: If one is 0 everywhere (NaN under `jax.jit`), shapes do not fit,
                or numbers are not real and finite.
        """
        return self.evolve_states(states_of("fields", fields, self.config.places))

    @usual_promotion()
    def measure(
        self,
        fields: Float[Array, "*batch places"],
        shots: int,
        *,
        key: PRNGKeyArray,
    ) -> Float[Array, "*batch"]:
        """Return the mean of ±1 over some runs of the circuit, as hardware gives it.

        Its mean is ⟨Z⟩, its variance (1 − ⟨Z⟩²)/shots.

        Args:
            fields: x, (…, 2^n).
            shots: Runs of each field, at most 10⁷.
            key: Of the outcomes.

        Raises:
            TypeError: If fields are no array, or the key no JAX key.
            ValueError: If shots are out of range, or fields as for a call.
        """
        check_shots(shots)
        check_key(key=key)
        return sample_spins(self(fields), shots, key)

    def expectation(self, states: Array, unitaries: Any = None) -> Array:
        """⟨Z⟩ of unit vectors that are not looked at."""
        evolved = self.evolve_states(states, unitaries)
        density = evolved.real**2 + evolved.imag**2
        angles = _at_least(self.readout, density.dtype)
        return density @ spin_components(angles).astype(density.dtype)

    def evolve_states(self, states: Array, unitaries: Any = None) -> Array:
        """Amplitudes behind the last layer, of unit vectors that are not looked at.

        Unitaries of each register, if any, stand in place of those that "haar" draws by
        its seed, so that circuits side by side can have draws of their own.
        """
        config = self.config
        kind = config.basis, config.seed if unitaries is None else unitaries
        modes = apply_basis(states, config.registers, kind)
        angles = self.kernel
        if angles is not None:
            angles = _at_least(angles, states.dtype)
        modes = apply_kernels(modes, config.kernel, angles)
        return apply_basis(modes, config.registers, kind, inverse=True)


def check_shots(shots: int) -> None:
    """Refuse what is no number of runs.

    Raises:
        ValueError: If it is none.
    """
    check_whole(shots=shots)
    check_in(f"[1, {MOST_SHOTS}]", shots=shots)


def sample_spins(expectation: Array, shots: int, key: PRNGKeyArray) -> Array:
    """The mean of ±1 over runs whose mean is known."""
    down = jnp.clip((1 - expectation) / 2, 0, 1)
    counts = jax.random.binomial(key, shots, down, dtype=expectation.dtype)
    return 1 - 2 * counts / shots


def _angles(key: PRNGKeyArray, shape: tuple[int, ...]) -> Array:
    return jax.random.uniform(key, shape, minval=-math.pi, maxval=math.pi)


def _at_least(angles: Array, dtype: Any) -> Array:
    """Angles in the finer of their type and another."""
    return angles.astype(jnp.promote_types(angles.dtype, dtype))
