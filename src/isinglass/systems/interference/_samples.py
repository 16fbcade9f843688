"""What labels and counts of samples an interference estimator takes."""

import operator
from typing import Any

import numpy as np

MOST = 10**9  # epochs or travel durations


def check_positive_int(name: str, value: Any) -> None:
    try:
        number = operator.index(value)
    except TypeError:
        number = 0
    # Far above, counts of samples would no longer be exact.
    if not 1 <= number <= MOST:
        raise ValueError(
            f"{name} must be a whole number from 1 to {MOST:,}, got {value!r}"
        )


def check_labels_alike(*labels: np.ndarray) -> None:
    """Refuse text among numbers: they have no order, and NumPy makes text of all."""
    kinds = {
        isinstance(label, str): label for some in labels for label in some.tolist()
    }
    if len(kinds) > 1:
        raise ValueError(
            f"labels must be all text or all numbers, got {kinds[True]!r} beside "
            f"{kinds[False]!r}"
        )
