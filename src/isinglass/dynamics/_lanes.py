"""The running of many lanes side by side, with or without tangent vectors.

A lane is a copy of the map with a state and parameters of its own. Whoever wants
exponents has tangent vectors carried along, which are orthonormalised every few steps.
"""

import copy
import math
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isinglass.dynamics._layout import lane_axes
from isinglass.dynamics._orthogonal import orthonormalise
from isinglass.dynamics._runner import Reals, Rest, Runner
from isinglass.dynamics.maps import DelayMap, Parameters, State

# "auto" orthonormalises as rarely as leaves half the digits to the smallest exponent.
# For each interval, the widest that the tangents may grow apart in the longest of them,
# in nats; float64 cannot tell more than 36.
WIDEST_SPREAD = {"float64": {4: 18.0, 2: 30.0}, "float32": {4: 8.0, 2: 13.0}}
PILOT_BLOCKS = 64
# More steps than this in one block of tangents take minutes to compile.
LONGEST_UNROLLED = 16


class Carry(NamedTuple):
    """What goes from block to block, lanes in the last axis of all but a phase."""

    reals: tuple[jax.Array, ...]
    rest: tuple[jax.Array, ...]
    vectors: jax.Array  # (D, k, n)
    logs: jax.Array  # (k, n), summed since the segment began
    lost: jax.Array  # (k, n), QRs at which rounding swallowed the vector
    spread: jax.Array  # (n,), widest that tangents grew apart between two QRs, nats


class Segment(NamedTuple):
    """What some steps gave.

    Attributes:
        logs: Summed logarithms of growth, (k, n).
        lost: Number of QRs that could not resolve a vector, (k, n).
        qrs: Number of QRs.
        spread: Widest that the tangents of any lane grew apart between two QRs, nats.
        rows: The observable after every step, (steps, d, n), or None.
        growth: Where there are rows, logarithms and numbers lost of each block of
            steps, (blocks, 2, k, n).
    """

    logs: np.ndarray
    lost: np.ndarray
    qrs: int
    spread: float
    rows: np.ndarray | None
    growth: np.ndarray | None


class Lanes:
    """n copies of a map, run together.

    To be used within one ``jax.enable_x64`` context.

    Args:
        runner: The map.
        state: State with lanes in the last axis of every leaf, but for a delay map's
            phase.
        parameters: Parameters with lanes in the last axis of every leaf.
    """

    def __init__(self, runner: Runner, state: State, parameters: Parameters) -> None:
        self.runner = runner
        self.parameters = parameters
        self._axes = lane_axes(runner.step, state)
        split = jax.vmap(
            runner.split, in_axes=(self._axes,), out_axes=(-1, self._rest_axis)
        )
        reals, rest = split(state)
        self.count = reals[0].shape[-1]
        self.dimension = sum(math.prod(leaf.shape[:-1]) for leaf in reals)
        empty = jnp.zeros((0, self.count), reals[0].dtype)
        vectors = jnp.zeros((self.dimension, 0, self.count), reals[0].dtype)
        self._carry = Carry(reals, rest, vectors, empty, empty, jnp.zeros(self.count))

    @property
    def _rest_axis(self) -> int | None:
        return None if isinstance(self.runner.step, DelayMap) else -1

    def state(self) -> State:
        """The state now, lanes last."""
        join = jax.vmap(
            self.runner.join, in_axes=(-1, self._rest_axis), out_axes=self._axes
        )
        return join(self._carry.reals, self._carry.rest)

    def start_tangents(self, count: int) -> None:
        """Begin with `count` orthonormal tangents in general directions.

        They are always the same ones. Not along the axes: a map that leaves some of
        them invariant would never turn them towards the growing directions. Fewer
        tangents are the first of more.
        """
        dtype = self._carry.reals[0].dtype
        rows = np.random.default_rng(0).standard_normal((count, self.dimension))
        columns = jnp.asarray(np.linalg.qr(rows.T)[0], dtype)
        vectors = jnp.broadcast_to(columns[:, :, None], (*columns.shape, self.count))
        self._carry = self._carry._replace(vectors=jnp.array(vectors))

    def block(self, qr_every: int = 1) -> int:
        """Steps that are taken together where tangents are orthonormalised so often."""
        return math.lcm(self.runner.block, qr_every)

    def go(self, blocks: int, qr_every: int = 1, most_rows: int = 0) -> Segment:
        """Take some blocks of steps.

        Args:
            blocks: How many.
            qr_every: Steps between orthonormalisations.
            most_rows: 0 to observe nothing, else the room for rows, at least the steps
                taken; runs with the same room share one compiled program.
        """
        block, count = self.block(qr_every), self._carry.vectors.shape[1]
        # NumPy's: a zero made by JAX costs as much as a short run.
        zero: Any = np.zeros((count, self.count), self._carry.vectors.dtype)
        none: Any = np.zeros(self.count, zero.dtype)
        carry = self._carry._replace(logs=zero, lost=zero, spread=none)
        program = Program(self.runner, block, qr_every, self._rest_axis, most_rows)
        self._carry, rows, growth = _run_compiled_once(
            program, (carry, self.parameters, blocks)
        )
        return Segment(
            np.asarray(self._carry.logs),
            np.asarray(self._carry.lost),
            blocks * block // qr_every if count else 0,
            float(np.max(self._carry.spread)),
            np.asarray(rows)[: blocks * block] if most_rows else None,
            np.asarray(growth)[:blocks] if most_rows else None,
        )

    def pick(self, places: np.ndarray) -> "Lanes":
        """Some of the lanes, as lanes of their own."""
        lanes = copy.copy(self)
        lanes.count = len(places)
        lanes.parameters = jax.tree.map(lambda leaf: leaf[..., places], self.parameters)
        axes = Carry(-1, self._rest_axis, -1, -1, -1, -1)  # pyright: ignore[reportArgumentType]
        picked: list[Any] = [
            jax.tree.map(lambda leaf: leaf[..., places], part) if axis else part
            for part, axis in zip(self._carry, axes, strict=True)
        ]
        lanes._carry = Carry(*picked)
        return lanes

    def settle(self, qr_every: int | str, precision: str) -> int:
        """Let the tangents turn towards the growing directions.

        Returns:
            The interval that was asked for, or one that is fit where that was "auto".
        """
        if qr_every != "auto":
            self.go(PILOT_BLOCKS, int(qr_every))
            return int(qr_every)
        intervals = [
            m for m in WIDEST_SPREAD[precision] if self.block(m) <= LONGEST_UNROLLED
        ]
        pilot = self.go(PILOT_BLOCKS, max(intervals, default=1))
        spread = (
            pilot.spread * max(WIDEST_SPREAD[precision]) / max(intervals, default=1)
        )
        return max(
            (m for m in intervals if spread <= WIDEST_SPREAD[precision][m]), default=1
        )


class Program(NamedTuple):
    """What a compiled program is for; numbers of lanes and of blocks are not in it.

    Attributes:
        runner: The map.
        block: Steps that are taken together.
        qr_every: Steps between orthonormalisations.
        rest_axis: Axis of the lanes in what is not real; None where they share it.
        most_rows: Room for what is observed, 0 to observe nothing.
    """

    runner: Runner
    block: int
    qr_every: int
    rest_axis: int | None
    most_rows: int


_compiling = threading.Lock()
_compiled: set[Any] = set()


def _run_compiled_once(program: Program, arguments: tuple[Any, ...]) -> Any:
    """`_run`, where threads that need the same program let one of them compile it."""
    shapes = [jax.typeof(leaf) for leaf in jax.tree.leaves(arguments)]
    key = (program, tuple(shapes), jax.config.jax_default_device)  # pyright: ignore[reportAttributeAccessIssue]
    if key in _compiled:
        return _run(program, *arguments)
    with _compiling:  # XLA compiles on all cores by itself
        if key not in _compiled:
            result = _run(program, *arguments)
            _compiled.add(key)
            return result
    return _run(program, *arguments)


@partial(jax.jit, static_argnums=0)
def _run(
    program: Program,
    carry: Carry,
    parameters: Parameters,
    blocks: Any,  # traced: one program for any number
) -> tuple[Carry, jax.Array, jax.Array]:
    runner, block, qr_every, rest_axis, most_rows = program
    lanes = Carry(-1, rest_axis, -1, -1, -1, -1)  # pyright: ignore[reportArgumentType]
    advance = jax.vmap(
        partial(advance_block, runner, block, qr_every),
        in_axes=(lanes, -1),
        out_axes=(lanes, -1),
    )

    def body(index: jax.Array, loop: tuple[Carry, jax.Array, jax.Array]) -> Any:
        carry, rows, growth = loop
        if not most_rows:
            return advance(carry, parameters)[0], rows, growth
        zero = jnp.zeros_like(carry.logs)
        after, observed = advance(carry._replace(logs=zero, lost=zero), parameters)
        rows = jax.lax.dynamic_update_slice(rows, observed, (index * block, 0, 0))
        grown = jnp.stack([after.logs, after.lost])[None]
        growth = jax.lax.dynamic_update_slice(growth, grown, (index, 0, 0, 0))
        after = after._replace(
            logs=carry.logs + after.logs, lost=carry.lost + after.lost
        )
        return after, rows, growth

    shape = jax.eval_shape(advance, carry, parameters)[1].shape
    dtype = carry.vectors.dtype
    rows = jnp.zeros((most_rows, *shape[1:]), dtype)
    growth = jnp.zeros((most_rows // block, 2, *carry.logs.shape), dtype)
    return jax.lax.fori_loop(0, blocks, body, (carry, rows, growth))


def advance_block(
    runner: Runner, block: int, qr_every: int, carry: Carry, parameters: Parameters
) -> tuple[Carry, jax.Array]:
    """One block of one lane: its state, its tangents, and the rows observed."""
    reals, rest, vectors, logs, lost, spread = carry
    if not vectors.shape[-1]:
        reals, rest, rows = _observed(runner, parameters, block, 0, reals, rest)
        return carry._replace(reals=reals, rest=rest), jnp.stack(rows)
    rows = []
    for offset in range(0, block, qr_every):
        steps = partial(_observed, runner, parameters, qr_every, offset)
        reals, rest, observed, vectors = _pushed(steps, reals, rest, vectors)
        vectors, growth, unresolved = orthonormalise(vectors)
        logs, lost = logs + growth, lost + unresolved
        spread = jnp.maximum(spread, _spread(growth))
        rows += observed
    return Carry(reals, rest, vectors, logs, lost, spread), jnp.stack(rows)


def _spread(growth: jax.Array) -> jax.Array:
    """How far the growth of tangents is apart; vanished ones do not count."""
    finite = jnp.isfinite(growth)
    highest = jnp.max(jnp.where(finite, growth, -jnp.inf))
    lowest = jnp.min(jnp.where(finite, growth, jnp.inf))
    return jnp.maximum(highest - lowest, 0)  # −∞ where nothing is left


def _pushed(
    steps: Callable[[Reals, Rest], tuple[Reals, Rest, list[jax.Array]]],
    reals: Reals,
    rest: Rest,
    vectors: jax.Array,
) -> tuple[Reals, Rest, list[jax.Array], jax.Array]:
    """Take steps, and carry every tangent vector along by forward-mode products."""

    def real_part(reals: Reals) -> tuple[Reals, Any]:
        after, rest_after, observed = steps(reals, rest)
        return after, (rest_after, observed)

    def push(tangent: Reals) -> Any:
        return jax.jvp(real_part, (reals,), (tangent,), has_aux=True)

    sizes = [math.prod(leaf.shape) for leaf in reals]
    ends = np.cumsum([0, *sizes])
    parts = tuple(
        vectors[start:end].reshape(*leaf.shape, -1)
        for leaf, start, end in zip(reals, ends[:-1], ends[1:], strict=True)
    )
    after, tangents, (rest, observed) = jax.vmap(
        push, in_axes=-1, out_axes=(None, -1, None)
    )(parts)
    count = vectors.shape[-1]
    flat = jnp.concatenate([leaf.reshape(-1, count) for leaf in tangents])
    return after, rest, observed, flat


def _observed(
    runner: Runner,
    parameters: Parameters,
    steps: int,
    offset: int,
    reals: Reals,
    rest: Rest,
) -> tuple[Reals, Rest, list[jax.Array]]:
    """Take steps, and observe the state after each of them."""
    rows = []
    for taken in range(steps):
        reals, rest = runner.advance(reals, rest, parameters, 1, offset + taken)
        rows.append(runner.observe(reals, rest, offset + taken + 1))
    return reals, rest, rows
