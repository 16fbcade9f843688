"""The readout: one spin that every data qubit turns if it is up.

From each qubit q a controlled R_X(φ_q0) and then a controlled R_Y(φ_q1) act on a spin
that starts in |0⟩. They leave the basis state k of the data as it is, so that the spin
ends in a pure state for each k, and with z_k its component along z

    ⟨Z⟩ = Σ_k |ψ_k|² z_k(φ)

z_k is what a unit vector along z comes to after the turns of those qubits whose bit in
k is 1, in their order. Source: Evans et al. 2024, arXiv 2403.14753; the gates are this
package's choice, since no program of the authors is public.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import check_finite, check_real, check_shapes
from isinglass._common.precision import in_floats, usual_promotion
from isinglass.systems.quantum.registers import MOST_QUBITS


@usual_promotion()
def readout_values(angles: Float[Array, "n 2"]) -> Float[Array, "places"]:
    """Compute z_k of each basis state k, (2^n,), within [−1, 1].

    Args:
        angles: φ of R_X and R_Y, (n, 2), the most significant qubit first.

    Raises:
        TypeError: If angles are no array.
        ValueError: If they are not real and finite, of another shape, or too many.
    """
    check_real(angles=angles)
    check_shapes(angles=(angles, "n 2"))
    check_finite(angles=angles)
    if len(angles) > MOST_QUBITS:
        raise ValueError(
            f"angles must be of at most {MOST_QUBITS} qubits, got {len(angles)}"
        )
    return spin_components(in_floats(jnp.asarray(angles)))


def spin_components(angles: Array) -> Array:
    """z_k of all k, one qubit after the other."""
    bits = _bits(len(angles))

    def turned(spin: Array, qubit: tuple[Array, Array, Array]) -> tuple[Array, None]:
        cosine, sine, up = qubit
        x, y, z = spin
        # R_X turns y to z, then R_Y turns z to x.
        y, z = cosine[0] * y - sine[0] * z, sine[0] * y + cosine[0] * z
        x, z = cosine[1] * x + sine[1] * z, cosine[1] * z - sine[1] * x
        return jnp.where(up, jnp.stack([x, y, z]), spin), None

    start = jnp.zeros((3, bits.shape[1]), angles.dtype).at[2].set(1)
    # A scan, not 2^n steps written out: it compiles sooner and costs no more.
    turns = jnp.cos(angles), jnp.sin(angles), jnp.asarray(bits)
    return jax.lax.scan(turned, start, turns)[0][2]


@cache
def _bits(qubits: int) -> Bool[np.ndarray, "n places"]:
    places = np.arange(2**qubits)
    return (places >> np.arange(qubits)[::-1, None]) & 1 == 1
