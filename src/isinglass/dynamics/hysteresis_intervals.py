"""Where a diagram depends on the way in which its parameter is swept."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float
from scipy.spatial import KDTree

from isinglass._common.checks import check_in, check_kind, check_whole
from isinglass.dynamics.angles import as_angles, check_components, embedded
from isinglass.dynamics.clouds import (
    cloud_distance,
    complete,
    cycle_tolerance,
    extent,
)

BATCHES = (4, 8, 16)  # numbers of them that standard errors are taken from


@dataclass(frozen=True)
class Interval:
    """Where two branches of a diagram differ.

    Attributes:
        low, high: The first and the last value of the parameter at which they do.
        gap: The greatest distance between them, in the observable's unit; infinite
            where one of them has no points.
    """

    low: float
    high: float
    gap: float


def hysteresis(
    up: xr.Dataset | xr.DataArray,
    down: xr.Dataset | xr.DataArray | None = None,
    *,
    tolerance: float = 0.01,
    run: int = 1,
    angles: Mapping[int, float] | None = None,
) -> list[Interval]:
    """Find where a diagram depends on the way in which its parameter is swept.

    The branches differ at a value if the `cloud_distance` of their points exceeds
    ``tolerance`` of the extent of the whole diagram, plus twice what one half of a
    branch's points differs from the other half (for a cycle nothing; for chaos, the
    scatter of a finite sample).

    That is all where one of them recurs, to 10⁻⁶ of the diagram's extent. Two orbits
    that do not can be parts of one attractor and lie apart all the same: near a p/q
    resonance a rotation stays for long in q short arcs, which lie where its phase puts
    them. So there the mean or the standard deviation of some component must differ too,
    by more than ``tolerance`` of the extent and three standard errors. These come from
    batches and, for an orbit that has drifted less than the distance of its q arcs from
    each other, from what the mean of q points on a closed curve can be wrong by, taken
    as 2/q² of the extent of both branches. Tori, or chaotic attractors, that agree in
    all means and deviations are not told apart, and neither are orbits that have hardly
    moved and do not recur.

    An end of an interval is known to one spacing of the values.

    Args:
        up: The diagram of the sweep upwards: points with the dimensions "point", in
            order of time, "component" and that of the parameter, or a Dataset that has
            them as ``points``. Or what `continuation` returns, with both directions in
            it, and no ``down``.
        down: The same of the sweep downwards, at the same values in any order.
        tolerance: A share of the diagram's extent.
        run: At how many neighbouring values the branches must differ to make an
            interval.
        angles: Components that are angles, and their periods; None for those of the
            measure that the points come from.

    Returns:
        The intervals, ascending; empty if the way does not matter.

    Raises:
        ValueError: If the two are not diagrams over the same values of one parameter,
            or a number is out of range.
    """
    check_in("[0, inf)", tolerance=tolerance)
    check_kind(xr.Dataset, xr.DataArray, up=up)
    if down is not None:
        check_kind(xr.Dataset, xr.DataArray, down=down)
    check_whole(run=run)
    if down is None:
        if "direction" not in up.dims or set(up["direction"].values) != {"up", "down"}:
            raise ValueError(
                'up must hold the directions "up" and "down", or down be given'
            )
        up, down = up.sel(direction="up"), up.sel(direction="down")
    values, rising = _diagram("up", up, angles)
    others, falling = _diagram("down", down, angles)
    if not np.array_equal(values, others):
        raise ValueError("up and down must hold the same values of the parameter")
    scale = extent(np.concatenate([rising, falling], axis=1))
    gaps = np.array(
        [cloud_distance(a, b) for a, b in zip(rising, falling, strict=True)]
    )
    differ = np.array(
        [
            _differ(complete(a), complete(b), gap, tolerance * scale, scale)
            for a, b, gap in zip(rising, falling, gaps, strict=True)
        ]
    )
    return [
        Interval(
            float(values[first]),
            float(values[last]),
            float(gaps[first : last + 1].max()),
        )
        for first, last in runs(differ)
        if last - first + 1 >= run
    ]


def _differ(
    first: Float[np.ndarray, "W d"],
    second: Float[np.ndarray, "V d"],
    gap: float,
    allowed: float,
    scale: float,
) -> bool:
    """Whether two orbits are on different attractors, by the rule of `hysteresis`."""
    scatter = [_scatter(first), _scatter(second)]
    if gap <= allowed + 2 * max(scatter):
        return False
    if len(first) == 0 or len(second) == 0:
        return True
    both = np.concatenate([first, second])
    if min(scatter) <= cycle_tolerance(both, scale):
        return True
    spans = np.ptp(both, axis=0)
    error = np.hypot(*(_batch_error(points) for points in (first, second)))
    arcs = [2 / count**2 for count in map(_arcs, (first, second)) if count]
    moved = np.abs(_moments(first) - _moments(second))
    return bool((moved > allowed + 3 * error + max(arcs, default=0.0) * spans).any())


def _moments(
    points: Float[np.ndarray, "*batch W d"],
) -> Float[np.ndarray, "2 *batch d"]:
    """Mean and standard deviation of each component: the order in time is no matter."""
    return np.stack([points.mean(axis=-2), points.std(axis=-2)])


def _batch_error(points: Float[np.ndarray, "W d"]) -> Float[np.ndarray, "2 d"]:
    """Standard error of the moments, the largest over some numbers of batches."""
    errors = [np.zeros((2, points.shape[1]))]
    for count in BATCHES:
        length = len(points) // count
        if length >= 2:
            parts = points[-length * count :].reshape(count, length, -1)
            errors.append(_moments(parts).std(axis=1, ddof=1) / np.sqrt(count))
    return np.max(errors, axis=0)


def _arcs(points: Float[np.ndarray, "W d"]) -> int:
    """How many short arcs an orbit near a resonance lies in; 0 if they have met."""
    count, span = len(points), extent(points)
    for q in range(1, count // 4 + 1):
        drift = np.linalg.norm(points[q:] - points[:-q], axis=1).mean() * count / q
        if drift >= 2 * span:
            continue
        if q == 1:  # it creeps: one arc, whatever its length
            return 1
        if drift < np.median(KDTree(points[:q]).query(points[:q], 2)[0][:, 1]):
            return q
    return 0


def _diagram(
    name: str,
    diagram: xr.Dataset | xr.DataArray,
    angles: Mapping[int, float] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Ascending values of the parameter, and the points at each, (n, W, d).

    Angles are embedded: two components each.
    """
    if isinstance(diagram, xr.Dataset) and "points" not in diagram:
        raise ValueError(f'{name} must hold "points", got {list(diagram)}')
    points: Any = diagram["points"] if isinstance(diagram, xr.Dataset) else diagram
    if points.dtype.kind not in "iuf":
        raise ValueError(f"{name} must hold real numbers, got {points.dtype}")
    missing = {"point", "component"} - set(points.dims)
    varied = [dim for dim in points.dims if dim not in ("point", "component")]
    if missing or len(varied) != 1:
        raise ValueError(
            f'{name} must have the dimensions "point", "component" and one parameter, '
            f"got {tuple(points.dims)}"
        )
    ordered = points.transpose(varied[0], "point", "component").sortby(varied[0])
    if angles is None:
        circles = as_angles(json.loads(points.attrs.get("angles", "[]")))
    else:
        circles = as_angles(angles)
    check_components(circles, ordered.sizes["component"])
    rows = embedded(np.asarray(ordered, dtype=np.float64), circles)
    return np.asarray(ordered[varied[0]]), rows


def _scatter(points: Float[np.ndarray, "W d"]) -> float:
    """How far the first half of the points is from the second."""
    points = complete(points)
    half = len(points) // 2
    return cloud_distance(points[:half], points[half:]) if half else 0.0


def runs(flags: Bool[np.ndarray, "n"]) -> Sequence[tuple[int, int]]:
    """First and last index of each run of True."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    firsts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(int(first), int(end) - 1) for first, end in zip(firsts, ends, strict=True)]
