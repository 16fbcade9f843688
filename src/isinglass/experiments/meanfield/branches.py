"""How the branches of a continuation compare: cycles apart, hysteresis, and delay."""

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float

from isinglass.dynamics import Kind, cloud_distance
from isinglass.dynamics.hysteresis_intervals import runs
from isinglass.experiments.meanfield import cycle

APART = 0.01  # least distance of cycles of one period, as a share of the extent
NEIGHBOURS = 3  # values in a row at which the directions must differ
DECIDED = (Kind.FIXED_POINT, Kind.PERIODIC, Kind.QUASI_PERIODIC, Kind.CHAOTIC)


def crossings(points: Float[np.ndarray, "n W 3"]) -> Float[np.ndarray, "n K"]:
    """A₁ where A₂ rises through 0, for each value; NaN behind the last.

    Args:
        points: Successive points of each orbit.
    """
    now, after = points[:, :-1], points[:, 1:]
    rises = (now[..., 1] < 0) & (after[..., 1] >= 0)
    weight = np.zeros(rises.shape)
    np.divide(now[..., 1], now[..., 1] - after[..., 1], out=weight, where=rises)
    between = now[..., 0] + weight * (after[..., 0] - now[..., 0])
    first = np.argsort(~rises, axis=1, kind="stable")[:, : rises.sum(axis=1).max()]
    return np.take_along_axis(np.where(rises, between, np.nan), first, axis=1)


def cycles_apart(
    branches: xr.Dataset, clouds: Float[np.ndarray, "direction start value W 3"]
) -> Bool[np.ndarray, "start value"]:
    """Where both directions end on cycles of one period that lie apart."""
    order = ("direction", "start", "value")
    up, down = branches["period"].transpose(*order).values
    low, high = (end(clouds, axis=(0, 1, 2, 3)) for end in (np.nanmin, np.nanmax))
    allowed = APART * np.nanmax(high - low)
    apart = np.zeros(up.shape, bool)
    for place in zip(*np.nonzero((up > 0) & (up == down)), strict=True):
        rising, falling = (way[place][-up[place] :] for way in clouds)
        apart[place] = cloud_distance(rising, falling) > allowed
    return apart


def hysteresis(span: xr.Dataset) -> xr.Dataset:
    """Where the directions differ in one range, and where orbits have not settled.

    Returns:
        Booleans over (start, value): ``decided``, the kinds of both directions are;
        ``late``, one direction still sits on the forced cycle, which is unstable;
        ``bistable``, settled directions end on attractors of other kind or on other
        cycles, at this and enough neighbouring values. And ``slow`` over (value,): so
        close to the onset that orbits do not settle in their steps.
    """
    up, down = (span.sel(direction=way) for way in ("up", "down"))
    decided = span["kind"].isin(DECIDED).all("direction")
    alike = (up["kind"] == down["kind"]) & (up["period"] == down["period"])
    other_cycle = alike & (up["period"] > 0) & span["apart"]
    forced = span["period"].copy(data=cycle.is_forced(span["period"].values))
    late = forced.any("direction") & (span["beta"] > span["onset"])
    slow = abs(span["beta"] - span["onset"]) < span["reach"]
    differ = decided & (~alike | other_cycle) & ~late & ~slow
    bistable = differ.transpose("start", "value").copy(deep=True)
    for flags in bistable.values:
        for first, last in runs(flags.copy()):
            flags[first : last + 1] = last - first + 1 >= NEIGHBOURS
    flags = {"decided": decided, "late": late, "bistable": bistable, "slow": slow}
    return xr.Dataset(flags).transpose("start", "value")


def percentages(flags: xr.DataArray) -> Float[np.ndarray, " start"]:
    """Of each start, at how many percent of its values it holds."""
    return 100 * flags.mean("value").values


def widest(flags: Bool[np.ndarray, " n"], beta: Float[np.ndarray, " n"]) -> float:
    """Greatest width of a run of values that hold; 0 without any."""
    longest = max((last - first + 1 for first, last in runs(flags)), default=0)
    return float(longest * (beta[1] - beta[0]))


def delays(span: xr.Dataset, late: xr.DataArray) -> list[float]:
    """How far beyond its onset each start still sits on the cycle, in β."""
    beyond = (span["beta"] - span["onset"]).where(late, 0.0)
    return beyond.max("value").values.tolist()
