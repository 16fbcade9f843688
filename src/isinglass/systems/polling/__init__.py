"""Poll and pool: attention over the most interesting places (PnP, Wang et al. 2021).

`PollAndPool` keeps the N places of the highest score and pools the rest into M coarse
tokens, `poll` and `pooling_weights` are its two equations, `reverse_projection` brings
tokens back to their places, and `PollingDetector` is a small detector on top.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
