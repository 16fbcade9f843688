"""The energy that DIFFormer's diffusion descends, and the theorem that says so.

    E(Z; k) = |Z − Z^(k)|²_F + λ Σ_ij δ(|z_i − z_j|²),        Z ← (1 − τ) Z + τ S Z

with a concave, non-decreasing δ, f = δ′ and S_ij = f(|z_i − z_j|²) / Σ_l f(|z_i −
z_l|²):

    -s   f(u) = 2 − u/2,            δ(u) = 2u − u²/4            for u in [0, 4]
    -a   f(u) = 1/(1 + e^(u/2 − 1)), δ(u) = u − 2 log(1 + e^(u/2 − 1)) + const

For unit vectors u = 2 − 2⟨z_i, z_j⟩, and f is 1 + ⟨z_i, z_j⟩ and σ(⟨z_i, z_j⟩). Concave
δ lies below its tangent, so that a step down the tangents is one down the penalty. The
trained layer is outside: its queries and keys differ, and a norm follows.

Source: Wu et al. 2023, Theorem 1.
"""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_in,
    check_positive,
    check_real,
    check_shapes,
)
from isinglass._common.precision import usual_promotion
from isinglass.energy.block import EnergyBlock, check_state_of_block

KINDS = ("simple", "sigmoid")
FARTHEST = 4.0  # squared distance up to which the penalty of -s is one


@usual_promotion()
def penalty(squared_distance: Float[Array, "*n"], kind: str) -> Float[Array, "*n"]:
    """Return δ(u), concave and non-decreasing, 0 at u = 0.

    Args:
        squared_distance: u ≥ 0; of "simple" up to 4, beyond which δ would fall and is
            held at 4.
        kind: "simple" (-s) or "sigmoid" (-a).

    Raises:
        TypeError: If u is no array.
        ValueError: If the kind is another, or u not real.
    """
    check_choice(KINDS, kind=kind)
    check_real(squared_distance=squared_distance)
    u = squared_distance
    if kind == "simple":
        u = jnp.minimum(u, FARTHEST)
        return 2 * u - u**2 / 4
    return u - 2 * (jax.nn.softplus(u / 2 - 1) - jnp.log1p(jnp.exp(-1.0)))


@usual_promotion()
def conductance(squared_distance: Float[Array, "*n"], kind: str) -> Float[Array, "*n"]:
    """Return f(u) = δ′(u) ≥ 0, what flows between two instances.

    Args:
        squared_distance: u ≥ 0.
        kind: "simple" (-s), 0 beyond u = 4, or "sigmoid" (-a).

    Raises:
        TypeError: If u is no array.
        ValueError: If the kind is another, or u not real.
    """
    check_choice(KINDS, kind=kind)
    check_real(squared_distance=squared_distance)
    if kind == "simple":
        return jnp.maximum(2 - squared_distance / 2, 0)
    return jax.nn.sigmoid(1 - squared_distance / 2)


class Diffusion(EnergyBlock):
    """The diffusion of Theorem 1: instances (…, N, d), whose penalty falls with a step.

    Its energy is the penalty Σ_ij δ(|z_i − z_j|²). Each step multiplies by the matrix
    (1 − τ) I + τ S, whose rows sum to 1: instances stay in the convex hull of their
    start, so that from within a ball of radius 1 no u exceeds 4.

    Attributes:
        step_size: τ in (0, 1].
        kind: "simple" (-s) or "sigmoid" (-a).

    Raises:
        ValueError: If τ is not in (0, 1] or the kind is another.
    """

    step_size: Any = 0.5
    kind: str = eqx.field(static=True, default="simple")
    positive: ClassVar[tuple[str, ...]] = ("step_size",)

    def __check_init__(self) -> None:
        check_in("(0, 1]", step_size=self.step_size)
        check_choice(KINDS, kind=self.kind)

    @usual_promotion()
    def energy(self, state: Float[Array, "*batch n d"]) -> Float[Array, "*batch"]:
        """Return Σ_ij δ(|z_i − z_j|²), (…)."""
        check_state_of_block(state)
        return penalty(_squared_distances(state), self.kind).sum((-2, -1))

    @usual_promotion()
    def conductances(
        self, state: Float[Array, "*batch n d"]
    ) -> Float[Array, "*batch n m"]:
        """Return S, (…, N, N), whose rows sum to 1."""
        check_state_of_block(state)
        weights = conductance(_squared_distances(state), self.kind)
        return weights / weights.sum(-1, keepdims=True)

    @usual_promotion()
    def force(self, state: Float[Array, "*batch n d"]) -> Float[Array, "*batch n d"]:
        """Return S z − z, along which a step goes.

        It is the downhill direction −∇E of the penalty with each row divided by 4 Σ_l
        f(|z_i − z_l|²).
        """
        return self.conductances(state) @ state - state


@usual_promotion()
def layer_energies(
    states: Float[Array, "k *batch n d"],
    weight: float | Float[Array, ""],
    kind: str = "simple",
) -> Float[Array, "layers *batch"]:
    """Compute E(Z^(k+1); k) of Theorem 1 for all layers of a run, (K, …).

    E(Z^(k+1); k) = |Z^(k+1) − Z^(k)|² + λ Σ δ. The theorem: along steps of a
    `Diffusion` no number is larger than the one before, for λ that are large enough.
    Below, the first term may grow by more than the penalty falls, as where two clusters
    meet late: for -a at τ = 1, of 6 instances, λ = 0.16 sufficed and 0.1 did not.

    Args:
        states: Z^(0) … Z^(K), (K + 1, …, N, d), K ≥ 1, of a `Diffusion` or a model.
        weight: λ > 0.
        kind: Whose penalty: "simple" (-s) or "sigmoid" (-a).

    Raises:
        TypeError: If the states are no array.
        ValueError: If λ is not positive, or the states are not real, finite and two.
    """
    check_positive(weight=weight)
    check_real(states=states)
    check_shapes(states=(states, "... n d"))
    check_finite(states=states)
    if states.ndim < 3 or len(states) < 2:
        raise ValueError(
            f"states must be two at least, (K + 1, …, N, d), got {states.shape}"
        )
    moved = (jnp.diff(states, axis=0) ** 2).sum((-2, -1))
    penalties = penalty(_squared_distances(states[1:]), kind).sum((-2, -1))
    return moved + weight * penalties


def _squared_distances(state: Array) -> Array:
    """|z_i − z_j|², (…, N, N), no less than 0 by rounding."""
    state = state - state.mean(-2, keepdims=True)  # what is common would cancel badly
    lengths = (state**2).sum(-1)
    products = jnp.einsum("...nd,...md->...nm", state, state)
    return jnp.maximum(lengths[..., :, None] + lengths[..., None, :] - 2 * products, 0)
