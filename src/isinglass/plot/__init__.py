"""Pictures of results: a function for each kind, on any Matplotlib axes.

Every function but `sweep_figure`, whose figure has several axes, takes a result (a
Dataset or DataArray of ours, a record, a fitted model) and optionally the axes ``ax``
to draw on, and returns the axes, of which one can ask for everything else::

    ax = plot.exponents(diagram)
    ax.set_title("my map")
    ax.figure.savefig("exponents.png")

Without ``ax`` a figure of its own is made, in the house style and by Matplotlib's
pyplot: a notebook shows it and ``pyplot.show()`` opens it. On axes of yours your style
holds, but for the colours, which say what is what, and ``ax.legend()`` is yours to
call; on a figure of its own there is a legend where there is something to name.

Experiments and examples are drawn by these functions. Matplotlib is loaded when the
first of them is used; JAX is not.
"""

import lazy_loader

from isinglass._common.backend import drop_missing_backend

drop_missing_backend()  # before anything here imports Matplotlib

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
