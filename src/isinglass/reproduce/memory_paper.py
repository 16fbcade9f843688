"""What the experiments on transformers as associative memory share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from isinglass.reproduce.registry import Context

PAPER = "Niu 2024"
# Patterns of Fig. 1.
FIG_1 = {
    "2-D": ((-2.0, -0.5), (0.2, -0.3), (1.5, 1.5)),
    "1-D": ((-2.0,), (0.0,), (1.0,)),
}


def generators(context: Context, count: int) -> list[np.random.Generator]:
    """A random generator for each repetition: the first ones are the same whatever the count."""
    return [np.random.default_rng((context.seed, index)) for index in range(count)]
