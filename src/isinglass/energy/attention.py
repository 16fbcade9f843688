"""The free energy of attention, whose force is softmax attention itself."""

import jax
from jaxtyping import Array, Float

from isinglass.energy._arrays import checked, positive, refuse_infinite


def attention_energy(
    state: Float[Array, "*n d"],
    keys: Float[Array, "m d"],
    temperature: float | Float[Array, ""] = 1.0,
    scale: float | Float[Array, ""] | None = None,
) -> Float[Array, "*n"]:
    """Free energy E_τ(z) = −τ log Σ_j exp(s ⟨z, k_j⟩/τ) of a state among keys.

    It is concave in z. As τ → 0 it becomes −s max_j ⟨z, k_j⟩; as τ grows, −τ log m less s times
    the mean of ⟨z, k_j⟩.

    Args:
        state: z, (…, d); each is by itself.
        keys: k_j, (m, d).
        temperature: τ > 0; may be traced, and is then not checked.
        scale: s; 1/√d if None, with which it is E_τ of Lam 2026, Eq. 1, for z = W_Q Z and
            k_j = W_K x_j.

    Returns:
        Energies, (…), in the units of s ⟨z, k⟩.

    Raises:
        ValueError: If the temperature is not positive and finite, the scale is not finite, there is
            no key, or a state or key is not finite.

    Source: Lam 2026, Eq. 1; the log-sum-exp part of Ramsauer et al. 2021.
    """
    _check(state, keys, temperature, scale)
    return -temperature * jax.nn.logsumexp(_scores(state, keys, scale) / temperature, axis=-1)


def attention_force(
    state: Float[Array, "*n d"],
    keys: Float[Array, "m d"],
    temperature: float | Float[Array, ""] = 1.0,
    scale: float | Float[Array, ""] | None = None,
) -> Float[Array, "*n d"]:
    """Force −∇E_τ(z) = s Σ_j softmax_j(s ⟨z, k_j⟩/τ) k_j: attention whose values are the keys.

    The same as the gradient of `attention_energy`, without a backward pass.

    Args:
        state: z, (…, d).
        keys: k_j, (m, d).
        temperature: τ > 0.
        scale: s; 1/√d if None.

    Returns:
        Forces, (…, d).

    Raises:
        ValueError: As `attention_energy` does.
    """
    _check(state, keys, temperature, scale)
    shares = jax.nn.softmax(_scores(state, keys, scale) / temperature, axis=-1)
    return _scale(keys, scale) * (shares @ keys)


def _scores(state: Array, keys: Array, scale: float | Array | None) -> Array:
    return _scale(keys, scale) * (state @ keys.T)


def _scale(keys: Array, scale: float | Array | None) -> float | Array:
    return keys.shape[-1] ** -0.5 if scale is None else scale


def _check(
    state: Array, keys: Array, temperature: float | Array, scale: float | Array | None
) -> None:
    """What is being traced has no values to check."""
    if 0 in keys.shape:
        raise ValueError(f"keys must hold one key at least, got shape {keys.shape}")
    checked(state, keys, "keys")
    positive("temperature", temperature)
    if scale is not None:
        refuse_infinite("scale", scale)
