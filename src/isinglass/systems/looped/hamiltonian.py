"""A particle among keys: the latent Hamiltonian system (Lam 2026, Eq. 1).

    V' = μ V + α (F_τ(Z; X) − Z) − β ∇_Z E_τ(Z; X),        Z' = Z + V'

This is symplectic Euler, whose time step is in the units of β: with β = h² and V = h
dZ/dt it takes steps of h. Whatever μ, α and β are, a step scales phase-space volume by
μ^dim, since its forces depend on Z alone. With α = 0 and μ = 1 it is Hamiltonian, and
follows to all orders a shadow of H = ½|V|² + βE_τ; `LatentHamiltonian.shadow_energy` is
that to first order.

With β > 0 the potential is concave and falls without end, so that α or μ < 1 must hold
the particle; with β < 0 it is convex, and binds where the keys surround the origin.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from isinglass._common.checks import (
    check_finite,
    check_in,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
)
from isinglass._common.precision import usual_promotion
from isinglass.energy import attention_energy, attention_force
from isinglass.systems.looped.model import LoopedTransformer


class Particle(NamedTuple):
    """A state of a `LatentHamiltonian`: one particle, or one a position of a sequence.

    Attributes:
        position: Z, (…, d).
        velocity: V, (…, d), per step.
    """

    position: Float[Array, "*n d"]
    velocity: Float[Array, "*n d"]


class LatentHamiltonian(eqx.Module):
    """The system of Lam 2026, Eq. 1, for one sequence X. Particles act on no other.

    Attributes:
        query: W_Q, (d, c), acting from the right.
        keys: X W_K, (m, c).
        values: X W_V, (m, d).
        momentum: μ, what is kept of the velocity.
        pull: α, how strongly attention's output attracts.
        force: β, the weight of the energy.
        temperature: τ, positive.

    Raises:
        ValueError: If the temperature is not positive and finite, another number is not
            finite, or shapes do not fit.
    """

    query: Float[Array, "d c"]
    keys: Float[Array, "m c"]
    values: Float[Array, "values d"]
    momentum: Any = 1.0
    pull: Any = 0.0
    force: Any = 1.0
    temperature: Any = 1.0

    def __check_init__(self) -> None:
        for name in ("momentum", "pull", "force", "temperature"):
            check_in("(-inf, inf)", **{name: getattr(self, name)})
        check_positive(temperature=self.temperature)
        check_real(query=self.query, keys=self.keys, values=self.values)
        check_shapes(
            query=(self.query, "d c"),
            keys=(self.keys, "m c"),
            values=(self.values, "m d"),
        )

    @classmethod
    @usual_promotion()
    def from_model(
        cls, model: LoopedTransformer, inputs: Float[Array, "m d"], **numbers: Any
    ) -> "LatentHamiltonian":
        """Take the attention of a looped transformer of one head.

        Args:
            model: The model; its perceptron and normalisation have no part in Eq. 1.
            inputs: X, as of its `embed`.
            numbers: "momentum", "pull", "force" and "temperature".

        Raises:
            ValueError: If the model has more heads than one, or a bias of attention by
                distance, which Eq. 1 has no place for.
        """
        check_kind(LoopedTransformer, model=model)
        check_real(inputs=inputs)
        check_shapes(inputs=(inputs, f"m {model.config.width}"))
        if model.config.near:
            raise ValueError(
                f"model must have no bias by distance, got near={model.config.near}"
            )
        if model.config.heads != 1:
            raise ValueError(f"model must have one head, got {model.config.heads}")
        return cls(model.query, inputs @ model.key, inputs @ model.value, **numbers)

    def at_rest(self, position: Float[Array, "*n d"]) -> Particle:
        """Return a state at a position with no velocity."""
        return Particle(position, jnp.zeros_like(position))

    @usual_promotion()
    def output(self, position: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        """Return F_τ(Z; X), what attention gives at Z."""
        self._check(position=position)
        scores = position @ self.query @ self.keys.T / self.keys.shape[-1] ** 0.5
        return jax.nn.softmax(scores / self.temperature, axis=-1) @ self.values

    @usual_promotion()
    def potential(self, position: Float[Array, "*n d"]) -> Float[Array, "*n"]:
        """Return E_τ(Z; X), by particle."""
        self._check(position=position)
        return attention_energy(position @ self.query, self.keys, self.temperature)

    @usual_promotion()
    def slope(self, position: Float[Array, "*n d"]) -> Float[Array, "*n d"]:
        """Return ∇_Z E_τ(Z; X)."""
        self._check(position=position)
        pull = attention_force(position @ self.query, self.keys, self.temperature)
        return -pull @ self.query.T

    @usual_promotion()
    def energy(self, state: Particle) -> Float[Array, "*n"]:
        """Return H = ½|V|² + βE_τ(Z), by particle.

        With α = 0 and μ = 1 it keeps within O(√|β|) of its start, relative to its size,
        along a bound orbit; where the potential falls without end it loses ½β²|∇E|² a
        step.
        """
        self._check_particle(state)
        kinetic = 0.5 * (state.velocity**2).sum(-1)
        return kinetic + self.force * self.potential(state.position)

    @usual_promotion()
    def shadow_energy(self, state: Particle) -> Float[Array, "*n"]:
        """Return H − ½β⟨V, ∇E_τ⟩, by particle; α = 0, μ = 1 conserve it within O(|β|).

        Source: Hairer, Lubich & Wanner, Geometric Numerical Integration, IX.1.
        """
        self._check_particle(state)
        lag = (state.velocity * self.slope(state.position)).sum(-1)
        return self.energy(state) - 0.5 * self.force * lag

    @usual_promotion()
    def step(self, state: Particle, force: Any = None) -> Particle:
        """Take one step of Eq. 1.

        Args:
            state: Z_k and V_k.
            force: β_k of this step, where it follows a schedule; the system's own if
                None.
        """
        self._check_particle(state)
        force = self.force if force is None else force
        check_in("(-inf, inf)", force=force)
        position = state.position
        attraction = self.output(position) - position
        velocity = self.momentum * state.velocity + self.pull * attraction
        velocity = velocity - force * self.slope(position)
        return Particle(position + velocity, velocity)

    def _check(self, **positions: Any) -> None:
        check_real(**positions)
        check_finite(**positions)
        for name, position in positions.items():
            check_shapes(**{name: (position, f"... {self.query.shape[0]}")})

    def _check_particle(self, state: Particle) -> None:
        check_kind(Particle, state=state)
        self._check(position=state.position, velocity=state.velocity)
        if state.position.shape != state.velocity.shape:
            raise ValueError(
                "state.position and state.velocity must have one shape, got "
                f"{state.position.shape} and {state.velocity.shape}"
            )


def hamiltonian_step(state: Particle, parameters: LatentHamiltonian) -> Particle:
    """Take `LatentHamiltonian.step` as a map whose parameters are the system.

    Raises:
        TypeError: If an argument is of another kind.
        ValueError: If shapes do not fit.
    """
    check_kind(LatentHamiltonian, parameters=parameters)
    check_kind(Particle, state=state)
    width = parameters.values.shape[1]
    for name, part in state._asdict().items():
        check_real(**{f"state.{name}": part})
        check_shapes(**{f"state.{name}": (part, f"... {width}")})
    return parameters.step(state)
