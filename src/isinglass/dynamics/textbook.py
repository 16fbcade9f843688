"""Textbook maps and flows, whose behaviour is known exactly or to many digits.

For teaching, trying and checking: each is a step for any function of
`isinglass.dynamics`, and its docstring says what is known. `lorenz`, `rossler` and
`duffing` are vector fields, of which `isinglass.dynamics.flow` makes a step.
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


def lorenz(u: Float[Array, "3"], parameters: Mapping[str, Any]) -> Float[Array, "3"]:
    """Vector field (σ (y − x), x (ρ − z) − y, x y − β z) of Lorenz (1963).

    Known: the exponents sum to −(σ + 1 + β) exactly; for σ = 10, ρ = 28, β = 8/3 they
    are 0.9056, 0 and −14.5723 per unit of time (Sprott 2003), and the Kaplan–Yorke
    dimension is 2.062. The origin attracts all for ρ < 1; for ρ up to 24.74 the points
    (±√(β (ρ − 1)), same, ρ − 1) are stable.

    Args:
        u: x, y, z.
        parameters: ``sigma``, ``rho`` and ``beta``.
    """
    x, y, z = u[0], u[1], u[2]
    return jnp.stack(
        [
            parameters["sigma"] * (y - x),
            x * (parameters["rho"] - z) - y,
            x * y - parameters["beta"] * z,
        ]
    )


def rossler(u: Float[Array, "3"], parameters: Mapping[str, Any]) -> Float[Array, "3"]:
    """Vector field (−y − z, x + a y, b + z (x − c)) of Rössler (1976).

    Known: for a = b = 0.2, c = 5.7 the exponents are 0.0714, 0 and −5.3943 per unit of
    time (Sprott 2003); the orbit is a limit cycle at c = 2.5, and doubles its period on
    the way to chaos.

    Args:
        u: x, y, z.
        parameters: ``a``, ``b`` and ``c``.
    """
    x, y, z = u[0], u[1], u[2]
    return jnp.stack(
        [-y - z, x + parameters["a"] * y, parameters["b"] + z * (x - parameters["c"])]
    )


def duffing(u: Float[Array, "3"], parameters: Mapping[str, Any]) -> Float[Array, "3"]:
    """Driven oscillator x″ + δ x′ + α x + β x³ = γ cos φ of Duffing, with φ′ = ω.

    Known: the exponents sum to −δ exactly, and one of them, that of the phase φ, is 0;
    for α = 0, β = 1, δ = 0.05, γ = 7.5, ω = 1 (Ueda 1979) they are 0.1034, 0 and
    −0.1534 per unit of time (Sprott 2003).

    Args:
        u: x, x′ and φ, which is an angle.
        parameters: ``alpha``, ``beta``, ``gamma``, ``delta`` and ``omega``.
    """
    x, velocity, phase = u[0], u[1], u[2]
    force = parameters["gamma"] * jnp.cos(phase) - parameters["delta"] * velocity
    spring = parameters["alpha"] * x + parameters["beta"] * x**3
    return jnp.stack(
        [velocity, force - spring, jnp.broadcast_to(parameters["omega"], x.shape)]
    ).astype(u.dtype)
