"""Canvases for `polling-clutter`: a digit at a random place, fragments, noise."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray
from sklearn.datasets import load_digits

from isinglass.systems.polling.detector import CELL

DIGIT, FRAGMENT, CLASSES = 8, 4, 10


@dataclass(frozen=True)
class Canvas:
    """What a canvas is made of.

    Attributes:
        size: Pixels of a side.
        fragments: 4 × 4 pieces of other digits on it.
        noise: Standard deviation, where ink is 1.
        step: Pixels between places where a digit may be.
    """

    size: int = 32
    fragments: int = 5
    noise: float = 0.25
    step: int = 1

    @property
    def cells(self) -> int:
        """Places, L."""
        return (self.size // CELL) ** 2


class Digits(NamedTuple):
    """scikit-learn's digits, ink from 0 to 1, in a random order.

    Attributes:
        images: (n, 8, 8).
        labels: (n,).
    """

    images: Float[Array, "n 8 8"]
    labels: Int[Array, "n"]

    @classmethod
    def shuffled(cls, rng: np.random.Generator) -> "Digits":
        """All 1,797 of them."""
        source: Any = load_digits()
        order = rng.permutation(len(source.target))
        return cls(
            jnp.asarray(source.images[order] / 16, jnp.float32),
            jnp.asarray(source.target[order], jnp.int32),
        )

    def part(self, first: int, last: int) -> "Digits":
        """Those from one place of the order to before another."""
        return Digits(self.images[first:last], self.labels[first:last])


class Scene(NamedTuple):
    """Canvases, and what is to be said of them.

    Attributes:
        pictures: (n, size, size).
        labels: Which digit, (n,).
        centres: Its centre as a share of the side, (n, 2).
        touched: Which cells the digit's 8 × 8 pixels touch, (n, L).
    """

    pictures: Float[Array, "n s s"]
    labels: Int[Array, "n"]
    centres: Float[Array, "n 2"]
    touched: Bool[Array, "n l"]


def scene(
    key: PRNGKeyArray, digits: Digits, places: Int[Array, "n"], canvas: Canvas
) -> Scene:
    """Put some digits on canvases of their own, with fragments of any of the digits."""
    keys = jax.random.split(key, 5)
    count, size = len(places), canvas.size
    rooms = (size - DIGIT) // canvas.step + 1
    corners = canvas.step * jax.random.randint(keys[0], (count, 2), 0, rooms)
    ink = _pasted(digits.images[places], corners, size)
    shape = (count, canvas.fragments)
    others = jax.random.randint(keys[1], shape, 0, len(digits.labels))
    cuts = jax.random.randint(keys[2], (*shape, 2), 0, DIGIT - FRAGMENT + 1)
    pieces = _cut(digits.images[others], cuts)
    spots = jax.random.randint(keys[3], (*shape, 2), 0, size - FRAGMENT + 1)
    clutter = _pasted(pieces, spots, size).max(1, initial=0)
    inside = _rows(corners, DIGIT, size).any(-1)  # (n, 2, size)
    box = inside[:, 0, :, None] & inside[:, 1, None, :]
    noise = canvas.noise * jax.random.normal(keys[4], ink.shape)
    side = size // CELL
    touched = box.reshape(count, side, CELL, side, CELL).any((2, 4))
    return Scene(
        jnp.where(box, ink, clutter) + noise,
        digits.labels[places],
        (corners + DIGIT / 2) / size,
        touched.reshape(count, -1),
    )


def _rows(corners: Array, length: int, size: int) -> Array:
    """Which pixel of a side is which of a patch, (…, 2, size, length)."""
    onto = corners[..., None, None] + jnp.arange(length)
    return jnp.arange(size)[:, None] == onto


def _pasted(patches: Array, corners: Array, size: int) -> Array:
    """Patches (…, p, p) on canvases of their own, (…, size, size)."""
    rows = _rows(corners, patches.shape[-1], size).astype(patches.dtype)
    down, across = rows[..., 0, :, :], rows[..., 1, :, :]
    return down @ patches @ jnp.swapaxes(across, -1, -2)


def _cut(images: Array, corners: Array) -> Array:
    """Pieces of images, (…, 4, 4)."""
    rows = _rows(corners, FRAGMENT, DIGIT).astype(images.dtype)
    down, across = rows[..., 0, :, :], rows[..., 1, :, :]
    return jnp.swapaxes(down, -1, -2) @ images @ across
