"""Sample weights in fixed point, so that sums of them are exact in any order."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import as_array, as_real_array

QUANTUM = 2.0**-32  # weights are multiples of it
HEAVIEST = 10**9  # far above, sums of whole weights would no longer be exact


def as_sample_weight(value: Any, n_samples: int) -> Float[np.ndarray, "n"]:
    """Weights of `n_samples` samples, each rounded to a multiple of 2⁻³².

    Raises:
        ValueError: If there are more or fewer of them, one is negative, not finite or
            above 10⁹, or all are zero.
    """
    weight = as_real_array("sample_weight", as_array("sample_weight", value), (None,))
    if len(weight) != n_samples:
        raise ValueError(
            f"sample_weight holds {len(weight)} weights, X {n_samples} samples"
        )
    if (weight < 0).any():
        raise ValueError(
            f"sample_weight must not be negative, got {weight.min():g}; to take "
            "samples away, use forget"
        )
    if (weight > HEAVIEST).any():
        raise ValueError(
            f"sample_weight must be at most {HEAVIEST:,}, got {weight.max():g}"
        )
    weight = np.rint(weight / QUANTUM) * QUANTUM
    if not weight.any():
        raise ValueError(
            "sample_weight must hold a positive weight, but all are zero (or below "
            "2**-32, which counts as zero)"
        )
    return weight


def as_whole_weight(value: Any, n_samples: int) -> Int[np.ndarray, "n"]:
    """Weights of `n_samples` samples that are whole numbers.

    Raises:
        ValueError: If there are more or fewer of them, one is no whole number from 0 to
            2⁵³, or all are zero.
    """
    weight = as_real_array("sample_weight", as_array("sample_weight", value), (None,))
    if len(weight) != n_samples:
        raise ValueError(
            f"sample_weight holds {len(weight)} weights, X {n_samples} samples"
        )
    if (weight < 0).any() or (weight != np.rint(weight)).any():
        wrong = weight[(weight < 0) | (weight != np.rint(weight))][0]
        raise ValueError(
            f"sample_weight must hold whole numbers from 0, got {wrong:g}; a sample "
            "counts so many times"
        )
    if (weight > 1 << 53).any():
        raise ValueError(
            f"sample_weight must be at most 2^53 each, got {weight.max():g}"
        )
    if not weight.any():
        raise ValueError("sample_weight must hold a positive weight, all are zero")
    return weight.astype(np.int64)
