"""Gradients as hardware takes them: from the same circuit at shifted angles.

    ∂⟨Z⟩/∂θ = ½ [⟨Z⟩(θ + π/2) − ⟨Z⟩(θ − π/2)]

Exact of R_X and R_Z, and of a phase e^(iφ) of one mode. The textbook's rule for a
controlled rotation has four terms; here two are enough, since what is measured commutes
with the controls, so that ⟨Z⟩ holds no cos(φ/2).

It costs two runs a parameter. On a computer `jax.grad` costs a few in all, and is the
thing to train with; this says what a run on hardware would give, with its noise.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PRNGKeyArray

from isinglass._common.checks import check_key, check_kind
from isinglass._common.precision import in_floats, usual_promotion
from isinglass.systems.quantum.circuit import SASQuaTCh, check_shots, sample_spins
from isinglass.systems.quantum.states import check_fields, unit_states

_TOGETHER = 16  # parameters that are shifted side by side


class ShiftGradients(NamedTuple):
    """Gradients of ⟨Z⟩ by all angles, of each field.

    Attributes:
        kernel: (…, L, n, 4), or (…, L, 2^n) of "diagonal"; None of "none".
        readout: (…, n, 2).
    """

    kernel: Float[Array, "..."] | None
    readout: Float[Array, "..."]


@usual_promotion()
def parameter_shift(
    model: SASQuaTCh,
    fields: Float[Array, "*batch places"],
    *,
    shots: int | None = None,
    key: PRNGKeyArray | None = None,
) -> ShiftGradients:
    """Compute gradients of ⟨Z⟩ by the parameter-shift rule.

    Args:
        model: The circuit.
        fields: x, (…, 2^n).
        shots: Runs for each expectation, or None for exact ones.
        key: Of the outcomes, if there are shots.

    Raises:
        TypeError: If something is of another kind, or the key is missing.
        ValueError: If shots are out of range, or fields as for the model.
    """
    check_kind(SASQuaTCh, model=model)
    check_fields("fields", fields, model.config.places)
    if shots is not None:
        check_shots(shots)
        check_key(key=key)
    fields = in_floats(jnp.asarray(fields))
    fields = fields.astype(jnp.promote_types(fields.dtype, jnp.float32))
    if not fields.size:  # slopes of nothing
        return _shifted_of_nothing(model, fields)
    return _shifted(model, unit_states(fields), shots, key)


def _shifted_of_nothing(model: SASQuaTCh, fields: Array) -> ShiftGradients:
    batch = fields.shape[:-1]
    return ShiftGradients(
        None if model.kernel is None else jnp.zeros(batch + model.kernel.shape),
        jnp.zeros(batch + model.readout.shape),
    )


@eqx.filter_jit
def _shifted(
    model: SASQuaTCh, states: Array, shots: int | None, key: PRNGKeyArray | None
) -> ShiftGradients:
    model = jax.tree.map(lambda x: x.astype(states.dtype), model)
    angles, rebuilt = ravel_pytree(model)

    def at(place: Array, side: float) -> Array:
        moved = rebuilt(angles.at[place].add(side * np.pi / 2))
        expectation = moved.expectation(states)
        if shots is None or key is None:
            return expectation
        own = jax.random.fold_in(key, 2 * place + (side > 0))
        return sample_spins(expectation, shots, own)

    def slope(place: Array) -> Array:
        return (at(place, 1.0) - at(place, -1.0)) / 2

    places = jnp.arange(angles.size)
    slopes = jax.lax.map(slope, places, batch_size=_TOGETHER)
    slopes = jnp.moveaxis(slopes, 0, -1)
    batch, config = states.shape[:-1], model.config
    split = angles.size - 2 * config.qubits
    readout = slopes[..., split:].reshape(*batch, config.qubits, 2)
    if model.kernel is None:
        return ShiftGradients(None, readout)
    kernel = slopes[..., :split].reshape(*batch, *model.kernel.shape)
    return ShiftGradients(kernel, readout)
