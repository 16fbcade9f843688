"""Differences on the same repetitions, in points, and which side of 0 they lie on."""

import xarray as xr

from isinglass._common.intervals import mean_interval


def less(values: xr.DataArray, along: str, first: str, second: str) -> xr.DataArray:
    """Compute shares in % at one place of an axis less those at another, in points."""
    points = values.sel({along: first}, drop=True)
    points = points - values.sel({along: second}, drop=True)
    points.attrs = {"units": "points"}  # and no range, as a difference has none
    return points


def side(points: xr.DataArray) -> str:
    """Say whether differences are "ahead", "behind" or "level", by their interval.

    That is the 95 % interval of their mean, and one difference is level.
    """
    if points.size < 2:
        return "level"
    _, low, high = mean_interval(points.values)
    return "ahead" if low > 0 else "behind" if high < 0 else "level"
