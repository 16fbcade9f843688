"""Avalanches of tensors that switch each other, in a field that rises slowly.

`sweep_avalanches` has every tensor act on every other, which needs a sort and no events
at all; `relay` has routes with travel times. What the sizes should be is in
`avalanche_laws`, what exponents they have in `exponents`.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import as_real_array, check_flag
from isinglass._common.types import ArrayLike
from isinglass.systems.interference.tensors.avalanche_laws import coupling_of_law


class Switches(NamedTuple):
    """Which tensors switched, and when; one entry a switch, avalanche after avalanche.

    Attributes:
        tensor: Number of the tensor.
        avalanche: Number of the avalanche, in the order of `Avalanches`.
        time: Time since the avalanche's first switch.
    """

    tensor: Int[np.ndarray, "switch"]
    avalanche: Int[np.ndarray, "switch"]
    time: Float[np.ndarray, "switch"]


@dataclass(frozen=True, repr=False)
class Avalanches:
    """The avalanches of a drive, in the order in which they went off.

    Attributes:
        field: The field at which each went off.
        size: How many switches it had.
        duration: Time from its first switch to its last; in units of the travel time
            where all are alike, it is the number of its last generation. Empty where it
            was not computed.
        switches: All switches, of a network with routes; else none.
        rate: How far the field moved in a unit of time while signals travelled; 0 where
            it stood still.
    """

    field: Float[np.ndarray, "avalanche"]
    size: Int[np.ndarray, "avalanche"]
    duration: Float[np.ndarray, "_"]
    switches: Switches = dataclasses.field(
        default_factory=lambda: Switches(
            np.zeros(0, int), np.zeros(0, int), np.zeros(0)
        )
    )
    rate: float = 0.0

    def __len__(self) -> int:
        """How many there are."""
        return len(self.size)

    def __repr__(self) -> str:
        """Their number and the largest, not all their sizes."""
        largest = int(self.size.max(initial=0))
        rate = f", rate {self.rate:g}" if self.rate else ""
        return f"Avalanches({len(self):,}, largest {largest:,}{rate})"


class Estimate(NamedTuple):
    """A number that was estimated, with its standard error."""

    value: float
    error: float


def sweep_avalanches(
    thresholds: ArrayLike, coupling: float, *, durations: bool = False
) -> Avalanches:
    """Raise the field on N tensors that all act on all, and collect the avalanches.

    Tensor i is sharp: it goes from −1 to 1 once H + J·m ≥ x_i, with the mean m of all
    tensors. With the thresholds in order, the k-th needs the field
    x_k − J(2k − N)/N, so that an avalanche begins wherever this is larger than ever
    before, and its size is the distance to the next such place: O(N log N).

    Args:
        thresholds: x, (N,), in any order.
        coupling: J ≥ 0.
        durations: Whether to count generations, too, which takes as long again.

    Returns:
        The avalanches, N switches in all.

    Raises:
        ValueError: If J is negative, for which tensors would turn back and there are no
            such avalanches, or if the thresholds are not finite, or none.

    Source: Tang 2020, §5.2; the model is the random-field one of Sethna et al. 1993.
    """
    x = as_real_array("thresholds", thresholds, (None,))
    coupling = coupling_of_law(coupling)
    check_flag(durations=durations)
    n = len(x)
    if n == 0:
        raise ValueError("thresholds must be one or more numbers, got none")
    x.sort()
    # In place from here on: at 10⁷ tensors memory is what takes the time.
    needed = np.arange(n, dtype=float)
    needed *= -2 * coupling / n
    needed += x
    needed += coupling
    highest = np.maximum.accumulate(needed)
    starts = np.flatnonzero(highest[1:] > highest[:-1]) + 1
    starts = np.concatenate([[0], starts])
    sizes = np.diff(starts, append=n)
    fields = highest[starts]
    lengths = np.zeros(0)
    if durations:
        lengths = _generations(x, fields, starts, starts + sizes, coupling)
    return Avalanches(fields, sizes, lengths)


def _generations(x: Any, field: Any, start: Any, end: Any, coupling: float) -> Any:
    """Number of the last generation of every avalanche, all followed side by side."""
    n, last = len(x), np.zeros(len(field))
    going = np.flatnonzero(end - start > 1)
    up = start[going] + 1  # tensors that are up, the first switch included
    generation = 0
    while going.size:
        generation += 1
        reach = field[going] + coupling * (2 * up - n) / n
        # Rounding must not stop an avalanche before its end, nor carry it beyond.
        up = np.clip(np.searchsorted(x, reach, "right"), up + 1, end[going])
        last[going] = generation
        more = up < end[going]
        going, up = going[more], up[more]
    return last


def branching_ratio(sizes: ArrayLike) -> Estimate:
    """Estimate how many switches one switch sets off: n = 1 − 1/⟨s⟩.

    Args:
        sizes: Of independent avalanches, (n,).

    Returns:
        The estimate with its standard error (infinite of a single avalanche).

    Raises:
        ValueError: If there is none, or a size is below 1.
    """
    s = as_real_array("sizes", sizes, (None,))
    if len(s) == 0 or (s < 1).any():
        raise ValueError("sizes must be one or more numbers of at least 1")
    mean = s.mean()
    error = s.std(ddof=1) / np.sqrt(len(s)) / mean**2 if len(s) > 1 else np.inf
    return Estimate(float(1 - 1 / mean), float(error))
