"""The minima of an energy among a few patterns: where they are, and whose they are."""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from isinglass._common.checks import (
    as_real_array,
    check_finite,
    check_in,
    check_kind,
    check_positive,
    check_shapes,
)
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import check_patterns, check_squares
from isinglass.energy.descent import descend
from isinglass.energy.landscape import Landscape

SAME = 1e-3  # two descents that end nearer to each other ended in one minimum


class Minima(NamedTuple):
    """The minima of an energy, and where its patterns lead.

    Attributes:
        places: Where descents ended, in order of their coordinates, (k, n).
        ends: Where a descent from each pattern ends, (m, n).
        is_own: Whether no other pattern's descent ends there, (m,).
        distance: From each pattern to where its descent ends, (m,).
    """

    places: Float[np.ndarray, "k n"]
    ends: Float[np.ndarray, "m n"]
    is_own: Bool[np.ndarray, " m"]
    distance: Float[np.ndarray, " m"]


@usual_promotion()
def find_minima(
    patterns: Float[np.ndarray, "m n"],
    landscape: Landscape,
    starts: Float[np.ndarray, "s n"] | None = None,
) -> Minima:
    """Find minima by descent from each pattern, and from other starts too.

    A pattern is stored if its descent ends in a minimum that it shares with no other.
    Ends that are less than 10⁻³ apart are one minimum, so that this is for patterns of
    a size of about 1, in double precision (``jax.enable_x64``).

    Args:
        patterns: ρ_j, (m, n).
        landscape: The energy.
        starts: Further states to descend from; a grid of them finds minima to which no
            pattern leads.

    Raises:
        ValueError: As `descend`.
    """
    check_patterns(patterns)
    check_kind(Landscape, landscape=landscape)
    check_squares(patterns)
    m, begin = len(patterns), np.asarray(patterns)
    if starts is not None:
        check_patterns(starts, "starts")
        check_finite(starts=starts)
        check_shapes(patterns=(patterns, "m n"), starts=(starts, "s n"))
        begin = np.concatenate([begin, starts])
    descent = descend(
        jnp.asarray(begin), jnp.asarray(patterns), landscape, tolerance=1e-9
    )
    states, converged = np.asarray(descent.state), np.asarray(descent.converged)
    ends = states[:m]
    between = np.linalg.norm(ends[:, None] - ends, axis=-1) + SAME * np.eye(m)
    distance = np.linalg.norm(ends - patterns, axis=-1)
    return Minima(
        _distinct(states[converged]), ends, (between >= SAME).all(1), distance
    )


def _distinct(points: np.ndarray) -> np.ndarray:
    """Points that are no two nearer to each other than `SAME`, in order."""
    distinct: list[np.ndarray] = []
    for point in points:
        if all(np.linalg.norm(point - other) >= SAME for other in distinct):
            distinct.append(point)
    return np.array(sorted(distinct, key=tuple))


@usual_promotion()
def critical_inverse_temperature(
    patterns: Float[np.ndarray, "m n"],
    landscape: Callable[[float], Landscape],
    *,
    low: float = 0.1,
    high: float = 30.0,
) -> float:
    """Find the least β at which every pattern has a minimum of its own.

    Two patterns alone merge in `NearestNeighbour` where β |ρ₁ − ρ₂|² is less than 2.
    The search halves the range of log β until it is within one part in a hundred.

    Args:
        patterns: ρ_j, (m, n).
        landscape: Makes the energy from β, such as the class `NearestNeighbour`.
        low: Least β of the range.
        high: Largest β.

    Returns:
        β, or NaN where the patterns are apart already at the least β, or not even at
        the largest.

    Raises:
        ValueError: If the range is empty, or as `find_minima` does.
    """
    if not callable(landscape):
        raise TypeError(f"landscape must be a function of β, got {landscape!r}")
    check_positive(low=low)
    check_in(f"[{low}, inf)", high=high)

    def is_apart(beta: float) -> bool:
        return bool(find_minima(patterns, landscape(beta)).is_own.all())

    if is_apart(low) or not is_apart(high):
        return float("nan")
    while high / low > 1.01:
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if is_apart(middle) else (middle, high)
    return high


@usual_promotion()
def turning_points(
    x: Float[np.ndarray, " k"], force: Float[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, " minima"], Float[np.ndarray, " maxima"]]:
    """Locate the minima and the maxima of an energy on a line by its force, −dE/dx.

    The force falls through 0 at a minimum and rises through 0 at a maximum; between
    points it is taken for linear.

    Args:
        x: Points of the line, evenly spaced and increasing.
        force: The force there.

    Raises:
        ValueError: If there are not as many of them, at least 2, or a point does not
            lie beyond the one before.
    """
    x = as_real_array("x", x, (None,))
    force = as_real_array("force", force, x.shape)
    if len(x) < 2 or (np.diff(x) <= 0).any():
        raise ValueError(f"x must hold 2 points at least, increasing, got {x}")
    zeros = []
    for sign in (1, -1):
        at = np.flatnonzero((sign * force[:-1] > 0) & (sign * force[1:] <= 0))
        slope = (force[at + 1] - force[at]) / (x[1] - x[0])
        zeros.append(x[at] - force[at] / slope)
    return zeros[0], zeros[1]
