"""System 1: dipoles travel along learned routes and interfere at their class (Tang 2020)."""

from isinglass.interference.classifier import InterferenceClassifier as InterferenceClassifier
from isinglass.interference.classifier import ensemble_energies as ensemble_energies
from isinglass.interference.diagnostics import arrival_entropy as arrival_entropy
from isinglass.interference.diagnostics import arrival_times as arrival_times
from isinglass.interference.diagnostics import expected_similarity as expected_similarity
from isinglass.interference.encoding import encode_images as encode_images
from isinglass.interference.encoding import to_dipoles as to_dipoles
from isinglass.interference.encoding import uniform_host as uniform_host
from isinglass.interference.energy import attended_host as attended_host
from isinglass.interference.energy import energy_over_time as energy_over_time
from isinglass.interference.geometry import Geometry as Geometry
from isinglass.interference.geometry import corners as corners
from isinglass.interference.learning import learn_one as learn_one
from isinglass.interference.learning import watch_learning as watch_learning
from isinglass.interference.routes import arrivals as arrivals
from isinglass.interference.routes import jitter_prior as jitter_prior
from isinglass.interference.routes import route_probabilities as route_probabilities
from isinglass.interference.waves import WaveClassifier as WaveClassifier
