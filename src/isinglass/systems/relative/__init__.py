"""Relative positions outside the softmax: URPE (Luo et al. 2022).

`RelativeAttention` is a layer that takes any `isinglass.attention.Positions`,
`RelativeTransformer` the encoder and the causal language model of such layers;
`position_spread`, `position_rank` and `constant_profile` say whether places can be told
apart.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
