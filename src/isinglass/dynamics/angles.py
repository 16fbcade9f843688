"""Components of an observable that are angles: they live on a circle.

Whether an orbit recurs, how far two points are apart, what an extent or an average is:
all that is judged on the circle, where an angle x of period P is the point of the plane
(P/2π) (cos 2πx/P, sin 2πx/P). So a small turn is as long as it is in x, and it does not
matter whether the map wraps its angle, or where. What is shown is wrapped to [0, P).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from isinglass._common.checks import check_positive, check_whole

Angles = tuple[tuple[int, float], ...]
"""Component and period of each angle, ascending."""


def as_angles(angles: Any) -> Angles:
    """Read angles from a mapping, component -> period, or such pairs; None for none.

    Raises:
        ValueError: If a component is no whole number, or named twice, or a period not
            finite and above 0.
    """
    angles = () if angles is None else angles  # not by its truth: it may be an array
    try:
        pairs = angles.items() if isinstance(angles, Mapping) else map(tuple, angles)
        listed = [(component, float(period)) for component, period in pairs]
    except (TypeError, ValueError):
        raise ValueError(
            "angles must map components to periods, such as {0: 2 * np.pi}, got "
            f"{angles!r}"
        ) from None
    for component, period in listed:
        check_whole(0, **{"angles' component": component})
        check_positive(**{f"angles[{component}]": period})
    if len({component for component, _ in listed}) < len(listed):
        raise ValueError(f"angles must name each component once, got {angles!r}")
    return tuple(sorted((int(component), period) for component, period in listed))


def check_components(angles: Angles, width: int) -> None:
    """Refuse angles that an observable of so many numbers does not have.

    Raises:
        ValueError: It names the component.
    """
    for component, _ in angles:
        if component >= width:
            raise ValueError(
                f"angles must name components below {width}, the size of the "
                f"observable, got {component}"
            )


def wrapped(
    rows: Float[np.ndarray, "..."], angles: Angles, axis: int = -1
) -> Float[np.ndarray, "..."]:
    """Rows with every angle in [0, P), components along an axis."""
    if not angles:
        return rows
    rows = np.moveaxis(np.array(rows), axis, 0)
    with np.errstate(invalid="ignore"):
        for component, period in angles:
            turned = np.mod(rows[component], period)
            rows[component] = np.where(turned < period, turned, 0.0)  # −1e-20 mod P
    return np.moveaxis(rows, 0, axis)


def embedded(
    rows: Float[np.ndarray, "..."], angles: Angles, axis: int = -1
) -> Float[np.ndarray, "..."]:
    """Rows with every angle as two components, its cosine and its sine times P/2π."""
    if not angles:
        return rows
    rows, periods = np.moveaxis(np.asarray(rows), axis, 0), dict(angles)
    parts = []
    with np.errstate(invalid="ignore"):
        for component, values in enumerate(rows):
            if component not in periods:
                parts.append(values)
                continue
            radius = periods[component] / (2 * np.pi)
            parts += [
                radius * np.cos(values / radius),
                radius * np.sin(values / radius),
            ]
    return np.moveaxis(np.stack(parts), 0, axis)


def offset(
    difference: Float[np.ndarray, "..."], period: float | None
) -> Float[np.ndarray, "..."]:
    """A difference the short way round, in [−P/2, P/2]; as it is where no angle is."""
    if period is None:
        return difference
    return difference - period * np.round(difference / period)
