"""Reading tables at addresses that are made of bits, and what that passes back.

    a_j = Σ_l 2^l [x_{m(j, l)} > 0],     o_j = T_j[a_j],     next bits [o_j > 0]

Input 0 of a table is the lowest bit of its address. The gradient by a table's entry is
the sum of what arrives at that address; by its inputs it is that of an
`ExtendedDifference`; a step from outputs to bits passes it on as it is.

Source: Bacellar et al. 2024, arXiv 2410.11112, and its program.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num, Shaped

from isinglass._common.checks import (
    check_finite,
    check_kind,
    check_real,
    check_shapes,
)
from isinglass._common.plain_checks import is_traced
from isinglass._common.precision import in_floats, usual_promotion
from isinglass.systems.lookup.difference import (
    PROGRAM,
    ExtendedDifference,
    arity_of,
    check_arity,
    slopes_of_others,
    without_bit,
)


@usual_promotion()
def look_up(
    bits: Shaped[Array, "*batch f"],
    tables: Num[Array, "N k"],
    wiring: Int[Array, "N n"],
    difference: ExtendedDifference = PROGRAM,
) -> Float[Array, "*batch N"]:
    """Read every table at the address that its wires make of bits.

    Args:
        bits: x, (…, F): a bit is set where x > 0.
        tables: T, (N, 2ⁿ), n from 1 to 12.
        wiring: m, which of the F bits each wire comes from, (N, n).
        difference: How bits get a gradient.

    Returns:
        o, (…, N), floating numbers also of tables of whole ones.

    Raises:
        TypeError: If something is of another kind.
        ValueError: If shapes do not fit, a wire comes from no bit, or something is not
            finite.
    """
    check_bits(bits)
    arity = arity_of(tables)
    check_kind(ExtendedDifference, difference=difference)
    check_shapes(tables=(tables, "N k"), wiring=(wiring, f"N {arity}"))
    check_wiring(wiring, bits.shape[-1])
    tables = in_floats(jnp.asarray(tables))
    bits = as_floats(bits, tables)
    return read(along_wires(bits, wiring), tables, difference)


@usual_promotion()
def addresses(
    bits: Shaped[Array, "*batch f"], wiring: Int[Array, "N n"]
) -> Int[Array, "*batch N"]:
    """Return the addresses a that wires make of bits, (…, N).

    Args:
        bits: (…, F): a bit is set where it is above 0.
        wiring: (N, n), n from 1 to 12.

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit, or a wire comes from no bit.
    """
    check_bits(bits)
    check_shapes(wiring=(wiring, "N n"))
    check_arity(wires=wiring.shape[-1])
    check_wiring(wiring, bits.shape[-1])
    return addresses_of(jnp.asarray(bits)[..., wiring])


@usual_promotion()
def spins(outputs: Float[Array, "*batch N"]) -> Float[Array, "*batch N"]:
    """Return 1 where an output is above 0, and else 0; gradients pass unchanged.

    Raises:
        TypeError: If outputs are no array.
        ValueError: If they are not real and finite.
    """
    check_real(outputs=outputs)
    check_finite(outputs=outputs)
    return step(in_floats(jnp.asarray(outputs)))


# -- the same without checks -----------------------------------------------------------


@jax.custom_vjp
def step(outputs: Array) -> Array:
    """The bits of outputs."""
    return (outputs > 0).astype(outputs.dtype)


step.defvjp(lambda outputs: (step(outputs), None), lambda _, cotangent: (cotangent,))


def addresses_of(inputs: Array) -> Array:
    """Addresses of what has come along wires, (…, N, n)."""
    powers = 1 << np.arange(inputs.shape[-1], dtype=np.int32)
    return ((inputs > 0) * powers).sum(-1, dtype=jnp.int32)


def along_wires(bits: Array, wiring: Array) -> Array:
    """What comes along wires, (…, F) to (…, N, n)."""
    # A bit of all samples at a time, as rows: twice as fast on the way back.
    rows = bits.reshape(-1, bits.shape[-1]).T[wiring]
    return jnp.moveaxis(rows, -1, 0).reshape(*bits.shape[:-1], *wiring.shape)


def read(inputs: Array, tables: Array, difference: ExtendedDifference) -> Array:
    """Outputs of tables for what has come along wires, (…, N, n) to (…, N)."""
    arity = inputs.shape[-1]
    rows = inputs.reshape(-1, *inputs.shape[-2:])
    weights = jnp.asarray(difference.weights(arity), tables.dtype)
    return _read(rows, tables, weights).reshape(inputs.shape[:-1])


@jax.custom_vjp
def _read(inputs: Array, tables: Array, weights: Array) -> Array:
    return tables[jnp.arange(len(tables)), addresses_of(inputs)]


def _forward(inputs: Array, tables: Array, weights: Array) -> tuple[Array, Any]:
    address = addresses_of(inputs)
    outputs = tables[jnp.arange(len(tables)), address]
    return outputs, (address, tables, weights)


def _backward(rest: Any, cotangent: Array) -> tuple[Array, Array, Array]:
    address, tables, weights = rest
    arity = len(weights)
    numbers = jnp.arange(len(tables))
    # By one number for table and entry, which is half the work of two on a CPU.
    entries = tables.shape[1] * numbers + address
    by_tables = jnp.zeros_like(tables).reshape(-1).at[entries].add(cotangent)
    slopes = slopes_of_others(tables, weights)
    others = without_bit(address, arity)
    slope = slopes[numbers[:, None], jnp.arange(arity), others]
    return (
        cotangent[..., None] * slope,
        by_tables.reshape(tables.shape),
        jnp.zeros_like(weights),
    )


_read.defvjp(_forward, _backward)


# -- checks ----------------------------------------------------------------------------


def check_bits(bits: Any) -> None:
    """Refuse what cannot be read as bits.

    Raises:
        TypeError: If it is no array.
        ValueError: If it has no axis, or holds other than real numbers or truth values.
    """
    if getattr(getattr(bits, "dtype", None), "kind", None) != "b":
        check_real(bits=bits)
        check_finite(bits=bits)
    check_shapes(bits=(bits, "... F"))


def check_wiring(wiring: Any, inputs: int) -> None:
    """Refuse wires that come from no bit.

    Raises:
        ValueError: If they are no whole numbers, or out of range.
    """
    if getattr(wiring.dtype, "kind", None) not in ("i", "u"):
        raise ValueError(f"wiring must be whole numbers, got {wiring.dtype}")
    if is_traced(wiring):
        return
    places = np.asarray(wiring)
    if places.min() < 0 or places.max() >= inputs:
        raise ValueError(
            f"wiring must be from 0 to {inputs - 1}, got {places.min()} to "
            f"{places.max()}"
        )


def as_floats(bits: Any, tables: Any) -> Array:
    """Bits in floating numbers, in the type of the tables if they are of another."""
    array = jnp.asarray(bits)
    if jnp.issubdtype(array.dtype, jnp.floating):
        return array
    return array.astype(tables.dtype)
