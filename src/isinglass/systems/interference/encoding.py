"""From pictures and waves to unit dipoles (Tang 2020, §3)."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Num

from isinglass._common.checks import as_pair, check_real, check_shapes, check_whole
from isinglass._common.precision import usual_promotion

Images = Num[Array, "n H W"] | Bool[Array, "n H W"]

_BLANK = 1e-9


@usual_promotion()
def encode_images(images: Images, patch_size: tuple[int, int]) -> Float[Array, "n S D"]:
    """Cut pictures into patches and turn each patch into a unit dipole.

    The picture is cropped to whole patches, its own mean is subtracted, and each patch
    of h·w = D − 1 pixels is scaled to unit length behind a rest component 0. A patch
    that is zero everywhere becomes the rest dipole (1, 0, …, 0). Brightness scale does
    not matter. Patches are numbered row by row.

    (The published program takes the rest dipole whenever a patch *sums* to exactly
    zero.)

    Args:
        images: Pictures of finite numbers.
        patch_size: Height and width of a patch in pixels, no larger than the picture.

    Raises:
        ValueError: If there is no picture, or a patch is larger than one.
    """
    patches, length = _centred_patches(images, patch_size)
    rests = length == 0
    # One division a patch, and a product for each of its pixels.
    directions = patches * jnp.where(rests, 0, 1 / jnp.where(rests, 1, length))
    dipoles = jnp.concatenate([rests.astype(directions.dtype), directions], axis=1)
    return jnp.moveaxis(dipoles, -1, 0)


def image_similarity(
    images: Images, patch_size: tuple[int, int]
) -> Float[Array, "n S"]:
    """Similarity x · g of each patch to the uniform field, without making the dipoles.

    Equal to `encode_images(images, patch_size) @ uniform_host(h · w)`: the sum of the
    centred patch over √D times its length.

    Args:
        images: Pictures of finite numbers.
        patch_size: Height and width of a patch in pixels, no larger than the picture.
    """
    patches, length = _centred_patches(images, patch_size)
    similarity = patches.sum(axis=1) / (patches.shape[1] ** 0.5 * length[:, 0])
    return jnp.where(length[:, 0] > 0, similarity, 0).T


@usual_promotion()
def to_dipoles(vectors: Float[Array, "*n D"]) -> Float[Array, "*n D+1"]:
    """Scale vectors to unit length behind a rest component; the zero vector is at rest.

    Args:
        vectors: Finite vectors of any length.

    Returns:
        (0, v/|v|), or (1, 0, …, 0) for v = 0.

    Raises:
        ValueError: If they are no real numbers.
    """
    check_real(vectors=vectors)
    check_shapes(vectors=(vectors, "... D"))
    largest = jnp.abs(vectors).max(axis=-1, keepdims=True)
    rests = largest == 0
    # Squares of very long or short vectors would overflow or vanish.
    vectors = vectors / jnp.where(rests, 1, largest)
    length = jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    direction = jnp.where(rests, 0, vectors / jnp.where(rests, 1, length))
    return jnp.concatenate([rests.astype(direction.dtype), direction], axis=-1)


def uniform_host(n_components: int) -> Float[Array, "{n_components}+1"]:
    """The external field g = (0, 1/√D, …, 1/√D), a unit dipole with no rest."""
    check_whole(n_components=n_components)
    return jnp.zeros(n_components + 1).at[1:].set(n_components**-0.5)


def _centred_patches(
    images: Images, patch_size: tuple[int, int]
) -> tuple[Float[Array, "S D n"], Float[Array, "S 1 n"]]:
    """Patches less the mean of their picture, and their lengths, 0 for a blank patch.

    Samples come last: the arithmetic then runs along them, which is several times
    faster.
    """
    check_shapes(images=(images, "n height width"))
    if images.dtype.kind != "b":
        check_real(images=images)
    n, height, width = images.shape
    h, w = as_pair("patch_size", patch_size)
    if h > height or w > width:
        raise ValueError(
            f"patch_size must be at most that of a picture, {height} × {width}, got "
            f"{h} × {w}"
        )
    rows, columns = height // h, width // w
    # In memory before all else, which would turn the pictures again for each use.
    turned = jax.lax.optimization_barrier(images.reshape(n, -1).T)
    pixels = turned.reshape(height, width, n)[: rows * h, : columns * w]
    largest = _largest(pixels)
    pixels = pixels.reshape(rows, h, columns, w, n).swapaxes(1, 2)
    pixels = pixels.reshape(rows * columns, h * w, n).astype(largest.dtype)
    if jnp.issubdtype(images.dtype, jnp.floating):
        # Squares of very large or small numbers would overflow or vanish.
        pixels = pixels / jnp.where(largest > 0, largest, 1)
        largest = jnp.ones_like(largest)
    centred = pixels - pixels.mean(axis=(0, 1))
    length = jnp.sqrt((centred**2).sum(axis=1, keepdims=True))
    return centred, jnp.where(length > blank(largest.dtype) * largest, length, 0)


def blank(dtype: Any) -> float:
    """The share of a picture's largest value below which contrast is rounding."""
    return max(_BLANK, 16 * float(jnp.finfo(dtype).eps))


def _largest(pixels: Num[Array, "H W n"] | Bool[Array, "H W n"]) -> Float[Array, "n"]:
    """Largest magnitude in each picture; of bytes, which are exact, the largest one."""
    if pixels.dtype.kind == "b" or pixels.dtype == jnp.uint8:
        return jnp.full(pixels.shape[-1], 255.0, float)
    high, low = pixels.max(axis=(0, 1)), pixels.min(axis=(0, 1))
    return jnp.maximum(high.astype(float), -low.astype(float))
