"""Quantum attention: a kernel on the Fourier modes of amplitudes (Evans et al. 2024).

`SASQuaTCh` is the circuit: a picture as amplitudes of spins, a Fourier transform of
each register, a trained unitary, the transform back, and one spin that all others turn
and that alone is read. `quadratic_form` is all that a trained circuit computes,
`translation_commutator` how far it is from a convolution, `parameter_shift` its
gradient as hardware takes it, and `SASQuaTChClassifier` an estimator of scikit-learn.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
