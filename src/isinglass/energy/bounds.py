"""What Niu et al. 2024 prove of their energies, as slack: how far a side is from equal.

A slack is never negative, up to rounding, or the proposition is wrong.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import Layers, Patterns, State, check_state, rows
from isinglass.energy.exponential import (
    modern_hopfield_energy,
    spread_of_squared_lengths,
)
from isinglass.energy.layered import combined_energy, layer_energies
from isinglass.energy.nearest import nearest_neighbour_energy, squared_nearest_distance


class Slack(NamedTuple):
    """Room on both sides of a proposition lower ≤ value ≤ upper.

    Attributes:
        below: value − lower, (…).
        above: upper − value, (…).
    """

    below: Float[Array, "*batch"]
    above: Float[Array, "*batch"]


@usual_promotion()
def nearest_distance_slack(
    state: State, patterns: Patterns, inverse_temperature: Any = 1.0
) -> Slack:
    """Proposition 1, g − β⁻¹ log m ≤ E ≤ g, with g = min_j |x − ρ_j|².

    In the paper β = 1. Below it is equal where all patterns are equally far, above
    where m = 1.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        inverse_temperature: β > 0.

    Raises:
        ValueError: As `nearest_neighbour_energy` does.

    Source: Niu et al. 2024, Proposition 1.
    """
    energy = nearest_neighbour_energy(state, patterns, inverse_temperature)
    nearest = squared_nearest_distance(state, patterns)
    room = jnp.log(patterns.shape[0]) / inverse_temperature
    return Slack(energy - nearest + room, nearest - energy)


@usual_promotion()
def modern_hopfield_slack(state: State, patterns: Patterns) -> Slack:
    """Proposition 2, |E − (2 E_MCHN − log m)| ≤ max|ρ|² − min|ρ|², E_MCHN at β = 2.

    More than that holds: E is never the larger one, so that `above` is at least the
    bound itself. Patterns of one length make both equal.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).

    Raises:
        ValueError: As `nearest_neighbour_energy` does.

    Source: Niu et al. 2024, Proposition 2.
    """
    check_state(state, patterns)
    bound = spread_of_squared_lengths(rows(state), patterns)
    modern = 2 * modern_hopfield_energy(state, patterns, 2.0) - jnp.log(
        patterns.shape[0]
    )
    difference = nearest_neighbour_energy(state, patterns) - modern
    return Slack(difference + bound, bound - difference)


@usual_promotion()
def modern_nearest_slack(state: State, patterns: Patterns) -> Slack:
    """Proposition 3, that 2 E_MCHN is g up to log m and max|ρ|² − min|ρ|².

    As it follows from the first two: g ≤ 2 E_MCHN ≤ g + log m + max|ρ|² − min|ρ|².

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).

    Raises:
        ValueError: As `nearest_neighbour_energy` does.

    Source: Niu et al. 2024, Proposition 3.
    """
    nearest = squared_nearest_distance(state, patterns)
    room = jnp.log(patterns.shape[0]) + spread_of_squared_lengths(rows(state), patterns)
    over = 2 * modern_hopfield_energy(state, patterns, 2.0) - nearest
    return Slack(over, room - over)


@usual_promotion()
def global_energy_slack(
    state: State, layers: Layers, inverse_temperature: Any = 1.0
) -> Slack:
    """Equation 8, min_t E_t − β⁻¹ log l ≤ E_global ≤ min_t E_t for l layers.

    Args:
        state: x, (…, n).
        layers: Patterns of each layer, (m_t, n).
        inverse_temperature: β > 0.

    Raises:
        ValueError: As `layer_energies` does.

    Source: Niu et al. 2024, Eq. 8, which says < above: so it is for l ≥ 2, in exact
    arithmetic.
    """
    energies = layer_energies(state, layers, inverse_temperature)
    whole, lowest = combined_energy(energies, inverse_temperature), energies.min(-1)
    room = jnp.log(len(layers)) / inverse_temperature
    return Slack(whole - lowest + room, lowest - whole)
