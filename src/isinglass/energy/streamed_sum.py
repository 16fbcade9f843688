"""Sums over patterns, block by block, which can be differentiated any number of times.

JAX would keep every block of a loop for the way back. Here each block is computed anew
where its derivative is transposed, so that no derivative keeps more than a block; one
by the patterns themselves has their size, and is written block by block.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from isinglass.energy.streaming import (
    Reading,
    Reduction,
    as_block,
    fold,
    fold_device,
    on_device,
    on_host,
    reading_of,
)


@dataclass(frozen=True)
class Sum(Reduction):
    """Σ over blocks of ``term(args, block, first)``, a pytree of arrays.

    Attributes:
        term: Hashable; ``first`` is the number of the block's first pattern.
    """

    term: Callable[[Any, Any, Any], Any]

    def start(self, args: Any) -> Any:
        """Zeros."""
        like = args[0]
        row = jax.ShapeDtypeStruct((1, like.shape[-1]), like.dtype)
        return _zeros(jax.eval_shape(self.term, args, row, 0))

    def absorb(self, gathered: Any, args: Any, block: Any, first: Any) -> Any:
        """The sum with one more block."""
        return jax.tree.map(jnp.add, gathered, self.term(args, block, first))

    def merge(self, gathered: Any, args: Any, axis: str) -> Any:
        """The sum of all devices."""
        del args
        return jax.lax.psum(gathered, axis)


def streamed_sum(term: Any, args: Any, patterns: Any, block: int | None = None) -> Any:
    """`Sum` of a term over all patterns, wherever they lie.

    Args:
        term: As of `Sum`.
        args: A pytree whose first leaf is the states, (s, n).
        patterns: (m, n).
        block: Rows of a block, if not as many as suit.
    """
    if on_host(patterns, args):
        return fold(Sum(term), args, patterns, block)
    reading = reading_of(args[0].shape[0], patterns, block)
    return _sum_compiled(term, reading, args, on_device(patterns))


@partial(jax.jit, static_argnums=(0, 1))
def _sum_compiled(term: Any, reading: Reading, args: Any, patterns: Any) -> Any:
    return sum_device(term, reading, args, patterns)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def sum_device(term: Any, reading: Reading, args: Any, patterns: Any) -> Any:
    """`streamed_sum` of patterns on devices, as part of compiled code."""
    return fold_device(Sum(term), reading, args, patterns)


def _sum_jvp(term: Any, reading: Reading, primals: Any, tangents: Any) -> Any:
    args, patterns = primals
    of_args, of_patterns = tangents
    leaves, tree = jax.tree.flatten(args)
    of_leaves = jax.tree.leaves(of_args, is_leaf=is_zero)
    moving = tuple(not is_zero(x) for x in of_leaves)
    derivative = _Derivative(term, tree, moving, reading.rows)
    at = (leaves, [x for x in of_leaves if not is_zero(x)])
    rows = (patterns, None if is_zero(of_patterns) else of_patterns)
    tangent = _over_devices(derivative, reading, at, rows)
    return sum_device(term, reading, args, patterns), tangent


sum_device.defjvp(_sum_jvp, symbolic_zeros=True)


def is_zero(tangent: Any) -> bool:
    """Whether a tangent is known to be zero, so that nothing need be computed of it."""
    return isinstance(tangent, jax.custom_derivatives.SymbolicZero)


@dataclass(frozen=True)
class _Derivative:
    """The derivative of a sum along tangents of arguments and perhaps of patterns.

    Linear in the tangents. Tangents of the patterns are taken along block by block, so
    that their transpose is written block by block.

    Attributes:
        term: As of `Sum`.
        tree: Form of its arguments.
        moving: Which leaves of them have a tangent.
        rows: Of a block.
    """

    term: Any
    tree: Any
    moving: tuple[bool, ...]
    rows: int

    def of_block(
        self, leaves: Any, tangents: Any, block: Any, of_block: Any, first: Any
    ) -> Any:
        """Of one block, whose tangent is None if it does not move."""
        moving = [x for x, moves in zip(leaves, self.moving, strict=True) if moves]

        def value(moving: Any, block: Any) -> Any:
            values = iter(moving)
            together = [
                next(values) if moves else x
                for x, moves in zip(leaves, self.moving, strict=True)
            ]
            args = jax.tree.unflatten(self.tree, together)
            return self.term(args, as_block(block, leaves[0]), first)

        if of_block is None:
            return jax.jvp(lambda x: value(x, block), (moving,), (tangents,))[1]
        return jax.jvp(value, (moving, block), (tangents, of_block))[1]

    def __call__(
        self, leaves: Any, tangents: Any, patterns: Any, of_patterns: Any, first: Any
    ) -> Any:
        """Of all patterns of one device, of which the first has this number."""
        rows = self.rows
        blocks, rest = divmod(patterns.shape[0], rows)
        end = blocks * rows
        of_block = jax.checkpoint(self.of_block)
        moves = None
        if of_patterns is not None:
            moves = of_patterns[:end].reshape(blocks, rows, patterns.shape[1])

        def read(total: Any, at: Any) -> Any:
            index, move = at
            block = jax.lax.dynamic_slice_in_dim(patterns, index * rows, rows)
            more = of_block(leaves, tangents, block, move, first + index * rows)
            return jax.tree.map(jnp.add, total, more), None

        move = None if moves is None else moves[0]
        shapes = jax.eval_shape(of_block, leaves, tangents, patterns[:rows], move, 0)
        total, _ = jax.lax.scan(read, _zeros(shapes), (jnp.arange(blocks), moves))
        if rest:
            move = None if of_patterns is None else of_patterns[end:]
            more = of_block(leaves, tangents, patterns[end:], move, first + end)
            total = jax.tree.map(jnp.add, total, more)
        return total


def _over_devices(derivative: _Derivative, reading: Reading, at: Any, rows: Any) -> Any:
    """The derivative of all devices together."""
    if reading.mesh is None:
        return derivative(at[0], at[1], rows[0], rows[1], 0)

    def local(leaves: Any, tangents: Any, patterns: Any, of_patterns: Any) -> Any:
        first = jax.lax.axis_index(reading.axis) * patterns.shape[0]
        total = derivative(leaves, tangents, patterns, of_patterns, first)
        return jax.lax.psum(total, reading.axis)

    every, split = PartitionSpec(), PartitionSpec(reading.axis)
    return jax.shard_map(
        local,
        mesh=reading.mesh,
        in_specs=(every, every, split, None if rows[1] is None else split),
        out_specs=every,
        check_vma=False,
    )(*at, *rows)


def _zeros(shapes: Any) -> Any:
    return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
