"""SASQuaTCh gate by gate in NumPy: every qubit an axis, the readout the last of them.

Written from the circuit's description, without the package's shortcuts: transforms are
matrices in every layer, and the readout is a qubit of the state.
"""

import numpy as np

X, Z = np.array([[0, 1], [1, 0]]), np.diag([1, -1])
Y = np.array([[0, -1j], [1j, 0]])
HADAMARD = np.array([[1, 1], [1, -1]]) / np.sqrt(2)


def turn(pauli, angle):
    return np.cos(angle / 2) * np.eye(2) - 1j * np.sin(angle / 2) * pauli


def fourier(size):
    places = np.arange(size)
    return np.exp(2j * np.pi * np.outer(places, places) / size) / np.sqrt(size)


def act(state, gate, qubits):
    """A gate on some qubits of a state with an axis each."""
    count = len(qubits)
    tensor = np.reshape(gate, (2,) * (2 * count))
    moved = np.tensordot(tensor, state, (range(count, 2 * count), qubits))
    return np.moveaxis(moved, range(count), qubits)


def controlled(gate):
    full = np.eye(4, dtype=complex)
    full[2:, 2:] = gate
    return full


def ring(state, qubits):
    for q in range(qubits if qubits > 1 else 0):
        state = act(state, controlled(X), (q, (q + 1) % qubits))
    return state


def evolve(field, matrices, kernel):
    """The state (2, …, 2) of the data; matrices F of each register."""
    qubits = field.size.bit_length() - 1
    state = (field / np.linalg.norm(field)).reshape((2,) * qubits).astype(complex)
    for angles in kernel:
        state = on_registers(state, matrices)
        for first in (0, 2):
            for q in range(qubits):
                state = act(state, turn(X, angles[q, first]), (q,))
                state = act(state, turn(Z, angles[q, first + 1]), (q,))
            state = ring(state, qubits) if first == 0 else state
        state = on_registers(state, [matrix.conj().T for matrix in matrices])
    return state


def on_registers(state, matrices):
    first = 0
    for matrix in matrices:
        count = len(matrix).bit_length() - 1
        state = act(state, matrix, tuple(range(first, first + count)))
        first += count
    return state


def expectation(field, matrices, kernel, readout):
    """⟨Z⟩ of the readout qubit, which the state has as its last axis."""
    state = evolve(field, matrices, kernel)
    qubits = state.ndim
    state = np.stack([state, 0 * state], -1)
    for q in range(qubits):
        for pauli, angle in zip((X, Y), readout[q], strict=True):
            state = act(state, controlled(turn(pauli, angle)), (q, qubits))
    density = (np.abs(state) ** 2).reshape(-1, 2).sum(0)
    return density[0] - density[1]
