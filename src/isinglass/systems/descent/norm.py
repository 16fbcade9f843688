"""Norms that are gradients of a convex function, which an energy needs to descend."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import (
    check_finite,
    check_positive,
    check_real,
    check_shapes,
)
from isinglass._common.precision import usual_promotion


class EnergyNorm(eqx.Module):
    """The layer norm g = ∂L/∂x of the Energy Transformer, its gain γ a scalar.

    Per token, with c = x − mean(x) and s² = |c|²/D + ε,

        L(x) = D γ s + ⟨δ, x⟩,      g(x) = γ c/s + δ.

    ∂g/∂x = (γ/s)(P − ccᵀ/(Ds²)), P = I − 11ᵀ/D, has the eigenvalues 0 along 1, γε/s³
    along c, and γ/s: L is convex, and a flow along −∂E/∂g descends E, if and only if γ
    ≥ 0. Nothing holds that in a trained gain; here γ = softplus(`raw_gain`), so that it
    is positive whatever an optimiser does. A token of zeros, or of equal numbers, has g
    = δ.

    Attributes:
        raw_gain: softplus⁻¹(γ), ().
        shift: δ, (D,).
        epsilon: ε > 0.

    Args:
        width: D, the number of channels.
        gain: γ > 0 at the start.
        epsilon: ε > 0.

    Raises:
        ValueError: If a number is not positive: at γ < 0 the flow climbs.
    """

    raw_gain: Float[Array, ""]
    shift: Float[Array, "d"]
    epsilon: float = eqx.field(static=True)

    @usual_promotion()
    def __init__(
        self,
        gain: float,
        shift: Float[Array, "d"],
        epsilon: float = 1e-5,
    ) -> None:
        check_positive(gain=gain, epsilon=epsilon)
        check_real(shift=shift)
        check_shapes(shift=(shift, "d"))
        check_finite(shift=shift)
        self.shift = jnp.asarray(shift)
        exact = jnp.asarray(gain, self.shift.dtype)
        self.raw_gain = exact + jnp.log(-jnp.expm1(-exact))
        self.epsilon = float(epsilon)

    @property
    def gain(self) -> Float[Array, ""]:
        """γ, positive."""
        return jax.nn.softplus(self.raw_gain)

    @usual_promotion()
    def __call__(self, state: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        """Return g."""
        centred, deviation = self._parts(state)
        return self.gain * centred / deviation[..., None] + self.shift

    @usual_promotion()
    def lagrangian(self, state: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return L of each token, whose gradient is g."""
        _, deviation = self._parts(state)
        size = self.shift.shape[0]
        return size * self.gain * deviation + (self.shift * state).sum(-1)

    def _parts(self, state: Array) -> tuple[Array, Array]:
        check_real(state=state)
        check_shapes(state=(state, f"... {self.shift.shape[0]}"))
        centred = state - state.mean(-1, keepdims=True)
        return centred, jnp.sqrt((centred**2).mean(-1) + self.epsilon)
