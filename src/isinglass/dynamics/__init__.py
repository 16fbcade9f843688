"""Dynamics of any map ``step(state, parameters) -> state`` written in JAX.

One orbit: `trajectory`, `lyapunov_spectrum`, `attractor`, and what one reads off an
orbit (`power_spectrum`, `autocorrelation`, `poincare`). No orbit at all: `cycle`,
`fixed_points`, and the `onset` of instability along a parameter. Many orbits at once,
over parameters: `bifurcation`, `continuation`, `phase_diagram`; from many starts:
`basins`. Maps that look back at their last L values are `DelayMap`s, and `flow` makes a
map of a differential equation. Known maps and vector fields stand in `textbook`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
