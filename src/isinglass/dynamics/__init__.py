"""Dynamics of any map ``step(state, parameters) -> state`` written in JAX.

One orbit: `trajectory`, `lyapunov_spectrum`, `attractor`, and what one reads off an
orbit (`power_spectrum`, `autocorrelation`, `poincare`). No orbit at all: `cycle`,
`fixed_points`, and the `onset` of instability along a parameter. Many orbits at once,
over parameters: `bifurcation`, `continuation`, `phase_diagram`; from many starts:
`basins`. Maps that look back at their last L values are `DelayMap`s, and `flow` makes a
map of a differential equation.
"""

from isinglass.dynamics._precision import PrecisionWarning
from isinglass.dynamics.attractor import Attractor, attractor
from isinglass.dynamics.basins import Basins, Reached, Resolution, basins
from isinglass.dynamics.clouds import cloud_distance
from isinglass.dynamics.cycles import (
    Cycle,
    FixedPoints,
    Onset,
    cycle,
    fixed_points,
    follow_cycle,
    jacobian_norm,
    onset,
)
from isinglass.dynamics.flows import ClockedState, Flow, flow
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
from isinglass.dynamics.sweep import (
    Plan,
    Run,
    SweepWarning,
    Workers,
    bifurcation,
    continuation,
    phase_diagram,
    read_plan,
    resume,
)
from isinglass.dynamics.trajectory import Sampling, trajectory

__all__ = [
    "Attractor",
    "Basins",
    "ClockedState",
    "Crossings",
    "Cycle",
    "DelayMap",
    "DelayState",
    "FixedPoints",
    "Flow",
    "Interval",
    "Kind",
    "LyapunovSpectrum",
    "Measure",
    "Onset",
    "Plan",
    "PowerSpectrum",
    "PrecisionWarning",
    "Reached",
    "Resolution",
    "Run",
    "Sampling",
    "Section",
    "SweepWarning",
    "Workers",
    "attractor",
    "autocorrelation",
    "basins",
    "bifurcation",
    "classify",
    "cloud_distance",
    "continuation",
    "cycle",
    "fixed_points",
    "flow",
    "follow_cycle",
    "hysteresis",
    "jacobian_norm",
    "kaplan_yorke_dimension",
    "lyapunov_spectrum",
    "onset",
    "phase_diagram",
    "poincare",
    "power_spectrum",
    "read_plan",
    "resume",
    "trajectory",
]
