"""A circuit as matrices: its unitary, its quadratic form, and how local it is in space.

All in float64, by the circuit itself: column k is what it makes of the basis state k.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float
from threadpoolctl import ThreadpoolController

from isinglass._common.checks import check_kind
from isinglass._common.precision import double_precision
from isinglass.systems.quantum.circuit import SASQuaTCh
from isinglass.systems.quantum.readout import spin_components

_SMALL = 512  # rows of a matrix that threads do not help


@double_precision()
def circuit_unitary(model: SASQuaTCh) -> Complex[np.ndarray, "places places"]:
    """Compute W = F† V_L … V_1 F on the data qubits, (2^n, 2^n), in complex128.

    Raises:
        TypeError: If the model is of another kind.
    """
    return np.asarray(_columns(_doubled(model)))


@double_precision()
def quadratic_form(model: SASQuaTCh) -> Float[np.ndarray, "places places"]:
    """Compute A of ⟨Z⟩ = xᵀAx/|x|², real and symmetric, (2^n, 2^n), in float64.

    A = Re W† diag(z) W: no circuit of this kind is more than that. Its spectrum is
    within [−1, 1], which a quadratic kernel machine's is not.

    Raises:
        TypeError: If the model is of another kind.
    """
    own = _doubled(model)
    unitary = np.asarray(_columns(own))
    values = np.asarray(spin_components(own.readout))
    form = np.real((unitary.conj().T * values) @ unitary)
    return (form + form.T) / 2


@double_precision()
def translation_commutator(model: SASQuaTCh) -> Float[np.ndarray, "registers"]:
    """Compute ‖WT − TW‖₂ of each register's shift T by a place, within [0, 2].

    0 where the circuit is a convolution along the register; 2 is the largest possible.

    Raises:
        TypeError: If the model is of another kind.
    """
    unitary = np.asarray(_columns(_doubled(model)))
    shape = tuple(2**r for r in model.config.registers)
    fields = unitary.reshape(shape * 2)
    norms = []
    for axis in range(len(shape)):
        # WT moves what comes in, TW what comes out.
        before = np.roll(fields, -1, len(shape) + axis)
        after = np.roll(fields, 1, axis)
        difference = (before - after).reshape(unitary.shape)
        with _one_thread(len(unitary)):
            norms.append(np.linalg.norm(difference, 2))
    return np.asarray(norms)


def _one_thread(places: int) -> AbstractContextManager[Any]:
    """One thread for the decomposition of a small matrix.

    Of 256 × 256 two threads that wait for each other take fifty times the processor
    time where the machine has other work.
    """
    if places > _SMALL:
        return nullcontext()
    return ThreadpoolController().limit(limits=1, user_api="blas")


def _doubled(model: SASQuaTCh) -> SASQuaTCh:
    """The model with angles in float64.

    Raises:
        TypeError: If it is of another kind.
    """
    check_kind(SASQuaTCh, model=model)
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), model)


def _columns(model: SASQuaTCh) -> Array:
    # Not compiled as a whole, which would be done anew for each draw of a basis.
    basis = jnp.eye(model.config.places, dtype=jnp.float64)
    return model.evolve_states(basis).T
