"""Warnings where pictures or parameters do not suit: little will be learned."""

import warnings

import numpy as np
from jaxtyping import Bool, Float

# Pictures that are looked at.
_GLANCE = 250
_TAKEN = 32  # at a time, so that they stay in the cache
# Above this share of their contrast in the crop, or below this share of sources still
# open, there is a warning.
_CROPPED, _OPEN = 0.1, 0.05
# A source with a chance in between of sending a signal in time is open.
_CHANCES = (0.05, 0.95)


class FitnessWarning(UserWarning):
    """What a classifier was given lets it learn little; the message says why."""


def look_at_pictures(images: np.ndarray, patch: tuple[int, int], level: int) -> None:
    """Warn of pictures without contrast, and of a crop that takes much of it.

    Args:
        images: Pictures (n, H, W), of which some of the first are looked at.
        patch: Height and width of a patch.
        level: How many calls away the user's line is.
    """
    images = images[:_GLANCE]
    height, width = (
        size // p * p for size, p in zip(images.shape[1:], patch, strict=True)
    )
    crop = images[:, :height, :width].reshape(len(images), -1)
    flat = int((crop == crop[:, :1]).all(axis=1).sum())
    if flat:
        message = (
            f"{flat} of {len(images)} pictures have one brightness throughout: such a "
            "picture has no patch that differs from another, and teaches nothing"
        )
        warnings.warn(message, FitnessWarning, stacklevel=level + 1)
    cropped = _cropped_contrast(images, height, width)
    if cropped > _CROPPED:
        message = (
            f"patch_size {patch} crops the pictures from {images.shape[1:]} to "
            f"{(height, width)} pixels and loses {cropped:.0%} of their contrast; a "
            "patch that divides the picture loses nothing"
        )
        warnings.warn(message, FitnessWarning, stacklevel=level + 1)


def look_at_evidence(
    routes: Float[np.ndarray, "S C T"],
    reachable: Bool[np.ndarray, "S C T"],
    learned: Bool[np.ndarray, "C"],
    level: int,
) -> None:
    """Warn if nearly all sources send nearly all of their signals in time, or none.

    Args:
        routes: Route probabilities.
        reachable: Which of them arrive.
        learned: Which classes have learned anything.
        level: How many calls away the user's line is.
    """
    arrive = (routes * reachable).sum(axis=-1)[:, learned]
    low, high = _CHANCES
    still_open = ((arrive > low) & (arrive < high)).mean() if arrive.size else 1.0
    if still_open < _OPEN:
        message = (
            f"the evidence saturates: {1 - still_open:.0%} of the sources send nearly "
            "all of their signals in time or nearly none, so that further samples "
            "hardly count; rates='auto' keeps the evidence in range"
        )
        warnings.warn(message, FitnessWarning, stacklevel=level + 1)


def _cropped_contrast(images: np.ndarray, height: int, width: int) -> float:
    """Share of the squared deviations from each picture's mean beyond the crop."""
    if images.shape[1:] == (height, width):
        return 0.0
    whole = inside = 0.0
    for start in range(0, len(images), _TAKEN):
        part = images[start : start + _TAKEN]
        high, low = part.max(axis=(1, 2)), part.min(axis=(1, 2))
        largest = np.maximum(high.astype(np.float64), -low.astype(np.float64))
        part = part / np.where(largest > 0, largest, 1)[:, None, None]
        part -= part.mean(axis=(1, 2), keepdims=True)
        crop = part[:, :height, :width]
        whole += np.vdot(part, part)
        inside += np.einsum("nij,nij->", crop, crop)
    return float(1 - inside / whole) if whole > 0 else 0.0
