"""Pictures in patches, some of which are hidden: the task of masked completion."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Real

from isinglass._common.checks import (
    as_generator,
    as_pair,
    check_finite,
    check_real,
    check_whole,
)


class HiddenPatches(NamedTuple):
    """Which patches a picture is scored on, and which of them are hidden.

    Attributes:
        scored: In the loss, (…, n).
        hidden: Replaced by a MASK token, (…, n): of those that are scored.
    """

    scored: Bool[np.ndarray, "*batch n"]
    hidden: Bool[np.ndarray, "*batch n"]


def to_patches(
    images: Real[np.ndarray, "*batch h w"], size: tuple[int, int] = (4, 4)
) -> Real[np.ndarray, "*batch n p"]:
    """Cut pictures into patches, row by row: (…, n, p), p pixels each.

    Args:
        images: (…, height, width).
        size: Height and width of a patch, which divide those of the pictures.

    Raises:
        TypeError: If the pictures are no array.
        ValueError: If they cannot be cut so, or are not finite.
    """
    check_real(images=images)
    check_finite(images=images)
    rows, columns = as_pair("size", size)
    if images.ndim < 2 or images.shape[-2] % rows or images.shape[-1] % columns:
        raise ValueError(
            f"images must have sides that patches of {rows} × {columns} divide, got "
            f"shape {images.shape}"
        )
    *batch, height, width = images.shape
    cut = images.reshape(*batch, height // rows, rows, width // columns, columns)
    cut = np.swapaxes(cut, -3, -2)
    return cut.reshape(*batch, -1, rows * columns)


def from_patches(
    patches: Real[np.ndarray, "*batch n p"],
    shape: tuple[int, int],
    size: tuple[int, int] = (4, 4),
) -> Real[np.ndarray, "*batch h w"]:
    """Put patches together again: the inverse of `to_patches`.

    Args:
        patches: (…, n, p).
        shape: Height and width of a picture.
        size: Height and width of a patch.

    Raises:
        TypeError: If the patches are no array.
        ValueError: If they are not those of such a picture.
    """
    check_real(patches=patches)
    (height, width), (rows, columns) = as_pair("shape", shape), as_pair("size", size)
    count = (height // rows) * (width // columns)
    if height % rows or width % columns:
        raise ValueError(f"shape must be a multiple of size, got {shape} and {size}")
    if patches.shape[-2:] != (count, rows * columns):
        raise ValueError(
            f"patches must be of shape (…, {count}, {rows * columns}), got "
            f"{patches.shape}"
        )
    batch = patches.shape[:-2]
    cut = patches.reshape(*batch, height // rows, width // columns, rows, columns)
    return np.swapaxes(cut, -3, -2).reshape(*batch, height, width)


def hide_patches(
    count: int,
    patches: int,
    scored: int,
    shown: int = 0,
    *,
    rng: np.random.Generator,
) -> HiddenPatches:
    """Draw for each of `count` pictures which patches are scored, and which are hidden.

    The published setting scores 100 of 196 patches, of which 10 are shown: a model
    cannot tell from MASK alone which it is scored on.

    Args:
        count: Number of pictures.
        patches: n of a picture.
        scored: How many are in the loss, at most n.
        shown: How many of them are not hidden, fewer than `scored`.
        rng: Random numbers.

    Raises:
        ValueError: If a number is out of range.
    """
    check_whole(count=count, patches=patches, scored=scored)
    check_whole(0, shown=shown)
    rng = as_generator("rng", rng)
    if scored > patches or shown >= scored:
        raise ValueError(
            f"scored must be at most {patches} patches and more than shown, got "
            f"scored {scored} and shown {shown}"
        )
    ranks = rng.random((count, patches)).argsort(-1).argsort(-1)
    return HiddenPatches(ranks < scored, ranks < scored - shown)
