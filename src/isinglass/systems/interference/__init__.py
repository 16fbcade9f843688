"""Dipoles travel along learned routes and interfere at their class (Tang 2020).

`InterferenceClassifier` learns pictures and `WaveClassifier` signals that change in
time, without backpropagation: what is learned is a sum over samples, so that samples
can be added, taken away and merged exactly. The equations stand in `encoding` (§3),
`energy` (Eqs. 2 and 3), `learning` (Eq. 4), `routes`, `geometry` and `diagnostics`
(Eq. 5); `automatic` chooses patches and rates where none are given, `calibration` the
temperature of probabilities; `baseline` is the
paper's, trained by backpropagation.

`hosts` are fields that change in time, `tower` is levels of windows that attend to each
other (§5.1), with learned routes in `routed_tower`, and `text` learns documents (§4.2).
`tensors` holds what the paper only sketches in §5: the response of a tensor of many
elements, relays, avalanches, and what they cost. `coupled` is a learner that is not in
the paper: it keeps all these laws and learns couplings between pairs of features, too.
`in_parts` learns on a cluster.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
