"""The distance energy of Niu et al. 2024: a smooth search for the nearest pattern."""

from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Float, Int

from isinglass._common.checks import check_positive
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import Patterns, State, check_state, rows, squared_length
from isinglass.energy.soft_maximum import Form, Soft, soft, with_value
from isinglass.energy.streaming import rows_of


class Nearest(NamedTuple):
    """The pattern nearest to each state.

    Attributes:
        pattern: Its number, (…).
        squared_distance: g = min_j |x − ρ_j|², (…).
    """

    pattern: Int[Array, "*batch"]
    squared_distance: Float[Array, "*batch"]


@usual_promotion()
def nearest_neighbour_energy(
    state: State,
    patterns: Patterns,
    inverse_temperature: Any = 1.0,
    *,
    block: int | None = None,
) -> Float[Array, "*batch"]:
    """Energy E(x) = −β⁻¹ log Σ_j exp(−β|x − ρ_j|²); β = 1 for a layer of the paper.

    It lies between g − β⁻¹ log m and g = min_j |x − ρ_j|². As β → ∞ it becomes g; as β
    → 0, −β⁻¹ log m and the mean of the squared distances.

    Distances are compared by products about an origin amid the patterns, to a rounding
    error of the size of the squared distances between them, however far they lie from
    0; that to the nearest is then taken from the difference itself, so that E is right
    near a pattern.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n); see `isinglass.energy.streaming` for where they may lie.
        inverse_temperature: β > 0; may be traced, and is then not checked.
        block: Patterns to read at a time, if not as many as suit.

    Returns:
        Energies, (…), which can be differentiated by state, patterns and β.

    Raises:
        ValueError: If there is no pattern, the state has another number of components,
            anything is not finite, or β is not positive.

    Source: Niu et al. 2024, Eq. 4.
    """
    x, ranks = _soft_ranks(state, patterns, inverse_temperature, False, block)
    return _energy(x, patterns, ranks).reshape(state.shape[:-1])


@usual_promotion()
def nearest_neighbour_force(
    state: State,
    patterns: Patterns,
    inverse_temperature: Any = 1.0,
    *,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Force −∇E(x) = 2 (Σ_j p_j ρ_j − x), p = softmax(−β|x − ρ_j|²).

    It points to the soft mean of the patterns; no backward pass is needed.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        inverse_temperature: β > 0.
        block: Patterns to read at a time, if not as many as suit.

    Raises:
        ValueError: As `nearest_neighbour_energy` does.
    """
    _, ranks = _soft_ranks(state, patterns, inverse_temperature, True, block)
    return (2 * ranks.pull).reshape(state.shape)


@usual_promotion()
def nearest_neighbour_energy_and_force(
    state: State,
    patterns: Patterns,
    inverse_temperature: Any = 1.0,
    *,
    block: int | None = None,
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch n"]]:
    """Compute energy, (…), and force, (…, n), in one pass over the patterns.

    Arguments and errors are those of `nearest_neighbour_energy`.
    """
    x, ranks = _soft_ranks(state, patterns, inverse_temperature, True, block)
    energy = _energy(x, patterns, ranks).reshape(state.shape[:-1])
    return energy, (2 * ranks.pull).reshape(state.shape)


@usual_promotion()
def nearest_neighbour_update(
    state: State,
    patterns: Patterns,
    inverse_temperature: Any = 1.0,
    *,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Update x ← Σ_j p_j ρ_j, p = softmax(−β|x − ρ_j|²), along which E never increases.

    It is attention with a bias of −β|ρ_j|². E is |x|² and a concave function; the
    update goes to the minimum of |x|² and the tangent of the other, which lies above E.
    So E never increases, and not only when steps are small.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        inverse_temperature: β > 0.
        block: Patterns to read at a time, if not as many as suit.

    Raises:
        ValueError: As `nearest_neighbour_energy` does.

    Source: Yuille & Rangarajan 2003 (the concave–convex procedure); mean shift.
    """
    _, ranks = _soft_ranks(state, patterns, inverse_temperature, True, block)
    return ranks.mean.reshape(state.shape)


@usual_promotion()
def nearest_pattern(
    state: State, patterns: Patterns, *, block: int | None = None
) -> Nearest:
    """Find the nearest pattern, and its squared distance g(x) = min_j |x − ρ_j|².

    g can be differentiated; where patterns are equally near, by the first of them.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        block: Patterns to read at a time, if not as many as suit.

    Raises:
        ValueError: As `nearest_neighbour_energy` does.

    Source: Niu et al. 2024, §3.
    """
    x, ranks = _soft_ranks(state, patterns, 1.0, False, block)
    squared = _squared_distance(x, rows_of(patterns, ranks.best))
    shape = state.shape[:-1]
    return Nearest(ranks.best.reshape(shape), squared.reshape(shape))


@usual_promotion()
def squared_nearest_distance(
    state: State, patterns: Patterns, *, block: int | None = None
) -> Float[Array, "*batch"]:
    """g(x) = min_j |x − ρ_j|² of `nearest_pattern`, (…)."""
    return nearest_pattern(state, patterns, block=block).squared_distance


def _soft_ranks(
    state: Any, patterns: Any, inverse_temperature: Any, mean: bool, block: int | None
) -> tuple[Any, Soft]:
    """The states as rows, and the soft maximum of −|x − ρ_j|²."""
    check_state(state, patterns)
    check_positive(inverse_temperature=inverse_temperature)
    x = rows(state)
    form = Form(by_distance=True, with_mean=mean)
    return x, soft(x, patterns, inverse_temperature, form, block=block)


def _energy(x: Any, patterns: Any, ranks: Soft) -> Any:
    """Value from the difference to the nearest, derivatives from the soft maximum."""
    return _exact(x, rows_of(patterns, ranks.best), ranks.maximum, ranks.surplus)


@jax.jit
def _exact(x: Any, best: Any, maximum: Any, surplus: Any) -> Any:
    exact = _squared_distance(x, best) - surplus
    return with_value(-maximum, exact)


@jax.jit
def _squared_distance(x: Any, y: Any) -> Any:
    return squared_length(x - y.astype(x.dtype))
