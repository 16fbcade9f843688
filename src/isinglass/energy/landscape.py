"""An energy together with its force and the update that provably descends it.

What `descend`, `storage` and `capacity` take. A landscape of one's own is a subclass of
`Landscape`; a continuous one needs an energy, a force, an update and its smoothness.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from isinglass._common.checks import check_flag, check_positive, check_whole
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import check_patterns, check_state, rows
from isinglass.energy.exponential import (
    demircigil_energy,
    demircigil_force,
    modern_hopfield_energy,
    modern_hopfield_force,
    modern_hopfield_update,
)
from isinglass.energy.hopfield import hopfield_energy, hopfield_force
from isinglass.energy.nearest import (
    nearest_neighbour_energy,
    nearest_neighbour_force,
    nearest_neighbour_update,
)
from isinglass.energy.polynomial import krotov_hopfield_energy, krotov_hopfield_force
from isinglass.energy.soft_maximum import product
from isinglass.energy.streaming import on_device


class Landscape(ABC):
    """An energy of states among patterns. Hashable."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called in results."""

    @abstractmethod
    def energy(self, state: Any, patterns: Any) -> Any:
        """E(x), (…)."""

    @abstractmethod
    def force(self, state: Any, patterns: Any) -> Any:
        """−∇E(x), (…, n)."""

    @abstractmethod
    def update(self, state: Any, patterns: Any) -> Any:
        """A state that has no more energy than the one given, (…, n)."""


class ContinuousLandscape(Landscape):
    """An energy of states in all of space."""

    @property
    @abstractmethod
    def smoothness(self) -> float:
        """L with E(x + v) ≤ E(x) − ⟨force, v⟩ + ½L|v|².

        Steps along the force descend where they are shorter than 2/L.
        """


class SignLandscape(Landscape):
    """A concave energy of states of ±1, by their products with the patterns."""

    @abstractmethod
    def of_products(self, products: Any, dimension: int) -> Any:
        """Energy from z_j = ⟨ρ_j, x⟩, (…, m), up to a constant on states of ±1."""

    @usual_promotion()
    def update(self, state: Any, patterns: Any) -> Any:
        """All signs at once: those of the force; where it is 0 a sign stays.

        The energy lies below its tangent plane at x, of which this is the lowest
        corner.
        """
        force = self.force(state, patterns)
        return _signs(force, jnp.asarray(state))

    @usual_promotion()
    def sweep(self, state: Any, patterns: Any) -> Any:
        """Turn signs one after another to where the energy is lower, as published.

        It keeps the products of all states with all patterns, (s, m), and needs the
        patterns as one array on one device.
        """
        check_state(state, patterns)
        return _sweep(self, rows(state), on_device(patterns)).reshape(state.shape)


@jax.jit
def _signs(force: Any, state: Any) -> Any:
    return jnp.where(force == 0, state.astype(force.dtype), jnp.sign(force))


@dataclass(frozen=True)
class NearestNeighbour(ContinuousLandscape):
    """`nearest_neighbour_energy`.

    Attributes:
        inverse_temperature: β > 0; 1 in Niu et al. 2024.
    """

    inverse_temperature: float = 1.0

    def __post_init__(self) -> None:
        check_positive(inverse_temperature=self.inverse_temperature)

    @property
    def name(self) -> str:
        """With its β."""
        return f"nearest neighbour, β = {self.inverse_temperature:g}"

    @property
    def smoothness(self) -> float:
        """That of |x|²: what is added to it is concave."""
        return 2.0

    def energy(self, state: Any, patterns: Any) -> Any:
        """E(x)."""
        return nearest_neighbour_energy(state, patterns, self.inverse_temperature)

    def force(self, state: Any, patterns: Any) -> Any:
        """−∇E(x)."""
        return nearest_neighbour_force(state, patterns, self.inverse_temperature)

    def update(self, state: Any, patterns: Any) -> Any:
        """The soft mean of the patterns."""
        return nearest_neighbour_update(state, patterns, self.inverse_temperature)


@dataclass(frozen=True)
class ModernHopfield(ContinuousLandscape):
    """`modern_hopfield_energy`.

    Attributes:
        inverse_temperature: β > 0.
    """

    inverse_temperature: float = 1.0

    def __post_init__(self) -> None:
        check_positive(inverse_temperature=self.inverse_temperature)

    @property
    def name(self) -> str:
        """With its β."""
        return f"modern Hopfield, β = {self.inverse_temperature:g}"

    @property
    def smoothness(self) -> float:
        """That of ½|x|²."""
        return 1.0

    def energy(self, state: Any, patterns: Any) -> Any:
        """E(x)."""
        return modern_hopfield_energy(state, patterns, self.inverse_temperature)

    def force(self, state: Any, patterns: Any) -> Any:
        """−∇E(x)."""
        return modern_hopfield_force(state, patterns, self.inverse_temperature)

    def update(self, state: Any, patterns: Any) -> Any:
        """The soft mean of the patterns."""
        return modern_hopfield_update(state, patterns, self.inverse_temperature)


@dataclass(frozen=True)
class Hopfield(SignLandscape):
    """`hopfield_energy` with its diagonal, which is a constant on states of ±1."""

    @property
    def name(self) -> str:
        """With its year."""
        return "Hopfield 1982"

    def energy(self, state: Any, patterns: Any) -> Any:
        """E(x)."""
        return hopfield_energy(state, patterns, self_coupling=True)

    def force(self, state: Any, patterns: Any) -> Any:
        """−∇E(x)."""
        return hopfield_force(state, patterns, self_coupling=True)

    def of_products(self, products: Any, dimension: int) -> Any:
        """−Σ z²/2n."""
        return -(products**2).sum(-1) / (2 * dimension)


@dataclass(frozen=True)
class KrotovHopfield(SignLandscape):
    """`krotov_hopfield_energy` with s = 1/n: no power overflows on states of ±1.

    Attributes:
        degree: k ≥ 2; an odd one only if rectified, for the energy is not concave else.
        rectified: Whether negative products count nothing.
    """

    degree: int = 3
    rectified: bool = True

    def __post_init__(self) -> None:
        check_whole(2, degree=self.degree)
        check_flag(rectified=self.rectified)
        if self.degree % 2 and not self.rectified:
            raise ValueError(
                "degree must be even where the polynomial is not rectified, got "
                f"{self.degree}"
            )

    @property
    def name(self) -> str:
        """With its degree."""
        form = ", rectified" if self.rectified else ""
        return f"Krotov–Hopfield, k = {self.degree}{form}"

    def energy(self, state: Any, patterns: Any) -> Any:
        """E(x)."""
        return krotov_hopfield_energy(
            state, patterns, self.degree, **self._options(patterns)
        )

    def force(self, state: Any, patterns: Any) -> Any:
        """−∇E(x)."""
        return krotov_hopfield_force(
            state, patterns, self.degree, **self._options(patterns)
        )

    def _options(self, patterns: Any) -> dict[str, Any]:
        check_patterns(patterns)
        return {"rectified": self.rectified, "scale": 1 / patterns.shape[-1]}

    def of_products(self, products: Any, dimension: int) -> Any:
        """−Σ F(z/n)."""
        z = products / dimension
        return -((jnp.maximum(z, 0) if self.rectified else z) ** self.degree).sum(-1)


@dataclass(frozen=True)
class Demircigil(SignLandscape):
    """`demircigil_energy`."""

    @property
    def name(self) -> str:
        """With its year."""
        return "Demircigil 2017"

    def energy(self, state: Any, patterns: Any) -> Any:
        """E(x)."""
        return demircigil_energy(state, patterns)

    def force(self, state: Any, patterns: Any) -> Any:
        """−∇E(x)."""
        return demircigil_force(state, patterns)

    def of_products(self, products: Any, dimension: int) -> Any:
        """−log Σ exp z."""
        del dimension
        return -jax.nn.logsumexp(products, axis=-1)


@partial(jax.jit, static_argnums=0)
def _sweep(landscape: SignLandscape, x: Any, patterns: Any) -> Any:
    columns = patterns.astype(x.dtype).T
    n = x.shape[-1]

    def turn(i: Any, carry: Any) -> Any:
        x, products = carry
        old = x[:, i]
        up, down = (
            products + (sign - old)[:, None] * columns[i] for sign in (1.0, -1.0)
        )
        gain = landscape.of_products(down, n) - landscape.of_products(up, n)
        new = jnp.where(gain == 0, old, jnp.sign(gain))
        return x.at[:, i].set(new), jnp.where((new > 0)[:, None], up, down)

    return jax.lax.fori_loop(0, n, turn, (x, product(x, columns)))[0]
