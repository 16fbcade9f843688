"""Memories with an exponential: Demircigil et al. 2017, and the modern Hopfield one."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import check_positive
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import (
    Patterns,
    State,
    as_real,
    check_state,
    rows,
    squared_length,
)
from isinglass.energy.soft_maximum import PLAIN, WITH_MEAN, Form, Soft, soft
from isinglass.energy.streaming import Reduction, fold, on_device, on_host


@usual_promotion()
def demircigil_energy(
    state: State, patterns: Patterns, *, block: int | None = None
) -> Float[Array, "*batch"]:
    """Energy E(x) = −log Σ_j exp⟨ρ_j, x⟩, concave in x.

    Demircigil et al. take the sum itself, −Σ_j exp⟨ρ_j, x⟩. Its logarithm, as Niu et
    al. write it, has the same minima and the same updates, and does not overflow.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        block: Patterns to read at a time, if not as many as suit.

    Returns:
        Energies, (…), which can be differentiated by state and patterns.

    Raises:
        ValueError: If there is no pattern, the state has another number of components,
            or anything is not finite.

    Source: Demircigil et al. 2017, Eq. 4; Niu et al. 2024, §3.
    """
    products = _soft_products(state, patterns, 1.0, PLAIN, block)
    return -products.maximum.reshape(state.shape[:-1])


@usual_promotion()
def demircigil_force(
    state: State, patterns: Patterns, *, block: int | None = None
) -> Float[Array, "*batch n"]:
    """Force −∇E(x) = Σ_j softmax_j(⟨ρ_j, x⟩) ρ_j of `demircigil_energy`, (…, n).

    Raises:
        ValueError: As `demircigil_energy` does.
    """
    products = _soft_products(state, patterns, 1.0, WITH_MEAN, block)
    return products.mean.reshape(state.shape)


@usual_promotion()
def modern_hopfield_energy(
    state: State,
    patterns: Patterns,
    inverse_temperature: Any = 1.0,
    *,
    block: int | None = None,
) -> Float[Array, "*batch"]:
    """Energy E(x) = −β⁻¹ log Σ_j exp(β⟨ρ_j, x⟩) + ½|x|² + β⁻¹ log m + ½ max_j |ρ_j|².

    With these constants E ≥ 0. With β = 2 and patterns of one length, 2E − log m is the
    energy of `nearest_neighbour_energy`.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        inverse_temperature: β > 0; may be traced, and is then not checked.
        block: Patterns to read at a time, if not as many as suit.

    Returns:
        Energies, (…), which can be differentiated by state, patterns and β.

    Raises:
        ValueError: If there is no pattern, the state has another number of components,
            anything is not finite, or β is not positive.

    Source: Ramsauer et al. 2021, Eq. 2.
    """
    products = _soft_products(state, patterns, inverse_temperature, PLAIN, block)
    x = rows(state)
    constant = jnp.log(patterns.shape[0]) / inverse_temperature
    constant = constant + largest_squared_length(x, patterns, block) / 2
    energy = squared_length(x) / 2 - products.maximum + constant
    return energy.astype(x.dtype).reshape(state.shape[:-1])


@usual_promotion()
def modern_hopfield_force(
    state: State,
    patterns: Patterns,
    inverse_temperature: Any = 1.0,
    *,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Force −∇E(x) = Σ_j softmax_j(β⟨ρ_j, x⟩) ρ_j − x of `modern_hopfield_energy`.

    Raises:
        ValueError: As `modern_hopfield_energy` does.
    """
    update = modern_hopfield_update(state, patterns, inverse_temperature, block=block)
    return update - rows(state).reshape(state.shape)


@usual_promotion()
def modern_hopfield_update(
    state: State,
    patterns: Patterns,
    inverse_temperature: Any = 1.0,
    *,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Update x ← Σ_j softmax_j(β⟨ρ_j, x⟩) ρ_j, along which the energy never increases.

    It is attention whose keys and values are the patterns.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        inverse_temperature: β > 0.
        block: Patterns to read at a time, if not as many as suit.

    Raises:
        ValueError: As `modern_hopfield_energy` does.

    Source: Ramsauer et al. 2021, Eq. 3 and Theorem 1.
    """
    products = _soft_products(state, patterns, inverse_temperature, WITH_MEAN, block)
    return products.mean.reshape(state.shape)


def largest_squared_length(x: Any, patterns: Any, block: int | None = None) -> Any:
    """max_j |ρ_j|², in the precision of states x."""
    if on_host(patterns, x):
        return fold(_Longest(smallest=False), (x,), patterns, block)
    return _largest(on_device(patterns)).astype(x.dtype)


def spread_of_squared_lengths(x: Any, patterns: Any, block: int | None = None) -> Any:
    """max_j |ρ_j|² − min_j |ρ_j|²."""
    ends = [
        fold(_Longest(smallest), (x,), patterns, block) for smallest in (False, True)
    ]
    return ends[0] + ends[1]


@jax.jit
def _largest(patterns: Any) -> Any:
    return squared_length(as_real(patterns)).max()


@dataclass(frozen=True)
class _Longest(Reduction):
    """max |ρ|², or −min |ρ|²."""

    smallest: bool

    def start(self, args: Any) -> Any:
        return jnp.asarray(-np.inf, args[0].dtype)

    def absorb(self, gathered: Any, args: Any, block: Any, first: Any) -> Any:
        del args, first
        lengths = squared_length(block)
        return jnp.maximum(gathered, (-lengths if self.smallest else lengths).max())

    def merge(self, gathered: Any, args: Any, axis: str) -> Any:
        del args
        return jax.lax.pmax(gathered, axis)


def _soft_products(
    state: Any, patterns: Any, inverse_temperature: Any, form: Form, block: int | None
) -> Soft:
    check_state(state, patterns)
    check_positive(inverse_temperature=inverse_temperature)
    return soft(rows(state), patterns, inverse_temperature, form, block=block)
