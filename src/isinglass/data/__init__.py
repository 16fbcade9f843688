"""Data sets, tokens and text: shipped by a dependency, generated, or read from files.

`mnist` and `few_shot` have digits; `double_slit`, `induction`, `question`, `sudoku` and
`node_graphs` generate waves, sequences to copy from, sentences to question, puzzles and
graphs, each with what is known of it exactly; `patches` hides parts of pictures;
`text`, `tokens` and `graph_folders` turn files into numbers, and `sources` makes of
texts what a transformer is trained on.

Names are imported when they are used, so that what needs no JAX imports none; the
`.pyi` beside this file lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
