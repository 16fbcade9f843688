"""How many random tokens a model knows by heart: the data size D*, and its growth law.

Sequences of uniformly random tokens, each after a key that names it and does not count,
have no structure, so that nothing but memory helps. Both ends of the loss are known: 0
by heart, log V for who knows nothing. D* is the number of tokens at which the loss of a
trained model is half of log V; it knows half of D* log₂ V bits there.

Source of the law that is asked about, N = O(D²): Niu et al. 2024, Proposition 5.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from isinglass.data.sources import ExampleSource

FACTOR, MOST = 1.5, 16  # how a search goes on from where it begins, and how often


class MemorySearch(NamedTuple):
    """The numbers of sequences that were tried with one model, rising.

    Attributes:
        sequences: (K,).
        loss: Nats per token at the end of training, on all of them, (K,).
        threshold: The loss that is crossed.
    """

    sequences: Float[np.ndarray, "K"]
    loss: Float[np.ndarray, "K"]
    threshold: float

    @property
    def crossing(self) -> float:
        """Where the loss first crosses the threshold, between logarithms."""
        above = int(np.argmax(self.loss > self.threshold))
        (x, loss), (y, more) = (
            (math.log(self.sequences[k]), float(self.loss[k]))
            for k in (above - 1, above)
        )
        return math.exp(x + (y - x) * (self.threshold - loss) / (more - loss))


def search_memory(
    loss: Callable[[int], float],
    begin: Sequence[int],
    threshold: float,
    model: str = "the model",
) -> MemorySearch:
    """Try numbers of sequences until the loss crosses a threshold between two of them.

    It goes up or down from where it begins as far as it must, so that where it begins
    does not decide what comes out.

    Args:
        loss: At the end of a training on so many sequences.
        begin: Numbers of sequences to begin with.
        threshold: The loss to be crossed.
        model: What to call the model in an error.

    Raises:
        RuntimeError: If there is no crossing 16 steps away from where it begins.
    """
    losses = {count: loss(count) for count in sorted(set(begin))}
    for _ in range(MOST):
        low, high = min(losses), max(losses)
        if losses[low] > threshold and low > 1:
            count = max(1, round(low / FACTOR))
        elif max(losses.values()) <= threshold:
            count = round(high * FACTOR) + 1
        else:
            break
        losses[count] = loss(count)
    counts = sorted(losses)
    values = np.array([losses[count] for count in counts])
    if values[0] > threshold or values.max() <= threshold:
        raise RuntimeError(
            f"the training loss of {model} does not cross {threshold:.2f} between "
            f"{counts[0]} and {counts[-1]} sequences"
        )
    return MemorySearch(np.array(counts, float), values, threshold)


def random_source(
    sequences: int, *, vocabulary: int, key: int, counted: int, seed: int
) -> ExampleSource:
    """Draw sequences of random tokens after random keys, no two of them the same.

    Args:
        sequences: How many.
        vocabulary: V.
        key: Tokens of a key, which do not count.
        counted: Tokens after it, which do.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    numbers = rng.choice(vocabulary**key, sequences, replace=False)
    keys = numbers[:, None] // vocabulary ** np.arange(key) % vocabulary
    tokens = rng.integers(0, vocabulary, (sequences, counted))
    rows = np.concatenate([keys, tokens], axis=1)
    weights = (np.arange(key + counted) >= key).astype(np.float32)
    examples = ((row, weights) for row in rows)
    return ExampleSource(examples, start=0, vocabulary=vocabulary)


def growth_exponent(
    data: Float[np.ndarray, " W"], parameters: Float[np.ndarray, " W"]
) -> float:
    """Fit the power a of N ∝ D^a.

    It is the inverse slope of log D over log N by least squares, for N has no error.

    Args:
        data: D, (W,).
        parameters: N, (W,).
    """
    x, y = np.log(parameters), np.log(data)
    x = x - x.mean()
    return float((x @ x) / (x @ y))


def bootstrap_exponent(
    data: Float[np.ndarray, "W S"],
    parameters: Float[np.ndarray, " W"],
    *,
    seed: int,
    draws: int = 2000,
) -> tuple[float, float]:
    """Compute the 95 % interval of `growth_exponent` of the mean of log D.

    Seeds are drawn anew at each width.

    Args:
        data: D of S seeds, (W, S).
        parameters: N, (W,).
        seed: Of the resampling.
        draws: How often to draw.
    """
    rng, log_data = np.random.default_rng(seed), np.log(data)
    choice = rng.integers(0, data.shape[1], (draws, *data.shape))
    means = np.take_along_axis(log_data[None], choice, axis=2).mean(axis=2)
    exponents = [growth_exponent(np.exp(mean), parameters) for mean in means]
    low, high = np.quantile(exponents, (0.025, 0.975))
    return float(low), float(high)
