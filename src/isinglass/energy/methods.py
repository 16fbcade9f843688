"""Ways to go downhill: what a step of a descent is, and for which energies it descends.

A method of one's own is a subclass of `Method`: what it refuses, and where a step
leads.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from isinglass._common.checks import check_in, check_kind
from isinglass._common.precision import usual_promotion
from isinglass.energy.landscape import ContinuousLandscape, Landscape, SignLandscape


class Method(ABC):
    """A step of a descent."""

    @abstractmethod
    def check(self, landscape: Landscape) -> None:
        """Refuse a landscape that steps of this kind do not descend.

        Raises:
            ValueError: If it is such.
        """

    @abstractmethod
    def step(self, landscape: Landscape, state: Any, patterns: Any) -> Any:
        """The state after a step, which has no more energy, (…, n)."""

    def size(self, landscape: Landscape) -> float:
        """By what the length of a step is divided to say how far off the end is."""
        del landscape
        return 1.0


@dataclass(frozen=True)
class Update(Method):
    """x ← `Landscape.update`: the softmax update, or all signs at once.

    It goes to the minimum of a function that lies above the energy and touches it at x,
    and so descends from everywhere.

    Source: Ramsauer et al. 2021, Theorem 1; Yuille & Rangarajan 2003.
    """

    def check(self, landscape: Landscape) -> None:
        """Take any."""

    def step(self, landscape: Landscape, state: Any, patterns: Any) -> Any:
        """Its update."""
        check_kind(Landscape, landscape=landscape)
        return landscape.update(state, patterns)


@dataclass(frozen=True)
class Flow(Method):
    """dx/dt = −∇E by Euler's method, for continuous energies.

    It follows the flow for small steps, and descends for all up to 2/L, L being
    `ContinuousLandscape.smoothness`.

    Attributes:
        step_size: h in (0, 2/L]; a tenth of 1/L if None.
    """

    step_size: float | None = None

    def check(self, landscape: Landscape) -> None:
        """Refuse energies of signs, and steps that are too long."""
        if not isinstance(landscape, ContinuousLandscape):
            raise ValueError(
                f"method Flow is for continuous energies, not {landscape.name}"
            )
        longest = 2 / landscape.smoothness
        check_in(f"(0, {longest:g}]", step_size=self.size(landscape))

    def step(self, landscape: Landscape, state: Any, patterns: Any) -> Any:
        """One step of length h along the force."""
        return state + self.size(landscape) * landscape.force(state, patterns)

    def size(self, landscape: Landscape) -> float:
        """h, so that what is left is |∇E|."""
        check_kind(ContinuousLandscape, landscape=landscape)
        assert isinstance(landscape, ContinuousLandscape)
        return 0.1 / landscape.smoothness if self.step_size is None else self.step_size


@dataclass(frozen=True)
class Sweep(Method):
    """One sign after another, each to where the energy is lower, for energies of signs.

    Source: Hopfield 1982; Krotov & Hopfield 2016, Eq. 4.
    """

    def check(self, landscape: Landscape) -> None:
        """Refuse continuous energies."""
        if not isinstance(landscape, SignLandscape):
            raise ValueError(
                f"method Sweep is for energies of signs, not {landscape.name}"
            )

    def step(self, landscape: Landscape, state: Any, patterns: Any) -> Any:
        """All signs once."""
        check_kind(SignLandscape, landscape=landscape)
        assert isinstance(landscape, SignLandscape)
        return landscape.sweep(state, patterns)


@usual_promotion()
def published_method(landscape: Landscape) -> Method:
    """The dynamics that an energy was published with: sweeps of signs, else updates.

    Raises:
        TypeError: If it is no energy.
    """
    check_kind(Landscape, landscape=landscape)
    return Sweep() if isinstance(landscape, SignLandscape) else Update()
