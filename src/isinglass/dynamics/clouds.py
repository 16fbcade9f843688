"""Distances of sets of points, by which attractors are told apart."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from isinglass._common.checks import as_array
from isinglass._common.types import ArrayLike
from isinglass.dynamics.angles import as_angles, check_components, embedded

CYCLE_TOLERANCE = 1e-6
"""How far two orbits on one cycle may lie apart, as a share of the scale of all."""
ROUNDING = 1000
"""What rounding may have summed up to, in units of a number's last place."""


def cloud_distance(
    first: Float[np.ndarray, "W d"],
    second: Float[np.ndarray, "V d"],
    *,
    angles: Mapping[int, float] | None = None,
) -> float:
    """Measure how far apart two sets of points are, in their unit.

    It is the mean distance from a point of one to the nearest of the other, the larger
    of both ways. Rows with NaN are left out; 0 between two empty sets, infinite if only
    one is empty.

    Args:
        first: Points in rows.
        second: Others, of the same components.
        angles: Which components are angles, and their periods: their distances are on
            the circle (`isinglass.dynamics.angles`).

    Raises:
        ValueError: If they are no rows of real numbers, or of other widths, or angles
            are none of their components.
    """
    first, second = (
        as_points(name, x) for name, x in (("first", first), ("second", second))
    )
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            "first and second must have as many components, got "
            f"{first.shape[1]} and {second.shape[1]}"
        )
    circles = as_angles(angles)
    check_components(circles, first.shape[1])
    first, second = (embedded(complete(x), circles) for x in (first, second))
    if len(first) == 0 or len(second) == 0:
        return 0.0 if len(first) == len(second) else float("inf")
    distances = KDTree(second).query(first)[0], KDTree(first).query(second)[0]
    return float(max(distance.mean() for distance in distances))


def as_points(name: str, value: ArrayLike) -> Float[np.ndarray, "W d"]:
    """The value as rows of real numbers, of which some may be NaN.

    Raises:
        ValueError: If it is another.
    """
    points = np.asarray(as_array(name, value))
    if points.ndim != 2 or points.dtype.kind not in "iuf" or not points.shape[1]:
        raise ValueError(
            f"{name} must be rows of real numbers, (W, d), got {points.dtype} of "
            f"shape {points.shape}"
        )
    return points.astype(float)


def extent(points: Float[np.ndarray, "*batch d"]) -> float:
    """Measure the largest peak-to-peak of any component; 0 where there are no points.

    It does not know the origin, and goes with the unit.
    """
    rows = complete(points)
    return float(np.ptp(rows, axis=0).max()) if len(rows) else 0.0


def cycle_tolerance(
    points: Float[np.ndarray, "*batch d"], scale: float, eps: float = 2.0**-52
) -> float:
    """How far two orbits on one cycle may lie apart.

    Args:
        points: Of the orbit: rounding is in proportion to their size.
        scale: The `extent` of all that is looked at.
        eps: Distance from 1 to the next number of the precision.
    """
    size = float(np.abs(complete(points)).max(initial=0.0))
    return CYCLE_TOLERANCE * scale + ROUNDING * eps * size


def near_cloud(
    clouds: Float[np.ndarray, "n W d"], cloud: Float[np.ndarray, "V d"], allowed: float
) -> Bool[np.ndarray, "n"]:
    """Whether each of n clouds is within that `cloud_distance` of another."""
    near = KDTree(cloud).query(clouds)[0].mean(axis=-1) <= allowed
    # The way back takes a tree for each, so only where the way there leaves it open.
    for index in np.flatnonzero(near):
        near[index] = KDTree(clouds[index]).query(cloud)[0].mean() <= allowed
    return near


def complete(points: Float[np.ndarray, "*batch d"]) -> Float[np.ndarray, "V d"]:
    """The points of which every component is finite."""
    return points[np.isfinite(points).all(axis=-1)]
