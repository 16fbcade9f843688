"""Pictures of results: a function for each kind, on any Matplotlib axes.

A function takes a result (a Dataset or DataArray of ours, a record, a fitted model) or
plain arrays, and optionally the axes ``ax`` to draw on, and returns the axes, of which
one can ask for everything else. Those called ``…_figure`` make a figure of several
axes, or of three dimensions, and return that::

    ax = plot.exponents(diagram)
    ax.set_title("my map")
    ax.figure.savefig("exponents.png")

Without ``ax`` a figure of its own is made, in the house style and by Matplotlib's
pyplot: a notebook shows it and ``pyplot.show()`` opens it. On axes of yours your style
holds, but for the colours, which say what is what, and ``ax.legend()`` is yours to
call; on a figure of its own there is a legend where there is something to name.

`subplots` makes a figure without pyplot in the house style, `house_style` switches it
on while one draws on it, and `render` gives the bytes of its file. Experiments, reports
and examples draw data by these functions and by nothing else. Matplotlib is loaded when
the first of them is used; JAX is not.
"""

import lazy_loader

from isinglass._common.backend import drop_missing_backend

drop_missing_backend()  # before anything here imports Matplotlib

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
