"""Data sets, tokens and text: shipped by a dependency, generated, or read from files.

`mnist` and `few_shot` have digits; `double_slit`, `induction` and `question` generate
waves, sequences to copy from and sentences to question, each with what is known of it
exactly; `text` and `tokens` turn files into numbers, and `sources` makes of all these
what a transformer is trained on.

Names are imported when they are used, so that what needs no JAX imports none; the
`.pyi` beside this file lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
