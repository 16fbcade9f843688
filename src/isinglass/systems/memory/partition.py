"""Partition function over balls, exact, beside the printed form; radii from it.

Around each of the stored patterns ρ_i is a ball of radius r_i, and its weight is

    Z_i = ∫_{|y| < r_i} e^{−|y|²} dy = π^{n/2} P(n/2, r_i²),

with P the regularised lower incomplete gamma function (polar coordinates, u = |y|²).
The paper prints 2 π^{n/2} γ(n, r)/Γ(n/2) instead, which leaves u = |y|² out:
`log_partition_misprinted`.

Everything is in logarithms, for volumes in hundreds of dimensions leave the range of a
double. Values have a relative error of about 1e-13, or an absolute one of about 1e-15 n
where the two terms of log Z cancel.

Source: Niu, Bai, Deng & Han 2024, section 5 (cross-entropy loss), Propositions 4 and 5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.special import gammaln, logsumexp

from isinglass._common.checks import as_real_array, check_positive
from isinglass._common.types import ArrayLike
from isinglass.systems.memory._incomplete_gamma import log_lower_gamma

LOG_PI = np.log(np.pi)
_WIDEST = 10**15  # beyond which sums of logarithms have no digits left


def log_ball_volume(radius: ArrayLike, n: ArrayLike) -> Float[np.ndarray, "..."]:
    """Compute log V_n(r) = (n/2) log π + n log r − log Γ(n/2 + 1), a ball's volume.

    Args:
        radius: r ≥ 0; may be an array.
        n: Dimension, a whole number of at least 1; may be an array.

    Returns:
        Logarithms, of the broadcast shape; −∞ where r = 0.

    Raises:
        ValueError: If a radius is negative or not finite, or a dimension is no whole
            number ≥ 1.
    """
    radius, n = _checked(radius, n)
    with np.errstate(divide="ignore"):
        return np.asarray(n / 2 * LOG_PI + n * np.log(radius) - gammaln(n / 2 + 1))


def log_ball_partition(radius: ArrayLike, n: ArrayLike) -> Float[np.ndarray, "..."]:
    """Compute the weight of one ball: log Z_i = (n/2) log π + log P(n/2, r²).

    Args:
        radius: r ≥ 0; may be an array.
        n: Dimension, a whole number of at least 1; may be an array.

    Returns:
        Logarithms, of the broadcast shape; −∞ where r = 0.

    Raises:
        ValueError: As `log_ball_volume`.
    """
    radius, n = _checked(radius, n)
    exact = n / 2 * LOG_PI + log_lower_gamma(n / 2, np.square(radius))
    # There e^{−r²} is 1 to rounding, and r² could underflow.
    return np.where(radius < 1e-9, log_ball_volume(radius, n), exact)


def ball_partition_bounds(
    radius: ArrayLike, n: ArrayLike
) -> tuple[Float[np.ndarray, "..."], Float[np.ndarray, "..."]]:
    """Bound the weight of one ball, log V_n(r) − r² ≤ log Z_i ≤ log V_n(r).

    That is because e^{−|y|²} lies in [e^{−r²}, 1]. The paper has e^{−r} for e^{−r²},
    which is no lower bound where r > 1.

    Args:
        radius: r ≥ 0; may be an array.
        n: Dimension, a whole number of at least 1; may be an array.

    Returns:
        Lower and upper bounds of log Z_i, of the broadcast shape.

    Raises:
        ValueError: As `log_ball_volume`.
    """
    volume = log_ball_volume(radius, n)
    return np.asarray(volume - np.square(np.asarray(radius, float))), volume


def log_partition(radii: ArrayLike, n: int) -> float:
    """Compute log Z with Z = Σ_i Z_i over balls that do not overlap, exactly.

    Args:
        radii: r_i ≥ 0, (N,) with N ≥ 1.
        n: Dimension, at least 1.

    Raises:
        ValueError: As `log_ball_volume`, and if there is no ball.
    """
    return float(np.asarray(logsumexp(log_ball_partition(_balls(radii), _single(n)))))


def log_partition_misprinted(radii: ArrayLike, n: int) -> float:
    """Compute log Σ_i 2 π^{n/2} γ(n, r_i)/Γ(n/2), the printed form, which is wrong.

    It is the integral of e^{−|y|} over the ball, not of e^{−|y|²}. It is here to be
    compared.

    Args:
        radii: r_i ≥ 0, (N,) with N ≥ 1.
        n: Dimension, at least 1.

    Raises:
        ValueError: As `log_partition`.
    """
    radius, n_ = _checked(_balls(radii), _single(n))
    log_weights = log_lower_gamma(n_, radius) + gammaln(n_) - gammaln(n_ / 2)
    return float(np.asarray(logsumexp(np.log(2) + n_ / 2 * LOG_PI + log_weights)))


def claimed_cross_entropy(log_z: ArrayLike) -> Float[np.ndarray, "..."]:
    """Compute what Proposition 4 takes for the cross-entropy in nats: log Z + 1/Z.

    It is convex in log Z and at least 1, with equality at Z = 1 only. What a real data
    set allows is its own entropy, which has nothing to do with this 1.

    Args:
        log_z: log Z; may be an array.

    Returns:
        Values of at least 1, of the same shape; ∞ where Z is so small that 1/Z
        overflows.

    Raises:
        ValueError: If log Z is not finite.

    Source: Niu et al. 2024, Proposition 4.
    """
    log_z = np.asarray(as_real_array("log_z", log_z))
    with np.errstate(over="ignore"):
        return np.asarray(1 + (log_z + np.expm1(-log_z)))


def unit_volume_radius(n: ArrayLike) -> Float[np.ndarray, "..."]:
    """Compute the radius of the ball of volume 1, V_n(r) = 1, exactly.

    Args:
        n: Dimension, a whole number of at least 1; may be an array.

    Raises:
        ValueError: If a dimension is no whole number ≥ 1.
    """
    return np.asarray(np.exp(-log_ball_volume(1.0, n) / np.asarray(n, float)))


def unit_volume_radius_asymptote(n: ArrayLike) -> Float[np.ndarray, "..."]:
    """Compute √(n/2πe), to which the radius of unit volume tends.

    It is less than that by the factor (πn)^{1/2n}. The paper compares twice this radius
    with distances between activations.

    Args:
        n: Dimension, a whole number of at least 1; may be an array.

    Raises:
        ValueError: If a dimension is no whole number ≥ 1.
    """
    return np.asarray(np.sqrt(_checked(1.0, n)[1] / (2 * np.pi * np.e)))


def critical_radius(count: ArrayLike, n: ArrayLike) -> Float[np.ndarray, "..."]:
    """Find the radius of N equal balls at which Z = 1, where log Z + 1/Z is least.

    log Z is increasing and concave in log r, so that Newton's method, started below the
    root, climbs to it without overshooting.

    Args:
        count: N, number of balls, at least 1; may be an array.
        n: Dimension, a whole number of at least 1; may be an array.

    Returns:
        r, of the broadcast shape.

    Raises:
        ValueError: If a number is out of range.
    """
    count = np.asarray(as_real_array("count", count))
    if not (count >= 1).all():
        raise ValueError(f"count must be at least 1 and finite, got {count}")
    n = _checked(1.0, n)[1]
    _check_broadcast(count=count, n=n)
    radius = np.exp(-(log_ball_volume(1.0, n) + np.log(count)) / n)
    for _ in range(200):
        log_z = log_ball_partition(radius, n)
        slope = np.exp(np.log(n) + ball_partition_bounds(radius, n)[0] - log_z)
        step = (log_z + np.log(count)) / slope
        radius = radius * np.exp(-step)
        if (abs(step) <= 1e-15).all():
            break
    return np.asarray(radius)


def parameters_against_data(
    n: ArrayLike,
    radius: ArrayLike | None = None,
    *,
    layers: int = 24,
    tokens_per_pattern: int = 256,
    constant: float = 8.6e-10,
) -> xr.Dataset:
    """Tabulate parameters N and tokens D of data at which Z = 1, beside N = c D².

    With d balls of radius r, Z = 1 fixes d = 1/Z_i(n, r), and with it the data, D = d
    tokens of one pattern; a transformer of width n has N = 12 layers n² parameters.
    Where r grows like √n, as the paper has it, d is exponential in n, so that N grows
    like log² D: N = O(D²) then holds, but only as a bound far above. A curve N = c D²
    needs the number of patterns to be proportional to the width, which Z = 1 does not
    give.

    Args:
        n: Widths, (K,).
        radius: r, one or one for each width; √(n/2πe) if None.
        layers: Layers of the transformer.
        tokens_per_pattern: Tokens for which one pattern stands; 256 as in the paper's
            F.1.
        constant: c, 8.4e-10 to 8.8e-10 as measured in the paper's version 2.

    Returns:
        Along "n": `radius`, `log_patterns` (log d), `log_data` (log D), `parameters`
        (N), `log_ratio` (log N/D²) and `claimed_log_data` (log √(N/c)). A negative log
        d says that one ball alone has more than weight 1.

    Raises:
        ValueError: If a number is out of range, or there are other radii than widths.

    Source: Niu et al. 2024, Proposition 5; N/D*² from version 2.
    """
    n = np.atleast_1d(_checked(1.0, n)[1])
    if n.ndim != 1 or not n.size:
        raise ValueError(f"n must be one list of widths, got shape {n.shape}")
    check_positive(
        layers=layers, tokens_per_pattern=tokens_per_pattern, constant=constant
    )
    if radius is None:
        radii = unit_volume_radius_asymptote(n)
    else:
        radii = np.asarray(as_real_array("radius", radius))
    if radii.shape not in ((), (1,), n.shape):
        raise ValueError(
            f"radius must be one number or one for each of {n.size} widths, got shape "
            f"{radii.shape}"
        )
    if (radii == 0).any():
        raise ValueError("radius must be positive: at 0 no number of balls has Z = 1")
    log_patterns = -log_ball_partition(radii, n)
    log_data = log_patterns + np.log(tokens_per_pattern)
    parameters = 12.0 * layers * n**2
    columns: dict[str, Any] = {
        "radius": np.broadcast_to(radii, n.shape),
        "log_patterns": log_patterns,
        "log_data": log_data,
        "parameters": parameters,
        "log_ratio": np.log(parameters) - 2 * log_data,
        "claimed_log_data": np.log(parameters / constant) / 2,
    }
    return xr.Dataset(
        {name: ("n", values) for name, values in columns.items()},
        {"n": n.astype(int)},
        {
            "layers": layers,
            "tokens_per_pattern": tokens_per_pattern,
            "constant": constant,
            "source": "Niu et al. 2024, Proposition 5",
        },
    )


def _balls(radii: ArrayLike) -> np.ndarray:
    radii = np.asarray(as_real_array("radii", radii))
    if not (radii >= 0).all():
        raise ValueError(f"radii must be at least 0, got {radii}")
    if radii.ndim != 1 or not radii.size:
        raise ValueError(
            f"radii must be one list with one ball at least, got shape {radii.shape}"
        )
    return radii


def _checked(radius: ArrayLike, n: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    radius, n = (
        np.asarray(as_real_array("radius", radius)),
        np.asarray(as_real_array("n", n)),
    )
    if not (radius >= 0).all():
        raise ValueError(f"radius must be at least 0 and finite, got {radius}")
    if not ((n >= 1) & (n == np.floor(n)) & (n < _WIDEST)).all():
        raise ValueError(f"n must be a whole number from 1 and below 10¹⁵, got {n}")
    _check_broadcast(radius=radius, n=n)
    return radius, n


def _check_broadcast(**arrays: np.ndarray) -> None:
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = " and ".join(str(array.shape) for array in arrays.values())
        raise ValueError(
            f"{' and '.join(arrays)} must be of shapes that fit, got {shapes}"
        ) from None


def _single(n: Any) -> Any:
    """The dimension, which is the same for all balls."""
    return as_real_array("n", n, ())
