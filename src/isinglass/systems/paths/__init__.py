"""Path integrals of a system in a bath as a chain of tensors (Bose & Walters 2021).

A bath remembers: it weighs each two times of a path, as causal attention with a fixed
Gaussian kernel would. `Ohmic`, `Drude` and `SpectralBath` are baths, `OpenSystem` is
what they act on, `propagate` the iterative chain and `sum_paths` the sum over all paths
that it equals; `process_tensor` keeps the bath alone, for any pulses, and
`uniform_propagate` makes use of its being the same at all times. What comes of a
long time is told by `transfer_tensors`, what comes of equal temperature by
`mean_force_state`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
