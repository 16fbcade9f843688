"""Avalanches of systems that keep themselves near their critical state (Tang 2020, §5).

The paper expects that sizes "may not obey the power law, because we know human brain is
actively maintaining the brain's critical state". Two such systems, small enough to have
exact laws: a branching ratio that every avalanche corrects, and relays that gather
their drive, fire and start anew.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import as_generator, check_positive, check_whole
from isinglass.systems.interference.tensors.avalanche_laws import not_negative, share


class RegulatedRun(NamedTuple):
    """A run of a regulated branching ratio, avalanche by avalanche.

    Attributes:
        size: Sizes; one that reached the cap ended there.
        branching_ratio: n before each.
    """

    size: Int[np.ndarray, "avalanche"]
    branching_ratio: Float[np.ndarray, "avalanche"]


def regulated_avalanches(
    count: int,
    gain: float,
    *,
    target: float = 100.0,
    cap: int = 100_000,
    random_state: int = 0,
) -> RegulatedRun:
    """Draw avalanches whose branching ratio is corrected after each of them.

    n ← max(0, n + ε(1 − s/S*)): a small avalanche raises it, one larger than S* lowers
    it. Where n is never cut off at 0, the mean size is S*(1 − Δn/(ε·count)), whatever
    ε is. A weak gain holds n near 1 − 1/S* (exponent 3/2, with a cut-off); a strong one
    lets n sweep over all values, and the exponent is 2 (`borel_mixture`).

    Args:
        count: How many avalanches.
        gain: ε ≥ 0; 0 leaves n at 1 − 1/S*, where it starts.
        target: S*, at least 1.
        cap: Size at which an avalanche is ended; above n = 1 some would never end.
        random_state: Seed.

    Raises:
        ValueError: If an argument is out of range.

    Source: Tang 2020, conclusion 4; the rule is ours, since the paper gives none.
    """
    check_whole(count=count, cap=cap)
    check_positive(target=target)
    gain = not_negative("gain", gain)
    if target < 1:
        raise ValueError(f"target must be at least 1, got {target}")
    rng = as_generator("random_state", random_state)
    n, sizes, ratios = 1 - 1 / target, np.zeros(count, int), np.zeros(count)
    for index in range(count):
        ratios[index] = n
        sizes[index] = size = _branch(rng, n, cap)
        n = max(0.0, n + gain * (1 - size / target))
    return RegulatedRun(sizes, ratios)


def _branch(rng: np.random.Generator, n: float, cap: int) -> int:
    """The size of one avalanche, generation by generation."""
    size = new = 1
    while new and size < cap:
        # Far above any cap, where NumPy draws no such numbers any more.
        new = int(rng.poisson(n * new)) if n * new < 2.0**53 else cap
        size += new
    return min(size, cap)


def reset_avalanches(
    n: int,
    alpha: float,
    count: int,
    *,
    step: float = 0.022,
    lanes: int = 500,
    random_state: int = 0,
) -> Int[np.ndarray, "count"]:
    """Draw avalanches of n relays that gather their drive, fire at 1 and start anew.

    A relay drawn at random gets ``step``. At 1 it fires: it loses 1, and all get α/n.
    `reset_sizes` is the exact law.

    Args:
        n: Number of relays.
        alpha: What a relay gives in all, from 0 to below 1.
        count: How many avalanches to draw.
        step: What a relay is driven by at a time, above 0 and at most 1.
        lanes: How many independent systems run side by side.
        random_state: Seed.

    Raises:
        ValueError: If an argument is out of range.

    Source: Eurich, Herrmann & Ernst 2002.
    """
    check_whole(n=n, count=count, lanes=lanes)
    alpha = share("alpha", alpha)
    check_positive(step=step)
    if step > 1:
        raise ValueError(f"step must be at most 1, got {step}")
    rng = as_generator("random_state", random_state)
    levels, every = rng.random((lanes, n)), np.arange(lanes)
    # Until each relay has been filled twice over, sizes still know of the start.
    settled, batches, total, done = int(2 * n / step), [], 0, 0
    while total < count:
        driven = rng.integers(n, size=lanes)
        levels[every, driven] += step
        sizes = _fire(levels, np.flatnonzero(levels[every, driven] >= 1), alpha)
        done += 1
        if done > settled:
            batches.append(sizes)
            total += len(sizes)
    return np.concatenate(batches)[:count]


def _fire(levels: Any, lanes: Any, alpha: float) -> Int[np.ndarray, "_"]:
    """Let the systems that have a full relay come to rest; the sizes, in place."""
    systems, sizes = levels[lanes], np.zeros(len(lanes), int)
    while (full := systems >= 1).any():
        fired = full.sum(axis=1)
        sizes += fired
        systems -= full
        systems += (alpha / levels.shape[1] * fired)[:, None]
    levels[lanes] = systems
    return sizes
