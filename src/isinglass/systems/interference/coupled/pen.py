"""Random pen strokes, and random deformations of strokes and of pictures.

A stroke picture is one to three cubic Bézier curves, drawn by a round pen in a frame of
28 × 28 units of which it fills about 20. No digit or letter is used.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.ndimage import map_coordinates
from jaxtyping import Float, Num, UInt8

from isinglass._common.batches import map_batches
from isinglass._common.precision import single_precision

FRAME = 28.0  # side of the frame, in the units of all lengths here
EXTENT = 20.0  # longest side of a stroke picture
_CURVES = 3  # at most
_POINTS = 16  # pieces of a curve
_BATCH = 32
_LARGEST = 12.0  # units that a curve's own unit becomes: what is drawn small stays so
# Standard deviations of what differs between copies.
_TURN, _SHEAR, _STRETCH = 0.2, 0.2, 0.12  # radians; ratio; logarithm
_WARP, _SHIFT = 0.9, 0.8  # units
_WIDTH = 0.25  # logarithm of the pen's radius
_THINNEST, _THICKEST = 0.8, 1.9  # radius of the pen


class Deformations(NamedTuple):
    """Affine maps, smooth warps and shifts about the centre of the frame.

    Attributes:
        matrices: (m, 2, 2).
        waves: Wave vectors of the warps of each coordinate, (m, 2, 2).
        phases: Their phases, (m, 2).
        amplitudes: And amplitudes, (m, 2).
        shifts: (m, 2).
    """

    matrices: np.ndarray
    waves: np.ndarray
    phases: np.ndarray
    amplitudes: np.ndarray
    shifts: np.ndarray

    def of(self, points: Float[np.ndarray, "m p 2"]) -> Float[np.ndarray, "m p 2"]:
        """Where the points, relative to the centre, go."""
        moved = np.einsum("mij,mpj->mpi", self.matrices, points)
        angles = np.einsum("mpj,mij->mpi", moved, self.waves) + self.phases[:, None]
        return moved + self.amplitudes[:, None] * np.sin(angles) + self.shifts[:, None]


def draw_deformations(rng: np.random.Generator, n: int) -> Deformations:
    """Draw rotations, shears, stretches, warps and shifts."""
    turn, shear = rng.normal(0, _TURN, n), rng.normal(0, _SHEAR, n)
    along, across = np.exp(rng.normal(0, _STRETCH, (2, n)))
    cosine, sine = np.cos(turn), np.sin(turn)
    rows = (
        (along * cosine, along * (shear * cosine - sine)),
        (across * sine, across * (shear * sine + cosine)),
    )
    return Deformations(
        np.moveaxis(np.array(rows), -1, 0),
        rng.normal(0, 2 * np.pi / FRAME, (n, 2, 2)),
        rng.uniform(0, 2 * np.pi, (n, 2)),
        rng.normal(0, _WARP, (n, 2)),
        rng.normal(0, _SHIFT, (n, 2)),
    )


def draw_strokes(
    n: int, copies: int, shape: tuple[int, int, int], seed: int
) -> UInt8[np.ndarray, "n copies H W C"]:
    """Draw stroke pictures and deformed copies of each, light ink on dark.

    With several channels each stroke picture has a colour, that of its copies.

    Args:
        n: How many stroke pictures.
        copies: Copies of each, all of them deformed.
        shape: Height, width and channels.
        seed: The same seed draws the same pictures.
    """
    rng = np.random.default_rng(seed)
    curves, radii = _curves(rng, n), rng.uniform(_THINNEST, _THICKEST, n)
    points = curves.reshape(n, -1, 2).repeat(copies, axis=0)
    points = draw_deformations(rng, n * copies).of(points)
    radii = radii.repeat(copies) * np.exp(rng.normal(0, _WIDTH, n * copies))
    points = points.reshape(n * copies, _CURVES, _POINTS + 1, 2) + FRAME / 2
    lines = np.concatenate([points.ravel().reshape(n * copies, -1), radii[:, None]], 1)
    height, width, channels = shape
    drawn = map_batches(
        lambda part: _drawn(part, height, width), lines.astype(np.float32), size=_BATCH
    )
    colours = np.ones((n, 1, 1, 1, channels))
    if channels > 1:
        colours = rng.uniform(size=colours.shape)
        colours /= colours.max(axis=-1, keepdims=True)
    drawn = drawn.reshape(n, copies, height, width, 1)
    return np.rint(255 * drawn * colours).astype(np.uint8)


def deformed(
    pictures: Num[np.ndarray, "n H W C"], copies: int, seed: int
) -> Float[np.ndarray, "n copies H W C"]:
    """Deformed copies of pictures, interpolated; beyond the edge its pixels go on.

    Args:
        pictures: Real numbers.
        copies: Copies of each, all of them deformed.
        seed: The same seed deforms in the same way.
    """
    n, height, width, channels = pictures.shape
    sides = [FRAME * ((np.arange(size) + 0.5) / size - 0.5) for size in (width, height)]
    grid = np.stack(np.meshgrid(*sides), axis=-1).reshape(1, -1, 2)
    rng = np.random.default_rng(seed)
    places = draw_deformations(rng, n * copies).of(grid.repeat(n * copies, axis=0))
    scale = np.array([width, height]) / FRAME
    places = (places + FRAME / 2) * scale - 0.5
    with single_precision():
        moved = _interpolated(
            pictures.astype(np.float32).repeat(copies, axis=0),
            places[..., ::-1].astype(np.float32),
        )
    return np.asarray(moved, np.float64).reshape(n, copies, height, width, channels)


def _curves(rng: np.random.Generator, n: int) -> Float[np.ndarray, "n curves points 2"]:
    """Points of Bézier curves about the centre, x before y.

    A curve begins where the last one ends, or anywhere. Of pictures with fewer curves
    the first is repeated.
    """
    count = rng.integers(1, _CURVES + 1, n)
    control = rng.uniform(-1, 1, (n, _CURVES, 4, 2))
    joined = rng.random((n, _CURVES)) < 0.5
    for i in range(1, _CURVES):
        end = control[:, i - 1, 3]
        control[:, i, 0] = np.where(joined[:, i, None], end, control[:, i, 0])
    t = np.linspace(0, 1, _POINTS + 1)[:, None]
    basis = np.hstack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3])
    points = np.einsum("tb,ncbx->nctx", basis, control)
    for i in range(1, _CURVES):
        absent = (count <= i)[:, None, None]
        points[:, i] = np.where(absent, points[:, 0], points[:, i])
    low, high = points.min(axis=(1, 2)), points.max(axis=(1, 2))
    size = (high - low).max(axis=-1)
    scale = np.minimum(EXTENT / size, _LARGEST)
    return (points - ((low + high) / 2)[:, None, None]) * scale[:, None, None, None]


@partial(jax.jit, static_argnums=(1, 2))
def _drawn(lines: Array, height: int, width: int) -> Float[Array, "m {height} {width}"]:
    """Ink from 0 to 1 of lines, pixel by pixel: how far the pen covers its centre."""
    points = lines[:, :-1].reshape(len(lines), _CURVES, _POINTS + 1, 2)
    radius = lines[:, -1, None]
    start = points[:, :, :-1].reshape(len(lines), -1, 1, 2)
    step = points[:, :, 1:].reshape(len(lines), -1, 1, 2) - start
    x, y = ((jnp.arange(size) + 0.5) * (FRAME / size) for size in (width, height))
    centres = jnp.stack(jnp.meshgrid(x, y), axis=-1).reshape(1, 1, -1, 2)
    offset = centres.astype(lines.dtype) - start
    length = jnp.maximum((step**2).sum(-1), 1e-12)
    along = jnp.clip((offset * step).sum(-1) / length, 0, 1)
    distance = jnp.sqrt(((offset - along[..., None] * step) ** 2).sum(-1).min(axis=1))
    pixel = FRAME / max(height, width)
    covered = jnp.clip((radius - distance) / pixel + 0.5, 0, 1)
    # A pen thinner than a pixel leaves less ink.
    covered = covered * jnp.minimum(1, 2 * radius / pixel)
    return covered.reshape(len(lines), height, width)


@jax.jit
def _interpolated(pictures: Array, places: Array) -> Array:
    """Pictures (m, H, W, C) at places (m, H·W, 2), row before column."""

    def picture(pixels: Array, at: Array) -> Array:
        return jax.vmap(
            lambda channel: map_coordinates(channel, [*at.T], order=1, mode="nearest"),
            in_axes=-1,
            out_axes=-1,
        )(pixels)

    moved = jax.lax.map(lambda both: picture(*both), (pictures, places), batch_size=64)
    return moved.reshape(pictures.shape)
