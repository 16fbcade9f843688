"""The engine that runs papers again: declare, measure, store, tell.

Names are imported when they are used, so that declarations import no JAX; the `.pyi`
beside this file lists them.
"""

import lazy_loader

from isinglass._common.backend import drop_missing_backend

drop_missing_backend()  # before anything here imports Matplotlib

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
