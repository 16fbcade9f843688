"""Transformers as associative memory (Niu, Bai, Deng & Han 2024).

The partition function over balls and the radii that follow from it, and the measured
radius: distances between activations and their nearest neighbours. A GPT-2 to measure
it on: read from a folder, or trained by `train` on a text or on examples, which are in
`isinglass.data`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
