"""Run a jitted function over a long array in pieces: bounded memory, few shapes."""

from collections.abc import Callable, Iterator

import jax
import numpy as np

from isinglass._common.precision import double_precision
from isinglass._common.threads import map_in_threads

# 256 pictures at a time, on every core, is fastest (benchmarks/interference.py): larger
# pieces leave the cache, and XLA alone uses one core for all but matrix products.
BATCH = 256


def batches(X: np.ndarray, size: int = BATCH) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of X and their rows, padded by zeros to `size` or a power of two."""
    size = min(size, 1 << max(len(X) - 1, 0).bit_length())
    for start in range(0, len(X), size):
        part = X[start : start + size]
        short = size - len(part)
        if short:
            part = np.concatenate([part, np.zeros((short, *X.shape[1:]), X.dtype)])
        yield slice(start, min(start + size, len(X))), part


def each_batch(
    function: Callable[[slice, np.ndarray], jax.Array | np.ndarray],
    X: np.ndarray,
    size: int = BATCH,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of X with what `function` makes of their padded rows, in float64."""

    def run(batch: tuple[slice, np.ndarray]) -> tuple[slice, np.ndarray]:
        with double_precision():
            return batch[0], np.asarray(function(*batch))

    in_turn = map if len(X) <= size else map_in_threads
    yield from in_turn(run, batches(X, size))


def map_batches(
    function: Callable[[np.ndarray], jax.Array | np.ndarray],
    X: np.ndarray,
    axis: int = 0,
    size: int = BATCH,
) -> np.ndarray:
    """Concatenate `function` over batches of X; samples lie along `axis`."""
    parts = [
        result.take(range(where.stop - where.start), axis=axis)
        for where, result in each_batch(lambda _, part: function(part), X, size)
    ]
    return np.concatenate(parts, axis=axis)
