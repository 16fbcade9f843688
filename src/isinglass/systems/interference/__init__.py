"""Dipoles travel along learned routes and interfere at their class (Tang 2020).

`InterferenceClassifier` learns pictures and `WaveClassifier` signals that change in
time, without backpropagation: what is learned is a sum over samples, so that samples
can be added, taken away and merged exactly. The equations stand in `encoding` (§3),
`energy` (Eqs. 2 and 3), `learning` (Eq. 4), `routes`, `geometry` and `diagnostics`
(Eq. 5); `automatic` chooses patches and rates where none are given, `calibration` the
temperature of probabilities; `baseline` is the
paper's, trained by backpropagation.

`CoupledClassifier` (not in the paper) keeps all these laws and learns couplings between
pairs of features, too: `dipoles` encodes pictures, `strokes` holds what is expected of
them beforehand, `pair_sums` what was learned, `student` what follows from both.

What the paper only sketches (§5): `response` is that of one tensor of many elements to
its host (Eq. 6), `relay` and `avalanches` what many of them do to each other, with the
laws of sizes in `avalanche_laws`, their exponents in `exponents` and systems that keep
near their critical state in `regulated`; `thermodynamics` is what it costs. `hosts` are
fields that change in time, `tower` is levels of windows that attend to each other, and
`text` learns documents (§4.2).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
