"""Sums and maxima over patterns, read block by block.

What an energy needs of m patterns for s states never takes m × s numbers, nor a copy of
the patterns: memory is one block of patterns and s numbers for each pattern of the
block. Patterns may lie in three places:

- a JAX array on one device: the pass is one compiled loop, inside `jax.jit` or not;
- a JAX array whose rows lie on several devices (`shard_patterns`): each device reads
  its own, and what they gathered is merged;
- a NumPy array, such as a `numpy.memmap` of a file: blocks are read one after another,
  two in memory at a time, so that the file may be larger than memory.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from isinglass._common.checks import as_list, check_finite, check_kind, check_whole
from isinglass._common.precision import usual_promotion
from isinglass.energy._arrays import Patterns, check_patterns

# Numbers of a block, and of what is computed of it: 4 MiB of float32, in caches.
_NUMBERS = 1 << 20
_FEWEST_ROWS = 128
_AXIS = "patterns"


class Reduction(ABC):
    """What is gathered in a pass over patterns.

    Hashable: a program is compiled for each reduction, and found again by it.
    """

    @abstractmethod
    def start(self, args: Any) -> Any:
        """What is gathered before the first block."""

    @abstractmethod
    def absorb(self, gathered: Any, args: Any, block: Any, first: Any) -> Any:
        """What is gathered after one more block, whose first row is ``first``."""

    @abstractmethod
    def merge(self, gathered: Any, args: Any, axis: str) -> Any:
        """What all devices along a mesh axis have gathered together."""


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


@usual_promotion()
def shard_patterns(
    patterns: Patterns, devices: Sequence[Any] | None = None
) -> jax.Array:
    """Spread the rows of patterns over devices, as every energy takes them.

    Within `jax.jit` an energy sees how patterns lie if they are closed over, not if
    they are arguments of the function that is compiled.

    Args:
        patterns: (m, n).
        devices: All of this host if None.

    Raises:
        ValueError: If there is no device, m is no multiple of their number, or as every
            energy does.
    """
    check_patterns(patterns)
    among = jax.local_devices() if devices is None else as_list("devices", devices)
    for device in among:
        check_kind(jax.Device, devices=device)
    over = np.asarray(among)
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
    """Whether NumPy is to read patterns, which it cannot where anything is traced.

    Raises:
        ValueError: If patterns on disk meet what is traced.
    """
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
    """Patterns as an array of JAX; those of NumPy, read at once, are checked."""
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
        gathered = _fold_local(reduction, reading.rows, args, patterns, first)
        return reduction.merge(gathered, args, reading.axis)

    where = PartitionSpec(reading.axis)
    return jax.shard_map(
        local,
        mesh=reading.mesh,
        in_specs=(PartitionSpec(), where),
        out_specs=PartitionSpec(),
        check_vma=False,
    )(args, patterns)


def as_block(patterns: Any, like: Any) -> Any:
    """Rows of patterns in the precision of the states, block by block.

    So patterns of integers need no room as real numbers.
    """
    return patterns.astype(like.dtype)


def rows_of(patterns: Any, index: Any) -> jax.Array:
    """The patterns of some numbers; of a file, no others are read."""
    if isinstance(patterns, np.ndarray) and not isinstance(index, Tracer):
        return jnp.asarray(patterns[np.asarray(index)])
    return _taken(jnp.asarray(patterns), index)


@jax.jit
def _taken(patterns: Any, index: Any) -> Any:
    return patterns[index]


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

    def read(index: Any, gathered: Any) -> Any:
        block = jax.lax.dynamic_slice_in_dim(patterns, index * rows, rows)
        return reduction.absorb(
            gathered, args, as_block(block, args[0]), first + index * rows
        )

    gathered = reduction.start(args)
    if blocks == 1 and not rest:
        return reduction.absorb(gathered, args, as_block(patterns, args[0]), first)
    gathered = jax.lax.fori_loop(0, blocks, read, gathered)
    if not rest:
        return gathered
    last = as_block(patterns[blocks * rows :], args[0])
    return reduction.absorb(gathered, args, last, first + blocks * rows)


def _fold_on_host(
    reduction: Reduction, rows: int, args: Any, patterns: np.ndarray, name: str
) -> Any:
    # A block that is all of them starts what is gathered: one program less, or four.
    gathered: Any = None if len(patterns) <= rows else reduction.start(args)
    finite: Any = True
    for first in range(0, len(patterns), rows):
        block = np.asarray(patterns[first : first + rows])
        before = finite
        gathered, finite = _absorb(reduction, gathered, finite, args, block, first)
        # Else reading runs ahead of computing, until all is in memory.
        jax.block_until_ready(before)
    if not bool(finite):
        raise ValueError(f"{name} must be finite, got NaN or infinity")
    return gathered


@partial(jax.jit, static_argnums=0)
def _absorb(
    reduction: Reduction, gathered: Any, finite: Any, args: Any, block: Any, first: Any
) -> Any:
    rows = as_block(block, args[0])
    gathered = reduction.start(args) if gathered is None else gathered
    return reduction.absorb(gathered, args, rows, first), finite & jnp.isfinite(
        rows
    ).all()
