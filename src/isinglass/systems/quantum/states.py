"""Pictures and tokens as amplitudes: unit vectors of 2^n numbers.

|ψ⟩ = Σ_k x_k |k⟩ / |x|. Only directions survive: a picture at twice the contrast, or
its negative −x, is the same state up to a sign that no measurement sees. A picture that
is 0 everywhere has no state, and is refused.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_pair,
    as_real_array,
    check_finite,
    check_real,
    check_shapes,
)
from isinglass._common.precision import in_floats, usual_promotion
from isinglass._common.types import ArrayLike
from isinglass.systems.quantum.registers import MOST_QUBITS


@usual_promotion()
def amplitudes(fields: Float[Array, "*batch places"]) -> Float[Array, "*batch places"]:
    """Compute x/|x| of fields x (…, N).

    Args:
        fields: Real numbers (…, N); whole numbers become floats.

    Raises:
        TypeError: If fields are no array.
        ValueError: If one is 0 everywhere, which has no state (under `jax.jit`, where
            its values are not there yet, its state is NaN), or numbers are not real
            and finite.
    """
    return states_of("fields", fields)


def states_of(name: str, fields: Any, places: int | None = None) -> Any:
    """Fields of length 1, as arrays of JAX, if they have a state.

    Raises:
        TypeError: If they are no array.
        ValueError: If they are not real and finite, or one is all zero.
    """
    check_fields(name, fields, places)
    return unit_states(in_floats(jnp.asarray(fields)))


def unit_states(fields: Any) -> Any:
    """Fields of length 1, of NumPy or JAX, that are not looked at.

    By their largest number first: squares must not overflow.
    """
    fields = fields / abs(fields).max(-1, keepdims=True)
    root = np.sqrt if isinstance(fields, np.ndarray) else jnp.sqrt
    return fields / root((fields**2).sum(-1, keepdims=True))


def check_fields(name: str, fields: Any, places: int | None = None) -> None:
    """Refuse fields (…, N) that are not real and finite, or one that is all zero.

    Raises:
        TypeError: If they are no array.
        ValueError: If they are others.
    """
    check_real(**{name: fields})
    check_shapes(**{name: (fields, f"... {places or 'places'}")})
    check_finite(**{name: fields})
    if not isinstance(fields, Tracer):
        values = np.asarray(fields)
        # XLA takes floats below the least normal one for 0.
        least = np.finfo(values.dtype).tiny if values.dtype.kind == "f" else 1
        empty = (np.abs(values) < least).all(-1)
        if empty.any():
            raise ValueError(
                f"{name} must not be 0 everywhere, which has no state, got "
                f"{int(empty.sum())} such of {empty.size}, first at {empty.argmax()}"
            )


@usual_promotion()
def product_state(
    tokens: Float[Array, "*batch tokens features"],
) -> Float[Array, "*batch places"]:
    """Compute the joint state of tokens that are each embedded by themselves.

    The other reading of the paper: T tokens of d = 2^r features are T registers of r
    qubits in the product state x_1 ⊗ … ⊗ x_T of d^T amplitudes. A Fourier transform of
    each register then runs along the features of a token, and mixes no tokens.

    Args:
        tokens: (…, T, d), d a power of two.

    Returns:
        (…, d^T), of length 1.

    Raises:
        TypeError: If tokens are no array.
        ValueError: If one is 0 everywhere, d is no power of two, they are too many, or
            numbers are not real and finite.
    """
    check_fields("tokens", tokens)
    check_shapes(tokens=(tokens, "... t d"))
    count, features = tokens.shape[-2:]
    qubits = features.bit_length() - 1
    if features < 2 or features != 2**qubits:
        raise ValueError(
            f"tokens must have a power of two of features, 2 at least, got {features}"
        )
    if count * qubits > MOST_QUBITS:
        raise ValueError(
            f"tokens must take at most {MOST_QUBITS} qubits, got {count} of {qubits}"
        )
    states = unit_states(in_floats(tokens))
    joint = states[..., 0, :]
    for place in range(1, count):
        joint = joint[..., :, None] * states[..., place, None, :]
        joint = joint.reshape(*joint.shape[:-2], features ** (place + 1))
    return joint


def area_averages(
    images: ArrayLike, shape: tuple[int, int] = (16, 16)
) -> Float[np.ndarray, "*batch h w"]:
    """Compute pictures in other cells, each the mean over the area that it covers.

    Args:
        images: (…, H, W).
        shape: Rows and columns of the result; 28 × 28 become 16 × 16 by default.

    Raises:
        TypeError: If the shape is no sequence.
        ValueError: If images are not real and finite, or of other axes.
    """
    rows, columns = as_pair("shape", shape)
    pictures = as_real_array("images", images)
    check_shapes(images=(pictures, "... h w"))
    height, width = pictures.shape[-2:]
    return _overlaps(rows, height) @ pictures @ _overlaps(columns, width).T


def _overlaps(cells: int, pixels: int) -> Float[np.ndarray, "cells pixels"]:
    """Shares of pixels in cells of the same length, whose rows sum to 1."""
    edges = np.arange(cells + 1) * pixels / cells
    starts, ends = edges[:-1, None], edges[1:, None]
    pixel = np.arange(pixels)
    overlap = np.minimum(ends, pixel + 1) - np.maximum(starts, pixel)
    return np.maximum(overlap, 0) * cells / pixels
