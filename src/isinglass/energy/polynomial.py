"""Dense associative memory with a polynomial: Krotov & Hopfield 2016."""

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import check_flag, check_positive, check_whole
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import Patterns, State, check_state, rows
from isinglass.energy.soft_maximum import product
from isinglass.energy.streamed_sum import streamed_sum


@usual_promotion()
def krotov_hopfield_energy(
    state: State,
    patterns: Patterns,
    degree: int = 3,
    *,
    rectified: bool = False,
    scale: float = 1.0,
    block: int | None = None,
) -> Float[Array, "*batch"]:
    """Energy E(x) = −Σ_j F(s ⟨ρ_j, x⟩), F(z) = z^k or, rectified, max(z, 0)^k.

    F grows as the power k of the size of its argument: with s = 1/n it stays at 1 for
    patterns and states of signs, where with s = 1 float32 ends at k = 12 and n = 1,024.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        degree: k ≥ 1.
        rectified: Whether negative products count nothing.
        scale: s > 0.
        block: Patterns to read at a time, if not as many as suit.

    Returns:
        Energies, (…), which can be differentiated by state and patterns.

    Raises:
        ValueError: If there is no pattern, the state has another number of components,
            anything is not finite, or the degree or scale is out of range.

    Source: Krotov & Hopfield 2016, Eqs. 2 and 5.
    """
    x = _checked_rows(state, patterns, degree, scale)
    check_flag(rectified=rectified)
    total = streamed_sum(_Powers(degree, rectified), (scale * x,), patterns, block)
    return -total.reshape(state.shape[:-1])


@usual_promotion()
def krotov_hopfield_force(
    state: State,
    patterns: Patterns,
    degree: int = 3,
    *,
    rectified: bool = False,
    scale: float = 1.0,
    block: int | None = None,
) -> Float[Array, "*batch n"]:
    """Force −∇E(x) = s Σ_j F′(s ⟨ρ_j, x⟩) ρ_j of `krotov_hopfield_energy`.

    Args:
        state: x, (…, n).
        patterns: ρ_j, (m, n).
        degree: k ≥ 1.
        rectified: Whether negative products count nothing.
        scale: s > 0.
        block: Patterns to read at a time, if not as many as suit.

    Raises:
        ValueError: As `krotov_hopfield_energy` does.
    """
    x = _checked_rows(state, patterns, degree, scale)
    check_flag(rectified=rectified)
    force = streamed_sum(_Slopes(degree, rectified), (scale * x,), patterns, block)
    return (scale * force).reshape(state.shape)


@dataclass(frozen=True)
class _Form:
    degree: int
    rectified: bool

    def products(self, args: Any, block: Any) -> Any:
        z = product(args[0], block.T)
        return jnp.maximum(z, 0) if self.rectified else z


class _Powers(_Form):
    def __call__(self, args: Any, block: Any, first: Any) -> Any:
        del first
        return (self.products(args, block) ** self.degree).sum(-1)


class _Slopes(_Form):
    def __call__(self, args: Any, block: Any, first: Any) -> Any:
        del first
        z = self.products(args, block)
        slope = self.degree * z ** (self.degree - 1)
        if self.rectified and self.degree == 1:
            slope = slope * (z > 0)
        return product(slope, block)


def _checked_rows(state: Any, patterns: Any, degree: int, scale: float) -> Any:
    check_state(state, patterns)
    check_whole(degree=degree)
    check_positive(scale=scale)
    return rows(state)
