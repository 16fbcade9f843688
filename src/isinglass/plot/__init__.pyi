from .bifurcations import diagram as diagram
from .bifurcations import exponents as exponents
from .light_cones import worldlines as worldlines
from .orbits import phase_plane as phase_plane
from .orbits import spectrum as spectrum
from .sweeps import sweep_figure as sweep_figure
from .target_energies import energy_over_time as energy_over_time
