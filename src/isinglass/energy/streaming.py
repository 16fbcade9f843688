"""Sums and maxima over patterns, read block by block.

What an energy needs of m patterns for s states never takes m × s numbers, nor a copy of
the patterns: memory is one block of patterns and s numbers for each pattern of the
block. Patterns may lie in three places:

- a JAX array on one device: the pass is one compiled loop, inside `jax.jit` or not;
- a JAX array whose rows lie on several devices (`shard_patterns`): each device reads
  its own, and what they found is put together;
- a NumPy array, such as a `numpy.memmap` of a file: blocks are read one after another,
  two in memory at a time, so that the file may be larger than memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from isinglass._common.checks import check_finite, check_whole
from isinglass.energy._arrays import Patterns, checked_patterns

_NUMBERS = (
    1 << 20
)  # of a block, and of what is computed of it: 4 MiB of float32, which caches hold
_FEWEST_ROWS = 128
_AXIS = "patterns"


class Reduction(ABC):
    """What is gathered in a pass. Hashable, so that compiled programs can be kept by it."""

    @abstractmethod
    def start(self, args: Any) -> Any:
        """What is known before the first block."""

    @abstractmethod
    def absorb(self, known: Any, args: Any, block: Any, first: Any) -> Any:
        """What is known after one more block, whose first row is pattern number ``first``."""

    @abstractmethod
    def merge(self, known: Any, args: Any, axis: str) -> Any:
        """What all devices along a mesh axis know together."""


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
        one = jax.ShapeDtypeStruct((1, like.shape[-1]), like.dtype)
        shapes = jax.eval_shape(self.term, args, one, 0)
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    def absorb(self, known: Any, args: Any, block: Any, first: Any) -> Any:
        """The sum with one more block."""
        return jax.tree.map(jnp.add, known, self.term(args, block, first))

    def merge(self, known: Any, args: Any, axis: str) -> Any:
        """The sum of all devices."""
        del args
        return jax.lax.psum(known, axis)


@dataclass(frozen=True)
class Reading:
    """How patterns are read.

    Attributes:
        rows: Of a block.
        mesh: Devices over which the rows are spread, or None.
        axis: Axis of the mesh.
    """

    rows: int
    mesh: Mesh | None = None
    axis: str = _AXIS


def shard_patterns(
    patterns: Patterns, devices: Sequence[Any] | None = None
) -> jax.Array:
    """Patterns with their rows spread over devices, as every energy takes them.

    Within `jax.jit` an energy sees how patterns lie if they are closed over, not if
    they are arguments of the function that is compiled.

    Args:
        patterns: (m, n).
        devices: All of this host if None.

    Raises:
        ValueError: If there is no device, m is no multiple of their number, or as every
            energy does.
    """
    checked_patterns(patterns)
    over = np.asarray(jax.local_devices() if devices is None else list(devices))
    if not over.size:
        raise ValueError("devices must hold one at least, got none")
    if patterns.shape[0] % over.size:
        raise ValueError(
            f"patterns must be a multiple of the {over.size} devices in number, "
            f"got {patterns.shape[0]}"
        )
    return jax.device_put(
        patterns, NamedSharding(Mesh(over, (_AXIS,)), PartitionSpec(_AXIS))
    )


def reading_of(count: int, patterns: Any, block: int | None) -> Reading:
    """How to read patterns for so many states; ``block`` asks for so many rows."""
    if block is not None:
        check_whole(block=block)
    m, n = patterns.shape
    mesh, axis = _spread(patterns)
    local = m if mesh is None else m // mesh.shape[axis]
    most = block or max(_FEWEST_ROWS, _NUMBERS // max(n, count, 1))
    blocks = -(-local // most)
    return Reading(-(-local // blocks), mesh, axis)  # of one size, if that can be


def on_host(patterns: Any, *others: Any) -> bool:
    """Whether patterns are to be read by NumPy, which cannot be where anything is traced."""
    if not isinstance(patterns, np.ndarray):
        return False
    traced = any(isinstance(x, Tracer) for x in jax.tree.leaves(others))
    if traced and isinstance(patterns, np.memmap):
        raise ValueError(
            "patterns on disk are read outside of compiled code: use the energy and "
            "its force directly, not within jax.jit or jax.grad"
        )
    return not traced


def fold(
    reduction: Reduction,
    args: Any,
    patterns: Any,
    block: int | None = None,
    name: str = "patterns",
) -> Any:
    """What a reduction gathers from all patterns; not to be differentiated.

    Args:
        reduction: What to gather.
        args: A pytree whose first leaf is the states, (s, n).
        patterns: (m, n).
        block: Rows of a block, if not as many as suit.
        name: What the patterns are called in errors.

    Raises:
        ValueError: If patterns that NumPy reads are not finite.
    """
    reading = reading_of(args[0].shape[0], patterns, block)
    if on_host(patterns, args):
        return _fold_on_host(reduction, reading.rows, args, patterns, name)
    return fold_device(reduction, reading, args, on_device(patterns, name))


def on_device(patterns: Any, name: str = "patterns") -> jax.Array:
    """Patterns as an array of JAX; NumPy's are checked here, where they are read at once."""
    if isinstance(patterns, np.ndarray):
        check_finite(**{name: patterns})
    return jnp.asarray(patterns)


@partial(jax.jit, static_argnums=(0, 1))
def fold_device(
    reduction: Reduction, reading: Reading, args: Any, patterns: Any
) -> Any:
    """`fold` for patterns on one device or several."""
    if reading.mesh is None:
        return _fold_local(reduction, reading.rows, args, patterns)

    def local(args: Any, patterns: Any) -> Any:
        first = jax.lax.axis_index(reading.axis) * patterns.shape[0]
        known = _fold_local(reduction, reading.rows, args, patterns, first)
        return reduction.merge(known, args, reading.axis)

    where = PartitionSpec(reading.axis)
    return jax.shard_map(
        local,
        mesh=reading.mesh,
        in_specs=(PartitionSpec(), where),
        out_specs=PartitionSpec(),
        check_vma=False,
    )(args, patterns)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def sum_device(term: Any, reading: Reading, args: Any, patterns: Any) -> Any:
    """`Sum` of a term over all blocks, which can be differentiated any number of times.

    No derivative keeps more than a block; one by the patterns themselves has their
    size.
    """
    return fold_device(Sum(term), reading, args, patterns)


def _sum_jvp(term: Any, reading: Reading, primals: Any, tangents: Any) -> Any:
    args, patterns = primals
    of_args, of_patterns = tangents
    kept = _Kept(args, of_args)
    still = isinstance(of_patterns, jax.custom_derivatives.SymbolicZero)
    moves = None if still else of_patterns
    tangent = _sum_of_tangents(
        term, reading, args, kept.moving(), patterns, moves, kept.which
    )
    return sum_device(term, reading, args, patterns), tangent


sum_device.defjvp(_sum_jvp, symbolic_zeros=True)


def streamed_sum(term: Any, args: Any, patterns: Any, block: int | None = None) -> Any:
    """`sum_device`, or the same for patterns that NumPy reads."""
    if on_host(patterns, args):
        return fold(Sum(term), args, patterns, block)
    reading = reading_of(args[0].shape[0], patterns, block)
    return _sum_compiled(term, reading, args, on_device(patterns))


@partial(jax.jit, static_argnums=(0, 1))
def _sum_compiled(term: Any, reading: Reading, args: Any, patterns: Any) -> Any:
    return sum_device(term, reading, args, patterns)


def as_block(patterns: Any, like: Any) -> Any:
    """Rows of patterns in the precision of the states: integers need no room as real numbers."""
    return patterns.astype(like.dtype)


def _spread(patterns: Any) -> tuple[Mesh | None, str]:
    sharding = (
        None if isinstance(patterns, Tracer) else getattr(patterns, "sharding", None)
    )
    if not isinstance(sharding, NamedSharding) or not sharding.spec:
        return None, _AXIS
    axis = sharding.spec[0]
    if not isinstance(axis, str) or sharding.mesh.shape[axis] == 1:
        return None, _AXIS
    mesh = sharding.mesh
    return (mesh, axis) if isinstance(mesh, Mesh) else (None, _AXIS)


def _fold_local(
    reduction: Reduction, rows: int, args: Any, patterns: Any, first: Any = 0
) -> Any:
    blocks, rest = divmod(patterns.shape[0], rows)

    def read(index: Any, known: Any) -> Any:
        block = jax.lax.dynamic_slice_in_dim(patterns, index * rows, rows)
        return reduction.absorb(
            known, args, as_block(block, args[0]), first + index * rows
        )

    known = reduction.start(args)
    if blocks == 1 and not rest:
        return reduction.absorb(known, args, as_block(patterns, args[0]), first)
    known = jax.lax.fori_loop(0, blocks, read, known)
    if not rest:
        return known
    last = as_block(patterns[blocks * rows :], args[0])
    return reduction.absorb(known, args, last, first + blocks * rows)


def _fold_on_host(
    reduction: Reduction, rows: int, args: Any, patterns: np.ndarray, name: str
) -> Any:
    known: Any = reduction.start(args)
    finite: Any = True
    for first in range(0, len(patterns), rows):
        block = np.asarray(patterns[first : first + rows])
        before = finite
        known, finite = _absorb(reduction, known, finite, args, block, first)
        # Else reading runs ahead of computing, until all is in memory.
        jax.block_until_ready(before)
    if not bool(finite):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return known


@partial(jax.jit, static_argnums=0)
def _absorb(
    reduction: Reduction, known: Any, finite: Any, args: Any, block: Any, first: Any
) -> Any:
    rows = as_block(block, args[0])
    return reduction.absorb(known, args, rows, first), finite & jnp.isfinite(rows).all()


class _Kept:
    """Which leaves of some arguments move; tangents of the others are left out."""

    def __init__(self, args: Any, tangents: Any) -> None:
        zero = jax.custom_derivatives.SymbolicZero
        leaves = jax.tree.leaves(tangents, is_leaf=lambda x: isinstance(x, zero))
        assert len(leaves) == len(jax.tree.leaves(args))
        self.which = tuple(not isinstance(x, zero) for x in leaves)
        self._leaves = leaves

    def moving(self) -> list[Any]:
        return [x for x, moves in zip(self._leaves, self.which, strict=True) if moves]


def _sum_of_tangents(
    term: Any,
    reading: Reading,
    args: Any,
    of_args: Any,
    patterns: Any,
    of_patterns: Any,
    which: Any,
) -> Any:
    """The derivative of a sum along tangents of some arguments and, unless None, of the patterns.

    Linear in the tangents. Each block is computed anew where it is transposed, and the
    tangents of patterns are taken along block by block, so that their transpose is
    written block by block.
    """
    leaves, tree = jax.tree.flatten(args)

    @jax.checkpoint
    def one(leaves: Any, of_args: Any, block: Any, of_block: Any, first: Any) -> Any:
        moving = [x for x, moves in zip(leaves, which, strict=True) if moves]

        def of(moving: Any, block: Any) -> Any:
            given = iter(moving)
            together = [
                next(given) if moves else x
                for x, moves in zip(leaves, which, strict=True)
            ]
            return term(
                jax.tree.unflatten(tree, together), as_block(block, leaves[0]), first
            )

        if of_block is None:
            return jax.jvp(lambda x: of(x, block), (moving,), (of_args,))[1]
        return jax.jvp(of, (moving, block), (of_args, of_block))[1]

    def local(
        leaves: Any, of_args: Any, patterns: Any, of_patterns: Any, first: Any = 0
    ) -> Any:
        rows = reading.rows
        blocks, rest = divmod(patterns.shape[0], rows)
        whole_blocks = blocks * rows
        moves = (
            None
            if of_patterns is None
            else of_patterns[:whole_blocks].reshape(blocks, rows, patterns.shape[1])
        )

        def read(total: Any, at: Any) -> Any:
            index, of_block = at
            block = jax.lax.dynamic_slice_in_dim(patterns, index * rows, rows)
            more = one(leaves, of_args, block, of_block, first + index * rows)
            return jax.tree.map(jnp.add, total, more), None

        shapes = jax.eval_shape(
            one,
            leaves,
            of_args,
            patterns[:rows],
            None if moves is None else moves[0],
            0,
        )
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        total, _ = jax.lax.scan(read, zeros, (jnp.arange(blocks), moves))
        if rest:
            last = None if of_patterns is None else of_patterns[whole_blocks:]
            more = one(
                leaves, of_args, patterns[whole_blocks:], last, first + whole_blocks
            )
            total = jax.tree.map(jnp.add, total, more)
        return total

    if reading.mesh is None:
        return local(leaves, of_args, patterns, of_patterns)
    here, where = PartitionSpec(), PartitionSpec(reading.axis)

    def spread(leaves: Any, of_args: Any, patterns: Any, of_patterns: Any) -> Any:
        first = jax.lax.axis_index(reading.axis) * patterns.shape[0]
        return jax.lax.psum(
            local(leaves, of_args, patterns, of_patterns, first), reading.axis
        )

    return jax.shard_map(
        spread,
        mesh=reading.mesh,
        in_specs=(here, here, where, None if of_patterns is None else where),
        out_specs=here,
        check_vma=False,
    )(leaves, of_args, patterns, of_patterns)
