"""Dipoles travel along learned routes and interfere at their class (Tang 2020).

`InterferenceClassifier` learns pictures and `WaveClassifier` signals that change in
time, without backpropagation: what is learned is a sum over samples, so that samples
can be added, taken away and merged exactly. The equations stand in `encoding` (§3),
`energy` (Eqs. 2 and 3), `learning` (Eq. 4), `routes`, `geometry` and `diagnostics`
(Eq. 5); `automatic` chooses patches and rates where none are given, `calibration` the
temperature of probabilities; `baseline` is the
paper's, trained by backpropagation.
"""

from isinglass.systems.interference._fitness import FitnessWarning
from isinglass.systems.interference.automatic import paper_settings
from isinglass.systems.interference.classifier import (
    InterferenceClassifier,
    ensemble_energies,
)
from isinglass.systems.interference.diagnostics import (
    arrival_entropy,
    arrival_times,
    expected_similarity,
)
from isinglass.systems.interference.encoding import (
    encode_images,
    to_dipoles,
    uniform_host,
)
from isinglass.systems.interference.energy import attended_host, energy_over_time
from isinglass.systems.interference.geometry import Geometry, corners
from isinglass.systems.interference.learning import (
    LearningRule,
    learn_sample,
    watch_learning,
)
from isinglass.systems.interference.routes import (
    arrivals,
    jitter_prior,
    route_probabilities,
)
from isinglass.systems.interference.waves import WaveClassifier

__all__ = [
    "FitnessWarning",
    "Geometry",
    "InterferenceClassifier",
    "LearningRule",
    "WaveClassifier",
    "arrival_entropy",
    "arrival_times",
    "arrivals",
    "attended_host",
    "corners",
    "encode_images",
    "energy_over_time",
    "ensemble_energies",
    "expected_similarity",
    "jitter_prior",
    "learn_sample",
    "paper_settings",
    "route_probabilities",
    "to_dipoles",
    "uniform_host",
    "watch_learning",
]
