"""How results are drawn, by Matplotlib and nothing else.

`subplots` makes a figure in the house style; `samples` draws repeated measurements,
`attractors` the kinds of attractors. What draws a whole figure of a record
(`isinglass.figures.diagram` of a sweep, `isinglass.figures.radius` of activations) is
imported from its module. Matplotlib is loaded when a name is first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
