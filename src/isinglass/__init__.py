"""Isinglass: the physics of attention.

Systems that see a transformer as a physical one, each in its own folder of `systems`
and each reproduced against its paper by ``isinglass reproduce``, on shared foundations:
`energy`, `dynamics`, `attention`, `training` and `data`.

The names of everyday use are here (``from isinglass import InterferenceClassifier``);
``dir(isinglass)`` lists them. Each is imported when it is first used, so that importing
this package imports no JAX, and changes no JAX setting.
"""

from importlib.metadata import version as _version

import lazy_loader as _lazy

__getattr__, __dir__, __all__ = _lazy.attach_stub(__name__, __file__)

__version__ = _version("isinglass")
