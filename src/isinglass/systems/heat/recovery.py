"""Conductivities from pairs of fields, before and after: the inverse problem.

Of a channel with one k, û_t = û e^(−kλ) + noise in every mode of rate λ: least squares
in one number, with an error from the curvature. Mode by mode the gain is the regression
of û_t on û, and k = −log(gain)/λ. That fails where a gain is lost in the noise: modes
with kλ so large that |û| e^(−kλ) is below the noise carry no k, and the mode of the
mean (λ = 0) never does.

Going back from u_t to u is another matter: noise grows by e^(kλ), λ up to near 2π²,
and is hopeless for k of more than one or two.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from isinglass._common.checks import as_real_array, check_choice
from isinglass._common.types import ArrayLike
from isinglass.systems.heat.spectrum import SPECTRA, cosines, decay_rates

GRID = np.concatenate([[0.0], np.geomspace(1e-4, 1e3, 281)])
STEPS, CERTAIN = 60, 4.0
GOLDEN = (5**0.5 - 1) / 2


class Recovery(NamedTuple):
    """Conductivities and how sure they are.

    Attributes:
        conductivity: k, of each channel (C,), or of each mode and channel (H, W, C),
            NaN where it cannot be told.
        error: Its standard error; infinite where the noise hides it.
        is_identified: Whether the error allows to tell it: that of a channel if plates
            differ from their means by four standard errors, the fit is not at the end
            of the range (1000), and four errors are less than k or change no gain by
            more than a factor of e; that of a mode if its gain is above 0 by four
            standard errors.
        noise: Standard deviation of the noise after, by channel (C,).
    """

    conductivity: Float[np.ndarray, "..."]
    error: Float[np.ndarray, "..."]
    is_identified: Bool[np.ndarray, "..."]
    noise: Float[np.ndarray, "c"]


def recover_conductivity(
    before: ArrayLike, after: ArrayLike, spectrum: str = "continuous"
) -> Recovery:
    """Recover one k of each channel by least squares, for unit time between the fields.

    Args:
        before: u of M plates, (M, H, W, C), without noise.
        after: u_t, alike, perhaps with noise of equal size in all cells.
        spectrum: "continuous" or "graph".

    Returns:
        A `Recovery` of shape (C,). Where time was t, k is conductivity times t.

    Raises:
        ValueError: If shapes differ or are others, numbers are not real and finite, or
            the spectrum has another name.
    """
    first, last, rates = _modes(before, after, spectrum)
    # Sums over plates are all that the fit needs: of û², û û_t and û_t², by mode.
    own, cross, square = ((a * b).sum(0) for a, b in _products(first, last))
    rates = rates[..., None]

    def misfit(k: np.ndarray) -> np.ndarray:
        gain = np.exp(-k * rates)
        return (square - 2 * gain * cross + gain**2 * own).sum((0, 1))

    values = np.stack([misfit(k) for k in GRID[:, None]])
    best = values.argmin(0)
    low, high = GRID[np.maximum(best - 1, 0)], GRID[np.minimum(best + 1, len(GRID) - 1)]
    k = _golden(misfit, low, high)
    count = max(first[..., 0].size - 1, 1)
    noise = np.sqrt(np.maximum(misfit(k), 0) / count)
    information = (rates**2 * np.exp(-2 * k * rates) * own).sum((0, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(information > 0, noise / np.sqrt(information), np.inf)
    # Heat that has spread evenly fits any large k: what is left must be above noise.
    left = (np.exp(-2 * k * rates) * own)[rates[..., 0] > 0].sum(0)
    is_identified = (left > 0) & (left >= (CERTAIN * noise) ** 2)
    is_identified &= CERTAIN * error <= np.maximum(k, 1 / max(rates.max(), 1e-300))
    is_identified &= best < len(GRID) - 1
    return Recovery(k, error, is_identified, noise)


def recover_modes(
    before: ArrayLike, after: ArrayLike, spectrum: str = "continuous"
) -> Recovery:
    """Recover a k of each mode and channel, where noise allows it.

    A k may come out below 0 by noise: it is not cut off, which would bias means.

    Args:
        before: u of M ≥ 2 plates, (M, H, W, C), without noise.
        after: u_t, alike, perhaps with noise of equal size in all cells.
        spectrum: "continuous" or "graph".

    Returns:
        A `Recovery` of shape (H, W, C), NaN at the mean and where gains are not above
        0.

    Raises:
        ValueError: If shapes differ or are others, there is one plate alone, numbers
            are not real and finite, or the spectrum has another name.
    """
    first, last, rates = _modes(before, after, spectrum)
    if len(first) < 2:
        raise ValueError(f"before must hold 2 plates at least, got {len(first)}")
    own, cross, square = ((a * b).sum(0) for a, b in _products(first, last))
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(own > 0, cross / own, np.nan)
        residual = np.nansum(square - gain * cross, axis=(0, 1))
        count = rates.size * (len(first) - 1)
        noise = np.sqrt(np.maximum(residual, 0) / count)
        spread = noise / np.sqrt(own)
        scale = np.where(rates > 0, rates, np.nan)[..., None]
        is_identified = (gain > CERTAIN * spread) & (scale > 0)
        k = -np.log(np.where(gain > 0, gain, np.nan)) / scale
        error = np.where(is_identified, spread / (gain * scale), np.inf)
    return Recovery(k, error, is_identified, noise)


def _products(first: Any, last: Any) -> list[tuple[Any, Any]]:
    return [(first, first), (first, last), (last, last)]


def _modes(
    before: ArrayLike, after: ArrayLike, spectrum: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """û and û_t of checked fields, in float64, and the rates."""
    check_choice(SPECTRA, spectrum=spectrum)
    first = as_real_array("before", before, (None, None, None, None))
    last = as_real_array("after", after, first.shape)
    if 0 in first.shape:
        raise ValueError(f"before must not be empty, got shape {first.shape}")
    down, across = (cosines(size) for size in first.shape[1:3])
    letters = "mhwc,nh,kw->mnkc"
    modes = (np.einsum(letters, x, down, across, optimize=True) for x in (first, last))
    return *modes, decay_rates(first.shape[1:3], spectrum)


def _golden(misfit: Any, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The least of a function between two ends, for each channel."""
    for _ in range(STEPS):
        width = GOLDEN * (high - low)
        left, right = high - width, low + width
        is_left = misfit(left) < misfit(right)
        low, high = np.where(is_left, low, left), np.where(is_left, right, high)
    return (low + high) / 2
