"""Heat conduction as a layer: vHeat (Wang et al. 2024, arXiv 2405.16555).

`conduct` lets fields on an insulated plate conduct for unit time, `HeatConduction` is
the published layer around it, `HeatBlock` a block and `VHeat` the model.
`resample_conductivity` takes conductivities to another resolution,
`recover_conductivity` finds them from pairs of fields.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
