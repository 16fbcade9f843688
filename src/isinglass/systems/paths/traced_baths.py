"""Lineshapes of baths in JAX: what of a bath may be traced, and has a derivative.

A lineshape is linear in the strength of its bath. That of an `Ohmic` one is also a
function of ω_c and β here, by Stirling's series of ln Γ, as JAX has ln Γ of real
numbers alone.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from isinglass.systems.paths.baths import Bath, Drude, Ohmic, as_times

_SHIFT = 10  # where Stirling's series of six terms has sixteen digits
_STIRLING = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def traced_lineshape(
    bath: Bath, times: Float[np.ndarray, " n"]
) -> Complex[Array, " n"]:
    """The function g at times of at least 0, of a bath of which JAX may trace some.

    To be used in double precision.

    Raises:
        ValueError: As `Bath.lineshape`.
        TypeError: If what is traced is another than says the module.
    """
    t = as_times(times)
    if isinstance(bath, Ohmic):
        x = 1 / (jnp.asarray(bath.beta, float) * bath.cutoff)
        thermal = _log_gamma(1 + x, 0.0) - _log_gamma(1 + x, t / bath.beta)
        turned = jnp.asarray(bath.cutoff, float) * t
        real = 0.5 * jnp.log1p(turned**2) + 2 * thermal
        scale = 2 * jnp.asarray(bath.strength, float) / bath.separation**2
        return scale * (real + 1j * jnp.arctan(turned))
    if isinstance(bath, Drude):
        unit = Drude(1.0, bath.rate, bath.beta, bath.separation).lineshape(t)
        return jnp.asarray(bath.energy, float) * jnp.asarray(unit)
    return jnp.asarray(bath.lineshape(t), complex)


def _log_gamma(real: Array, imaginary: Any) -> Array:
    """Re ln Γ(x + iy), x of at least 1."""
    steps = jnp.arange(_SHIFT)[:, None]
    y = jnp.atleast_1d(imaginary)
    below = 0.5 * jnp.log((real + steps) ** 2 + y**2).sum(0)
    z = real + _SHIFT + 1j * y
    series = sum(b / z ** (2 * k + 1) for k, b in enumerate(_STIRLING))
    value = (z - 0.5) * jnp.log(z) - z + 0.5 * jnp.log(2 * jnp.pi) + series
    return value.real - below
