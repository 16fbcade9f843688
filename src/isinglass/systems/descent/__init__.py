"""Transformers that descend an energy: Energy Transformer, Hyper-SET.

Each is an `isinglass.energy.EnergyBlock`: it has an energy, a force, a step, an
iteration to train through and one that reports, and a map for `isinglass.dynamics`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
