"""The Ising energy of dipoles that meet at a target: Tang 2020, Eq. 1."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import check_finite, check_flag, check_in, check_real
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import as_real

Dipoles = Float[Array, "*batch k d"] | Float[np.ndarray, "*batch k d"]
Field = Float[Array, "_"] | Float[np.ndarray, "_"]


@usual_promotion()
def ising_energy(
    dipoles: Dipoles,
    field: Field,
    *,
    guests: bool = True,
    threshold: float | None = None,
    coupling: Any = 1.0,
) -> Float[Array, "*batch"]:
    """Energy −J Σ_{i≠j} η(i, j) q_i · q_j − Σ_i q_i · B of dipoles in a field.

    As the paper writes it, the sum is over ordered pairs, each pair of dipoles twice. A
    dipole's product with itself, a constant for unit dipoles, is left out.

    **Factor 2.** The paper's own mean field, μ = tanh(β(n̄Jμ + B)) (Eq. 6), follows from
    this energy with each pair counted *once*. The mean field of what is computed here
    is tanh(β(2Jn̄μ + B)): give it half of J where the two are to be compared, or
    `isinglass.systems.interference.mean_field_solutions` twice the coupling.

    Without ``guests`` only the field's term is left: the simplified energy that the
    paper learns with, in which signals meet their host and not one another.

    Args:
        dipoles: q_i, (…, k, d).
        field: B, the target's dipole, (d,).
        guests: Whether dipoles act on one another.
        threshold: η(i, j) is 1 if q_i · q_j is at least this, else 0. If None it is 1
            for all, and then no pair is looked at: k numbers instead of k².
        coupling: J; may be traced, and is then not checked.

    Returns:
        Energies, (…).

    Raises:
        ValueError: If a shape does not fit, or anything is not finite.

    Source: Tang 2020, Eq. 1.
    """
    q, b = _checked(dipoles, field, threshold, coupling)
    check_flag(guests=guests)
    energy = -(q @ b).sum(-1)
    if not guests:
        return energy
    if threshold is None:
        pairs = (q.sum(-2) ** 2).sum(-1) - (q * q).sum((-2, -1))
    else:
        products, eta = _pairs(q, threshold)
        pairs = jnp.where(eta, products, 0).sum((-2, -1))
    return energy - coupling * pairs


@usual_promotion()
def ising_force(
    dipoles: Dipoles,
    field: Field,
    *,
    guests: bool = True,
    threshold: float | None = None,
    coupling: Any = 1.0,
) -> Float[Array, "*batch k d"]:
    """Force −∂E/∂q_i = B + 2J Σ_{j≠i} η(i, j) q_j on each dipole.

    Where q_i · q_j passes the threshold the energy jumps; that has no force.

    Args:
        dipoles: q_i, (…, k, d).
        field: B, (d,).
        guests: Whether dipoles act on one another.
        threshold: As for `ising_energy`.
        coupling: J.

    Raises:
        ValueError: As `ising_energy` does.
    """
    q, b = _checked(dipoles, field, threshold, coupling)
    check_flag(guests=guests)
    force = jnp.broadcast_to(b, q.shape)
    if not guests:
        return force
    if threshold is None:
        return force + 2 * coupling * (q.sum(-2, keepdims=True) - q)
    return force + 2 * coupling * (_pairs(q, threshold)[1].astype(q.dtype) @ q)


def _pairs(q: Any, threshold: float) -> tuple[Float[Array, "..."], Bool[Array, "..."]]:
    products = q @ jnp.swapaxes(q, -1, -2)
    others = ~jnp.eye(q.shape[-2], dtype=bool)
    return products, jax.lax.stop_gradient(products >= threshold) & others


def _checked(
    dipoles: Any, field: Any, threshold: Any, coupling: Any
) -> tuple[Any, Any]:
    """Dipoles and field as real numbers of one type."""
    check_real(dipoles=dipoles, field=field)
    if dipoles.ndim < 2 or 0 in dipoles.shape[-2:]:
        raise ValueError(
            f"dipoles must be one or more, (…, k, d); got shape {dipoles.shape}"
        )
    if field.shape != dipoles.shape[-1:]:
        raise ValueError(
            f"field must have shape {dipoles.shape[-1:]}, got {field.shape}"
        )
    check_finite(dipoles=dipoles, field=field)
    check_in("(-inf, inf)", coupling=coupling)
    if threshold is not None:
        check_in("[-inf, inf]", threshold=threshold)
    q = as_real(dipoles)
    return q, jnp.asarray(field, q.dtype)
