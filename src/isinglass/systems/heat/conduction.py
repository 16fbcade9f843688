"""Heat conduction of fields on an insulated plate, for unit time.

    u_t = D_Hᵀ (e^(−k (ω_n² + ω_m²)) ⊙ (D_H u D_Wᵀ)) D_W

One k ≥ 0 solves the heat equation. Time is absorbed in it: k is conductivity times
time, in squared cells. The kernel is then √(2k) cells wide, so that the "global
receptive field" is one by name: by weight it is local unless k ~ N².

**Paper and program differ.** vHeat's k differs by mode, channel and layer, but not by
picture, whatever the paper's text says of an adaptive one. Once it differs by mode this
is no heat equation with a conductivity, but a fixed linear filter with gains in (0, 1].

What holds for any k ≥ 0: the heat of a channel is conserved, k = 0 is the identity, k →
∞ the mean, two conductions add their k, and the operator is self-adjoint. What does not
hold for the published spectrum is the maximum principle: with k = 0.1 a plate of 14
cells has a kernel down to −0.02 of the heat. That of the graph never is below 0,
with one k; in exchange it is of second order, where the published one is exact on
smooth fields.

Source: Wang et al. 2024, arXiv 2405.16555, and its program.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from isinglass._common.checks import (
    as_array,
    check_choice,
    check_finite,
    check_real,
    fits_into,
    is_array,
)
from isinglass._common.precision import in_floats, usual_promotion
from isinglass._common.types import ArrayLike
from isinglass.systems.heat.spectrum import (
    SPECTRA,
    Fields,
    check_field,
    check_method,
    decay_rates,
    transformed,
)


@usual_promotion()
def conduct(
    field: Fields,
    conductivity: ArrayLike,
    spectrum: str = "continuous",
    method: str = "auto",
) -> Fields:
    """Compute what fields are after they have conducted for unit time.

    Args:
        field: u, (…, H, W, C): a plate of H × W cells for each channel.
        conductivity: k ≥ 0 in squared cells: one number, one of each channel (C,), or
            one of each mode and channel (H, W, C). Beyond unit time, pass k · t.
        spectrum: "continuous" as published, or "graph" for cells that exchange heat
            with their neighbours, whose result is never beyond the field's extremes if
            k is the same for all modes.
        method: Of the transforms: "matrix", "fft", or "auto" by size.

    Returns:
        u_t, (…, H, W, C).

    Raises:
        TypeError: If the field is no array.
        ValueError: If shapes do not fit, numbers are not real and finite, a
            conductivity is below 0 (that would make heat of noise; under `jax.jit`,
            where its value is not there yet, it is not refused), or a name is another.
    """
    check_choice(SPECTRA, spectrum=spectrum)
    check_method(method)
    check_field(field=field)
    k = checked_conductivity(conductivity, field.shape[-3:])
    gains = decay(k, field.shape[-3:-1], spectrum, in_floats(field).dtype)
    return with_gains(in_floats(field), gains, method)


@usual_promotion()
def filter_modes(field: Fields, gains: ArrayLike, method: str = "auto") -> Fields:
    """Multiply the modes of fields by gains: conduction's control that is no physics.

    Args:
        field: u, (…, H, W, C).
        gains: Any numbers, to be broadcast to (H, W, C).
        method: Of the transforms: "matrix", "fft", or "auto" by size.

    Raises:
        TypeError: If the field is no array.
        ValueError: If shapes do not fit, or numbers are not real and finite.
    """
    check_method(method)
    check_field(field=field)
    numbers = _checked_numbers("gains", gains, field.shape[-3:])
    field = in_floats(field)
    return with_gains(field, jnp.asarray(numbers).astype(field.dtype), method)


@usual_promotion()
def effective_width(conductivity: ArrayLike) -> Float[Array, "..."]:
    """Return √(2k), the standard deviation of heat that started in one cell, in cells.

    Args:
        conductivity: k ≥ 0, of any shape, as `HeatConduction.conductivities` gives it.

    Raises:
        ValueError: If one is below 0, or not real and finite.
    """
    return jnp.sqrt(2 * jnp.asarray(checked_conductivity(conductivity)))


def decay(k: Any, shape: tuple[int, ...], spectrum: str, dtype: Any) -> Array:
    """e^(−k (ω_n² + ω_m²)), (H, W, C or 1), of a type."""
    rates = decay_rates((shape[0], shape[1]), spectrum)[..., None]
    # What overflows in this type would be NaN at the mean, whose rate is 0.
    k = jnp.minimum(jnp.asarray(k).astype(dtype), jnp.finfo(dtype).max)
    return jnp.exp(-k * rates.astype(np.dtype(dtype)))


def with_gains(field: Array, gains: Array, method: str) -> Array:
    """The fields whose modes are multiplied by gains."""
    modes = gains * transformed(field, method)
    return transformed(modes, method, inverse=True)


def checked_conductivity(
    conductivity: Any, shape: tuple[int, ...] | None = None
) -> Any:
    """The conductivity as an array, 0 at least, that can be broadcast to (H, W, C).

    Raises:
        ValueError: If it is another.
    """
    k = _checked_numbers("conductivity", conductivity, shape)
    if not isinstance(k, Tracer) and bool((least := np.asarray(k).min()) < 0):
        raise ValueError(f"conductivity must be at least 0, got {least:.3g}")
    return k


def _checked_numbers(name: str, value: Any, shape: tuple[int, ...] | None) -> Any:
    array = value if isinstance(value, Tracer) else as_array(name, value)
    array = array if is_array(array) else np.asarray(array)
    check_real(**{name: array})
    check_finite(**{name: array})
    if 0 in array.shape or (shape and not fits_into(array.shape, shape)):
        fitting = f"fit into {shape}" if shape else "not be empty"
        raise ValueError(f"{name} must {fitting}, got shape {array.shape}")
    return in_floats(array)
