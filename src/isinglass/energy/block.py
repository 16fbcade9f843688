"""A layer that descends an energy: what all of them share, and what a user's gets free.

A block is an Equinox module with an `energy`. Force, step, iteration, a report on the
descent and a map for `isinglass.dynamics` follow from it:

    class Well(EnergyBlock):
        depth: Array

        def energy(self, state):
            return self.depth * ((state**2 - 1) ** 2).sum((-2, -1))

    Well(jnp.ones(())).follow(x, 100).rises  # share of steps at which it rose

A block whose step is no gradient overrides `step`; one whose force is known in closed
form overrides `force`, so that a step needs no backward pass.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Bool, Float

from isinglass._common.checks import (
    as_array,
    check_finite,
    check_in,
    check_kind,
    check_positive,
    check_real,
    check_shapes,
    check_whole,
    is_number,
)
from isinglass._common.notebook import html_picture, html_table
from isinglass._common.precision import in_floats, usual_promotion

Block = TypeVar("Block", bound="EnergyBlock")


class BlockDescent(NamedTuple):
    """What T steps of a block did to its energy.

    Attributes:
        state: After the last step, (…, n, d).
        energies: Before the first step and after each, (T + 1, …).
        work: ⟨−∇E, x' − x⟩ of each step, (T, …): how far the energy should fall to
            first order. Negative where a step points uphill.
        cosine: Of the angle between −∇E and the step, (T, …); 0 where either is 0.
    """

    state: Float[Array, "*batch n d"]
    energies: Float[Array, "T1 *batch"]
    work: Float[Array, "T *batch"]
    cosine: Float[Array, "T *batch"]

    @property
    def rose(self) -> Bool[Array, "T *batch"]:
        """At which steps the energy rose, by more than it is rounded."""
        before, after = self.energies[:-1], self.energies[1:]
        rounding = 16 * jnp.finfo(before.dtype).eps * jnp.abs(before)
        return after > before + rounding

    @property
    def rises(self) -> float:
        """Share of steps at which the energy rose."""
        return float(self.rose.mean())

    def __repr__(self) -> str:
        first, last = (float(self.energies[t].mean()) for t in (0, -1))
        return (
            f"BlockDescent({len(self.work)} steps, energy {first:.6g} to {last:.6g}, "
            f"rises in {self.rises:.1%})"
        )

    def _repr_html_(self) -> str:
        energies = np.asarray(self.energies).reshape(len(self.energies), -1).mean(1)
        first, last = energies[0], energies[-1]
        table = html_table(
            "Descent of a block",
            (),
            [
                ("steps", f"{len(self.work):,}"),
                ("energy", f"{first:.6g} to {last:.6g}"),
                ("rises", f"{self.rises:.1%}"),
            ],
        )
        picture = html_picture("energy by step", range(len(energies)), energies, "line")
        return f"<div>{table}{picture}</div>"


class EnergyBlock(eqx.Module):
    """A layer on tokens (…, n, d) that has an energy and steps along a force.

    A subclass gives `energy`. The leading axes are a batch, whose members do not act on
    each other.

    Attributes:
        step_size: α, by which the force is multiplied; a subclass may make a field of
            it.
        positive: Names of fields that must be positive.
    """

    step_size: eqx.AbstractVar[Any]
    positive: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def energy(self, state: Float[Array, "*batch n d"]) -> Float[Array, "*batch"]:
        """Return the energy of a state: one number for each member of a batch."""

    @usual_promotion()
    def force(self, state: Float[Array, "*batch n d"]) -> Float[Array, "*batch n d"]:
        """Return what a step follows: −∇E by automatic differentiation, if no other."""
        return self.slope(state)

    @usual_promotion()
    def slope(self, state: Float[Array, "*batch n d"]) -> Float[Array, "*batch n d"]:
        """Return −∂E/∂x by automatic differentiation, whatever the block's force."""
        check_state_of_block(state)
        # Of whole numbers there is no derivative.
        return -jax.grad(lambda x: self.energy(x).sum())(in_floats(state))

    @usual_promotion()
    def step(
        self, state: Float[Array, "*batch n d"], time: Any = 0
    ) -> Float[Array, "*batch n d"]:
        """Return x + α force(x).

        Args:
            state: x.
            time: Number of the step, from 0 on, for blocks whose steps differ.
        """
        return state + self.step_size * self.force(state)

    def started(self: Block, state: Float[Array, "*batch n d"]) -> Block:
        """Return the block as it iterates from a state: itself, if it forgets it."""
        del state
        return self

    @usual_promotion()
    def iterate(
        self, state: Float[Array | np.ndarray, "*batch n d"], steps: int
    ) -> Float[Array, "*batch n d"]:
        """Return the state after T steps, in a form to train through.

        For the gradient one state a step is kept, (…, n, d), and what happens within a
        step is computed anew: no row of attention stays, however many steps there are.

        Args:
            state: x(0).
            steps: T, at least 1.

        Raises:
            TypeError: If the state is no array.
            ValueError: If T is less than 1, or the state is not real, finite and of two
                axes at least.
        """
        check_state_of_block(state)
        check_whole(steps=steps)
        x = jnp.asarray(state)
        block = self.started(x)

        def body(x: Array, time: Array) -> tuple[Array, None]:
            return block.step(x, time), None

        # The step must give back what it takes, or the loop has no type.
        body = jax.checkpoint(body, prevent_cse=False)
        start = x.astype(_type_of_step(block, x))
        return jax.lax.scan(body, start, jnp.arange(int(steps)))[0]

    @usual_promotion()
    def follow(
        self, state: Float[Array | np.ndarray, "*batch n d"], steps: int
    ) -> BlockDescent:
        """Take T steps, and report on the energy at each.

        Args:
            state: x(0).
            steps: T, at least 1.

        Raises:
            TypeError: If the state is no array.
            ValueError: As `iterate` does.
        """
        check_state_of_block(state)
        check_whole(steps=steps)
        return BlockDescent(*_follow(self, jnp.asarray(state), int(steps)))

    def replaced(self: Block, **fields: Any) -> Block:
        """Return the block with other weights or numbers, by the names of its fields.

        Raises:
            ValueError: If it has no such field, or the value is not real, of another
                shape, or not positive where it must be.
        """
        block = self
        for name, value in fields.items():
            before = _leaf(block, name)
            if is_number(value):
                check_in("(-inf, inf)", **{name: value})
            check_real(**{name: as_array(name, value)})
            array = jnp.asarray(value)
            check_finite(**{name: array})
            if before is not None and jnp.shape(before) != array.shape:
                raise ValueError(
                    f"{name} must be of shape {jnp.shape(before)}, got {array.shape}"
                )
            if name in self.positive and not isinstance(array, Tracer):
                check_positive(**{name: float(np.asarray(array).min())})
            block = eqx.tree_at(
                lambda b, name=name: getattr(b, name),
                block,
                array,
                is_leaf=lambda leaf: leaf is None,
            )
        return block


@usual_promotion()
def block_map(
    block: EnergyBlock, time: float = 0
) -> Callable[[Any, Mapping[str, Any]], Any]:
    """Make of a block a map ``step(state, parameters)`` for `isinglass.dynamics`.

    Its parameters are fields of the block, by name: none for the block as it is, or
    such as ``{"step_size": 0.3}``, so that fixed points, Lyapunov spectra and
    bifurcation diagrams are those of the layer as a dynamical system.

    Args:
        block: Any block.
        time: Number of the step that the map takes, where steps differ.

    Raises:
        TypeError: If it is no block.
        ValueError: If the time is no finite number.
    """
    check_kind(EnergyBlock, block=block)
    check_in("(-inf, inf)", time=time)

    def step(state: Any, parameters: Mapping[str, Any]) -> Any:
        check_kind(Mapping, parameters=parameters)
        moved = block.replaced(**parameters) if parameters else block
        return moved.step(state, time).astype(state.dtype)

    return step


def check_state_of_block(state: Any, width: int | None = None) -> None:
    """Refuse what is no state of a block: real, finite, (…, n, d), d as is said.

    Raises:
        TypeError: If it is no array.
        ValueError: If it is another.
    """
    check_real(state=state)
    check_shapes(state=(state, f"... n {'d' if width is None else width}"))
    check_finite(state=state)


def _type_of_step(block: EnergyBlock, state: Array) -> Any:
    """The type of what a step makes of a state, which must be of the state's shape."""
    after = jax.eval_shape(block.step, state, 0)
    if after.shape != state.shape:
        raise ValueError(
            f"state must keep its shape in a step, as it does with the batch axes of "
            f"all that the block holds: {state.shape} became {after.shape}"
        )
    return after.dtype


def _leaf(block: EnergyBlock, name: str) -> Any:
    values = {
        field.name: value
        for field in dataclasses.fields(block)
        if not field.metadata.get("static")
        and _is_leaf(value := getattr(block, field.name))
    }
    if name not in values:
        raise ValueError(f"{name} must be one of {', '.join(values)}")
    return values[name]


def _is_leaf(value: Any) -> bool:
    return value is None or isinstance(value, float | int) or eqx.is_array(value)


@eqx.filter_jit
def _follow(block: EnergyBlock, state: Array, steps: int) -> tuple[Array, ...]:
    started = block.started(state)

    def body(x: Array, time: Array) -> tuple[Array, tuple[Array, Array, Array]]:
        after = started.step(x, time)
        change, slope = after - x, started.slope(x)
        axes = (-2, -1)
        work = (change * slope).sum(axes)
        lengths = jnp.sqrt((change**2).sum(axes) * (slope**2).sum(axes))
        cosine = jnp.where(lengths > 0, work / jnp.where(lengths > 0, lengths, 1), 0)
        return after, (started.energy(after), work, cosine)

    start = state.astype(_type_of_step(started, state))
    last, (energies, work, cosine) = jax.lax.scan(body, start, jnp.arange(steps))
    energies = jnp.concatenate([started.energy(start)[None], energies])
    return last, energies, work, cosine
