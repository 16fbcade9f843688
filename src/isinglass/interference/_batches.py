"""Run a jitted function over a long array in pieces: bounded memory, few compiled shapes."""

from collections.abc import Callable, Iterator

import jax
import numpy as np

# 512 pictures at a time is the fastest size on CPU (benchmarks/interference.py): larger pieces
# leave the cache.
BATCH = 512


def batches(X: np.ndarray, size: int = BATCH) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of X and their rows, zero-padded to `size` or a smaller power of two."""
    size = min(size, 1 << max(len(X) - 1, 0).bit_length())
    for start in range(0, len(X), size):
        part = X[start : start + size]
        short = size - len(part)
        if short:
            part = np.concatenate([part, np.zeros((short, *X.shape[1:]), X.dtype)])
        yield slice(start, min(start + size, len(X))), part


def map_batches(
    function: Callable[[np.ndarray], jax.Array], X: np.ndarray, axis: int = 0, size: int = BATCH
) -> np.ndarray:
    """Concatenate `function` over batches of X; samples lie along `axis` of what it returns."""
    parts = []
    with jax.enable_x64(True):
        for where, part in batches(X, size):
            result = np.asarray(function(part))
            parts.append(result.take(range(where.stop - where.start), axis=axis))
    return np.concatenate(parts, axis=axis)
