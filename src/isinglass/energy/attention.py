"""The free energy of attention, whose force is softmax attention itself."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import check_in, check_positive
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import Patterns, State, check_state, rows
from isinglass.energy.soft_maximum import PLAIN, WITH_MEAN, Form, Soft, soft


@usual_promotion()
def attention_energy(
    state: State,
    keys: Patterns,
    temperature: float | Float[Array, ""] = 1.0,
    scale: float | Float[Array, ""] | None = None,
    *,
    block: int | None = None,
) -> Float[Array, "*batch"]:
    """Free energy E_τ(z) = −τ log Σ_j exp(s ⟨z, k_j⟩/τ) of a state among keys.

    It is concave in z. As τ → 0 it becomes −s max_j ⟨z, k_j⟩; as τ grows, −τ log m less
    s times the mean of ⟨z, k_j⟩.

    Args:
        state: z, (…, d); each is by itself.
        keys: k_j, (m, d); see `isinglass.energy.streaming` for where they may lie.
        temperature: τ > 0; may be traced, and is then not checked.
        scale: s; 1/√d if None, with which it is E_τ of Lam 2026, Eq. 1, for z = W_Q Z
            and k_j = W_K x_j.
        block: Keys to read at a time, if not as many as suit.

    Returns:
        Energies, (…), in the units of s ⟨z, k⟩, which can be differentiated by state,
        keys, τ and s.

    Raises:
        ValueError: If the temperature is not positive and finite, the scale is not
            finite, there is no key, the state has another number of components, or a
            state or key is not finite.

    Source: Lam 2026, Eq. 1; the log-sum-exp part of Ramsauer et al. 2021.
    """
    _, scores = _soft_scores(state, keys, temperature, scale, PLAIN, block)
    return -scores.maximum.reshape(state.shape[:-1])


@usual_promotion()
def attention_force(
    state: State,
    keys: Patterns,
    temperature: float | Float[Array, ""] = 1.0,
    scale: float | Float[Array, ""] | None = None,
    *,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Force −∇E_τ(z) = s Σ_j softmax_j(s ⟨z, k_j⟩/τ) k_j of `attention_energy`.

    It is attention whose values are the keys: softmax attention goes downhill. No
    backward pass is needed.

    Args:
        state: z, (…, d).
        keys: k_j, (m, d).
        temperature: τ > 0.
        scale: s; 1/√d if None.
        block: Keys to read at a time, if not as many as suit.

    Returns:
        Forces, (…, d).

    Raises:
        ValueError: As `attention_energy` does.
    """
    s, scores = _soft_scores(state, keys, temperature, scale, WITH_MEAN, block)
    return (s * scores.mean).reshape(state.shape)


def _soft_scores(
    state: Any, keys: Any, temperature: Any, scale: Any, form: Form, block: int | None
) -> tuple[Any, Soft]:
    """The scale s, and the soft maximum of the scores s ⟨z, k_j⟩."""
    check_state(state, keys, "keys")
    check_positive(temperature=temperature)
    if scale is not None:
        check_in("(-inf, inf)", scale=scale)
    z = rows(state)
    s = jnp.asarray(keys.shape[-1] ** -0.5 if scale is None else scale).astype(z.dtype)
    beta = 1 / jnp.asarray(temperature).astype(z.dtype)
    return s, soft(s * z, keys, beta, form, block=block, name="keys")
