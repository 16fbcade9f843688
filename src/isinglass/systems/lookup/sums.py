"""What tables answer, added up: by class, or row by row of a matrix."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from isinglass._common.checks import (
    check_finite,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, usual_promotion
from isinglass.systems.lookup.tables import as_floats, check_bits, step


@usual_promotion()
def group_sums(
    spins: Float[Array, "*batch N"], classes: int, temperature: float = 1.0
) -> Float[Array, "*batch classes"]:
    """Return the sum of each class's spins over a temperature: logits, (…, classes).

    Spins are in equal, consecutive groups. The temperature decides how sure a network
    of some size can be; the published one is 1/0.3 for 100 spins a class.

    Args:
        spins: (…, N).
        classes: k, which divides N.
        temperature: τ.

    Raises:
        TypeError: If spins are no array.
        ValueError: If classes do not divide N, or a number is out of range.
    """
    check_real(spins=spins)
    check_shapes(spins=(spins, "... N"))
    check_finite(spins=spins)
    check_whole(classes=classes)
    check_positive(temperature=temperature)
    if spins.shape[-1] % classes:
        raise ValueError(
            f"classes must divide the {spins.shape[-1]} spins, got {classes}"
        )
    return sums_by_class(in_floats(jnp.asarray(spins)), classes, temperature)


def sums_by_class(spins: Array, classes: int, temperature: float) -> Array:
    """The same without checks."""
    size = spins.shape[-1] // classes
    groups = spins.reshape(*spins.shape[:-1], classes, size)
    return groups.sum(-1) / temperature


@usual_promotion()
def conditional_sum(
    bits: Shaped[Array, "*batch N"], weights: Float[Array, "N d"]
) -> Float[Array, "*batch d"]:
    """Return the sum of those rows of W whose bit is set, (…, D): additions only.

    On a processor that multiplies as fast as it adds it is the product b W; it is
    computed, and has its gradient, as that.

    Args:
        bits: b, (…, N): a bit is set where it is above 0.
        weights: W, (N, D).

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit, or something is not finite.

    Source: Nag et al. 2024, arXiv 2411.01818 ("conditional summation").
    """
    check_bits(bits)
    check_real(weights=weights)
    check_shapes(bits=(bits, "... N"), weights=(weights, "N D"))
    check_finite(weights=weights)
    return row_sums(step(as_floats(bits, weights)), in_floats(jnp.asarray(weights)))


def row_sums(bits: Array, weights: Array) -> Array:
    """The same of bits that are 0 or 1, without checks."""
    rows = bits.reshape(-1, bits.shape[-1]) @ weights
    return rows.reshape(*bits.shape[:-1], weights.shape[1])
