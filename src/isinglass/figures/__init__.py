"""How results are drawn, by Matplotlib and nothing else.

`subplots` makes a figure in the house style; `samples` draws repeated measurements,
`attractors` the kinds of attractors. `isinglass.plot` draws results by them; the figure
of distances between activations is in `isinglass.figures.radius`. Matplotlib is loaded
when a name is first used.
"""

import lazy_loader

from isinglass._common.backend import drop_missing_backend

drop_missing_backend()  # before anything here imports Matplotlib

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
