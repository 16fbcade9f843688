"""One engine that trains the models of any system.

A system says by a `Trainer` what is trained and how a step of it is taken;
`run_trainer` takes the steps, records, reports, notices divergence, and writes and
reads checkpoints. The loss landscape around what was trained is here, too.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
