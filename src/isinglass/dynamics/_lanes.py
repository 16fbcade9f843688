"""The running of many lanes side by side, with or without tangent vectors.

A lane is a copy of the map with a state and parameters of its own. Whoever wants
exponents has tangent vectors carried along, which are orthonormalised every few steps.
"""

import copy
import math
import threading
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isinglass.dynamics._orthogonal import orthonormalise
from isinglass.dynamics._runner import Reals, Rest, Runner
from isinglass.dynamics._side_by_side import side_by_side, with_lanes
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

    reals: Reals
    rest: Rest
    vectors: jax.Array  # (D, k, n)
    logs: jax.Array  # (k, n), summed since the segment began
    lost: jax.Array  # (k, n), QRs at which rounding swallowed the vector
    spread: jax.Array  # (n,), widest that tangents grew apart between two QRs, nats


class Segment(NamedTuple):
    """What some steps gave.

    Attributes:
        logs: Where there are no rows, summed logarithms of growth, (k, n).
        lost: Where there are no rows, number of QRs that could not resolve a vector,
            (k, n).
        qrs: Number of QRs.
        spread: Widest that the tangents of each lane grew apart between two QRs, (n,),
            in nats.
        rows: The observable after every step, (steps, d, n), or None.
        growth: Where there are rows, logarithms and numbers lost of each block of
            steps, (blocks, 2, k, n).
    """

    logs: np.ndarray
    lost: np.ndarray
    qrs: int
    spread: np.ndarray
    rows: np.ndarray | None
    growth: np.ndarray | None

    def of_first(self, count: int) -> "Segment":
        """The same of the first lanes."""
        parts = {
            name: value[..., :count]
            for name, value in self._asdict().items()
            if isinstance(value, np.ndarray)
        }
        return self._replace(**parts)


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
        # NumPy's: JAX compiles a program for what it does to an array outside of one,
        # which costs more than a short run.
        self.runner = runner
        self.parameters = jax.device_put(parameters)
        reals, rest = runner.split(jax.tree.map(np.asarray, state))
        self.count = reals[0].shape[-1]
        self.dimension = sum(math.prod(leaf.shape[:-1]) for leaf in reals)
        empty: Any = np.zeros((0, self.count), reals[0].dtype)
        vectors: Any = np.zeros((self.dimension, 0, self.count), reals[0].dtype)
        spread: Any = np.zeros(self.count, reals[0].dtype)
        self._carry = Carry(reals, rest, vectors, empty, empty, spread)

    @property
    def _rest_axis(self) -> int | None:
        return None if isinstance(self.runner.step, DelayMap) else -1

    def state(self) -> State:
        """The state now, lanes last, in NumPy."""
        reals, rest = jax.tree.map(np.asarray, (self._carry.reals, self._carry.rest))
        return self.runner.join(reals, rest)

    def start_tangents(self, count: int) -> None:
        """Begin with `count` orthonormal tangents in general directions.

        They are always the same ones. Not along the axes: a map that leaves some of
        them invariant would never turn them towards the growing directions. Fewer
        tangents are the first of more.
        """
        dtype = self._carry.reals[0].dtype
        rows = np.random.default_rng(0).standard_normal((count, self.dimension))
        columns = np.linalg.qr(rows.T)[0].astype(dtype)
        vectors: Any = np.repeat(columns[:, :, None], self.count, axis=2)
        self._carry = self._carry._replace(vectors=vectors)

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
            np.asarray(self._carry.spread),
            np.asarray(rows)[: blocks * block] if most_rows else None,
            np.asarray(growth)[:blocks] if most_rows else None,
        )

    def pick(self, places: np.ndarray) -> "Lanes":
        """Some of the lanes, as lanes of their own."""
        lanes = copy.copy(self)

        def picked(tree: Any) -> Any:
            return jax.tree.map(lambda leaf: np.asarray(leaf)[..., places], tree)

        lanes.count = len(places)
        lanes.parameters = jax.device_put(picked(self.parameters))
        carry = Carry(*picked(self._carry._replace(rest=())))
        rest = self._carry.rest
        rest = rest if self._rest_axis is None else picked(rest)
        lanes._carry = carry._replace(rest=rest)
        return lanes

    def settle(
        self, qr_every: int | str, precision: str, most_rows: int = 0
    ) -> np.ndarray:
        """Let the tangents turn towards the growing directions.

        Args:
            qr_every: Steps between orthonormalisations, or "auto".
            precision: Of the numbers, by which "auto" decides.
            most_rows: As in `go`, of which this is a use for the same program.

        Returns:
            For each lane the interval that was asked for, or one that is fit where that
            was "auto", (n,): a lane's own tangents decide, whatever runs beside it.
        """
        interval = self.pilot_interval(qr_every, precision)
        pilot = self.go(PILOT_BLOCKS, interval, most_rows)
        chosen = np.ones(self.count, int)
        if qr_every != "auto":
            return chosen * interval
        widest = WIDEST_SPREAD[precision]
        spread = pilot.spread * max(widest) / interval
        for shorter in sorted(widest):
            if self.block(shorter) <= LONGEST_UNROLLED:
                chosen[spread <= widest[shorter]] = shorter
        return chosen

    def pilot_interval(self, qr_every: int | str, precision: str) -> int:
        """The interval at which `settle` runs: the longest, where it is to choose."""
        if qr_every != "auto":
            return int(qr_every)
        intervals = WIDEST_SPREAD[precision]
        return max(
            (m for m in intervals if self.block(m) <= LONGEST_UNROLLED), default=1
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
    block, most_rows = program.block, program.most_rows

    def body(index: jax.Array, loop: tuple[Carry, jax.Array, jax.Array]) -> Any:
        carry, rows, growth = loop
        if not most_rows:
            return advance_block(program, carry, parameters)[0], rows, growth
        zero = jnp.zeros_like(carry.logs)
        carry_of_block = carry._replace(logs=zero, lost=zero)
        after, observed = advance_block(program, carry_of_block, parameters)
        rows = jax.lax.dynamic_update_slice(
            rows, jnp.stack(observed), (index * block, 0, 0)
        )
        grown = jnp.stack([after.logs, after.lost])[None]
        growth = jax.lax.dynamic_update_slice(growth, grown, (index, 0, 0, 0))
        return after._replace(logs=carry.logs, lost=carry.lost), rows, growth

    dtype = carry.vectors.dtype
    rows = jnp.zeros((most_rows, *_shape_of_a_row(program, carry)), dtype)
    growth = jnp.zeros((most_rows // block, 2, *carry.logs.shape), dtype)
    return jax.lax.fori_loop(0, blocks, body, (carry, rows, growth))


def _shape_of_a_row(program: Program, carry: Carry) -> tuple[int, int]:
    """Shape of what is observed of all lanes at a time, (d, n)."""
    observe = jax.vmap(
        program.runner.observe, in_axes=(-1, program.rest_axis), out_axes=-1
    )
    return jax.eval_shape(observe, carry.reals, carry.rest).shape


def advance_block(
    program: Program, carry: Carry, parameters: Parameters
) -> tuple[Carry, list[jax.Array]]:
    """One block of all lanes: their states and tangents, and the rows observed."""
    reals, rest, vectors, logs, lost, spread = carry
    has_tangents = bool(vectors.shape[1])
    steps = program.qr_every if has_tangents else program.block
    rows: list[jax.Array] = []
    for begin in range(0, program.block, steps):
        parts = _parts_of(vectors, reals) if has_tangents else ()
        for offset in range(begin, begin + steps):
            runner = program.runner
            reals, rest, parts = _one_step(
                runner.of_a_step(offset), (reals, rest, parts), parameters
            )
            if program.most_rows:
                rows.append(_row(runner.at(offset + 1), reals, rest))
        if has_tangents:
            shape = vectors.shape[1:]
            flat = jnp.concatenate([part.reshape(-1, *shape) for part in parts])
            vectors, growth, unresolved = orthonormalise(flat)
            logs, lost = logs + growth, lost + unresolved
            spread = jnp.maximum(spread, _spread(growth))
    return Carry(reals, rest, vectors, logs, lost, spread), rows


def _parts_of(vectors: jax.Array, reals: Reals) -> Reals:
    """Tangents (D, k, n) in the shapes of the real leaves, (…, k, n)."""
    sizes = [math.prod(leaf.shape[:-1]) for leaf in reals]
    ends = np.cumsum([0, *sizes])
    return tuple(
        jax.lax.slice_in_dim(vectors, start, end).reshape(
            *leaf.shape[:-1], *vectors.shape[1:]
        )
        for leaf, start, end in zip(reals, ends[:-1], ends[1:], strict=True)
    )


def _spread(growth: jax.Array) -> jax.Array:
    """How far the growth of tangents is apart; vanished ones do not count."""
    finite = jnp.isfinite(growth)
    highest = jnp.max(jnp.where(finite, growth, -jnp.inf), axis=0)
    lowest = jnp.min(jnp.where(finite, growth, jnp.inf), axis=0)
    return jnp.maximum(highest - lowest, 0)  # −∞ where nothing is left


# Traced once for all programs that take this step, and called by them, not written out.
@partial(jax.jit, static_argnums=0)
def _one_step(
    runner: Runner, lanes: tuple[Reals, Rest, Reals], parameters: Parameters
) -> tuple[Reals, Rest, Reals]:
    """Take all lanes a step on; forward-mode products carry their tangents along.

    Returns:
        Real leaves, the rest, and tangents.
    """
    count, shares_rest = lanes[0][0].shape[-1], isinstance(runner.step, DelayMap)
    step = partial(_one_step_of_one, runner)
    (after, rest, change), flags = side_by_side(
        step, (True, not shares_rest, True, True), count
    )(*lanes, parameters)
    if not shares_rest:
        rest = with_lanes(rest, flags[1], count)
    return (
        with_lanes(after, flags[0], count),
        rest,
        with_lanes(change, flags[2], count),
    )


# Traced once for any number of lanes.
@partial(jax.jit, static_argnums=0)
def _one_step_of_one(
    runner: Runner, reals: Reals, rest: Rest, parts: Reals, parameters: Parameters
) -> tuple[Reals, Rest, Reals]:
    """`_one_step` of one lane."""

    def step(reals: Reals) -> tuple[Reals, Rest]:
        return runner.advance(reals, rest, parameters, 1)

    if not parts:
        return *step(reals), ()

    def push(reals: Reals, tangent: Reals) -> Any:
        after, change, rest = jax.jvp(step, (reals,), (tangent,), has_aux=True)
        return after, rest, change

    tangents = parts[0].shape[-1]
    results, flags = side_by_side(push, (False, True), tangents)(reals, parts)
    after, rest, change = results
    return after, rest, with_lanes(change, flags[2], tangents)


def _row(runner: Runner, reals: Reals, rest: Rest) -> jax.Array:
    """What is observed of all lanes, (d, n)."""
    count, shares_rest = reals[0].shape[-1], isinstance(runner.step, DelayMap)
    row, flag = side_by_side(runner.observe, (True, not shares_rest), count)(
        reals, rest
    )
    return with_lanes(row, flag, count)
