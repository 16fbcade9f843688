"""Spins that look up their answer: weightless networks and QuWeiT.

DWN (Bacellar et al. 2024, arXiv 2410.11112) trains networks of tables; QuWeiT (Nag et
al. 2024, arXiv 2411.01818) puts them in the place of a transformer's perceptrons.

`fit_thermometer` makes bits of numbers, `look_up` reads tables at them, with the
gradient that an `ExtendedDifference` says. `LookupLayer`, `LookupNetwork` and
`LookupTransformer` are built of these; `LookupClassifier` is an estimator for
scikit-learn, whose `export` is a `TableNetwork` of plain arrays.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
