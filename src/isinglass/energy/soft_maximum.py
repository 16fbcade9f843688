"""The streaming core: soft maximum, soft mean and best of many patterns for a state.

For scores r_j = ⟨y, ρ_j⟩, or ⟨y, ρ_j⟩ − |ρ_j|² where patterns are ranked by distance (y
= 2x),

    soft maximum  β⁻¹ log Σ_j exp(β r_j),      soft mean  Σ_j p_j ρ_j,  p = softmax(β
    r),

and the best pattern is the one of highest score. All energies made of exponentials, and
their forces, are made of these. The highest score is taken off before anything is
exponentiated, and β multiplies the difference, so that neither large scores nor any β >
0 overflow.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isinglass.energy.streaming import (
    Reading,
    Reduction,
    fold,
    fold_device,
    on_device,
    on_host,
    reading_of,
    sum_device,
)


class Soft(NamedTuple):
    """What is known of all patterns together, for each of s states.

    Attributes:
        maximum: β⁻¹ log Σ_j exp(β r_j), (s,).
        highest: max_j r_j, (s,); not differentiated.
        surplus: maximum − highest, without the cancellation, in [0, β⁻¹ log m], (s,);
            not differentiated.
        best: Which pattern has the highest score; the first, where some are equal,
            (s,).
        mean: Σ_j p_j ρ_j, (s, n), or None if it was not asked for.
    """

    maximum: Any
    highest: Any
    surplus: Any
    best: Any
    mean: Any


class _Known(NamedTuple):
    highest: Any
    total: Any
    best: Any
    summed: Any


@dataclass(frozen=True)
class _SoftReduction(Reduction):
    by_distance: bool
    with_mean: bool

    def start(self, args: Any) -> _Known:
        y = args[0]
        count = y.shape[0]
        summed = jnp.zeros(y.shape, y.dtype) if self.with_mean else None
        lowest = jnp.full(count, -jnp.inf, y.dtype)
        return _Known(
            lowest, jnp.zeros(count, y.dtype), jnp.zeros(count, jnp.int32), summed
        )

    def absorb(self, known: _Known, args: Any, block: Any, first: Any) -> _Known:
        y, beta = args
        found = scores(y, block, self.by_distance)
        top = found.max(-1)
        highest = jnp.maximum(known.highest, top)
        fade = jnp.exp(beta * (known.highest - highest))
        weights = jnp.exp(beta * (found - highest[:, None]))
        # Not argmax, which XLA does not vectorise on CPUs.
        index = jnp.arange(block.shape[0], dtype=jnp.int32)
        here = jnp.where(found == top[:, None], index, block.shape[0]).min(-1) + first
        best = jnp.where(top > known.highest, here.astype(jnp.int32), known.best)
        summed = known.summed
        if self.with_mean:
            summed = summed * fade[:, None] + product(weights, block)
        return _Known(highest, known.total * fade + weights.sum(-1), best, summed)

    def merge(self, known: _Known, args: Any, axis: str) -> _Known:
        highest = jax.lax.pmax(known.highest, axis)
        fade = jnp.exp(args[1] * (known.highest - highest))
        last = jnp.iinfo(jnp.int32).max
        best = jax.lax.pmin(jnp.where(known.highest == highest, known.best, last), axis)
        total = jax.lax.psum(known.total * fade, axis)
        summed = known.summed
        if self.with_mean:
            summed = jax.lax.psum(summed * fade[:, None], axis)
        return _Known(highest, total, best, summed)


@dataclass(frozen=True)
class _Others:
    """Σ_j w_j and, if wanted, Σ_j w_j ρ_j over all patterns but the best, w = exp β(r − r_best).

    The best is left out, for its derivatives cancel, but for rounding, which a large β
    blows up.
    """

    by_distance: bool
    with_mean: bool

    def __call__(self, args: Any, block: Any, first: Any) -> Any:
        y, beta, highest, best = args
        lifted = beta * (scores(y, block, self.by_distance) - highest[:, None])
        # At most 1 but for rounding.
        weights = jnp.exp(lifted - jax.lax.stop_gradient(jnp.maximum(lifted, 0)))
        others = first + jnp.arange(block.shape[0]) != best[:, None]
        weights = jnp.where(others, weights, 0)
        return weights.sum(-1), product(weights, block) if self.with_mean else None


def soft(
    y: Any,
    patterns: Any,
    beta: Any,
    *,
    by_distance: bool,
    mean: bool = True,
    block: int | None = None,
    name: str = "patterns",
) -> Soft:
    """Soft maximum, best pattern and, if wanted, soft mean for states y, (s, n).

    `Soft.maximum` and `Soft.mean` can be differentiated by y, the patterns and β,
    forward and backward, any number of times; the first derivative by y alone costs the
    mean and no more.

    Args:
        y: States, or twice the states where patterns are ranked by distance.
        patterns: (m, n).
        beta: β > 0.
        by_distance: Whether |ρ|² is taken off the scores.
        mean: Whether the soft mean is wanted, which costs a second product.
        block: Rows of a block, if not as many as suit.
        name: What the patterns are called in errors.
    """
    limits = jnp.finfo(y.dtype)
    beta = jnp.clip(jnp.asarray(beta), limits.tiny, limits.max).astype(y.dtype)
    if on_host(patterns, y, beta):
        known = fold(
            _SoftReduction(by_distance, mean), (y, beta), patterns, block, name
        )
        return _of(known, beta)
    reading = reading_of(y.shape[0], patterns, block)
    return _soft_compiled(
        by_distance, mean, reading, y, on_device(patterns, name), beta
    )


def scores(y: Any, block: Any, by_distance: bool) -> Any:
    """r_j of the patterns of a block, (s, b)."""
    products = product(y, block.T)
    return products - (block * block).sum(-1) if by_distance else products


def product(a: Any, b: Any) -> Any:
    """A @ b without the short mantissa that GPUs take by default: differences of scores count."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


def _of(known: _Known, beta: Any) -> Soft:
    surplus = jnp.log(known.total) / beta
    mean = None if known.summed is None else known.summed / known.total[:, None]
    return Soft(known.highest + surplus, known.highest, surplus, known.best, mean)


@partial(jax.jit, static_argnums=(0, 1, 2))
def _soft_compiled(
    by_distance: bool, mean: bool, reading: Reading, y: Any, patterns: Any, beta: Any
) -> Soft:
    return _soft(by_distance, mean, reading, y, patterns, beta)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _soft(
    by_distance: bool, mean: bool, reading: Reading, y: Any, patterns: Any, beta: Any
) -> Soft:
    known = fold_device(_SoftReduction(by_distance, mean), reading, (y, beta), patterns)
    return _of(known, beta)


def _soft_jvp(
    by_distance: bool, mean: bool, reading: Reading, primals: Any, tangents: Any
) -> tuple[Soft, Soft]:
    y, patterns, beta = primals
    of_y, of_patterns, of_beta = tangents
    only_y = _is_zero(of_patterns) and _is_zero(of_beta)
    found = _soft(by_distance, mean or only_y, reading, y, patterns, beta)
    if only_y and not mean:
        of_maximum, of_mean = None, None
    else:
        of_maximum, of_mean = _moved(
            by_distance, mean, reading, primals, tangents, found
        )
    if only_y:
        of_maximum = (found.mean * of_y).sum(-1)
    still = jnp.zeros_like(found.highest)
    of_best = np.zeros(found.best.shape, jax.dtypes.float0)
    tangent = Soft(of_maximum, still, still, of_best, of_mean)
    return found if mean else found._replace(mean=None), tangent


def _moved(
    by_distance: bool,
    mean: bool,
    reading: Reading,
    primals: Any,
    tangents: Any,
    found: Soft,
) -> tuple[Any, Any]:
    """Tangents of soft maximum r_best + β⁻¹ log(1 + Σ w) and mean (ρ_best + Σ w ρ)/(1 + Σ w)."""
    beta = primals[2]
    moving = [not _is_zero(t) for t in tangents]

    def parts(*given: Any) -> Any:
        values = iter(given)
        y, rows, inverse = (
            next(values) if moves else x
            for x, moves in zip(primals, moving, strict=True)
        )
        best = rows[found.best].astype(y.dtype)
        highest = (y * best).sum(-1)
        if by_distance:
            highest = highest - (best * best).sum(-1)
        highest = with_value(highest, found.highest)
        args = (y, inverse, highest, found.best)
        sums = sum_device(_Others(by_distance, mean), reading, args, rows)
        return highest, best, *sums

    variables, directions = (
        tuple(x for x, moves in zip(each, moving, strict=True) if moves)
        for each in (primals, tangents)
    )
    (highest, *_), moved = jax.jvp(parts, variables, directions)
    of_highest, of_best, of_weights, of_sum = moved
    surplus = with_value(found.maximum - highest, found.surplus)
    total = jnp.exp(beta * surplus)
    of_maximum = of_highest + of_weights / (total * beta)
    if not _is_zero(tangents[2]):
        of_maximum = of_maximum - surplus * tangents[2] / beta
    if not mean:
        return of_maximum, None
    return of_maximum, (of_best + of_sum - found.mean * of_weights[:, None]) / total[
        :, None
    ]


def _is_zero(tangent: Any) -> bool:
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


_soft.defjvp(_soft_jvp, symbolic_zeros=True)


@jax.custom_jvp
def with_value(differentiated: Any, value: Any) -> Any:
    """A value, with the derivatives of an expression that is equal to it but for rounding."""
    del differentiated
    return value


@with_value.defjvp
def _with_value_jvp(primals: Any, tangents: Any) -> Any:
    return with_value(*primals), tangents[0]
