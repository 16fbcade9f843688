"""The attractor that one orbit reaches."""

from dataclasses import dataclass, replace

import jax
import numpy as np
from jaxtyping import Float

from isinglass._common.checks import or_default
from isinglass._common.notebook import html_picture, html_table
from isinglass.dynamics._checks import check_map
from isinglass.dynamics._layout import as_lane
from isinglass.dynamics._precision import warn_of_single_precision
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.kinds import Kind
from isinglass.dynamics.maps import Parameters, State, Step
from isinglass.dynamics.measure import Measure

POINTS = 256  # last values of what is no cycle


@dataclass(frozen=True, repr=False)
class Attractor:
    """An attractor, and how sure its kind is.

    Attributes:
        kind: Fixed point, periodic, quasi-periodic, chaotic, diverged or undecided.
        period: In steps; 1 for a fixed point, 0 where there is none.
        confidence: In [0, 1]; see `isinglass.dynamics.kinds`.
        leading_exponent: λ₁, nats per step or, of a `Flow`, per unit of time; NaN if
            the orbit left the finite numbers.
        standard_error: Of λ₁.
        points: One period of a cycle, or else the last values of the orbit, (points,
            d), in order of time.
        transient_steps: Steps from the start to where the orbit has settled on a cycle;
            for all else, to the stretch that was judged.
        measured_steps: How many steps kind and λ₁ are of.
    """

    kind: Kind
    period: int
    confidence: float
    leading_exponent: float
    standard_error: float
    points: Float[np.ndarray, "points d"]
    transient_steps: int
    measured_steps: int

    def __repr__(self) -> str:
        period = f", period={self.period}" if self.period > 1 else ""
        count, width = self.points.shape
        return (
            f"Attractor({self.kind.name}{period}, confidence={self.confidence:.3f},\n"
            f"          leading_exponent={self.leading_exponent:.4g} ± "
            f"{self.standard_error:.1g},\n"
            f"          of {self.measured_steps:,} steps after "
            f"{self.transient_steps:,}; {count} points of {width} components)"
        )

    def _repr_html_(self) -> str:
        count, width = self.points.shape
        table = html_table(
            "Attractor",
            (),
            [
                ("kind", self.kind.name),
                ("period", str(self.period or "–")),
                ("confidence", f"{self.confidence:.3f}"),
                ("λ₁", f"{self.leading_exponent:.4g} ± {self.standard_error:.1g}"),
                ("steps", f"{self.measured_steps:,} after {self.transient_steps:,}"),
                ("points", f"{count} of {width} components"),
            ],
        )
        # Its first two components, or one over time.
        across = self.points[:, 0] if width > 1 else np.arange(count)
        names = "component 1 over 0" if width > 1 else "points in order of time"
        up = self.points[:, min(1, width - 1)]
        return f"<div>{table}{html_picture(names, across, up, 'dots')}</div>"


def attractor(
    step: Step, state: State, parameters: Parameters, measure: Measure | None = None
) -> Attractor:
    """Find the attractor that one orbit reaches, and decide of what kind it is.

    The rule is that of `isinglass.dynamics.kinds`: it looks for recurrence in the last
    values of the orbit, at its leading Lyapunov exponent, and at how fast averages
    converge. As long as the kind is not certain, the orbit is run on.

    Args:
        step: The map, ``step(state, parameters) -> state``, pure JAX.
        state: Where the orbit starts.
        parameters: The map's parameters.
        measure: Of it ``transient``, ``steps``, ``extensions``, ``max_period``,
            ``tolerance``, ``observable`` (what must recur), ``angles``, ``qr_every``
            and ``precision`` count; `Measure()` if None.

    Raises:
        ValueError: If the state or a parameter is not finite, or the map does not
            return a state like the one it is given.
    """
    measure = or_default(Measure, measure=measure)
    warn_of_single_precision(measure.precision)
    check_map(step, state, parameters, measure.precision)
    points = max(POINTS, measure.max_period)
    measure = replace(measure, exponents=1, points=points, section=None, classify=True)
    lane = as_lane(step, jax.tree.map(np.asarray, state))
    values = jax.tree.map(
        lambda leaf: np.asarray(leaf, np.float64)[..., None], parameters
    )
    cells = measure_cells(step, lane, values, measure)
    first = {name: value[0] for name, value in cells.items() if name != "final_state"}
    period = int(first["period"])
    points = first["points"][: first["point_count"]].astype(np.float64)
    return Attractor(
        kind=Kind(int(first["kind"])),
        period=period,
        confidence=float(first["confidence"]),
        leading_exponent=float(first["exponents"][0]),
        standard_error=float(first["exponent_error"][0]),
        points=points[-(period or POINTS) :],
        transient_steps=int(first["transient_steps"]),
        measured_steps=int(first["measured_steps"]),
    )
