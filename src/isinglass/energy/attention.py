"""The free energy of attention, whose force is softmax attention itself."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import check_finite, check_positive
from isinglass.energy._arrays import Patterns, State, checked, rows
from isinglass.energy.soft_maximum import Soft, soft


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
    _, found = _found(state, keys, temperature, scale, False, block)
    return -found.maximum.reshape(state.shape[:-1])


def attention_force(
    state: State,
    keys: Patterns,
    temperature: float | Float[Array, ""] = 1.0,
    scale: float | Float[Array, ""] | None = None,
    *,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Force −∇E_τ(z) = s Σ_j softmax_j(s ⟨z, k_j⟩/τ) k_j: attention whose values are the keys.

    The same as the gradient of `attention_energy`, without a backward pass.

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
    s, found = _found(state, keys, temperature, scale, True, block)
    return (s * found.mean).reshape(state.shape)


def _found(
    state: Any, keys: Any, temperature: Any, scale: Any, mean: bool, block: int | None
) -> tuple[Any, Soft]:
    """The scale, and what is known of the scores s ⟨z, k_j⟩; what is traced is not checked."""
    checked(state, keys, "keys")
    check_positive(temperature=temperature)
    if scale is not None:
        check_finite(scale=scale)
    z = rows(state)
    s = jnp.asarray(keys.shape[-1] ** -0.5 if scale is None else scale).astype(z.dtype)
    beta = 1 / jnp.asarray(temperature).astype(z.dtype)
    return s, soft(
        s * z, keys, beta, by_distance=False, mean=mean, block=block, name="keys"
    )
