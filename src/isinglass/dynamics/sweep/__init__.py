"""Sweeps of a map over its parameters, in tiles that outlive whatever stops them."""

from isinglass.dynamics.sweep.diagrams import (
    bifurcation,
    continuation,
    phase_diagram,
    resume,
)
from isinglass.dynamics.sweep.plan import Plan, read_plan
from isinglass.dynamics.sweep.run import Run
from isinglass.dynamics.sweep.store import SweepWarning
from isinglass.dynamics.sweep.workers import Workers

__all__ = [
    "Plan",
    "Run",
    "SweepWarning",
    "Workers",
    "bifurcation",
    "continuation",
    "phase_diagram",
    "read_plan",
    "resume",
]
