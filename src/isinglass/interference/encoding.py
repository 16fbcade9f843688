"""From pictures and waves to unit dipoles (Tang 2020, §3)."""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Num

# A patch whose contrast is below this share of the picture's largest value is rounding.
_BLANK = 1e-9


def encode_images(
    images: Num[Array, "n H W"] | Bool[Array, "n H W"], patch_size: tuple[int, int]
) -> Float[Array, "n S D"]:
    """Cut pictures into patches and turn each patch into a unit dipole.

    The picture is cropped to whole patches, its own mean is subtracted, and each patch of
    h·w = D − 1 pixels is scaled to unit length behind a rest component 0. A patch that is zero
    everywhere becomes the rest dipole (1, 0, …, 0). Brightness scale does not matter. Patches are
    numbered row by row.

    (The published program takes the rest dipole whenever a patch *sums* to exactly zero.)

    Args:
        images: Pictures of finite numbers.
        patch_size: Height and width of a patch in pixels, no larger than the picture.
    """
    n, height, width = images.shape
    h, w = patch_size
    rows, columns = height // h, width // w
    pixels = images[:, : rows * h, : columns * w].astype(jnp.result_type(float))
    scale = jnp.abs(pixels).max(axis=(1, 2), keepdims=True)
    pixels = pixels / jnp.where(scale > 0, scale, 1)
    pixels = pixels - pixels.mean(axis=(1, 2), keepdims=True)
    patches = (
        pixels.reshape(n, rows, h, columns, w).swapaxes(2, 3).reshape(n, rows * columns, h * w)
    )
    return to_dipoles(patches, blank=_BLANK)


def to_dipoles(vectors: Float[Array, "*n D"], blank: float = 0.0) -> Float[Array, "*n D+1"]:
    """Scale vectors to unit length behind a rest component.

    Args:
        vectors: Finite vectors of any length.
        blank: A vector with no component beyond this is at rest, (1, 0, …, 0).
    """
    largest = jnp.abs(vectors).max(axis=-1, keepdims=True)
    rests = largest <= blank
    # Squares of very long or short vectors would overflow or vanish.
    vectors = vectors / jnp.where(rests, 1, largest)
    length = jnp.linalg.norm(vectors, axis=-1, keepdims=True)
    direction = jnp.where(rests, 0, vectors / jnp.where(rests, 1, length))
    return jnp.concatenate([rests.astype(direction.dtype), direction], axis=-1)


def uniform_host(n_components: int) -> Float[Array, "{n_components}+1"]:
    """The external field g = (0, 1/√D, …, 1/√D): a unit dipole with no rest component."""
    return jnp.zeros(n_components + 1).at[1:].set(n_components**-0.5)
