"""Cosine modes of an insulated plate, and how fast they decay.

    û_nm = Σ_xy D_H[n, x] D_W[m, y] u_xy,   D_N[n, x] = √((2 − δ_n0)/N) cos(πn(x + ½)/N)

No heat leaves through the edges, so that modes are cosines and not waves: this is why
vHeat takes the cosine and not the Fourier transform. D is orthonormal.

A mode decays at the rate ω_n² + ω_m² times the conductivity. The published spectrum is
the plate's own, ω_n = πn/N (``"continuous"``). That of cells which exchange heat with
their four neighbours, the path graph's Laplacian, is ω_n = 2 sin(πn/2N) (``"graph"``).

A transform is a product with D (``"matrix"``, N³ operations for N × N cells) or a fast
Fourier transform (``"fft"``, N² log N). ``"auto"`` takes the second along an axis of
`FFT_FROM` cells or more. Up to 512 cells products were faster on a CPU, 2.6 times at
the last; the ratio falls so that they would be overtaken at about 4,096.

Source: Wang et al. 2024, arXiv 2405.16555, and its program.
"""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_pair,
    check_choice,
    check_finite,
    check_real,
    check_shapes,
)
from isinglass._common.precision import in_floats, usual_promotion

SPECTRA = ("continuous", "graph")
METHODS = ("auto", "matrix", "fft")
FFT_FROM = 4096  # cells along an axis; `isinglass reproduce heat-cost` measures

Fields = Float[Array, "*batch h w c"]


@usual_promotion()
def cosine_transform(field: Fields, method: str = "auto") -> Fields:
    """Compute the modes û of fields, along H and W.

    Args:
        field: (…, H, W, C): a plate of H × W cells for each member of the batch and
            each channel.
        method: "matrix", "fft", or "auto" by size.

    Returns:
        Modes (…, H, W, C), the mean of a channel times √(HW) first.

    Raises:
        TypeError: If the field is no array.
        ValueError: If it has other axes, is not real and finite, or the method has
            another name.
    """
    check_method(method)
    check_field(field=field)
    return transformed(in_floats(field), method)


@usual_promotion()
def inverse_cosine_transform(modes: Fields, method: str = "auto") -> Fields:
    """Compute the fields u of modes, as `cosine_transform` made them.

    Args:
        modes: û, (…, H, W, C).
        method: "matrix", "fft", or "auto" by size.

    Raises:
        TypeError: If the modes are no array.
        ValueError: If they have other axes, are not real and finite, or the method has
            another name.
    """
    check_method(method)
    check_field(modes=modes)
    return transformed(in_floats(modes), method, inverse=True)


def decay_rates(
    shape: tuple[int, int], spectrum: str = "continuous"
) -> Float[np.ndarray, "h w"]:
    """Return ω_n² + ω_m² of the modes of a plate, (H, W), float64.

    Args:
        shape: H and W, cells.
        spectrum: "continuous", ω_n = πn/N as published, or "graph", ω_n = 2 sin(πn/2N).

    Raises:
        TypeError: If the shape is no pair.
        ValueError: If a size is no whole number of 1 at least, or the spectrum has
            another name.
    """
    check_choice(SPECTRA, spectrum=spectrum)
    height, width = as_pair("shape", shape)
    squared = (_frequencies(size, spectrum) ** 2 for size in (height, width))
    down, across = squared
    return down[:, None] + across


def transformed(field: Array, method: str, inverse: bool = False) -> Array:
    """The transform of checked fields, or its inverse, along H and W."""
    for axis in (-3, -2):
        size = field.shape[axis]
        if size == 1:
            continue
        if method == "fft" or (method == "auto" and size >= FFT_FROM):
            turn = jax.scipy.fft.idct if inverse else jax.scipy.fft.dct
            field = turn(field, axis=axis, norm="ortho")
        else:
            matrix = cosines(size).astype(np.dtype(field.dtype))
            field = _along(matrix.T if inverse else matrix, field, axis)
    return field


def _along(matrix: np.ndarray, field: Array, axis: int) -> Array:
    """The product with a matrix along H (axis −3) or W (−2)."""
    letters = "...hwc,nh->...nwc" if axis == -3 else "...hwc,nw->...hnc"
    return jnp.einsum(letters, field, matrix)


@cache
def cosines(size: int) -> Float[np.ndarray, "n n"]:
    """D, in float64: it is rounded to the type of what it is applied to."""
    places = np.arange(size) + 0.5
    modes = np.arange(size)[:, None]
    matrix = np.sqrt(2 / size) * np.cos(np.pi * modes * places / size)
    matrix[0] = np.sqrt(1 / size)
    matrix.flags.writeable = False
    return matrix


def _frequencies(size: int, spectrum: str) -> Float[np.ndarray, "n"]:
    omega = np.pi * np.arange(size) / size
    return omega if spectrum == "continuous" else 2 * np.sin(omega / 2)


def check_method(method: Any) -> None:
    """Refuse what is no name of a transform.

    Raises:
        ValueError: If it is none.
    """
    check_choice(METHODS, method=method)


def check_field(**fields: Any) -> None:
    """Refuse what are no finite fields (…, H, W, C).

    Raises:
        TypeError: If one is no array.
        ValueError: If one has other axes, or is not real and finite.
    """
    check_real(**fields)
    check_shapes(**{name: (x, "... h w c") for name, x in fields.items()})
    check_finite(**fields)
