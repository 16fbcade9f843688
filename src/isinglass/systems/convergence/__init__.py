"""Shallow encoders and why gradient descent trains them (Wu, Liu, Chrysos & Cevher).

`ShallowEncoder` is attention, a relu and a mean over tokens: one number from a matrix
of tokens. `tangent_kernel` is the stiffness that gradient descent meets, `limit_kernel`
its closed form at infinite width, `gradient_descent` the training, and `linear_bound`
what the theorem says of its loss.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
