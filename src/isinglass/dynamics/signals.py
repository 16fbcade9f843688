"""What a trajectory looks like as a signal: spectrum, autocorrelation, section."""

from collections.abc import Mapping
from html import escape
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy
from jaxtyping import Bool, Float

from isinglass._common.checks import (
    as_real_array,
    check_choice,
    check_finite,
    check_flag,
    check_in,
    check_kind,
    check_positive,
    check_whole,
    is_whole,
)
from isinglass._common.notebook import html_picture
from isinglass._common.types import ArrayLike
from isinglass.dynamics.angles import (
    as_angles,
    check_components,
    embedded,
    offset,
    wrapped,
)


class PowerSpectrum(NamedTuple):
    """What `power_spectrum` returns.

    Attributes:
        frequency: Cycles per unit of time, from 0 to ½/dt, (F,).
        power: Power per unit of frequency, in the signal's unit squared, with F in
            place of time.
    """

    frequency: Float[np.ndarray, "F"]
    power: Float[np.ndarray, "..."]

    def __repr__(self) -> str:
        return (
            f"PowerSpectrum({len(self.frequency)} frequencies up to "
            f"{self.frequency[-1]:.4g}, power of shape {self.power.shape})"
        )

    def _repr_html_(self) -> str:
        text = f"<div>{escape(repr(self))}"
        if self.power.ndim == 1:
            with np.errstate(divide="ignore"):
                heights = np.log10(self.power)
            shown = np.maximum(heights, heights.max() - 9)
            label = "power, logarithmic, by frequency"
            text += html_picture(label, self.frequency, shown, "line")
        return f"{text}</div>"


class Crossings(NamedTuple):
    """What `poincare` returns.

    Attributes:
        times: Row of the trajectory of each crossing, with a fraction where it is
            interpolated.
        points: The trajectory there, (m, d).
    """

    times: Float[np.ndarray, "m"]
    points: Float[np.ndarray, "m d"]


def power_spectrum(
    x: ArrayLike,
    *,
    axis: int = 0,
    window: str = "boxcar",
    segments: int = 1,
    dt: float = 1.0,
    period: float | None = None,
) -> PowerSpectrum:
    """Compute the one-sided power spectral density of a signal about its mean.

    The sum of ``power`` times the spacing of ``frequency`` is the variance of the
    signal, exactly (Parseval) with the default window and one segment. A cycle of
    period p is a peak at 1/p and its multiples; a quasi-periodic signal has peaks at
    sums of multiples of its frequencies; chaos has a broad band, whose noise only
    ``segments`` brings down.

    Args:
        x: Real and finite; time runs along ``axis``.
        axis: The axis of time.
        window: Name of a window of `scipy.signal.get_window`; "hann" keeps a strong
            peak from leaking over weak ones.
        segments: Into how many half-overlapping segments to cut the signal and average
            over (Welch 1967): less noise, coarser frequencies.
        period: Of an angle x: the spectrum is then of its point on the circle, the sum
            of those of cos 2πx/P and sin 2πx/P. None for what is no angle.
        dt: Time from row to row, a `Flow`'s dt; 1 for a map, whose time is in steps.

    Raises:
        ValueError: If ``x`` is not real and finite or too short for the segments, or
            another argument is not one of those accepted.
    """
    series = _on_its_circle(_series("x", x, axis), period)
    length = series.shape[-1]
    check_whole(segments=segments)
    check_positive(dt=dt)
    width = 2 * length // (segments + 1)
    if width < 2:
        raise ValueError(
            f"segments must leave 2 steps to each, got {segments} for {length} steps"
        )
    try:
        check_kind(str, tuple, float, window=window)
        taper = scipy.signal.get_window(window, width)
        check_finite(window=taper)
    except (TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"window must be a name of scipy.signal.get_window, got {window!r}"
        ) from error
    # The mean of the whole signal goes, not of each segment: slow motion is power too.
    centred = series - series.mean(axis=-1, keepdims=True)
    # SciPy's annotations know neither its arrays nor detrend=False.
    welch: Any = scipy.signal.welch
    frequency, power = welch(
        centred,
        fs=1 / dt,
        window=taper,
        noverlap=width - width // 2,
        detrend=False,
        axis=-1,
    )
    return PowerSpectrum(frequency, np.moveaxis(power.sum(axis=0), -1, axis))


def autocorrelation(
    x: ArrayLike,
    lags: int,
    *,
    axis: int = 0,
    unbiased: bool = False,
    period: float | None = None,
) -> Float[np.ndarray, "..."]:
    """Compute the autocorrelation ρ(l) of a signal about its mean, with ρ(0) = 1.

    ρ(l) = Σ_t y(t) y(t+l) / Σ_t y(t)², y = x − mean. It fades with the lag by (T − l)/T
    even for a signal that repeats; ``unbiased`` divides by this, at the price of noise
    at long lags and of values that may exceed 1. NaN for a signal that is constant to
    rounding.

    Args:
        x: Real and finite; T steps of time along ``axis``.
        lags: The longest lag, steps, below T.
        axis: The axis of time, and of the lags in the result.
        unbiased: Divide each sum by the number of its terms.
        period: Of an angle x: products are then those of points on the circle, cos
            2π(x(t) − x(t+l))/P about their mean. None for what is no angle.

    Raises:
        ValueError: If ``x`` is not real and finite, or ``lags`` is not in [0, T).
    """
    check_flag(unbiased=unbiased)
    series = _on_its_circle(_series("x", x, axis), period)
    length = series.shape[-1]
    if not is_whole(lags) or not 0 <= lags < length:
        raise ValueError(
            f"lags must be from 0 to {length - 1} for {length} steps, got {lags}"
        )
    centred = series - series.mean(axis=-1, keepdims=True)
    extent, size = (
        np.abs(part).max(axis=(0, -1), keepdims=True) for part in (centred, series)
    )
    rounding = 4 * np.finfo(float).eps * size
    # In units of its extent, the square of no signal overflows or vanishes.
    scaled = np.divide(
        centred, extent, out=np.full_like(centred, np.nan), where=extent > rounding
    )
    # Zeros after the signal keep its end from meeting its beginning.
    padded = scipy.fft.next_fast_len(length + lags, real=True)
    power = np.abs(np.fft.rfft(scaled, padded, axis=-1)) ** 2
    covariance = np.fft.irfft(power.sum(axis=0), padded, axis=-1)[..., : lags + 1]
    correlation = covariance / covariance[..., :1]
    if unbiased:
        correlation *= length / (length - np.arange(lags + 1))
    return np.moveaxis(correlation, -1, axis)


def poincare(
    trajectory: ArrayLike,
    component: int,
    level: float = 0.0,
    *,
    direction: Literal["up", "down", "both"] = "both",
    tolerance: float | None = None,
    angles: Mapping[int, float] | None = None,
) -> Crossings:
    """Find where a trajectory crosses the section x[component] = level.

    Without ``tolerance``, a crossing lies between two rows on either side of the level,
    and its point is interpolated linearly, as suits a flow or slow motion. A row on the
    level counts as above it. With ``tolerance``, it is every row within that distance
    of the level, as it is, which suits a map (Poc-López & Aguilera 2024 take 0.001).

    Args:
        trajectory: (T, d), real and finite, time in rows.
        component: Which column must cross.
        level: Where.
        direction: "up", "down" or "both"; only without ``tolerance``.
        tolerance: Greatest distance from the level, in the trajectory's unit.
        angles: Columns that are angles, and their periods: they are interpolated the
            short way round, cross a level in every turn, and are returned in [0, P).

    Raises:
        ValueError: If an argument is not finite or not one of those accepted.
    """
    rows = as_real_array("trajectory", trajectory).copy()
    if rows.ndim != 2:
        raise ValueError(f"trajectory must be (T, d), got shape {rows.shape}")
    columns = rows.shape[1]
    if not is_whole(component) or not -columns <= component < columns:
        raise ValueError(
            f"component must be one of {rows.shape[1]} columns, got {component}"
        )
    check_in("(-inf, inf)", level=level)
    check_choice(("up", "down", "both"), direction=direction)
    circles = as_angles(angles)
    check_components(circles, rows.shape[1])
    turn = dict(circles).get(component % rows.shape[1])
    if tolerance is not None:
        check_in("[0, inf)", tolerance=tolerance)
        if direction != "both":
            raise ValueError("direction must be left out where tolerance is given")
        times = np.flatnonzero(
            np.abs(offset(rows[:, component] - level, turn)) <= tolerance
        )
        return Crossings(times.astype(np.float64), wrapped(rows[times], circles))
    for column, period in circles:  # steps the short way round
        rows[:, column] = np.unwrap(rows[:, column], period=period)
    height = rows[:, component] - level
    floor = np.floor(height / turn) if turn else (height >= 0).astype(float)
    before = np.flatnonzero(_crosses(floor, direction))
    # The level that lies between: in the turn that the higher of both rows is in.
    crossed = height - np.maximum(floor, np.roll(floor, -1)) * (turn or 0.0)
    after = height[before + 1] - height[before]
    share = -crossed[before] / after
    points = rows[before] + share[:, None] * (rows[before + 1] - rows[before])
    return Crossings(before + share, wrapped(points, circles))


def _crosses(floor: Float[np.ndarray, "T"], direction: str) -> Bool[np.ndarray, "T-1"]:
    """Whether a level lies between each row and the next, by what is below each."""
    up, down = floor[1:] > floor[:-1], floor[1:] < floor[:-1]
    return {"up": up, "down": down, "both": up | down}[direction]


def _series(name: str, value: ArrayLike, axis: int) -> np.ndarray:
    """A real signal with time as its last axis."""
    array = as_real_array(name, value)
    if not is_whole(axis) or not -array.ndim <= axis < array.ndim:
        raise ValueError(f"axis must be one of {array.ndim}, got {axis!r}")
    series = np.moveaxis(array, axis, -1)
    if series.shape[-1] < 2:
        raise ValueError(f"{name} must have at least 2 steps, got {series.shape[-1]}")
    return series


def _on_its_circle(series: np.ndarray, period: float | None) -> np.ndarray:
    """The signals to sum over, along a new first axis: one, or two of an angle."""
    if period is None:
        return series[None]
    check_positive(period=period)
    return embedded(series[None], ((0, period),), axis=0)
