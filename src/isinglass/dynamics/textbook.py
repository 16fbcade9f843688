"""Textbook maps, whose behaviour is known exactly or to many digits.

For teaching, trying and checking: each is a step for any function of
`isinglass.dynamics`, and its docstring says what is known.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.types import ArrayLike
from isinglass.dynamics.maps import DelayMap

ACCUMULATION = 3.569945671870945
"""r∞, where the doublings of `logistic` accumulate (Feigenbaum 1978; OEIS A098587)."""


def logistic(
    x: Float[Array, "*shape"], parameters: Mapping[str, Any]
) -> Float[Array, "*shape"]:
    """Logistic map x → r x (1 − x) on [0, 1]; parameter ``r`` in [0, 4] (May 1976).

    Known: fixed point 1 − 1/r with exponent ln |2 − r| for 1 < r < 3; period 2 from r =
    3, period 4 from 1 + √6, chaos from r∞ = 3.5699456718…, with ever longer periods
    between; a superstable fixed point (exponent −∞) at r = 2 and 2-cycle at 1 + √5;
    period 3 from 1 + √8; exponent ln 2 at r = 4; all but the fixed points and their
    preimages diverge for r > 4.

    Args:
        x: Any shape; each component is a map of its own.
        parameters: ``r``.
    """
    return parameters["r"] * x * (1 - x)


def henon(x: Float[Array, "2"], parameters: Mapping[str, Any]) -> Float[Array, "2"]:
    """Hénon map (x, y) → (1 − a x² + y, b x); parameters ``a`` and ``b`` (Hénon 1976).

    Known: the exponents sum to ln |b| exactly; for a = 1.4, b = 0.3 they are 0.4192 and
    −1.6232 (Sprott 2003), and the Kaplan–Yorke dimension is 1.258.

    Args:
        x: The two components, for instance from (0, 0).
        parameters: ``a`` and ``b``.
    """
    return jnp.stack([1 - parameters["a"] * x[0] ** 2 + x[1], parameters["b"] * x[0]])


def standard_map(
    x: Float[Array, "2"], parameters: Mapping[str, Any]
) -> Float[Array, "2"]:
    """Standard map p → p + K sin θ, θ → θ + p of the kicked rotor (Chirikov 1979).

    Its parameter is ``K``. Known: it is symplectic, hence the exponents are λ and −λ;
    no chaos at K = 0; in the chaotic sea of large K, λ is close to ln (K/2); the fixed
    point (π, 0) is elliptic for 0 < K < 4.

    Args:
        x: θ, returned in [0, 2π), and p, returned in [−π, π).
        parameters: ``K``.
    """
    momentum = x[1] + parameters["K"] * jnp.sin(x[0])
    turn = 2 * jnp.pi
    return jnp.stack(
        [jnp.mod(x[0] + momentum, turn), jnp.mod(momentum + jnp.pi, turn) - jnp.pi]
    )


def cubic(
    x: Float[Array, "*shape"], parameters: Mapping[str, Any]
) -> Float[Array, "*shape"]:
    """Imperfect pitchfork x → h + r x − x³; parameters ``r`` and ``h``.

    Known, for 1 < r < 5/3: two stable fixed points where |h| < h_c = 2 ((r −
    1)/3)^(3/2). One of them merges with the unstable one between them at x = ∓√((r −
    1)/3), h = ±h_c, so that a slow sweep of h up and down runs through a hysteresis
    loop of width 2 h_c. At h = 0 they are ±√(r − 1); what starts in (0, √r) ends on the
    positive one, what starts beyond √(r + 1) diverges.

    Args:
        x: Any shape; each component is a map of its own.
        parameters: ``r`` and ``h``.
    """
    return parameters["h"] + parameters["r"] * x - x**3


def linear(matrix: ArrayLike) -> Callable[[Float[Array, "d"], Any], Float[Array, "d"]]:
    """The linear map x → matrix · x; it has no parameters, pass ``{}``.

    Known: the exponents are the logarithms of the moduli of the eigenvalues. Start at
    the origin, which is fixed, so that nothing overflows.

    Args:
        matrix: (d, d), real and finite.

    Raises:
        ValueError: If ``matrix`` is not square, or not finite.
    """
    factors = np.array(matrix, dtype=np.float64)
    if factors.ndim != 2 or factors.shape[0] != factors.shape[1] or not factors.size:
        raise ValueError(f"matrix must be square, (d, d), got shape {factors.shape}")
    if not np.isfinite(factors).all():
        raise ValueError("matrix must be finite")

    def step(x: Float[Array, "d"], parameters: Any) -> Float[Array, "d"]:
        return jnp.asarray(factors, x.dtype) @ x

    return step


def _delayed_growth(
    window: Sequence[jax.Array], parameters: Mapping[str, Any], phase: Any
) -> Any:
    return parameters["r"] * window[0] * (1 - window[1])


delayed_logistic = DelayMap(_delayed_growth, length=2)
"""Delayed logistic map x(t+1) = r x(t) (1 − x(t−1)), a `DelayMap` with parameter ``r``.

(Maynard Smith 1968; Aronson et al. 1982.)

Known: the fixed point 1 − 1/r has the exponent ½ ln (r − 1), twice, for 5/4 < r < 2,
and gives way at r = 2 to an invariant circle that turns by 60° a step: quasi-periodic
(λ₁ = 0), but for narrow lockings; chaotic at r = 2.27. The exponents sum to the mean of
ln |r x(t)|.
"""
