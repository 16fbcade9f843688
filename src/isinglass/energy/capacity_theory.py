"""How many random patterns theory expects an energy to hold.

Both are estimates for many components, by the noise that the other patterns make at
one of them. They are not fitted: `isinglass reproduce memory-retrieval` sets them
beside what `isinglass.energy.capacity` measures.
"""

from typing import Any

import numpy as np

from isinglass._common.checks import check_in, check_positive, check_whole
from isinglass._common.lazy import lazy_module
from isinglass._common.precision import usual_promotion
from isinglass.energy.landscape import (
    Demircigil,
    Hopfield,
    KrotovHopfield,
    SignLandscape,
)

special: Any = lazy_module("scipy.special")


@usual_promotion()
def fixed_point_capacity(landscape: SignLandscape, dimension: int) -> float:
    """Estimate the number of random signs of which half are fixed points.

    A sign is turned where the noise of the other patterns, of which the sum is normal,
    exceeds what the pattern itself holds it with. For powers k of the products that is
    n^(k−1)/((2k − 3)!! z²), and twice as much if rectified, which halves the noise; z
    is the deviation that all n signs survive with probability ½, (1 − Φ(z)) = 1 −
    2^(−1/n), so that z² ≈ 2 log n. For the exponential, only another pattern one sign
    away can push, and the rest break the tie: log 2 · 2^(n+1)/n.

    Args:
        landscape: `Hopfield` (k = 2), `KrotovHopfield` or `Demircigil`.
        dimension: n, the number of signs.

    Returns:
        A number of patterns, not rounded.

    Raises:
        ValueError: If the energy is another, or n is no whole number of at least 2.

    Source: McEliece et al. 1987 for k = 2; Krotov & Hopfield 2016, Eqs. 5 and 6, whose
    noise this is, with z for one sign there; Demircigil et al. 2017 for the exponential
    energy, of which they prove the lower bound 2^(n/2).
    """
    check_whole(2, dimension=dimension)
    n = dimension
    if isinstance(landscape, Demircigil):
        return float(np.log(2) * 2 ** (n + 1) / n)
    z = float(-special.ndtri(1 - 0.5 ** (1 / n)))
    if isinstance(landscape, Hopfield):
        return n / z**2
    if not isinstance(landscape, KrotovHopfield):
        raise ValueError(f"landscape must be one with a theory, got {landscape!r}")
    k, factor = landscape.degree, 2 if landscape.rectified else 1
    return float(factor * n ** (k - 1) / (special.factorial2(2 * k - 3) * z**2))


@usual_promotion()
def separation_capacity(
    separation: float,
    dimension: int,
    inverse_temperature: float = 1.0,
    precision: float = 0.3,
) -> float:
    """Estimate how many patterns on a sphere the nearest-neighbour energy keeps apart.

    On the way aρ from 0 to a pattern ρ the update leads to ρ/(1 + W), where the m
    others have the weight W = m exp(−2βaR² + 2(βaR²)²/n), R² being half the squared
    separation and their products with ρ normal. A fixed point with a ≥ 1 − precision is
    there up to the largest m with W = 1/a − 1. Far apart in many dimensions that is
    exp(βΔ² − 1)/βΔ².

    Args:
        separation: Δ, root mean square distance of two patterns.
        dimension: n.
        inverse_temperature: β > 0.
        precision: How far from the pattern the fixed point may lie, relative to |ρ|, in
            (0, 1).

    Returns:
        A number of patterns, not rounded.

    Raises:
        ValueError: If a number is out of range.

    Source: This library's; in the manner of Ramsauer et al. 2021, Theorem 3.
    """
    check_whole(dimension=dimension)
    check_positive(separation=separation, inverse_temperature=inverse_temperature)
    check_in("(0, 1)", precision=precision)
    a = np.linspace(1 - precision, 1 - 1e-4, 3000)
    # Beyond, as many as there are numbers: the weight overflows far below 1e150.
    exponent = inverse_temperature * a * min(separation, 1e150) ** 2
    weight = np.exp(exponent - exponent**2 / (2 * dimension))
    return float(((1 / a - 1) * weight).max())
