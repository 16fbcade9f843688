"""Looped transformers with energy and entropy (Lam 2026).

A model is a `LoopedTransformer`; `train` trains many seeds of it at once on an
`isinglass.data.InductionTask` with an `EnergyEntropyObjective`. The penalties, the
latent Hamiltonian system and the contraction bound are functions that work on other
models too. Its attention is in `isinglass.attention`, the search for fixed points in
`isinglass.dynamics`, the loss landscape in `isinglass.training`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
