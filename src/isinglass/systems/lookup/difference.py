"""Extended finite differences: the gradient of a table by the bits of its address.

A table T has no slope by a bit, but a difference between the entries at both values of
that bit. The extended difference weighs such differences at all addresses k by how many
of the *other* bits h differ from those of the address a:

    G_l[a] = Σ_k ± w(h) T[k],     + where bit l of k is set

Thermal weights, w(h) = s ((1 + ρ)/2)^(n−1−h) ((1 − ρ)/2)^h, let each other bit flip
with the probability (1 − ρ)/2: s times the derivative of the multilinear extension of T
at the heated address. In Walsh modes, a mode of m bits is damped by ρ^(m−1): the noise
operator. ρ = 1 is the plain finite difference, ρ = 0 has linear response alone, and the
published program has ρ = s = 1/2. Of its paper w(h) = 1/(h + 1) is said.

G_l does not depend on bit l, so that slopes are of 2^(n−1) numbers for each bit. They
are computed once a step, whatever the batch: one product with the weights of all pairs
of addresses, or for large tables a Walsh transform and back.

Source: the program of Bacellar et al. 2024, arXiv 2410.11112, whose text was not at
hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from isinglass._common.checks import (
    check_choice,
    check_finite,
    check_in,
    check_kind,
    check_positive,
    check_real,
    check_whole,
    is_array,
)
from isinglass._common.precision import in_floats, usual_promotion

KINDS = ("thermal", "inverse")
MOST_BITS = 12  # of an address: tables of 4,096 entries
_DENSE_BITS = 6  # up to which a product is faster than two transforms


@dataclass(frozen=True)
class ExtendedDifference:
    """Weights of the extended finite difference; the defaults are the program's.

    Attributes:
        kind: "thermal", or "inverse" for 1/(h + 1).
        rho: ρ of "thermal", in [0, 1].
        scale: s, which multiplies all weights.

    Raises:
        ValueError: If a value is out of range.
    """

    kind: str = "thermal"
    rho: float = 0.5
    scale: float = 0.5

    def __post_init__(self) -> None:
        check_choice(KINDS, kind=self.kind)
        check_in("[0, 1]", rho=self.rho)
        check_positive(scale=self.scale)
        for name in ("rho", "scale"):
            object.__setattr__(self, name, float(getattr(self, name)))

    def weights(self, arity: int) -> Float[np.ndarray, "n"]:
        """Return w(h) for h = 0 … n − 1 other bits that differ, (n,).

        Args:
            arity: n, bits of an address, from 1 to 12.

        Raises:
            ValueError: If the arity is out of range.
        """
        check_arity(arity=arity)
        h = np.arange(arity)
        if self.kind == "inverse":
            return self.scale / (h + 1)
        stay, flip = (1 + self.rho) / 2, (1 - self.rho) / 2
        return self.scale * stay ** (arity - 1 - h) * flip**h


PROGRAM = ExtendedDifference()
PAPER = ExtendedDifference("inverse", scale=1.0)
FINITE = ExtendedDifference(rho=1.0, scale=1.0)


def check_arity(**values: Any) -> None:
    """Refuse what is no number of bits of an address.

    Raises:
        ValueError: It names the first.
    """
    check_whole(**values)
    check_in(f"[1, {MOST_BITS}]", **values)


def arity_of(tables: Any) -> int:
    """How many bits the addresses of tables (N, 2ⁿ) have.

    Raises:
        TypeError: If tables are no array.
        ValueError: If they are not finite and real, or of another size.
    """
    check_real(tables=tables)
    entries = tables.shape[-1] if tables.ndim == 2 and tables.shape[0] else 0
    arity = entries.bit_length() - 1
    if not 1 <= arity <= MOST_BITS or entries != 1 << arity:
        raise ValueError(
            f"tables must be of shape (N, 2^n) with n from 1 to {MOST_BITS}, got "
            f"{tables.shape}"
        )
    check_finite(tables=tables)
    return arity


@usual_promotion()
def input_slopes(
    tables: Float[Array, "N k"], difference: ExtendedDifference = PROGRAM
) -> Float[Array, "N n k"]:
    """Return G_l[a] of every table, bit and address, (N, n, 2ⁿ).

    Args:
        tables: T, (N, 2ⁿ), n from 1 to 12.
        difference: The weights.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If tables are of another size or not finite.
    """
    arity = arity_of(tables)
    check_kind(ExtendedDifference, difference=difference)
    tables = in_floats(jnp.asarray(tables))
    slopes = slopes_of_others(tables, jnp.asarray(difference.weights(arity)))
    places = without_bit(np.arange(1 << arity), arity)
    return slopes[:, np.arange(arity), places].swapaxes(1, 2)


def slopes_of_others(
    tables: Float[Array, "N k"], weights: Float[Array, "n"]
) -> Float[Array, "N n half"]:
    """G_l by the address of the other bits, (N, n, 2ⁿ⁻¹)."""
    arity = len(weights)
    differences = []
    for place in range(arity):
        halves = tables.reshape(len(tables), -1, 2, 1 << place)
        own = halves[:, :, 1] - halves[:, :, 0]
        differences.append(own.reshape(len(tables), -1))
    stacked = jnp.stack(differences, axis=1)
    weights = weights.astype(tables.dtype)
    if arity - 1 <= _DENSE_BITS:
        return jnp.matmul(stacked, weights[_distances(arity - 1)], precision="highest")
    kernel = walsh(weights[_distances(arity - 1)[0]])
    return walsh(walsh(stacked) * kernel) / stacked.shape[-1]


def without_bit(address: Any, arity: int) -> Any:
    """Addresses of the other bits, with each bit left out in turn, (…, n)."""
    xp = jnp if is_array(address) and not isinstance(address, np.ndarray) else np
    places = np.arange(arity)
    low = address[..., None] & ((1 << places) - 1)
    high = (address[..., None] >> (places + 1)) << places
    return xp.asarray(low | high)


@usual_promotion()
def walsh_modes(tables: Float[Array, "N k"]) -> Float[Array, "N k"]:
    """Return the Walsh modes t_S of tables, T[a] = Σ_S t_S χ_S(a), (N, 2ⁿ).

    S is a set of bits, as a binary number; χ_S(a) is the product of the spins of S, a
    spin being +1 where its bit is set. As Σ_S t_S² is the mean of T², a penalty of all
    modes ("spectral") is one of all entries.

    Raises:
        TypeError: If tables are no array.
        ValueError: If they are of another size or not finite.
    """
    arity = arity_of(tables)
    tables = in_floats(jnp.asarray(tables))
    sign = np.where(_weights_of_bits(arity) % 2, -1.0, 1.0)
    # A set bit is +1 here, and −1 to the transform: modes of odd sets change sign.
    return walsh(tables) * sign.astype(tables.dtype) / tables.shape[-1]


def walsh(x: Array) -> Array:
    """The Walsh transform of the last axis: Σ_a (−1)^|a ∧ S| x[a], by parts of it."""
    size = x.shape[-1]
    if size <= 1 << _DENSE_BITS:
        return jnp.matmul(x, hadamard(size).astype(x.dtype), precision="highest")
    parts = x.reshape(*x.shape[:-1], -1, 1 << _DENSE_BITS)
    inner = jnp.swapaxes(walsh(parts), -1, -2)
    return jnp.swapaxes(walsh(inner), -1, -2).reshape(x.shape)


def hadamard(size: int) -> np.ndarray:
    """The matrix of the transform, of a power of two."""
    places = np.arange(size)
    ones = _ones_of(places[:, None] & places)
    return np.where(ones % 2, -1.0, 1.0)


def _distances(bits: int) -> np.ndarray:
    """How many bits two addresses differ in, for all pairs."""
    places = np.arange(1 << bits)
    return _ones_of(places[:, None] ^ places)


def _weights_of_bits(bits: int) -> np.ndarray:
    return _ones_of(np.arange(1 << bits))


def _ones_of(numbers: np.ndarray) -> np.ndarray:
    return np.bitwise_count(numbers).astype(int)
