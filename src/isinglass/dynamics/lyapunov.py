"""Lyapunov spectra of any map.

The method is that of Benettin et al. (1980): tangent vectors go along with the orbit by
forward-mode derivatives, never through a Jacobian matrix, and are orthonormalised every
few steps. The logarithms of the lengths that Gram–Schmidt leaves them, summed and
divided by time, are the exponents.
"""

from dataclasses import dataclass

import jax
import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import as_array, check_whole
from isinglass._common.notebook import html_table
from isinglass._common.types import ArrayLike
from isinglass.dynamics._batches import BATCHES, descending
from isinglass.dynamics._checks import check_map
from isinglass.dynamics._lanes import Lanes
from isinglass.dynamics._layout import as_lane
from isinglass.dynamics._precision import (
    at_precision,
    in_precision,
    warn_of_single_precision,
)
from isinglass.dynamics._runner import runner_of
from isinglass.dynamics.flows import time_of_step
from isinglass.dynamics.maps import Parameters, State, Step
from isinglass.dynamics.measure import Measure

FEWEST = 9  # numbers in tangents that are carried through the transient
_SHOWN = 6  # exponents that a spectrum shows of itself


@dataclass(frozen=True)
class LyapunovSpectrum:
    """Lyapunov exponents of one orbit.

    Attributes:
        exponents: Descending, (k,): nats per step of a map, of a `Flow` nats per unit
            of time. −∞ for a direction that vanishes exactly.
        standard_error: From batch means, (k,); NaN beside −∞.
        trace: Running means, one row per batch, (n, k): how they converged.
        trace_steps: Steps behind each row of the trace, (n,).
        qr_every: Steps between two orthonormalisations.
        steps: Steps measured.
        unresolved: Share of orthonormalisations at which rounding swallowed the
            direction, (k,). Above 0 the exponent is an upper bound: float64 cannot tell
            contraction by more than about e⁻³⁵ per `qr_every` steps, relative to the
            strongest direction.
        dt: Time that a step takes; 1 for a map that is no `Flow`.
    """

    exponents: Float[np.ndarray, " k"]
    standard_error: Float[np.ndarray, " k"]
    trace: Float[np.ndarray, "n k"]
    trace_steps: Int[np.ndarray, " n"]
    qr_every: int
    steps: int
    unresolved: Float[np.ndarray, " k"]
    dt: float = 1.0

    def __repr__(self) -> str:
        pairs = zip(self.exponents[:_SHOWN], self.standard_error, strict=False)
        shown = ", ".join(f"{value:.4g} ± {error:.1g}" for value, error in pairs)
        rest = len(self.exponents) - _SHOWN
        more = f", … {rest} more" if rest > 0 else ""
        return f"LyapunovSpectrum({shown}{more}; of {self.steps:,} steps)"

    def _repr_html_(self) -> str:
        columns = zip(self.exponents, self.standard_error, self.unresolved, strict=True)
        return html_table(
            f"Lyapunov exponents of {self.steps:,} steps",
            ("", "exponent", "standard error", "unresolved"),
            [
                (f"λ{place}", f"{value:.5g}", f"{error:.2g}", f"{share:.1%}")
                for place, (value, error, share) in enumerate(columns, start=1)
            ],
        )

    @property
    def kaplan_yorke_dimension(self) -> float:
        """Kaplan–Yorke dimension; NaN if it needs exponents that were not computed.

        Exponents within 3 standard errors + 10/T of zero, with T the time measured,
        count as zero: the neutral direction of a torus would else decide between 0 and
        1 by chance.
        """
        floor = 3 * self.standard_error + 10 / (self.steps * self.dt)
        neutral = np.abs(self.exponents) <= floor
        return kaplan_yorke_dimension(np.where(neutral, 0.0, self.exponents))

    @property
    def entropy_rate(self) -> float:
        """Sum of the positive exponents, Pesin's bound on entropy, in their unit."""
        return float(self.exponents[self.exponents > 0].sum())


def kaplan_yorke_dimension(exponents: Float[np.ndarray, " k"]) -> float:
    """Dimension of an attractor after Kaplan & Yorke (1979).

    Args:
        exponents: Lyapunov exponents, descending, (k,).

    Returns:
        j + (λ₁ + … + λⱼ)/|λⱼ₊₁|, with j the most exponents whose sum is not negative.
        NaN where the sum of all given is not negative, for then it depends on the ones
        left out (or the map does not contract).

    Raises:
        ValueError: If they are no list of real numbers.
    """
    exponents = as_exponents("exponents", exponents)
    sums = np.cumsum(exponents)
    below = np.flatnonzero(sums < 0)
    if np.isnan(exponents).any() or not below.size:
        return float("nan")
    j = int(below[0])
    return j + float(sums[j - 1] / abs(exponents[j])) if j else 0.0


def as_exponents(name: str, value: ArrayLike) -> Float[np.ndarray, " k"]:
    """The value as a list of numbers, of which some may be −∞ or NaN.

    Raises:
        ValueError: If it is another.
    """
    numbers = np.asarray(as_array(name, value))
    if numbers.ndim != 1 or numbers.dtype.kind not in "iuf":
        raise ValueError(
            f"{name} must be one list of real numbers, got {numbers.dtype} of shape "
            f"{numbers.shape}"
        )
    return numbers.astype(float)


def lyapunov_spectrum(
    step: Step, state: State, parameters: Parameters, measure: int | Measure
) -> LyapunovSpectrum:
    """Compute the Lyapunov exponents of one orbit, all or the leading ones.

    Costs one forward-mode product per exponent and step. For many parameters at once
    see `isinglass.dynamics.bifurcation`, which is far faster per orbit.

    Args:
        step: The map, pure JAX. Exponents of a `Flow` are per unit of time.
        state: Where the orbit starts.
        parameters: Handed to the map.
        measure: How many steps to measure over, for all exponents after a transient of
            1000 steps; or a `Measure`, of which ``transient``, ``steps``,
            ``exponents``, ``qr_every`` and ``precision`` count. Steps are rounded up to
            whole blocks (L for a delay map, ``qr_every``).

    Returns:
        Exponents with standard errors and their convergence.

    Raises:
        ValueError: If an argument is out of range, the state or a parameter is not
            finite, or the map does not return a state like the one it is given.
        FloatingPointError: If the orbit leaves the finite numbers.
    """
    if not isinstance(measure, Measure):
        check_whole(measure=measure)
        measure = Measure(steps=measure, exponents=None)
    warn_of_single_precision(measure.precision)
    check_map(step, state, parameters, measure.precision)
    with in_precision(measure.precision):
        state, parameters = at_precision((state, parameters), measure.precision)
        one_lane = jax.tree.map(lambda leaf: leaf[..., None], parameters)
        lanes = Lanes(runner_of(step, state), as_lane(step, state), one_lane)
        return _spectrum(lanes, measure, time_of_step(step))


def _spectrum(lanes: Lanes, measure: Measure, dt: float) -> LyapunovSpectrum:
    count = lanes.dimension if measure.exponents is None else measure.exponents
    if not 1 <= count <= lanes.dimension:
        raise ValueError(f"exponents must be in [1, {lanes.dimension}], got {count}")
    interval = 1
    if lanes.dimension * count <= FEWEST:
        # Few tangents cost less than a program of its own for the transient.
        lanes.start_tangents(count)
        interval = lanes.pilot_interval(measure.qr_every, measure.precision)
    lanes.go(-(-measure.transient // lanes.block(interval)), interval)
    lanes.start_tangents(count)
    qr_every = int(lanes.settle(measure.qr_every, measure.precision)[0])
    block = lanes.block(qr_every)
    blocks = -(-measure.steps // block)
    batches = min(BATCHES, blocks)
    ends = np.array([round(i * blocks / batches) for i in range(batches + 1)])
    segments = [lanes.go(int(taken), qr_every) for taken in np.diff(ends)]
    logs = np.stack([segment.logs[:, 0] for segment in segments]).astype(np.float64)
    taken = np.diff(ends)[:, None] * block
    times = taken * dt
    trace = np.cumsum(logs, axis=0) / np.cumsum(times, axis=0)
    if np.isnan(trace[-1]).any() or not all(
        np.isfinite(leaf).all() for leaf in jax.tree.leaves(lanes.state())
    ):
        raise FloatingPointError(
            "the orbit left the finite numbers; state must lie in an attractor's basin"
        )
    with np.errstate(invalid="ignore"):
        error = (
            (logs / times).std(axis=0, ddof=1) / np.sqrt(batches)
            if batches > 1
            else np.nan
        )
    lost = sum(segment.lost[:, 0] for segment in segments)
    order = descending(trace[-1])
    return LyapunovSpectrum(
        exponents=trace[-1, order],
        standard_error=np.broadcast_to(error, order.shape).astype(np.float64)[order],
        trace=trace[:, order],
        trace_steps=np.cumsum(taken),
        qr_every=qr_every,
        steps=blocks * block,
        unresolved=np.asarray(lost / sum(s.qrs for s in segments), np.float64)[order],
        dt=dt,
    )
