"""What kind of attractor an orbit has reached, by one rule with a stated confidence.

The rule looks at the last rows of an orbit, and at its leading Lyapunov exponent λ₁
(nats per step) with standard error SE, measured over T steps. In this order:

1. *diverged*: a value that is not finite, or larger than 10¹² in size;
2. *fixed point* (p = 1) or *periodic* (p > 1): the smallest p up to `max_period` with
   |x(t+p) − x(t)| ≤ `tolerance` · max(1, max |x|) all along, seen over two periods at
   least;
3. with floor = 3 SE + 10/T: *chaotic* if λ₁ > floor. The second term is there because
   the exponent of an orbit that is not chaotic ends on its value only as 1/T;
4. |λ₁| ≤ floor: *quasi-periodic*, with two exceptions that are *undecided*: where SE >
   20/T, for growth along a torus only swings to and fro and its batch means differ by a
   few nats over a batch, while those of weak chaos wander; and where the orbit still
   visibly approaches a cycle (the distance between nearest returns falls in each eighth
   of the rows), as it does for long next to a bifurcation;
5. *undecided* otherwise: the orbit contracts without recurring, so that its transient
   is not over or its period is longer than `max_period`. Also wherever step 3 has no
   exponent to look at.

Confidence. With σ = floor/3 as the uncertainty of λ₁, and Φ the normal distribution:
chaotic Φ((λ₁ − floor)/σ); quasi-periodic Φ((floor − λ₁)/σ) − Φ((−floor − λ₁)/σ); fixed
point and periodic 1 − residual/(2 · tolerance · max(1, max |x|)), from 1 for an exact
cycle to ½ at the tolerance, times Φ((floor − λ₁)/σ), which is next to 0 for a cycle
that repels: an orbit put on it stays there, but it is no attractor; diverged 1;
undecided 0.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from isinglass.dynamics.kinds import DIVERGED_BEYOND, Kind, classify
from isinglass.dynamics.maps import Parameters, State, Step, newest


@dataclass(frozen=True)
class Attractor:
    """What `attractor` found.

    Attributes:
        kind: Fixed point, periodic, quasi-periodic, chaotic, diverged or undecided.
        period: In steps; 1 for a fixed point, 0 where there is none.
        confidence: In [0, 1]; see `isinglass.dynamics.attractor`.
        leading_exponent: λ₁, nats per step; NaN if the orbit diverged.
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
    step: Step,
    state: State,
    parameters: Parameters,
    *,
    transient: int = 1000,
    steps: int = 1000,
    max_period: int = 64,
    tolerance: float = 1e-9,
    observable: Any = None,
    precision: str = "float64",
) -> Attractor:
    """The attractor that one orbit reaches.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        state: Where the orbit starts.
        parameters: The map's parameters.
        transient: Steps before anything is looked at.
        steps: Steps over which λ₁ is measured; the last ones are looked at for
            recurrence.
        max_period: The longest period looked for, steps.
        tolerance: How closely a cycle must return; see `classify`.
        observable: ``observable(state) -> (d,)``, what must recur. By default the
            state, which for a `DelayMap` is its newest value.
        precision: "float64" or "float32".

    Raises:
        ValueError: If an argument is out of range or not finite.
    """
    # Here because these measure cells of sweeps too, whose kinds come from `classify`.
    from isinglass.dynamics.lyapunov import lyapunov_spectrum
    from isinglass.dynamics.trajectory import trajectory

    rows = min(steps, max(4 * max_period, 256))
    seen = trajectory(
        step,
        state,
        parameters,
        rows,
        transient=transient + steps - rows,
        observable=newest if observable is None else observable,
        precision=precision,
    )
    tail = np.asarray(seen, dtype=np.float64).reshape(rows, -1)
    leading, error = np.full((1, 1), np.nan), np.full((1, 1), np.nan)
    if (np.abs(tail) <= DIVERGED_BEYOND).all():
        spectrum = lyapunov_spectrum(
            step,
            state,
            parameters,
            steps,
            transient=transient,
            k=1,
            precision=precision,
        )
        leading = np.asarray(spectrum.exponents, dtype=np.float64)[None]
        error = np.asarray(spectrum.standard_error, dtype=np.float64)[None]
    kind, period, confidence = classify(
        tail[..., None], leading, error, steps, max_period, tolerance
    )
    return Attractor(
        kind=Kind(int(kind[0])),
        period=int(period[0]),
        confidence=float(confidence[0]),
        leading_exponent=float(leading[0, 0]),
        standard_error=float(error[0, 0]),
        points=tail[-int(period[0]) :] if period[0] else tail,
    )
