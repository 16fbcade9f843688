"""Pictures as whole numbers: how strongly dipoles answer fixed hosts, place by place.

Each pixel of a picture is a dipole, its gradient, which answers twelve fixed external
fields (hosts) and is received at six by six places. Nothing is learned here, and all
was fixed in advance: two pictures get their numbers independently of each other, which
is what exact sums over samples need.

All sums are of whole numbers that float64 or int32 hold exactly, so that they come out
the same in any order; what rounds is done for each number by itself. Hence a picture
has the same features in any batch and beside any others, bit for bit.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int
from sklearn.base import BaseEstimator, TransformerMixin

from isinglass._common.batches import BATCH, map_batches
from isinglass._common.checks import check_in, check_positive, check_whole
from isinglass._common.samples import read_inputs

GRID = 28  # pixels a side to which all pictures are resampled
LENGTH = 1 << 14  # of a picture's features
_LEVELS = 16 * 255  # whole brightness levels from the darkest to the lightest pixel
_SHARPNESS = 3  # power of the cosine with which a dipole answers a host
_TAPS = 512  # sum of the weights of the blur, which are whole numbers
_RECEPTION = 64  # and the largest weight of a pixel at a place
_COSINES = 1024  # and the length of a host
_FEW = 8  # pictures for which no whole batch is computed


class DipoleEncoder(TransformerMixin, BaseEstimator):
    """Encode pictures by their dipoles, as whole numbers; nothing is learned.

    A picture is scaled to its own darkest and lightest pixel, resampled to 28 × 28
    pixels and blurred (σ = 0.9). The gradient g of each pixel is a dipole. It answers
    each of 12 host directions e_k, 30° apart, with |g| max(0, cos∠(g, e_k))³; ink
    answers with 0.35 times its brightness, as a thirteenth host. Answers are received
    at 6 × 6 places by a triangular window of half-width 5.5 pixels along rows and
    columns, which tolerates shifts as a travel time would. The sums are raised to the
    power 0.4, scaled to length 2¹⁴ and rounded: f ∈ Z^D, D = 13 · 36 = 468 for each
    channel.

    X is (n, H, W), (n, H, W, C) with C channels, or (n, H·W) with a square picture; a
    flat row whose length is no square number counts as a picture of one line. A picture
    of other proportions is stretched to the square. A constant picture has no dipoles;
    its features are all zero. Light ink on dark and dark ink on light differ: hosts
    have a direction.

    The arguments were fixed before any picture was learned. Not from Tang 2020, whose
    dipoles are the pixels of a patch (`encoding`).

    Args:
        hosts: Number of host directions, evenly spread from 0.
        places: Places along each side at which answers are received.
        window: Half-width of the window of a place, in pixels of the 28 × 28.
        blur: Standard deviation σ of the blur in those pixels; 0 for none.
        ink: Weight of the brightness beside the gradients; 0 leaves it out.
        power: Exponent of what is received, in (0, 1].

    Attributes:
        input_shape_: Shape of an input, once fitted.
        n_features_in_: Its numbers, once fitted.

    Example:
        >>> features = DipoleEncoder().transform(images)  # (n, 468), int32
    """

    def __init__(
        self,
        *,
        hosts: int = 12,
        places: int = 6,
        window: float = 5.5,
        blur: float = 0.9,
        ink: float = 0.35,
        power: float = 0.4,
    ) -> None:
        self.hosts = hosts
        self.places = places
        self.window = window
        self.blur = blur
        self.ink = ink
        self.power = power

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.requires_fit = False
        assert tags.transformer_tags is not None
        tags.transformer_tags.preserves_dtype = []  # whole numbers from any
        return tags

    def fit(self, X, y=None) -> "DipoleEncoder":
        """Take note of the shape of the pictures, and of nothing else.

        Args:
            X: Pictures (see the class).
            y: Not used.

        Raises:
            ValueError: For a parameter or an input that cannot be used, naming it.
        """
        _Setting.of(self)
        self.input_shape_ = read_inputs(self, X, reset=True).shape[1:]
        picture_shape(self.input_shape_)
        return self

    def transform(self, X) -> Int[np.ndarray, "n D"]:
        """Features f of pictures, (n, D) int32; no `fit` is needed.

        Args:
            X: Pictures (see the class), of the shape fitted, if any was.

        Raises:
            ValueError: For a parameter or an input that cannot be used, naming it; for
                features, too, which are no pictures any more.
        """
        setting = _Setting.of(self)
        fitted = getattr(self, "input_shape_", None)
        reader = DipoleEncoder() if fitted is None else self
        X = read_inputs(reader, X, reset=fitted is None)
        if fitted not in (None, X.shape[1:]):
            raise ValueError(
                f"X holds pictures of {X.shape[1:]}, but the encoder was fitted to "
                f"pictures of {fitted}"
            )
        shape = picture_shape(X.shape[1:])
        _check_not_encoded(X, (setting.hosts + 1) * setting.places**2)

        def encode(part: np.ndarray) -> Array:
            levels = whole_levels(part.reshape(len(part), *shape))
            return _features(levels, setting, shape[2])

        # Two programs are compiled: one for whole batches, one for a few pictures.
        size = BATCH if len(X) > _FEW else _FEW
        padding = np.zeros((-len(X) % size, *X.shape[1:]), X.dtype)
        padded = np.concatenate([X, padding])
        return map_batches(encode, padded, size=size)[: len(X)]


class _Setting(NamedTuple):
    """The arguments of an encoder, checked."""

    hosts: int
    places: int
    window: float
    blur: float
    ink: float
    power: float

    @classmethod
    def of(cls, encoder: DipoleEncoder) -> "_Setting":
        setting = cls(*(getattr(encoder, name) for name in cls._fields))
        check_whole(hosts=setting.hosts, places=setting.places)
        check_positive(window=setting.window)
        check_in("(0, 1]", power=setting.power)
        check_in(f"[0, {GRID / 4:g}]", blur=setting.blur)
        check_in("[0, 100]", ink=setting.ink)
        return setting


def _check_not_encoded(X: np.ndarray, n_features: int) -> None:
    """Refuse features, which would pass for pictures of one line and mean nothing."""
    if X.ndim != 2 or X.shape[1] % n_features:
        return
    length = np.linalg.norm(X.astype(np.float64), axis=1)
    if len(X) and (np.abs(length / LENGTH - 1) < 2e-3).all():
        raise ValueError(
            "X holds features of a DipoleEncoder, not pictures: CoupledClassifier and "
            "Whitening encode by themselves, and want the pictures"
        )


def picture_shape(input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels of the picture that an input is.

    Args:
        input_shape: (H·W,), (H, W) or (H, W, C); a flat input whose length is no square
            number is a picture of one line.

    Raises:
        ValueError: For another number of axes, or an axis of no length.
    """
    match input_shape:
        case (pixels,):
            side = int(np.sqrt(pixels) + 0.5)
            shape = (side, side, 1) if side * side == pixels else (1, pixels, 1)
        case (height, width):
            shape = (height, width, 1)
        case (height, width, channels):
            shape = (height, width, channels)
        case _:
            shape = ()
    if not shape or min(shape) < 1:
        raise ValueError(
            "X must be pictures (n, H, W) or (n, H, W, C) or flat pictures (n, H·W), "
            f"got inputs of shape {input_shape}"
        )
    return shape


def whole_levels(pictures: np.ndarray) -> Int[np.ndarray, "m 28 28"]:
    """Brightness 0 … 4080 of pictures (n, H, W, C), resampled, m = n·C.

    Linear between the darkest and the lightest value of each picture; a constant
    picture is dark. Larger pictures are averaged by a triangle as wide as two of the
    new pixels, smaller ones interpolated.
    """
    values = pictures.astype(np.float64)
    if np.abs(values).max(initial=0) > 1e300:  # the difference of two might overflow
        values = values / 4
    low = values.min(axis=(1, 2, 3), keepdims=True)
    span = values.max(axis=(1, 2, 3), keepdims=True) - low
    with np.errstate(over="ignore", invalid="ignore"):
        levels = np.rint(_LEVELS * ((values - low) / np.where(span > 0, span, 1)))
    levels = np.moveaxis(levels, 3, 1).reshape(-1, *pictures.shape[1:3])
    if levels.shape[1:] != (GRID, GRID):
        rows, columns = map(_resampling, levels.shape[1:])
        levels = np.rint(rows @ levels @ columns.T)
    return levels.astype(np.int32)


def _resampling(size: int) -> Float[np.ndarray, "28 {size}"]:
    """Weights of old pixels in new ones: multiples of 2⁻¹⁰, for sums without error."""
    scale = size / GRID
    centres = (np.arange(GRID) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(size) - np.clip(centres, 0, size - 1)[:, None])
    weights = np.maximum(0, 1 - distance / max(scale, 1))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.rint(1024 * weights) / 1024


@partial(jax.jit, static_argnums=(1, 2))
def _features(
    levels: Int[Array, "m 28 28"], setting: _Setting, channels: int
) -> Int[Array, "n D"]:
    """Features of n = m/C pictures; pictures lie along the last axis until the end."""
    levels = levels.transpose(1, 2, 0)
    blurred = _blurred(levels, setting.blur)
    answers = _answers(blurred, setting)
    weights = jnp.asarray(_windows(setting))

    def receive(answer: Array) -> Array:
        at_rows = jnp.tensordot(weights, answer.astype(jnp.float64), 1)
        return jnp.einsum("qc,pcm->pqm", weights, at_rows)

    received = jnp.stack([receive(answer) for answer in answers])
    received = received.reshape(-1, levels.shape[-1] // channels, channels)
    strength = jnp.rint((received / _RECEPTION**2) ** setting.power * 2**12)
    square = (strength**2).sum(axis=(0, 2))
    scale = LENGTH / jnp.sqrt(jnp.where(square > 0, square, 1))
    features = jnp.rint(strength * scale[:, None]).astype(jnp.int32)
    return features.transpose(1, 2, 0).reshape(features.shape[1], -1)


def _blurred(levels: Int[Array, "28 28 m"], blur: float) -> Int[Array, "28 28 m"]:
    """Blurred brightness in quarters of a level; at the edge the last pixel goes on."""
    radius = int(np.ceil(3 * blur))
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / (blur or 1)) ** 2)
    taps = np.rint(_TAPS * taps / taps.sum()).astype(int)
    taps[radius] += _TAPS - taps.sum()
    for axis in (0, 1):
        # 4080 · 512² stays below 2³¹.
        shifted = _shifts(levels, radius, axis)
        levels = sum(
            (int(tap) * part for tap, part in zip(taps, shifted, strict=True)),
            start=jnp.zeros_like(levels),
        )
    return (levels + _TAPS**2 // 8) // (_TAPS**2 // 4)


def _answers(blurred: Int[Array, "28 28 m"], setting: _Setting) -> list[Array]:
    """Answers of the pixels to each host and, last, the ink: whole numbers.

    Gradients are in halves of a level, below 2¹²; so is what a host of length 2¹⁰ makes
    of them, below 2²⁴ and exact in float32.
    """
    gradient = [
        jnp.rint((after - before).astype(jnp.float32) / 4).astype(jnp.int32)
        for before, _, after in (_shifts(blurred, 1, axis) for axis in (0, 1))
    ]
    square = (gradient[0] ** 2 + gradient[1] ** 2).astype(jnp.float32)
    square = jnp.where(square > 0, square, 1)
    angles = 2 * np.pi * np.arange(setting.hosts) / setting.hosts
    answers = []
    for angle in angles:
        host = [
            int(np.rint(_COSINES * part)) for part in (np.sin(angle), np.cos(angle))
        ]
        along = jnp.maximum(gradient[0] * host[0] + gradient[1] * host[1], 0)
        along = along.astype(jnp.float32) / _COSINES
        answers.append(jnp.rint(along**_SHARPNESS / square))
    if setting.ink:
        half_levels = blurred.astype(jnp.float32) / 2
        answers.append(jnp.rint(half_levels * jnp.float32(setting.ink)))
    return answers


def _windows(setting: _Setting) -> Float[np.ndarray, "places 28"]:
    """Weights of pixels at each place along a side, whole numbers."""
    centres = (np.arange(setting.places) + 0.5) * GRID / setting.places - 0.5
    distance = np.abs(np.arange(GRID) - centres[:, None])
    return np.rint(_RECEPTION * np.maximum(0, 1 - distance / setting.window))


def _shifts(picture: Array, radius: int, axis: int) -> list[Array]:
    """The picture shifted by −radius … radius along an axis, its edge repeated."""
    padding = [(0, 0)] * picture.ndim
    padding[axis] = (radius, radius)
    padded = jnp.pad(picture, padding, mode="edge")
    return [
        jax.lax.slice_in_dim(padded, start, start + GRID, axis=axis)
        for start in range(2 * radius + 1)
    ]
