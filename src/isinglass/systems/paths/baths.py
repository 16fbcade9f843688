"""Baths of oscillators: what of them a system meets is one function of time, g(t).

C(t) is the correlation of the force of a bath at rest, and g'' = C, g(0) = 0. With the
spectral density J on positive frequencies (J(−ω) = −J(ω) is understood)

    g(t) = (1/π) ∫₀^∞ J/ω² [coth(βω/2)(1 − cos ωt) + i sin ωt] dω,

which grows as iλt at first: the reorganisation energy λ = (1/π) ∫₀^∞ J/ω dω, the
counterterm of the published program, is in it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Complex, Float
from scipy.special import digamma, loggamma

from isinglass._common.checks import (
    as_real_array,
    check_function,
    check_in,
    check_positive,
    shown,
)
from isinglass._common.types import ArrayLike
from isinglass.systems.paths.quadrature import lineshape_integral, sloped_integral

if TYPE_CHECKING:
    Number = float
else:
    Number = Any  # JAX may trace it

_DEAD = 40.0  # exp(-40) is below the last digit
_NEAR_POLE = 1e-4  # where terms of Drude's sum cancel to twelve digits


class Bath:
    """A bath of oscillators at an inverse temperature.

    A subclass says its `spectral_density`, and may say `lineshape` and
    `reorganization` in closed form where they are known; else they are integrated.

    Attributes:
        beta: Inverse temperature β.
    """

    beta: Number

    def spectral_density(self, frequencies: ArrayLike) -> Float[np.ndarray, "..."]:
        """J at positive frequencies."""
        raise NotImplementedError

    def lineshape(self, times: ArrayLike) -> Complex[np.ndarray, "..."]:
        """The function g at times of at least 0, to some eleven digits.

        Args:
            times: Any shape.

        Raises:
            ValueError: If a time is below 0 or not finite, or J is negative somewhere,
                does not vanish at 0 or falls so slowly that g diverges.
        """
        return lineshape_integral(self.spectral_density, self.beta, as_times(times))

    @property
    def reorganization(self) -> float:
        """The reorganisation energy λ = (1/π) ∫ J/ω dω.

        Raises:
            ValueError: If it diverges.
        """
        return sloped_integral(self.spectral_density)


@dataclass(frozen=True)
class Ohmic(Bath):
    """J = (2π/Δs²) ξ ω exp(−ω/ω_c): friction, with an exponential cutoff.

    Attributes:
        strength: ξ, at least 0. It is Kondo's parameter only where Δs = 2, s = ±1.
        cutoff: ω_c.
        beta: Inverse temperature β.
        separation: Δs, the distance of the two positions that ξ is defined for.

    Raises:
        ValueError: If one is not positive and finite, but for ξ = 0.
    """

    strength: Number
    cutoff: Number
    beta: Number
    separation: Number = 2.0

    def __post_init__(self) -> None:
        check_in("[0, inf)", strength=self.strength)
        check_positive(cutoff=self.cutoff, beta=self.beta, separation=self.separation)

    def spectral_density(self, frequencies: ArrayLike) -> Float[np.ndarray, "..."]:
        """J at positive frequencies."""
        w = as_real_array("frequencies", frequencies)
        scale = 2 * np.pi * self.strength / self.separation**2
        return np.asarray(scale * w * np.exp(-w / self.cutoff))

    def lineshape(self, times: ArrayLike) -> Complex[np.ndarray, "..."]:
        """The function g at times of at least 0, in closed form.

        Raises:
            ValueError: If a time is below 0 or not finite.
        """
        t = as_times(times)
        x = 1 / (self.beta * self.cutoff)
        thermal = loggamma(1 + x) - loggamma(1 + x + 1j * t / self.beta).real
        turned = self.cutoff * t
        real = 0.5 * np.log1p(turned**2) + 2 * thermal
        scale = 2 * self.strength / self.separation**2
        return np.asarray(scale * (real + 1j * np.arctan(turned)))

    @property
    def reorganization(self) -> float:
        """The reorganisation energy 2ξω_c/Δs²."""
        return 2 * self.strength * self.cutoff / self.separation**2


@dataclass(frozen=True)
class Drude(Bath):
    """J = (2λ/Δs²) ωγ/(ω² + γ²): a memory that decays as exp(−γt), and faster.

    Attributes:
        energy: λ, the reorganisation energy between positions Δs apart, at least 0.
        rate: γ.
        beta: Inverse temperature β.
        separation: Δs.

    Raises:
        ValueError: If one is not positive and finite, but for λ = 0.
    """

    energy: Number
    rate: Number
    beta: Number
    separation: Number = 2.0

    def __post_init__(self) -> None:
        check_in("[0, inf)", energy=self.energy)
        check_positive(rate=self.rate, beta=self.beta, separation=self.separation)

    def spectral_density(self, frequencies: ArrayLike) -> Float[np.ndarray, "..."]:
        """J at positive frequencies."""
        w = as_real_array("frequencies", frequencies)
        return np.asarray(2 * self._scale * w * self.rate / (w**2 + self.rate**2))

    def lineshape(self, times: ArrayLike) -> Complex[np.ndarray, "..."]:
        """The function g at times of at least 0.

        A sum over Matsubara frequencies 2πk/β, of which only exp(−2πkt/β) is summed;
        the rest has a closed form. Where γ is close to one of them (γβ/2π whole), terms
        of the sum diverge and cancel, and the integral is taken instead.

        Raises:
            ValueError: If a time is below 0 or not finite.
        """
        t = as_times(times)
        ratio = self.rate * self.beta / (2 * np.pi)
        if abs(ratio - max(round(ratio), 1)) < _NEAR_POLE:
            return super().lineshape(t)
        scale, rate = self._scale, self.rate
        cotangent = 1 / np.tan(np.pi * ratio)
        first = scale * (cotangent - 1j) / rate * (rate * t + np.expm1(-rate * t))
        # Sums over k of 1/(k² − a²) and 1/(k (k² − a²)), by the cotangent and digamma.
        slope = (1 - np.pi * ratio * cotangent) / (2 * ratio**2)
        level = 2 * digamma(1) - digamma(1 + ratio) - digamma(1 - ratio)
        level /= 2 * ratio**2
        decayed = np.array([self._decayed(time, ratio) for time in t.ravel()])
        unit = self.beta / (2 * np.pi)
        sums = unit**2 * slope * t + unit**3 * (decayed.reshape(t.shape) - level)
        memory = first + 4 * scale * rate / self.beta * sums
        return np.asarray(memory + 1j * scale * t)

    @property
    def reorganization(self) -> float:
        """The reorganisation energy λ/Δs²."""
        return self._scale

    @property
    def _scale(self) -> float:
        return self.energy / self.separation**2

    def _decayed(self, time: float, ratio: float) -> float:
        """The sum of exp(−2πkt/β) / (k (k² − a²)) over all k from 1 on."""
        if time == 0:
            level = 2 * digamma(1) - digamma(1 + ratio) - digamma(1 - ratio)
            return float(level / (2 * ratio**2))
        last = min(_DEAD * self.beta / (2 * np.pi * time), 1e6)
        k = np.arange(1, int(last) + 2, dtype=float)
        terms = np.exp(-2 * np.pi * k * time / self.beta) / (k * (k**2 - ratio**2))
        return float(terms[::-1].sum())


@dataclass(frozen=True)
class SpectralBath(Bath):
    """A bath of any spectral density, integrated.

    Attributes:
        density: J as a function of an array of positive frequencies; it is at least 0,
            vanishes at 0, and is understood to be odd. It is looked at in some 20
            places an octave at first: of a peak that is narrower than a thirtieth of
            its frequency, beside nothing else, nothing may be noticed.
        beta: Inverse temperature β.

    Raises:
        TypeError: If the density is no function.
        ValueError: If β is not positive and finite.
    """

    density: Callable[[Any], Any]
    beta: Number

    def __post_init__(self) -> None:
        check_function(density=self.density)
        check_positive(beta=self.beta)

    def spectral_density(self, frequencies: ArrayLike) -> Float[np.ndarray, "..."]:
        """J at positive frequencies.

        Raises:
            ValueError: If it is no finite number of at least 0 for each frequency.
        """
        w = as_real_array("frequencies", frequencies)
        with np.errstate(over="ignore", under="ignore"):
            values = np.asarray(self.density(w))
        if values.shape != w.shape or values.dtype.kind not in "iuf":
            raise ValueError(
                "density must give a real number for each frequency of an array, got "
                f"{shown(values)} for {shown(w)}"
            )
        values = values.astype(float)
        bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            place = np.unravel_index(np.argmax(bad), bad.shape)
            raise ValueError(
                "density must be finite and at least 0 at positive frequencies, got "
                f"{values[place]:g} at {w[place]:g}"
            )
        return values


def as_times(times: Any) -> Float[np.ndarray, "..."]:
    """Times of at least 0, as an array."""
    t = np.asarray(as_real_array("times", times))
    if (t < 0).any():
        raise ValueError(f"times must be at least 0, got {t.min():g}")
    return t
