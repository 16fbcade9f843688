"""Hopfield's energy of 1982, from weights or straight from Hebb's patterns."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import check_finite, check_flag, check_real
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import (
    Patterns,
    State,
    as_real,
    check_patterns,
    check_state,
    rows,
)
from isinglass.energy.polynomial import krotov_hopfield_energy, krotov_hopfield_force
from isinglass.energy.soft_maximum import product
from isinglass.energy.streamed_sum import streamed_sum
from isinglass.energy.streaming import on_device


@usual_promotion()
def hopfield_energy(
    state: State,
    patterns: Patterns,
    bias: Float[Array, "_"] | None = None,
    *,
    self_coupling: bool = False,
    block: int | None = None,
) -> Float[Array, "*batch"]:
    """Energy E(x) = −½ xᵀWx − bᵀx of Hebb's weights W = n⁻¹ Σ_j ρ_j ρ_jᵀ, not formed.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        bias: b, (n,); 0 if None.
        self_coupling: Whether the diagonal of W stays. Without it, as in the paper,
            energy falls when one component is updated at a time; with it, W is positive
            semidefinite, and energy falls also when all are updated at once.
        block: Patterns to read at a time, if not as many as suit.

    Returns:
        Energies, (…), which can be differentiated by all of state, patterns and bias.

    Raises:
        ValueError: If there is no pattern, a shape does not fit, or anything is not
            finite.

    Source: Hopfield 1982, Eqs. 2 and 7.
    """
    check_state(state, patterns)
    check_flag(self_coupling=self_coupling)
    x = rows(state)
    n = x.shape[-1]
    energy = krotov_hopfield_energy(x, patterns, 2, block=block) / (2 * n)
    if not self_coupling:
        energy = energy + (x * x * _diagonal(x, patterns, block)).sum(-1) / 2
    return (energy - _field(x, bias)).reshape(state.shape[:-1])


@usual_promotion()
def hopfield_force(
    state: State,
    patterns: Patterns,
    bias: Float[Array, "_"] | None = None,
    *,
    self_coupling: bool = False,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Force −∇E(x) = Wx + b of `hopfield_energy`, (…, n), whose arguments it takes.

    Raises:
        ValueError: As `hopfield_energy` does.
    """
    check_state(state, patterns)
    check_flag(self_coupling=self_coupling)
    x = rows(state)
    _field(x, bias)
    force = krotov_hopfield_force(x, patterns, 2, block=block) / (2 * x.shape[-1])
    if not self_coupling:
        force = force - x * _diagonal(x, patterns, block)
    return (force if bias is None else force + bias).reshape(state.shape)


@usual_promotion()
def hopfield_energy_of_weights(
    state: State, weights: Float[Array, "n n"], bias: Float[Array, "_"] | None = None
) -> Float[Array, "*batch"]:
    """Energy E(x) = −½ xᵀWx − bᵀx of any weights.

    Args:
        state: x, (…, n).
        weights: W, (n, n); only its symmetric part matters.
        bias: b, (n,); 0 if None.

    Raises:
        ValueError: If a shape does not fit, or anything is not finite.

    Source: Hopfield 1982, Eq. 7.
    """
    check_state(state, weights, "weights")
    if weights.shape[0] != weights.shape[1]:
        raise ValueError(f"weights must be square, (n, n); got shape {weights.shape}")
    x = rows(state)
    energy = -(product(x, weights) * x).sum(-1) / 2 - _field(x, bias)
    return energy.reshape(state.shape[:-1])


@usual_promotion()
def hebbian_weights(
    patterns: Patterns, *, self_coupling: bool = False
) -> Float[Array, "n n"]:
    """Weights W = n⁻¹ Σ_j ρ_j ρ_jᵀ of Hebb's rule, n² numbers.

    Args:
        patterns: ρ_j, (m, n).
        self_coupling: Whether the diagonal stays; else it is 0.

    Raises:
        ValueError: If there is no pattern, or anything is not finite.

    Source: Hopfield 1982, Eq. 2.
    """
    check_patterns(patterns)
    check_flag(self_coupling=self_coupling)
    vectors = as_real(on_device(patterns))
    weights = product(vectors.T, vectors) / patterns.shape[1]
    return weights if self_coupling else weights - jnp.diag(jnp.diag(weights))


def _sum_of_squares(args: Any, block: Any, first: Any) -> Any:
    del args, first
    return (block * block).sum(0)


def _diagonal(x: Any, patterns: Any, block: int | None) -> Any:
    """The diagonal of Hebb's weights, (n,)."""
    return streamed_sum(_sum_of_squares, (x,), patterns, block) / x.shape[-1]


def _field(x: Any, bias: Any) -> Any:
    if bias is None:
        return jnp.zeros(x.shape[0], x.dtype)
    check_real(bias=bias)
    if bias.shape != x.shape[-1:]:
        raise ValueError(f"bias must have shape {x.shape[-1:]}, got {bias.shape}")
    check_finite(bias=bias)
    return x @ bias
