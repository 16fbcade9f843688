"""The attractor that one orbit reaches."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from isinglass.dynamics.angles import check_components, embedded, wrapped
from isinglass.dynamics.flows import time_of_step
from isinglass.dynamics.kinds import DIVERGED_BEYOND, Kind, classify
from isinglass.dynamics.lyapunov import lyapunov_spectrum
from isinglass.dynamics.maps import Parameters, State, Step, newest
from isinglass.dynamics.measure import Measure
from isinglass.dynamics.trajectory import Sampling, trajectory


@dataclass(frozen=True)
class Attractor:
    """An attractor, and how sure its kind is.

    Attributes:
        kind: Fixed point, periodic, quasi-periodic, chaotic, diverged or undecided.
        period: In steps; 1 for a fixed point, 0 where there is none.
        confidence: In [0, 1]; see `isinglass.dynamics.kinds`.
        leading_exponent: λ₁, nats per step or, of a `Flow`, per unit of time; NaN if
            the orbit diverged.
        standard_error: Of λ₁.
        points: One period of a cycle, or else the last values of the orbit, (points,
            d), in order of time.
    """

    kind: Kind
    period: int
    confidence: float
    leading_exponent: float
    standard_error: float
    points: Float[np.ndarray, "points d"]


def attractor(
    step: Step, state: State, parameters: Parameters, measure: Measure | None = None
) -> Attractor:
    """Find the attractor that one orbit reaches, and decide of what kind it is.

    The rule is that of `isinglass.dynamics.kinds`: it looks for recurrence in the last
    values of the orbit, and at its leading Lyapunov exponent.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        state: Where the orbit starts.
        parameters: The map's parameters.
        measure: Of it ``transient``, ``steps``, ``max_period``, ``tolerance``,
            ``observable`` (what must recur), ``angles``,
            ``qr_every`` and ``precision`` count;
            `Measure()` if None. Of the steps, over which λ₁ is measured, the last 256
            or four times the longest period are looked at for recurrence.

    Raises:
        ValueError: If the state or a parameter is not finite, or the map does not
            return a state like the one it is given.
    """
    measure = measure or Measure()
    steps = measure.steps
    rows = min(steps, max(4 * measure.max_period, 256))
    values = trajectory(
        step,
        state,
        parameters,
        Sampling(rows, transient=measure.transient + steps - rows),
        observable=measure.observable or newest,
        precision=measure.precision,
    )
    check_components(measure.circles, np.asarray(values).reshape(rows, -1).shape[1])
    tail = wrapped(
        np.asarray(values, dtype=np.float64).reshape(rows, -1), measure.circles
    )
    leading, error = np.full((1, 1), np.nan), np.full((1, 1), np.nan)
    if (np.abs(tail) <= DIVERGED_BEYOND).all():
        spectrum = lyapunov_spectrum(
            step, state, parameters, replace(measure, exponents=1)
        )
        leading = np.asarray(spectrum.exponents, dtype=np.float64)[None]
        error = np.asarray(spectrum.standard_error, dtype=np.float64)[None]
    # The rule of kinds counts in steps, whatever time they take.
    dt = time_of_step(step)
    kind, period, confidence = classify(
        embedded(tail, measure.circles)[..., None],
        leading * dt,
        error * dt,
        steps,
        measure.max_period,
        measure.tolerance,
    )
    return Attractor(
        kind=Kind(int(kind[0])),
        period=int(period[0]),
        confidence=float(confidence[0]),
        leading_exponent=float(leading[0, 0]),
        standard_error=float(error[0, 0]),
        points=tail[-int(period[0]) :] if period[0] else tail,
    )
