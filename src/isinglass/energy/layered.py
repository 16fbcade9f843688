"""Patterns spread over layers, and their energy together (Niu 2024, Eqs. 6–8)."""

import itertools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_list,
    check_finite,
    check_positive,
    check_real,
    check_whole,
)
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import (
    Layers,
    Patterns,
    State,
    check_patterns,
    check_state,
)
from isinglass.energy.nearest import nearest_neighbour_energy, nearest_neighbour_force


@usual_promotion()
def split_layers(patterns: Patterns, layers: int) -> list[Any]:
    """Spread patterns over layers, one after another, as evenly as can be.

    Args:
        patterns: (m, n).
        layers: l, from 1 to m.

    Raises:
        ValueError: If there are more layers than patterns, or no pattern, or one is not
            finite.
    """
    check_patterns(patterns)
    check_whole(layers=layers)
    m = patterns.shape[0]
    if layers > m:
        raise ValueError(f"layers must be at most {m}, one pattern each, got {layers}")
    ends = [m * t // layers for t in range(layers + 1)]
    return [patterns[a:b] for a, b in itertools.pairwise(ends)]


@usual_promotion()
def layer_energies(
    state: State, layers: Layers, inverse_temperature: Any = 1.0
) -> Float[Array, "*batch l"]:
    """Energies E_t(x) of all layers at one state, each a `nearest_neighbour_energy`.

    Args:
        state: x, (…, n).
        layers: Patterns of each layer, (m_t, n).
        inverse_temperature: β > 0.

    Raises:
        ValueError: If there is no layer, or as `nearest_neighbour_energy` does.

    Source: Niu et al. 2024, Eq. 6.
    """
    check_layers(state, layers)
    energies = [
        nearest_neighbour_energy(state, layer, inverse_temperature) for layer in layers
    ]
    together = jnp.stack(energies, -1)
    if not isinstance(together, Tracer) and not np.isfinite(np.asarray(together)).all():
        raise ValueError("state and layers must be so near that energies are finite")
    return together


@usual_promotion()
def global_energy(
    state: State, layers: Layers, inverse_temperature: Any = 1.0
) -> Float[Array, "*batch"]:
    """Energy E(x) = −β⁻¹ log Σ_t exp(−β E_t(x)), β = 1 in the paper.

    With l layers, min_t E_t − β⁻¹ log l ≤ E ≤ min_t E_t, the latter equal for l = 1
    only. Since each E_t is the logarithm of a sum over its patterns, **E is the energy
    of all patterns in one layer**: how they are spread over layers makes no difference
    to it.

    Args:
        state: x, (…, n).
        layers: Patterns of each layer, (m_t, n).
        inverse_temperature: β > 0.

    Raises:
        ValueError: As `layer_energies` does.

    Source: Niu et al. 2024, Eqs. 7 and 8.
    """
    return combined_energy(
        layer_energies(state, layers, inverse_temperature), inverse_temperature
    )


@usual_promotion()
def combined_energy(
    energies: Float[Array, "*batch l"], inverse_temperature: Any = 1.0
) -> Float[Array, "*batch"]:
    """Energy −β⁻¹ log Σ_t exp(−β E_t) of energies of any kind, layers in the last axis.

    Raises:
        ValueError: If there is no layer, an energy is not finite, or β is not positive.

    Source: Niu et al. 2024, Eq. 7.
    """
    check_real(energies=energies)
    if energies.ndim < 1 or energies.shape[-1] == 0:
        raise ValueError(
            "energies must hold one layer at least in the last axis, got shape "
            f"{energies.shape}"
        )
    check_finite(energies=energies)
    check_positive(inverse_temperature=inverse_temperature)
    return _combined(energies, inverse_temperature)


@jax.jit
def _combined(energies: Array, inverse_temperature: Any) -> Array:
    lowest = jax.lax.stop_gradient(energies.min(-1, keepdims=True))
    lifted = -inverse_temperature * (energies - lowest)
    return lowest[..., 0] - jax.nn.logsumexp(lifted, axis=-1) / inverse_temperature


@usual_promotion()
def global_force(
    state: State, layers: Layers, inverse_temperature: Any = 1.0
) -> Float[Array, "*batch n"]:
    """Force −∇E(x) of `global_energy`: Σ_t softmax_t(−β E_t) times that of layer t.

    Args:
        state: x, (…, n).
        layers: Patterns of each layer, (m_t, n).
        inverse_temperature: β > 0.

    Raises:
        ValueError: As `layer_energies` does.
    """
    energies = layer_energies(state, layers, inverse_temperature)
    forces = [
        nearest_neighbour_force(state, layer, inverse_temperature) for layer in layers
    ]
    return _combined_force(energies, forces, inverse_temperature)


@jax.jit
def _combined_force(
    energies: Array, forces: Sequence[Array], inverse_temperature: Any
) -> Array:
    shares = jax.nn.softmax(-inverse_temperature * energies, axis=-1)
    return sum(shares[..., t, None] * force for t, force in enumerate(forces))  # pyright: ignore[reportReturnType]  # not 0: there is a layer


def check_layers(state: Any, layers: Sequence[Any]) -> None:
    """Refuse what is no sequence of patterns, of the width of the state."""
    for number, layer in enumerate(as_list("layers", layers)):
        check_state(state, layer, f"layers[{number}]")
