"""The response of a mean-field tensor to its host: Tang 2020, Eq. 6, Fig. 5 and §5.2.

A tensor whose elements attend to n̄ neighbours and feel the field B settles at

    μ = tanh(β(n̄μ + B)).                                                         (Eq. 6)

Everything depends on x = βn̄, here the *coupling*, and on h = βB, the *field*. For
x ≤ 1 there is one answer to every field. For x > 1 there are two that last, between
−h_s and h_s, and the tensor remembers which of them it was in: a relay. A cycle of the
field then dissipates the area of the loop.

**Factor 2.** Eq. 6 follows from the energy of Eq. 1 with each pair of dipoles counted
*once*. As Eq. 1 is printed, its sum is over ordered pairs, each pair twice, and so is
`isinglass.energy.ising_energy`; the mean field of *that* is tanh(β(2J n̄μ + B)). To
compare the two, give this module x = 2βJn̄.

All is computed in float64, whatever JAX is set to. Numbers and arrays give arrays of
NumPy. What JAX traces may be jitted, mapped and differentiated, and leaves in JAX's own
precision; derivatives are those of the implicit function.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.scipy.special import xlog1py
from jaxtyping import Array, Float

from isinglass._common.checks import as_real_array, check_finite
from isinglass._common.precision import double_precision
from isinglass._common.types import ArrayLike
from isinglass.systems.interference.tensors import _roots

Numbers = Float[np.ndarray, "..."] | Float[Array, "..."] | float


# -- precision -------------------------------------------------------------------------


def _in_double(function: Callable) -> Callable:
    """Compute in float64; arrays of NumPy come out, but of what is traced."""

    @functools.wraps(function)
    def wrapper(*arguments: Any, **named: Any) -> Any:
        # NaN says that a solution is absent, and is no error here.
        with double_precision(), jax.debug_nans(False):
            result = function(*arguments, **named)
        return jax.tree.map(_leave, result)

    return wrapper


def _leave(result: Any) -> Any:
    if isinstance(result, Tracer):
        return result.astype(jnp.result_type(float))
    return np.array(result)[()]


# -- the response ----------------------------------------------------------------------


class Spinodal(NamedTuple):
    """Where a stable branch ends, and where the tensor lands; each has x's shape.

    Attributes:
        mean_field: μ_s = √(1 − 1/x): the upper branch ends there, the lower at −μ_s.
        field: h_s = xμ_s − artanh μ_s: the upper branch ends at −h_s, the lower at h_s.
        landing: μ₁, where the tensor lands from −μ_s as the field exceeds h_s.
    """

    mean_field: Numbers
    field: Numbers
    landing: Numbers


class MeanFieldSolutions(NamedTuple):
    """All solutions of Eq. 6, NaN where one is absent.

    Attributes:
        lower: The lower stable branch, which lasts up to h_s.
        middle: The unstable solution between.
        upper: The upper stable branch, which lasts down to −h_s.
    """

    lower: Numbers
    middle: Numbers
    upper: Numbers


class Switching(NamedTuple):
    """What one jump from a branch to the other gives and takes, per element.

    Attributes:
        heat: βq ≥ 0, the energy that leaves the tensor at the spinodal field, times β.
        entropy_change: Δs ≤ 0 of the tensor, in nats.
    """

    heat: Numbers
    entropy_change: Numbers


@_in_double
def spinodal(coupling: ArrayLike) -> Spinodal:
    """Compute where the two stable branches end, and where a tensor lands after that.

    Args:
        coupling: x = βn̄, any shape, not negative.

    Returns:
        Mean field, field and landing point. Below x = 1 there is no spinodal: NaN. At
        x = 1 all three are 0.

    Raises:
        ValueError: If it is negative, not finite, or no real numbers.

    Source: Tang 2020, Eq. 6: h = u − x tanh u with u = artanh μ has its extrema where
    x(1 − μ²) = 1.
    """
    (x,) = _operands(coupling=coupling)
    return _spinodal(x)


@_in_double
def mean_field_solutions(coupling: ArrayLike, field: ArrayLike) -> MeanFieldSolutions:
    """Solve μ = tanh(xμ + h) for all its solutions.

    One for x ≤ 1 (upper where h ≥ 0, else lower); three for x > 1 and |h| ≤ h_s, of
    which two coincide at ±h_s; the upper one alone above, the lower one alone below.
    The residual is a few units of rounding. The error is below 10⁻¹¹ from 10⁻⁸ away
    from the spinodal for x up to 10³ or so; at the spinodal a root is only as well
    defined as the square root of the rounding of h.

    Args:
        coupling: x = βn̄, not negative.
        field: h = βB; the two are broadcast against each other.

    Returns:
        The lower, middle and upper solution. Derivatives by the implicit rule,
        dμ/dh = (1 − μ²)/(1 − x(1 − μ²)) and dμ/dx = μ dμ/dh, infinite at the spinodal,
        and 0 where there is no solution.

    Raises:
        ValueError: If one is not finite or no real numbers, if the coupling is negative
            (its neighbours would oppose each other, and no single mean field describes
            them), or if the shapes do not fit. Values that JAX traces are not looked
            at; there, a negative coupling gives NaN.

    Source: Tang 2020, Eq. 6.
    """
    return _solutions(*_operands(coupling=coupling, field=field))


@_in_double
def hysteresis(
    coupling: ArrayLike, fields: ArrayLike, start: ArrayLike = -1
) -> Numbers:
    """Follow a tensor while its field changes slowly along a path of any shape.

    It stays on its branch until that ends: the branch is up from where h > h_s, down
    from where h < −h_s, and else as it was. After the field has gone, μ = ±μ₀ with
    μ₀ = tanh(xμ₀): one bit of memory if x > 1, and none else. (For where a *diagram of
    any map* depends on its past, see `isinglass.dynamics.hysteresis`.)

    Args:
        coupling: x = βn̄; broadcast against what follows the first axis of ``fields``.
        fields: h = βB by time step, then by tensor if there are several: (steps, …).
        start: Branch before the first step, −1 or 1, broadcast likewise.

    Returns:
        μ at each step.

    Raises:
        ValueError: As `mean_field_solutions`, or if ``start`` is anything else, or
            there is no axis of steps.

    Source: Tang 2020, Fig. 5(b).
    """
    h, x, first = _numbers(fields=fields, coupling=coupling, start=start)
    if not isinstance(first, Tracer) and not np.isin(np.asarray(first), (-1, 1)).all():
        raise ValueError(f"start must be -1 or 1, got {start!r}")
    if h.ndim == 0 or not len(h):
        raise ValueError(f"fields must have an axis of steps, got {fields!r}")
    x, first, _ = _broadcast(**{"coupling": x, "start": first, "fields[0]": h[0]})
    missing = (1,) * (x.ndim - h.ndim + 1)
    h = jnp.broadcast_to(h.reshape(len(h), *missing, *h.shape[1:]), (len(h), *x.shape))
    return _follow(x, h, first)


@_in_double
def loop_area(coupling: ArrayLike) -> Numbers:
    """Compute the area of the hysteresis loop: what a cycle dissipates, times β.

    βA = 2[h_s(μ₁ + μ_s) + Φ(μ_s) − Φ(μ₁)] per element, which is twice the drop of the
    free energy in one jump. Near x = 1 it is (9/2)(x − 1)², for large x 4x.

    Args:
        coupling: x = βn̄, not negative.

    Returns:
        βA; 0 for x ≤ 1.

    Raises:
        ValueError: As `spinodal`.

    Source: Tang 2020, §5.2, which has it proportional to the dissipated energy.
    """
    (x,) = _operands(coupling=coupling)
    return _loop_area(x)


@_in_double
def switching(coupling: ArrayLike) -> Switching:
    """Compute the heat that one jump at the spinodal gives off, and its entropy change.

    The elements come to agree, so that their entropy falls; the heat that leaves is
    larger: βq + Δs = βA/2 > 0, the second law for one tensor.

    Args:
        coupling: x = βn̄, not negative.

    Returns:
        βq and Δs per element; both 0 for x ≤ 1, where nothing jumps.

    Raises:
        ValueError: As `spinodal`.

    Source: Tang 2020, §5.2, first half.
    """
    (x,) = _operands(coupling=coupling)
    return _switching(x)


@_in_double
def free_energy(
    mean_field: ArrayLike, coupling: ArrayLike, field: ArrayLike
) -> Numbers:
    """Compute β times the free energy per element at a mean field that is held fixed.

    f(μ) = Φ(μ) − hμ with Φ(μ) = μ artanh μ + ½ log(1 − μ²) − xμ²/2. Its extrema are the
    solutions of Eq. 6: two minima and a maximum between for x > 1 and |h| < h_s.
    (log 2, the entropy at μ = 0, is left out.)

    Args:
        mean_field: μ, from −1 to 1.
        coupling: x = βn̄, not negative.
        field: h = βB; all three are broadcast against each other.

    Raises:
        ValueError: If μ is outside, or as `mean_field_solutions`.

    Source: Tang 2020, Eq. 6, of which it is the integral over μ.
    """
    m, x, h = _operands(mean_field=mean_field, coupling=coupling, field=field)
    if not isinstance(m, Tracer) and (np.abs(m) > 1).any():
        raise ValueError("mean_field must be from -1 to 1")
    return _free_energy(m, x, h)


@_in_double
def attended_neighbours(active_share: ArrayLike) -> Numbers:
    """Compute n̄ of a tensor as the authors' program does, from its active elements.

    With the share p of active elements and q = 1 − p it is

        n̄ = 1.5 (1.2p² + q² − 1.6pq) / (1.2p² + q² + 1.6pq),

    so that a tensor is bistable at β = 1 once about 87 % of its elements are active. A
    choice of that program (added in June 2021), which the paper does not derive.

    Args:
        active_share: p, from 0 to 1, any shape.

    Raises:
        ValueError: If it is outside, or no real numbers.
    """
    (p,) = _numbers(active_share=active_share)
    if not isinstance(p, Tracer) and not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"active_share must be from 0 to 1, got {active_share!r}")
    alike, unlike = 1.2 * p**2 + (1 - p) ** 2, 1.6 * p * (1 - p)
    return 1.5 * (alike - unlike) / (alike + unlike)


# -- compiled --------------------------------------------------------------------------


def _compiled(function: Callable) -> Callable:
    """Jitted when it is first called, so that importing compiles nothing."""
    return functools.wraps(function)(jax.jit(function))


@_compiled
def _spinodal(x: Any) -> Spinodal:
    mean_field, field = _roots.fold(x)
    landing = _roots.solve(x, field)[2]
    absent = jnp.where(x < 1, jnp.nan, 0.0)
    return Spinodal(mean_field + absent, field + absent, landing + absent)


@_compiled
def _solutions(x: Any, h: Any) -> MeanFieldSolutions:
    negative = jnp.where(x < 0, jnp.nan, 0.0)
    return MeanFieldSolutions(*(root + negative for root in _roots.solve(x, h)))


@_compiled
def _follow(x: Any, h: Any, start: Any) -> Any:
    _, field = _roots.fold(x)
    switched = jnp.where(h > field, 1.0, jnp.where(h < -field, -1.0, 0.0))
    events = jnp.concatenate([jnp.broadcast_to(start, h.shape[1:])[None], switched])
    latest = jax.lax.associative_scan(lambda a, b: jnp.where(b == 0, a, b), events)
    lower, _, upper = _solutions(x, h)
    up = (latest[1:] > 0) & ~jnp.isnan(upper) | jnp.isnan(lower)
    # The branch that is not taken has no part in derivatives.
    return jnp.where(up, upper, lower)


@_compiled
def _loop_area(x: Any) -> Any:
    mean_field, field = _roots.fold(x)
    landing = jnp.where(x > 1, _roots.solve(x, field)[2], 0.0)
    work = field * (landing + mean_field)
    drop = work + _potential(mean_field, x) - _potential(landing, x)
    return jnp.where(x > 1, 2 * drop, 0.0)


@_compiled
def _switching(x: Any) -> Switching:
    mean_field, field = _roots.fold(x)
    landing = jnp.where(x > 1, _roots.solve(x, field)[2], 0.0)
    aligned = 0.5 * x * (landing**2 - mean_field**2)
    heat = aligned + field * (landing + mean_field)
    order = _order(mean_field) - _order(landing)
    return Switching(jnp.where(x > 1, heat, 0.0), jnp.where(x > 1, order, 0.0))


@_compiled
def _free_energy(m: Any, x: Any, h: Any) -> Any:
    return _potential(m, x) - h * m


def _potential(m: Any, x: Any) -> Any:
    """Φ(μ) = μ artanh μ + ½ log(1 − μ²) − xμ²/2."""
    return _order(m) - 0.5 * x * m * m


def _order(m: Any) -> Any:
    """Log 2 − s(μ) = μ artanh μ + ½ log(1 − μ²), finite at ±1 too."""
    return 0.5 * (xlog1py(1 + m, m) + xlog1py(1 - m, -m))


def _operands(**values: Any) -> list[Any]:
    """The arguments as float64 arrays of one shape, checked by their names."""
    return _broadcast(**dict(zip(values, _numbers(**values), strict=True)))


def _numbers(**values: Any) -> list[Any]:
    """The arguments as float64 arrays, checked by their names."""
    arrays = {}
    for name, value in values.items():
        array = value if isinstance(value, jax.Array) else as_real_array(name, value)
        check_finite(**{name: array})
        if jnp.iscomplexobj(array):
            raise ValueError(f"{name} must be real numbers, got {array.dtype}")
        arrays[name] = jnp.asarray(array, jnp.float64)
    coupling = arrays.get("coupling", np.zeros(()))
    if not isinstance(coupling, Tracer) and (np.asarray(coupling) < 0).any():
        raise ValueError(
            "coupling must not be negative (neighbours that oppose each other have no "
            f"single mean field), got {np.asarray(coupling).min()}"
        )
    return list(arrays.values())


def _broadcast(**arrays: Any) -> list[Any]:
    shapes = [array.shape for array in arrays.values()]
    try:
        return list(jnp.broadcast_arrays(*arrays.values()))
    except ValueError:
        names = " and ".join(arrays)
        raise ValueError(f"{names} must have shapes that fit, got {shapes}") from None
