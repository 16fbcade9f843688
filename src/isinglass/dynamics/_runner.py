"""A map as it is run: real leaves, the rest, and several steps in one block.

Everything here acts on one state; callers put many of them side by side with
`jax.vmap`, lanes in the last axis, where the arithmetic of a small map vectorises.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from isinglass.dynamics.maps import (
    DelayMap,
    DelayState,
    Parameters,
    State,
    Step,
    newest,
)

# Longer blocks compile slowly and are not faster (benchmarks/meanfield.py).
LONGEST_BLOCK = 8

Reals = tuple[Any, ...]  # arrays: NumPy's at rest, JAX's while they run
Rest = tuple[Any, ...]


@dataclass(frozen=True)
class Runner:
    """How a map is run. Hashable, so that compiled programs can be kept by it.

    Attributes:
        step: The map.
        block: Steps that are unrolled together.
        phase: Phase of a `DelayMap` at the start of a block, where a block is a whole
            number of periods; None where the phase is carried along.
        structure: Tree of the state, for maps that are no `DelayMap`.
        is_real: Which leaves of that tree are real numbers.
        observable: What is shown of a state.
    """

    step: Step
    block: int
    phase: int | None
    structure: Any
    is_real: tuple[bool, ...]
    observable: Callable[[State], jax.Array]

    def at(self, offset: int) -> "Runner":
        """The runner `offset` steps into a block."""
        if self.phase is None or not isinstance(self.step, DelayMap):
            return self
        return replace(self, phase=(self.phase + offset) % self.step.period)

    def of_a_step(self, offset: int) -> "Runner":
        """The runner of one step, `offset` steps into a block, observed by nobody.

        Equal where the same is computed: such steps are traced once.
        """
        return replace(self.at(offset), block=1, observable=newest)

    def split(self, state: State) -> tuple[Reals, Rest]:
        """The real leaves, which have tangents, and the others.

        A delay window is taken apart: a shift is then a change of names, which costs
        nothing.
        """
        if isinstance(self.step, DelayMap):
            slots = tuple(state.window[age] for age in range(self.step.length))
            return slots, () if self.phase is not None else (state.phase,)
        leaves = jax.tree.leaves(state)
        pairs = list(zip(leaves, self.is_real, strict=True))
        return tuple(x for x, real in pairs if real), tuple(
            x for x, real in pairs if not real
        )

    def join(self, reals: Reals, rest: Rest) -> State:
        """The state of which `split` gave these."""
        if isinstance(self.step, DelayMap):
            phase = rest[0] if self.phase is None else self.phase
            if all(isinstance(leaf, np.ndarray) for leaf in reals):
                return DelayState(np.stack(reals), np.asarray(phase, np.int32))
            return DelayState(jnp.stack(reals), jnp.asarray(phase, jnp.int32))
        sources = {True: iter(reals), False: iter(rest)}
        return jax.tree.unflatten(
            self.structure, [next(sources[real]) for real in self.is_real]
        )

    def advance(
        self, reals: Reals, rest: Rest, parameters: Parameters, steps: int
    ) -> tuple[Reals, Rest]:
        """Go on by some steps."""
        for taken in range(steps):
            reals, rest = self.at(taken)._step(reals, rest, parameters)
        return reals, rest

    def observe(self, reals: Reals, rest: Rest) -> jax.Array:
        """What is shown of the state, (d,)."""
        if isinstance(self.step, DelayMap) and self.observable is newest:
            return reals[0]
        return jnp.ravel(self.observable(self.join(reals, rest)))

    def _step(self, reals: Reals, rest: Rest, parameters: Parameters) -> Any:
        if not isinstance(self.step, DelayMap):
            state = _traced_once(self.step, (), self.join(reals, rest), parameters)
            return self.split(state)
        if self.phase is not None:
            value = _traced_once(self.step.head, (self.phase,), reals, parameters)
            return (value, *reals[:-1]), ()
        value = self.step.head(reals, parameters, rest[0])
        return (value, *reals[:-1]), ((rest[0] + 1) % self.step.period,)


# To trace a map and its derivatives takes about as long as to compile them. A program
# holds several steps, and a call needs several programs: all share what is traced here.
@partial(jax.jit, static_argnums=(0, 1), inline=True)
def _traced_once(
    function: Callable[..., Any],
    static: tuple[int, ...],
    state: Any,
    parameters: Parameters,
) -> Any:
    return function(state, parameters, *static)


def runner_of(
    step: Step, state: State, observable: Callable[[State], jax.Array] | None = None
) -> Runner:
    """The runner of a map, of which one state is at hand.

    That is no tracer: the phase of a `DelayMap` is read from it.
    """
    observable = observable or newest
    if isinstance(step, DelayMap):
        block = math.lcm(step.length, step.period)
        if block > LONGEST_BLOCK:
            block = min(step.length, LONGEST_BLOCK)
        phase = int(state.phase) % step.period if block % step.period == 0 else None
        return Runner(step, block, phase, None, (), observable)
    leaves, structure = jax.tree.flatten(state)
    is_real = tuple(
        bool(jnp.issubdtype(jax.typeof(x).dtype, jnp.floating)) for x in leaves
    )
    return Runner(step, 1, None, structure, is_real, observable)
