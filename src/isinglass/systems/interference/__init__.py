"""System 1: dipoles travel along learned routes and interfere at their class (Tang 2020)."""

from isinglass.systems.interference.classifier import (
    InterferenceClassifier as InterferenceClassifier,
)
from isinglass.systems.interference.classifier import (
    ensemble_energies as ensemble_energies,
)
from isinglass.systems.interference.diagnostics import (
    arrival_entropy as arrival_entropy,
)
from isinglass.systems.interference.diagnostics import arrival_times as arrival_times
from isinglass.systems.interference.diagnostics import (
    expected_similarity as expected_similarity,
)
from isinglass.systems.interference.encoding import encode_images as encode_images
from isinglass.systems.interference.encoding import to_dipoles as to_dipoles
from isinglass.systems.interference.encoding import uniform_host as uniform_host
from isinglass.systems.interference.energy import attended_host as attended_host
from isinglass.systems.interference.energy import energy_over_time as energy_over_time
from isinglass.systems.interference.geometry import Geometry as Geometry
from isinglass.systems.interference.geometry import corners as corners
from isinglass.systems.interference.learning import learn_one as learn_one
from isinglass.systems.interference.learning import watch_learning as watch_learning
from isinglass.systems.interference.routes import arrivals as arrivals
from isinglass.systems.interference.routes import jitter_prior as jitter_prior
from isinglass.systems.interference.routes import (
    route_probabilities as route_probabilities,
)
from isinglass.systems.interference.waves import WaveClassifier as WaveClassifier
