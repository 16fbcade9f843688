"""Which bits a table reads: wires drawn at random, or chosen by weights that learn.

    random     permutations of the F bits one after the other, cut to N n wires, so that
               all bits are used equally often, give or take one
    learnable  wire i comes from the bit of the largest W[f, i]

The choice is made to learn by (x_f as ±1, g what arrives at the wires)

    ∂L/∂W[f, i] = Σ x_f g_i,     ∂L/∂x_f = Σ_i g_i softmax_f(W[:, i] / τ),

with τ = 10⁻³ nearly the wire itself. Every bit that a wire does not read is told what
the wire would have liked: W has F N n numbers, which is what such a layer costs.

Bits that are equal for all samples have equal rows of ∂L/∂W. By a rule that moves every
weight by its own gradients alone, such as Adam, they move alike, rounded sums keep
their order, and whichever of them a wire reads it reads the same. So the largest weight
of each kind of bit is all that matters, and a training of all F bits is one of the
distinct bits, if each starts from the largest weight of its copies (`merge`).

Source: the program of Bacellar et al. 2024, arXiv 2410.11112.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from isinglass._common.checks import (
    check_finite,
    check_key,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
)
from isinglass._common.precision import in_floats, usual_promotion
from isinglass.systems.lookup.difference import check_arity
from isinglass.systems.lookup.tables import as_floats, check_bits

TEMPERATURE = 1e-3  # τ of the program
BRANCHES = 8  # of the tree in which the largest of weights are searched


def random_wiring(
    inputs: int, tables: int, arity: int, *, key: PRNGKeyArray
) -> Int[Array, "N n"]:
    """Draw wires that use all bits equally often, give or take one.

    Args:
        inputs: F, bits.
        tables: N.
        arity: n, wires of a table, from 1 to 12.
        key: Of the draw.

    Returns:
        (N, n), numbers of bits.

    Raises:
        ValueError: If a number is out of range.
        TypeError: If the key is none.
    """
    check_whole(inputs=inputs, tables=tables)
    check_arity(arity=arity)
    check_key(key=key)
    rounds = -(-tables * arity // inputs)
    keys = jax.random.split(key, rounds)
    orders = jax.vmap(lambda k: jax.random.permutation(k, inputs))(keys)
    wires = orders.reshape(-1)[: tables * arity]
    return wires.astype(jnp.int32).reshape(tables, arity)


@usual_promotion()
def choose(
    bits: Shaped[Array, "*batch f"],
    weights: Float[Array, "f wires"],
    temperature: float = TEMPERATURE,
) -> Float[Array, "*batch wires"]:
    """Return the bit of the largest weight for every wire, (…, wires).

    Of equal weights the first counts.

    Args:
        bits: x, (…, F): a bit is set where x > 0.
        weights: W, (F, wires).
        temperature: τ of the gradient by bits.

    Raises:
        TypeError: If something is no array.
        ValueError: If shapes do not fit, or something is not finite.
    """
    check_bits(bits)
    check_real(weights=weights)
    check_shapes(bits=(bits, "... F"), weights=(weights, "F wires"))
    check_finite(weights=weights)
    check_positive(temperature=temperature)
    return chosen(
        as_floats(bits, weights), in_floats(jnp.asarray(weights)), temperature
    )


def chosen(bits: Array, weights: Array, temperature: Any) -> Array:
    """The same without checks."""
    rows = bits.reshape(-1, bits.shape[-1])
    tau = jnp.asarray(temperature, weights.dtype)
    return _chosen(rows, weights, tau).reshape(*bits.shape[:-1], weights.shape[1])


def strongest(weights: Array) -> Array:
    """The first of the largest weights of every wire."""
    # XLA has no fast argmax on a CPU. Largest of eight rows, of eight of those, and so
    # on: row by row, as they lie in memory, once; then down the tree to the place.
    levels = [weights]
    while len(levels[-1]) > BRANCHES:
        levels.append(_largest_of_branches(levels[-1]))
    place = _first_of(levels.pop())
    wires, branches = jnp.arange(weights.shape[1]), jnp.arange(BRANCHES)[:, None]
    for level in reversed(levels):
        rows = jnp.minimum(BRANCHES * place + branches, len(level) - 1)
        own = level.at[rows, wires].get(mode="promise_in_bounds")
        place = BRANCHES * place + _first_of(own)
    return place


def _largest_of_branches(values: Array) -> Array:
    """The largest of rows 0 to 7, of 8 to 15, and so on."""
    whole = len(values) // BRANCHES * BRANCHES
    parts = [values[place:whole:BRANCHES] for place in range(BRANCHES)]
    largest = reduce(jnp.maximum, parts)
    if whole == len(values):
        return largest
    return jnp.concatenate([largest, values[whole:].max(axis=0, keepdims=True)])


def _first_of(values: Array) -> Array:
    """The first row, in each column, that holds the largest value."""
    places = jnp.arange(len(values), dtype=jnp.int32)[:, None]
    return jnp.where(values == values.max(axis=0), places, len(values)).min(axis=0)


@jax.custom_vjp
def _chosen(bits: Array, weights: Array, tau: Array) -> Array:
    return bits[:, strongest(weights)]


def _forward(bits: Array, weights: Array, tau: Array) -> tuple[Array, Any]:
    return _chosen(bits, weights, tau), (bits, weights, tau)


def _backward(rest: Any, cotangent: Array) -> tuple[Array, Array, Array]:
    bits, weights, tau = rest
    signs = jnp.where(bits > 0, 1, -1).astype(weights.dtype)
    by_weights = signs.T @ cotangent
    by_bits = cotangent @ jax.nn.softmax(weights / tau, axis=0).T
    return by_bits, by_weights, jnp.zeros_like(tau)


_chosen.defvjp(_forward, _backward)


def merge(weights: Array, places: Int[np.ndarray, "f"]) -> Array:
    """The largest weights of bits of one kind, (kinds, wires)."""
    kinds = int(places.max()) + 1
    return jax.ops.segment_max(weights, jnp.asarray(places), kinds)


def wires_of(weights: Array) -> np.ndarray:
    """Numbers of the bits that learned wires come from."""
    return np.asarray(weights).argmax(axis=0)
