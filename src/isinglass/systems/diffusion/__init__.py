"""Diffusion over all pairs of instances: DIFFormer (Wu et al. 2023).

`DIFFormer` is the model, `simple_diffusion` and `sigmoid_diffusion` what flows in a
layer, `Graph` what flows along edges; `Diffusion` is the process of the theorem, an
`isinglass.energy.EnergyBlock`, and `layer_energies` checks it on any run of states.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
