"""The streaming core: soft maximum, soft mean and best of many patterns for a state.

For scores r_j = ⟨x, ρ_j⟩, or −|x − ρ_j|² where patterns are ranked by distance,

    soft maximum  β⁻¹ log Σ_j exp(β r_j),
    soft mean     Σ_j p_j ρ_j,  p = softmax(β r),

and the best pattern is the one of highest score. All energies made of exponentials, and
their forces, are made of these. The highest score is taken off before anything is
exponentiated, and β multiplies the difference, so that neither large scores nor any
β > 0 overflow.

Far from the origin products would have errors of the size of |ρ|², in which the
differences between patterns drown. So what is multiplied are ρ_j − c, for an origin c
amid the patterns that is 0 where they lie about 0: ⟨x, ρ_j − c⟩, or
2 ⟨x − c, ρ_j − c⟩ − |ρ_j − c|². Differences of near numbers are exact, and so are those
of whole numbers.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isinglass._common.largest import first_largest
from isinglass.energy.streamed_sum import is_zero, sum_device
from isinglass.energy.streaming import (
    Reading,
    Reduction,
    fold,
    fold_device,
    on_device,
    on_host,
    reading_of,
    rows_of,
)

_SAMPLE = 64  # patterns of which the origin is the mean


@dataclass(frozen=True)
class Form:
    """What is computed of the scores.

    Attributes:
        by_distance: Whether patterns are ranked by their distance, not their product.
        with_mean: Whether the soft mean is computed, which costs a second product.
    """

    by_distance: bool
    with_mean: bool


PLAIN, WITH_MEAN = Form(False, False), Form(False, True)


class Soft(NamedTuple):
    """What all patterns together amount to, for each of s states.

    Attributes:
        maximum: β⁻¹ log Σ_j exp(β r_j), (s,).
        lowered: maximum − ½|x|², of the product form, without the cancellation in its
            derivative, (s,).
        surplus: maximum − max_j r_j, without the cancellation, in [0, β⁻¹ log m], (s,);
            not differentiated.
        best: Number of the pattern with the highest score; the first, where some are
            equal, (s,).
        mean: Σ_j p_j ρ_j, (s, n), or None where the form has none.
        pull: mean − x, without the cancellation, or None.
    """

    maximum: Any
    lowered: Any
    surplus: Any
    best: Any
    mean: Any
    pull: Any


class _Centred(NamedTuple):
    """The same for scores about an origin: ⟨y, ρ_j − c⟩, and perhaps − |ρ_j − c|².

    Attributes:
        maximum: β⁻¹ log Σ_j exp(β r_j), (s,).
        highest: max_j r_j, (s,); not differentiated.
        surplus: maximum − highest, without the cancellation, in [0, β⁻¹ log m], (s,);
            not differentiated.
        best: Number of the pattern with the highest score; the first, where some are
            equal, (s,).
        mean: Σ_j p_j (ρ_j − c), (s, n), or None where the form has none.
    """

    maximum: Any
    highest: Any
    surplus: Any
    best: Any
    mean: Any


class _Gathered(NamedTuple):
    """Of the patterns read so far: max r, Σ exp β(r − max r), argmax r, and Σ … ρ."""

    highest: Any
    total: Any
    best: Any
    summed: Any


@dataclass(frozen=True)
class _SoftReduction(Reduction):
    form: Form

    def start(self, args: Any) -> _Gathered:
        y = args[0]
        count = y.shape[0]
        summed = jnp.zeros(y.shape, y.dtype) if self.form.with_mean else None
        lowest = jnp.full(count, -jnp.inf, y.dtype)
        total, best = jnp.zeros(count, y.dtype), jnp.zeros(count, jnp.int32)
        return _Gathered(lowest, total, best, summed)

    def absorb(self, gathered: _Gathered, args: Any, block: Any, first: Any) -> Any:
        y, beta, origin = args
        block = block if origin is None else block - origin
        r = scores(y, block, self.form.by_distance)
        top = r.max(-1)
        highest = jnp.maximum(gathered.highest, top)
        fade = jnp.exp(beta * (gathered.highest - highest))
        weights = jnp.exp(beta * (r - highest[:, None]))
        is_better = top > gathered.highest
        best = jnp.where(is_better, first_largest(r, -1) + first, gathered.best)
        summed = gathered.summed
        if self.form.with_mean:
            summed = summed * fade[:, None] + product(weights, block)
        total = gathered.total * fade + weights.sum(-1)
        return _Gathered(highest, total, best, summed)

    def merge(self, gathered: _Gathered, args: Any, axis: str) -> _Gathered:
        highest = jax.lax.pmax(gathered.highest, axis)
        fade = jnp.exp(args[1] * (gathered.highest - highest))
        last = jnp.iinfo(jnp.int32).max
        is_best = gathered.highest == highest
        best = jax.lax.pmin(jnp.where(is_best, gathered.best, last), axis)
        total = jax.lax.psum(gathered.total * fade, axis)
        summed = gathered.summed
        if self.form.with_mean:
            summed = jax.lax.psum(summed * fade[:, None], axis)
        return _Gathered(highest, total, best, summed)


@dataclass(frozen=True)
class _Others:
    """Σ_j w_j and Σ_j w_j ρ_j over all patterns but the best, w = exp β(r − r_best).

    The best is left out, for its derivatives cancel, but for rounding, which a large β
    blows up.
    """

    form: Form

    def __call__(self, args: Any, block: Any, first: Any) -> Any:
        y, beta, highest, best, origin = args
        block = block - origin
        lifted = beta * (scores(y, block, self.form.by_distance) - highest[:, None])
        # At most 1 but for rounding.
        weights = jnp.exp(lifted - jax.lax.stop_gradient(jnp.maximum(lifted, 0)))
        others = first + jnp.arange(block.shape[0]) != best[:, None]
        weights = jnp.where(others, weights, 0)
        mean = product(weights, block) if self.form.with_mean else None
        return weights.sum(-1), mean


def soft(
    x: Any,
    patterns: Any,
    beta: Any,
    form: Form,
    *,
    block: int | None = None,
    name: str = "patterns",
) -> Soft:
    """Compute soft maximum, best pattern and soft mean for states x, (s, n).

    All but `Soft.surplus` and `Soft.best` can be differentiated by x, the patterns and
    β, forward and backward, any number of times; the first derivative by x alone costs
    the mean and no more.

    Args:
        x: States.
        patterns: (m, n).
        beta: β > 0.
        form: What the scores are, and whether the mean is computed.
        block: Rows of a block, if not as many as suit.
        name: What the patterns are called in errors.
    """
    limits = jnp.finfo(x.dtype)
    beta = jnp.clip(jnp.asarray(beta), limits.tiny, limits.max).astype(x.dtype)
    if on_host(patterns, x, beta):
        origin = origin_of(x, patterns)
        moved = origin if np.asarray(origin).any() else None
        args = (_aimed(form, x, origin), beta, moved)
        centred = _of(fold(_SoftReduction(form), args, patterns, block, name), beta)
        rows = rows_of(patterns, centred.best) if form.with_mean else None
        return _about(form, centred, x, rows, origin)
    reading = reading_of(x.shape[0], patterns, block)
    return _soft_compiled(form, reading, x, on_device(patterns, name), beta)


def origin_of(x: Any, patterns: Any) -> Any:
    """An origin c amid the patterns, in the precision of the states.

    Component by component it is the mean of 64 patterns, rounded to a power of two
    about as large as they differ from it: 0 where they lie about 0, and otherwise a
    number of so few digits that differences to it are exact wherever they can be. Any c
    would be right; c is no variable where something is differentiated.
    """
    stride = max(1, patterns.shape[0] // _SAMPLE)
    return _origin(patterns[: _SAMPLE * stride : stride], x.dtype)


@partial(jax.jit, static_argnums=1)
def _origin(sample: Any, dtype: Any) -> Any:
    share = jax.lax.stop_gradient(sample.astype(dtype)) / sample.shape[0]
    mean = share.sum(0)
    apart = jnp.abs(share - mean / sample.shape[0]).sum(0)
    exponent = jnp.frexp(2 * apart)[1]
    grid = jnp.ldexp(jnp.ones_like(apart), exponent)
    origin = jnp.where(apart > 0, jnp.round(mean / grid) * grid, mean)
    return jnp.where(jnp.isfinite(origin), origin, 0)


@partial(jax.jit, static_argnums=0)
def _aimed(form: Form, x: Any, origin: Any) -> Any:
    """The y whose products with the patterns are computed."""
    return 2 * (x - origin) if form.by_distance else x


@partial(jax.jit, static_argnums=0)
def _about(form: Form, centred: _Centred, x: Any, rows: Any, origin: Any) -> Soft:
    """Scores and means about an origin, seen from 0; rows are the best patterns."""
    maximum, _, surplus, best, mean = centred
    away = x - origin
    lowered = maximum - (away * away).sum(-1) / (1 if form.by_distance else 2)
    if form.by_distance:
        maximum = lowered
    else:
        maximum = maximum + (x * origin).sum(-1)
        lowered = lowered + (origin * origin).sum() / 2
    if mean is None:
        return Soft(maximum, lowered, surplus, best, None, None)
    # What is exact of the best pattern stays so: it may be a fixed point.
    rows = rows.astype(x.dtype)
    rest = mean - (rows - origin)
    pull = with_value(mean - away, (rows - x) + rest)
    mean = with_value(mean + origin, rows + rest)
    return Soft(maximum, lowered, surplus, best, mean, pull)


def scores(y: Any, block: Any, by_distance: bool) -> Any:
    """r_j of the patterns of a block, (s, b)."""
    products = product(y, block.T)
    return products - (block * block).sum(-1) if by_distance else products


def product(a: Any, b: Any) -> Any:
    """A @ b in full precision, not what GPUs take by default: differences count."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


@jax.jit
def _of(gathered: _Gathered, beta: Any) -> _Centred:
    highest, total, best, summed = gathered
    surplus = jnp.log(total) / beta
    mean = None if summed is None else summed / total[:, None]
    return _Centred(highest + surplus, highest, surplus, best, mean)


@partial(jax.jit, static_argnums=(0, 1))
def _soft_compiled(
    form: Form, reading: Reading, x: Any, patterns: Any, beta: Any
) -> Soft:
    origin = origin_of(x, patterns)
    y = _aimed(form, x, origin)
    centred = _soft(form, reading, y, patterns, beta, origin)
    rows = patterns[centred.best] if form.with_mean else None
    return _about(form, centred, x, rows, origin)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _soft(
    form: Form, reading: Reading, y: Any, patterns: Any, beta: Any, origin: Any
) -> _Centred:
    def fold_about(origin: Any) -> _Gathered:
        args = (y, beta, origin)
        return fold_device(_SoftReduction(form), reading, args, patterns)

    # About 0, which is the usual case, nothing is taken off: it would cost a copy.
    gathered = jax.lax.cond(
        origin.any(), lambda: fold_about(origin), lambda: fold_about(None)
    )
    return _of(gathered, beta)


def _soft_jvp(
    form: Form, reading: Reading, primals: Any, tangents: Any
) -> tuple[_Centred, _Centred]:
    of_y, of_patterns, of_beta, _ = tangents  # the origin does not move
    only_y = is_zero(of_patterns) and is_zero(of_beta)
    # The derivative by y is the mean, which the maximum alone does without.
    whole = Form(form.by_distance, form.with_mean or only_y)
    value = _soft(whole, reading, *primals)
    of_maximum, of_mean = None, None
    if form.with_mean or not only_y:
        of_maximum, of_mean = _moved(form, reading, primals, tangents, value)
    if only_y:
        of_maximum = (value.mean * of_y).sum(-1)
    still = jnp.zeros_like(value.highest)
    of_best = np.zeros(value.best.shape, jax.dtypes.float0)
    tangent = _Centred(of_maximum, still, still, of_best, of_mean)
    return value if form.with_mean else value._replace(mean=None), tangent


def _moved(
    form: Form, reading: Reading, primals: Any, tangents: Any, value: _Centred
) -> tuple[Any, Any]:
    """Tangents of the soft maximum and the soft mean.

    The maximum is r_best + β⁻¹ log(1 + Σ w), the mean (ρ_best + Σ w ρ)/(1 + Σ w), with
    the weights w of `_Others`.
    """
    *primals, origin = primals
    tangents = tangents[:3]
    beta = primals[2]
    moving = [not is_zero(t) for t in tangents]

    def parts(*variables: Any) -> Any:
        values = iter(variables)
        y, rows, inverse = (
            next(values) if moves else x
            for x, moves in zip(primals, moving, strict=True)
        )
        best = rows[value.best].astype(y.dtype) - origin
        highest = (y * best).sum(-1)
        if form.by_distance:
            highest = highest - (best * best).sum(-1)
        highest = with_value(highest, value.highest)
        args = (y, inverse, highest, value.best, origin)
        return highest, best, *sum_device(_Others(form), reading, args, rows)

    variables, directions = (
        tuple(x for x, moves in zip(trees, moving, strict=True) if moves)
        for trees in (primals, tangents)
    )
    (highest, *_), moved = jax.jvp(parts, variables, directions)
    of_highest, of_best, of_weights, of_sum = moved
    surplus = with_value(value.maximum - highest, value.surplus)
    total = jnp.exp(beta * surplus)
    of_maximum = of_highest + of_weights / (total * beta)
    if not is_zero(tangents[2]):
        of_maximum = of_maximum - surplus * tangents[2] / beta
    if not form.with_mean:
        return of_maximum, None
    of_mean = of_best + of_sum - value.mean * of_weights[:, None]
    return of_maximum, of_mean / total[:, None]


_soft.defjvp(_soft_jvp, symbolic_zeros=True)


@jax.custom_jvp
def with_value(differentiated: Any, value: Any) -> Any:
    """A value, with the derivatives of an expression equal to it but for rounding."""
    del differentiated
    return value


@with_value.defjvp
def _with_value_jvp(primals: Any, tangents: Any) -> Any:
    return with_value(*primals), tangents[0]
