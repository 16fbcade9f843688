"""Kernels: the trained unitary between a Fourier transform and the one back.

    circuit     per qubit R_X(θ_0), R_Z(θ_1); a ring of CNOTs q → q + 1; R_X(θ_2),
                R_Z(θ_3): θ (L, n, 4)
    rotations   the same without the ring
    diagonal    e^(iφ_j) of each mode j, φ (L, 2^n): with F an exact convolution
    none        the identity

Only the diagonal kernel commutes with translations. The ring alone breaks that as far
as a unitary can, and R_X does in proportion to its angle.

**Stacked layers share one transform.** L layers F†VF without anything between them are
F† V_L … V_1 F: the transforms inside cancel. They are not computed here, gates of
neighbouring layers on one qubit are multiplied first, and L diagonal layers are one.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from isinglass.systems.quantum.registers import apply_product

KERNELS = ("circuit", "rotations", "diagonal", "none")
ANGLES = 4  # of a qubit and layer


def kernel_shape(kernel: str, layers: int, qubits: int) -> tuple[int, ...] | None:
    """The shape of a kernel's parameters; None if it has none."""
    if kernel == "none":
        return None
    if kernel == "diagonal":
        return layers, 2**qubits
    return layers, qubits, ANGLES


def apply_kernels(states: Array, kernel: str, angles: Any) -> Array:
    """The states after the kernels of all layers, without any transform."""
    if kernel == "none":
        return states
    if kernel == "diagonal":
        return states * jax.lax.complex(jnp.cos(angles.sum(0)), jnp.sin(angles.sum(0)))
    first = rotation(angles[..., 0], angles[..., 1])
    second = rotation(angles[..., 2], angles[..., 3])
    # Between two rings stand the second gates of a layer and the first of the next.
    stages = [first[0], *(first[1:] @ second[:-1]), second[-1]]
    for place, gates in enumerate(stages):
        states = apply_product(states, gates)
        if place < len(stages) - 1 and kernel == "circuit":
            states = apply_ring(states)
    return states


def rotation(x: Array, z: Array) -> Array:
    """R_Z(z) R_X(x), (…, 2, 2)."""
    cosine, sine = jnp.cos(x / 2), jnp.sin(x / 2)
    real, imaginary = jnp.cos(z / 2), jnp.sin(z / 2)
    diagonal = jax.lax.complex(cosine * real, -cosine * imaginary)
    off = jax.lax.complex(-sine * imaginary, -sine * real)
    rows = [
        jnp.stack([diagonal, off], -1),
        jnp.stack([-off.conj(), diagonal.conj()], -1),
    ]
    return jnp.stack(rows, -2)


def apply_ring(states: Array) -> Array:
    """The states (…, 2^n) after CNOTs q → q + 1 mod n, q = 0 … n − 1."""
    qubits = states.shape[-1].bit_length() - 1
    source, target = ring(qubits)
    return permute(states, jnp.asarray(source), jnp.asarray(target))


@jax.custom_vjp
def permute(states: Array, source: Array, target: Array) -> Array:
    """The amplitudes of other places: place k has what `source[k]` had."""
    return states[..., source]


def _forward(states: Array, source: Array, target: Array) -> tuple[Array, Array]:
    return states[..., source], target


def _backward(target: Array, change: Array) -> tuple[Array, None, None]:
    # JAX would scatter, place by place; the way back of a permutation is one, too.
    return change[..., target], None, None


permute.defvjp(_forward, _backward)


@cache
def ring(qubits: int) -> tuple[Int[np.ndarray, "n"], Int[np.ndarray, "n"]]:
    """Where each place's amplitude comes from, and where it goes."""
    places = np.arange(2**qubits)
    bits = [(places >> (qubits - 1 - q)) & 1 for q in range(qubits)]
    if qubits > 1:
        for q in range(qubits):
            bits[(q + 1) % qubits] = bits[(q + 1) % qubits] ^ bits[q]
    weights = 2 ** np.arange(qubits)[::-1]
    target = np.tensordot(weights, np.stack(bits), 1).astype(np.int32)
    return np.argsort(target).astype(np.int32), target
