"""Softmax attention of any system, exact, without ever keeping its rows.

`attend` streams its rows and says how peaked they are: it is made for many sequences of
few features, where a looped transformer lives. `causal_attention` skips the keys that a
causal mask would throw away, in single or half precision: it is made for the widths and
lengths of a GPT-2. `attention_rows` are the rows themselves. Beside them stand what
such layers need: positions (`sinusoids`, `lay_out`) and `Normalisation`.

`relative_attention` has numbers by offset inside the softmax and outside it, and
`Positions` is the family of what attention is told of places, from nothing to URPE.

Two relatives are not here. `isinglass.energy.attention_energy` is the energy whose
descent one row of attention is; it streams over keys that may lie on disk, and its
values are its keys. `isinglass.systems.meanfield.attend` is the attention of a handful
of one-bit tokens, many parameters side by side, where nothing needs to be streamed.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
