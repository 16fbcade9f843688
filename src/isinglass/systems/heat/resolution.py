"""Conductivities of modes at another resolution.

A filter with a k of each mode was learned on H × W cells, and is to act on H′ × W′. Two
things may be meant. The *same plate in finer cells*: its mode n is the same cosine, and
must decay as it did, so that k keeps its index and is multiplied by the ratio of rates,
(N′/N)² where both sides grow alike; new modes conduct nothing (``"finer"``, exact), or
as the nearest learned one did (``"edge"``). *More plate of the same cells*: it is the
frequency πn/N that is the same, and k is interpolated between the modes that were
learned (``"wider"``).

A k that all modes share says what new modes do: `HeatConduction.resampled` multiplies
it, so that it stays a heat equation.

**Program.** vHeat pads with zeros where a checkpoint is loaded, without the ratio
(``"pad"``), and interpolates in the detector (``"bicubic"``, by pixel centres, so that
mode 0 is not mode 0 any more). Neither is exact for either.

Source: Wang et al. 2024, arXiv 2405.16555, and its program.
"""

from collections.abc import Sequence

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
from isinglass.systems.heat.conduction import checked_conductivity
from isinglass.systems.heat.spectrum import SPECTRA, decay_rates

RULES = ("finer", "edge", "wider", "pad", "bicubic")


@usual_promotion()
def resample_conductivity(
    conductivity: Float[Array, "h w c"],
    shape: tuple[int, int],
    rule: str = "finer",
    spectrum: str = "continuous",
) -> Float[Array, "h2 w2 c"]:
    """Compute conductivities of the modes of another plate.

    Args:
        conductivity: k ≥ 0 of each mode and channel, (H, W, C).
        shape: H′ and W′.
        rule: "finer" for the same plate in other cells, "edge" likewise with new modes
            that conduct as their nearest, "wider" for more plate of the same cells; and
            what vHeat's program does: "pad" and "bicubic".
        spectrum: Whose rates decide, "continuous" or "graph".

    Returns:
        (H′, W′, C), none below 0.

    Raises:
        TypeError: If the conductivity is no array, or the shape no pair.
        ValueError: If it has other axes, is below 0, or not real and finite; if the
            shape is no pair of sizes; or a name is another.
    """
    check_choice(RULES, rule=rule)
    check_choice(SPECTRA, spectrum=spectrum)
    target = as_pair("shape", shape)
    check_real(conductivity=conductivity)
    check_shapes(conductivity=(conductivity, "h w c"))
    check_finite(conductivity=conductivity)
    k = jnp.asarray(in_floats(checked_conductivity(conductivity)))
    if rule == "bicubic":
        size = (*target, k.shape[-1])
        return jnp.maximum(jax.image.resize(k, size, "cubic", antialias=False), 0)
    if rule == "wider":
        return _at_frequencies(k, target)
    mode = "edge" if rule == "edge" else "constant"
    near = [min(a, b) for a, b in zip(k.shape[:2], target, strict=True)]
    inner = k[: near[0], : near[1]]
    widths = [(0, b - a) for a, b in zip(near, target, strict=True)]
    padded = jnp.pad(inner, [*widths, (0, 0)], mode=mode)
    if rule == "pad":
        return padded
    return padded * _ratio(k.shape[:2], target, spectrum).astype(k.dtype)


def _ratio(
    shape: tuple[int, ...], target: tuple[int, int], spectrum: str
) -> Float[np.ndarray, "h w 1"]:
    """Rate of each mode before over that after, modes beyond being like the last."""
    before, after = (
        decay_rates((shape[0], shape[1]), spectrum),
        decay_rates(target, spectrum),
    )
    widths = [(0, max(b - a, 0)) for a, b in zip(shape, target, strict=True)]
    before = np.pad(before, widths, mode="edge")[: target[0], : target[1]]
    return (before / np.where(after > 0, after, 1))[..., None]


def rates_by_side(
    shape: tuple[int, int], factors: Sequence[float], spectrum: str
) -> Float[np.ndarray, "h w 1"]:
    """What k of both sides together are at each mode, over that of a plate.

    The sides of a plate that conduct with k a and k b have a ω_n² + b ω_m² for the rate
    of k (ω_n² + ω_m²). The mean, which has no rate, has 0.
    """
    rates = decay_rates(shape, spectrum)
    down, across = rates[:, :1], rates[:1]
    both = factors[0] * down + factors[1] * across
    return (both / np.where(rates > 0, rates, 1))[..., None]


def _at_frequencies(
    k: Float[Array, "h w c"], target: tuple[int, int]
) -> Float[Array, "h2 w2 c"]:
    """Interpolated along both axes at the frequencies of the other plate."""
    for axis, size in enumerate(target):
        places = np.arange(size) * k.shape[axis] / size
        low = np.minimum(places.astype(int), k.shape[axis] - 1)
        high = np.minimum(low + 1, k.shape[axis] - 1)
        share = (places - low).astype(np.dtype(k.dtype))
        share = np.expand_dims(share, [a for a in range(3) if a != axis])
        below, above = jnp.take(k, low, axis), jnp.take(k, high, axis)
        k = below + share * (above - below)
    return k
