"""SASQuaTCh gate by gate in PennyLane, all pictures of a batch at once."""

from __future__ import annotations

from typing import Any

import jax
import pennylane as qml

QUBITS, REGISTERS = 8, ((0, 1, 2, 3), (4, 5, 6, 7))


class Peer:
    """The circuit of registers (4, 4) with its loss.

    Args:
        layers: L.
        states: Unit vectors (n, 256).
        signs: y, (n,).
    """

    def __init__(self, layers: int, states: jax.Array, signs: jax.Array) -> None:
        self.layers, self.states, self.signs = layers, states, signs
        device = qml.device("default.qubit", wires=QUBITS + 1)
        self.circuit: Any = qml.QNode(self._gates, device, interface="jax")
        self.plain = jax.value_and_grad(self.loss, argnums=(0, 1))
        self.jitted = jax.jit(self.plain)

    def _gates(self, kernel: Any, readout: Any) -> Any:
        qml.AmplitudeEmbedding(self.states, wires=range(QUBITS), validate_norm=False)
        for angles in kernel:
            for register in REGISTERS:
                qml.QFT(wires=register)
            for first in (0, 2):
                for qubit in range(QUBITS):
                    qml.RX(angles[qubit, first], wires=qubit)
                    qml.RZ(angles[qubit, first + 1], wires=qubit)
                for qubit in range(QUBITS if first == 0 else 0):
                    qml.CNOT(wires=(qubit, (qubit + 1) % QUBITS))
            for register in REGISTERS:
                qml.adjoint(qml.QFT)(wires=register)
        for qubit in range(QUBITS):
            qml.CRX(readout[qubit, 0], wires=(qubit, QUBITS))
            qml.CRY(readout[qubit, 1], wires=(qubit, QUBITS))
        return qml.expval(qml.PauliZ(QUBITS))

    def loss(self, kernel: jax.Array, readout: jax.Array) -> jax.Array:
        """(⟨Z⟩ − y)²."""
        return ((self.circuit(kernel, readout) - self.signs) ** 2).mean()
