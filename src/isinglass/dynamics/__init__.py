"""Dynamics of any map ``step(state, parameters) -> state`` written in JAX.

One orbit: `trajectory`, `lyapunov_spectrum`, `attractor`, and what one reads off an
orbit (`power_spectrum`, `autocorrelation`, `poincare`). Many at once, over parameters:
`bifurcation`, `continuation`, `phase_diagram`. Maps that look back at their last L
values are `DelayMap`s.
"""

from isinglass.dynamics._precision import PrecisionWarning
from isinglass.dynamics.attractor import Attractor, attractor
from isinglass.dynamics.basins import Basins, basins
from isinglass.dynamics.hysteresis import Interval, hysteresis
from isinglass.dynamics.kinds import Kind, classify
from isinglass.dynamics.lyapunov import (
    LyapunovSpectrum,
    kaplan_yorke_dimension,
    lyapunov_spectrum,
)
from isinglass.dynamics.maps import DelayMap, DelayState
from isinglass.dynamics.measure import Measure, Section
from isinglass.dynamics.signals import (
    Crossings,
    PowerSpectrum,
    autocorrelation,
    poincare,
    power_spectrum,
)
from isinglass.dynamics.sweep.diagrams import (
    Plan,
    SweepWarning,
    bifurcation,
    continuation,
    phase_diagram,
    read_plan,
    resume,
)
from isinglass.dynamics.trajectory import trajectory

__all__ = [
    "Attractor",
    "Basins",
    "Crossings",
    "DelayMap",
    "DelayState",
    "Interval",
    "Kind",
    "LyapunovSpectrum",
    "Measure",
    "Plan",
    "PowerSpectrum",
    "PrecisionWarning",
    "Section",
    "SweepWarning",
    "attractor",
    "autocorrelation",
    "basins",
    "bifurcation",
    "classify",
    "continuation",
    "hysteresis",
    "kaplan_yorke_dimension",
    "lyapunov_spectrum",
    "phase_diagram",
    "poincare",
    "power_spectrum",
    "read_plan",
    "resume",
    "trajectory",
]
