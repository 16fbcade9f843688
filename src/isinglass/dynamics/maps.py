"""What a dynamics is: a pure function ``step(state, parameters) -> state``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from isinglass._common.checks import check_shapes, check_whole, is_index

State = Any  # a pytree of arrays
Parameters = Any  # a pytree; sweeps need a mapping from names to numbers
Step = Callable[[State, Parameters], State]
Head = Callable[[Sequence[Array], Parameters, Any], Array]


class DelayState(NamedTuple):
    """State of a `DelayMap`.

    Attributes:
        window: The last L values, newest first, (L, d).
        phase: Time modulo the map's period, a whole number.
    """

    window: Float[Array | np.ndarray, "L d"]
    phase: Int[Array | np.ndarray, ""]


@dataclass(frozen=True)
class DelayMap:
    """A map whose next value depends on its last L values.

    x(t+1) = head(x(t), …, x(t−L+1); t). It is a step like any other, on a `DelayState`.
    Of its L·d-dimensional Jacobian only the d rows of the head are dense, the others
    shift; the functions of `isinglass.dynamics` know this, and spend nothing on the
    shift.

    Attributes:
        head: ``head(window, parameters, phase) -> (d,)``, pure JAX. ``window`` is a
            sequence of L arrays (d,), newest first: index it, or stack it. ``phase`` is
            a Python int or a traced integer in [0, period).
        length: L, at least 1.
        period: Period of the head's explicit dependence on time; 1 if it has none.

    Raises:
        TypeError: If ``head`` is no function.
        ValueError: If ``length`` or ``period`` is less than 1.
    """

    head: Head
    length: int
    period: int = 1

    def __post_init__(self) -> None:
        if not callable(self.head):
            raise TypeError(
                "head must be a function (window, parameters, phase) -> value, got "
                f"{self.head!r}"
            )
        check_whole(length=self.length, period=self.period)

    def __call__(self, state: DelayState, parameters: Parameters) -> DelayState:
        """The state one step later."""
        window = tuple(state.window[age] for age in range(self.length))
        newest = self.head(window, parameters, state.phase)
        shifted = jnp.concatenate([newest[None], state.window[:-1]])
        return DelayState(shifted, (state.phase + 1) % self.period)

    def start(
        self, window: Float[Array | np.ndarray, "L d"], phase: int = 0
    ) -> DelayState:
        """A state with the given last L values, newest first, at the given phase."""
        check_shapes(window=(window, "L d"))
        if not is_index(phase):
            raise ValueError(f"phase must be a whole number, got {phase!r}")
        if window.shape[0] != self.length:
            raise ValueError(
                f"window must hold {self.length} values, newest first, got "
                f"{window.shape[0]}"
            )
        return DelayState(window, jnp.asarray(phase % self.period, jnp.int32))


def newest(state: State) -> jax.Array:
    """The part of a state that is shown where there is no observable, flat, (d,).

    For a `DelayState` its newest value, otherwise all real leaves one after the other.
    """
    if isinstance(state, DelayState):
        return state.window[0]
    leaves = [
        leaf
        for leaf in jax.tree.leaves(state)
        if jnp.issubdtype(leaf.dtype, jnp.floating)
    ]
    return jnp.concatenate([jnp.ravel(leaf) for leaf in leaves])
