"""Memories with an exponential: Demircigil et al. 2017, and the modern Hopfield one."""

from dataclasses import dataclass
from functools import partial
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
    check_state,
    rows,
    squared_length,
)
from isinglass.energy.soft_maximum import (
    PLAIN,
    WITH_MEAN,
    Form,
    Soft,
    origin_of,
    soft,
    with_value,
)
from isinglass.energy.streaming import (
    Reduction,
    fold,
    on_device,
    on_host,
    rows_of,
)


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

    With these constants E ≥ 0: if ρ_b has the largest product, it is the sum of
    ½|x − ρ_b|², ½(max_j |ρ_j|² − |ρ_b|²) and −β⁻¹ log(1/m Σ_j exp β⟨ρ_j − ρ_b, x⟩).
    Computed so, nothing cancels, however far patterns and state lie from 0.

    With β = 2 and patterns of one length, 2E − log m is the energy of
    `nearest_neighbour_energy`.

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
    longest = rows_of(patterns, longest_pattern(x, patterns, block))
    best = rows_of(patterns, products.best)
    room = jnp.log(patterns.shape[0]) / inverse_temperature
    energy = _modern(x, best, longest, products, room)
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
    products = _soft_products(state, patterns, inverse_temperature, WITH_MEAN, block)
    return products.pull.reshape(state.shape)


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


@jax.jit
def _modern(x: Any, best: Any, longest: Any, products: Soft, room: Any) -> Any:
    """The energy as a sum of what is not negative, with the formula's derivatives."""
    best, longest = best.astype(x.dtype), longest.astype(x.dtype)
    shorter = ((longest - best) * (longest + best)).sum(-1)
    exact = squared_length(x - best) / 2 + jnp.maximum(shorter, 0) / 2
    exact = exact + jnp.maximum(room - products.surplus, 0)
    return with_value(squared_length(longest) / 2 - products.lowered + room, exact)


def longest_pattern(x: Any, patterns: Any, block: int | None = None) -> Any:
    """The number of the pattern of largest |ρ_j|²."""
    return _longest(x, patterns, block, smallest=False)[1]


def spread_of_squared_lengths(x: Any, patterns: Any, block: int | None = None) -> Any:
    """max_j |ρ_j|² − min_j |ρ_j|²."""
    ends = [_longest(x, patterns, block, smallest)[0] for smallest in (False, True)]
    return ends[0] + ends[1]


def _longest(x: Any, patterns: Any, block: int | None, smallest: bool) -> Any:
    if on_host(patterns, x):
        args = (x, origin_of(x, patterns))
        return fold(_Longest(smallest), args, patterns, block)
    return _longest_on_device(smallest, x, on_device(patterns))


@partial(jax.jit, static_argnums=0)
def _longest_on_device(smallest: bool, x: Any, patterns: Any) -> Any:
    patterns = jax.lax.stop_gradient(patterns)
    origin = origin_of(x, patterns)
    lengths = jax.lax.cond(
        origin.any(),
        lambda rows: _lengths(smallest, rows.astype(x.dtype), origin),
        lambda rows: _lengths(smallest, rows.astype(x.dtype), None),
        patterns,
    )
    return lengths.max(), lengths.argmax()


def _lengths(smallest: bool, patterns: Any, origin: Any) -> Any:
    """|ρ|² − |c|² for an origin c, or the negative of it."""
    if origin is None:
        lengths = squared_length(patterns)
    else:
        lengths = ((patterns - origin) * (patterns + origin)).sum(-1)
    return -lengths if smallest else lengths


@dataclass(frozen=True)
class _Longest(Reduction):
    """max |ρ|² − |c|² for an origin c, or −min, and the number of the first such ρ."""

    smallest: bool

    def start(self, args: Any) -> Any:
        return jnp.asarray(-np.inf, args[0].dtype), jnp.zeros((), jnp.int32)

    def absorb(self, gathered: Any, args: Any, block: Any, first: Any) -> Any:
        lengths = _lengths(self.smallest, block, args[1])
        place = lengths.argmax()
        is_longer = lengths[place] > gathered[0]
        most = jnp.maximum(gathered[0], lengths[place])
        number = (first + place).astype(jnp.int32)
        return most, jnp.where(is_longer, number, gathered[1])

    def merge(self, gathered: Any, args: Any, axis: str) -> Any:
        del args
        most = jax.lax.pmax(gathered[0], axis)
        last = jnp.iinfo(jnp.int32).max
        return most, jax.lax.pmin(
            jnp.where(gathered[0] == most, gathered[1], last), axis
        )


def _soft_products(
    state: Any, patterns: Any, inverse_temperature: Any, form: Form, block: int | None
) -> Soft:
    check_state(state, patterns)
    check_positive(inverse_temperature=inverse_temperature)
    return soft(rows(state), patterns, inverse_temperature, form, block=block)
