"""What `energy` measures: descents, half-steps, long runs, laws, the published size."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isinglass.energy.block import BlockDescent, EnergyBlock
from isinglass.experiments.descent.energy_blocks import floor
from isinglass.systems.descent import (
    EnergyTransformer,
    HyperSET,
    projection_bounds,
)


@eqx.filter_jit
def descents(
    block: EnergyBlock, weights: Any, sizes: Any, states: Any, steps: int
) -> tuple[BlockDescent, Any]:
    """Follow a block from every state: what came of it, and the energy's floor.

    Args:
        block: The block, whose weights are replaced.
        weights: Of each kind and draw, with two more axes in front.
        sizes: Of steps.
        states: One a draw.
        steps: T.

    Returns:
        A descent of a batch (kind, size, draw), and a floor of each kind and draw.
    """

    def course(weights: Any, size: Any, state: Any) -> BlockDescent:
        return block.replaced(**weights, step_size=size).follow(state, steps)

    # Behind the axis of steps, where there is one.
    places: Any = 0, 1, 1, 1
    axes = BlockDescent(*places)
    by_draw = jax.vmap(course, (0, None, 0), axes)
    by_size = jax.vmap(by_draw, (None, 0, None), axes)
    followed = jax.vmap(by_size, (0, None, None), axes)(weights, sizes, states)
    floors = jax.vmap(jax.vmap(lambda w: floor(block.replaced(**w))))(weights)
    return followed, floors


@eqx.filter_jit
def half_steps(published: HyperSET, exact: HyperSET, weights: Any, states: Any) -> Any:
    """Cosines of tokens' published half-steps, and of their sum, with the way down.

    Returns:
        Of attention, of the feed-forward and of both, (3, draws, n).
    """

    def cosines(weights: Any, state: Any) -> Any:
        ours, down = published.replaced(**weights), exact.replaced(**weights)
        attention = ours.attention(state), down.attention(state)
        feedforward = ours.feedforward(state), down.feedforward(state)
        both = [b - a for a, b in zip(attention, feedforward, strict=True)]
        return jnp.stack([_cosine(*pair) for pair in (attention, feedforward, both)])

    return jax.vmap(cosines, out_axes=1)(weights, states)


def _cosine(a: Any, b: Any) -> Any:
    return (a * b).sum(-1) / jnp.sqrt((a**2).sum(-1) * (b**2).sum(-1))


@eqx.filter_jit
def asymmetry(block: HyperSET, weights: Any, states: Any) -> Any:
    """‖J − Jᵀ‖ / ‖J + Jᵀ‖ of the direction that a step takes: 0 of a gradient."""

    def share(weights: Any, state: Any) -> Any:
        layer = block.replaced(**weights)
        shape = state.shape

        def direction(x: Any) -> Any:
            y = x.reshape(shape)
            return (layer.feedforward(y) - layer.attention(y)).ravel()

        jacobian = jax.jacfwd(direction)(state.ravel())
        return jnp.linalg.norm(jacobian - jacobian.T) / jnp.linalg.norm(
            jacobian + jacobian.T
        )

    return jax.lax.map(lambda case: share(*case), (weights, states))


class Rest(NamedTuple):
    """Where a long run is after so many steps.

    Attributes:
        length: |x|.
        force: How fast x goes, |x' − x| / α.
        turn: How fast its norm does, |g' − g| / α; of Hyper-SET its projections.
        energy: E.
        rises: At how many steps the energy rose.
    """

    length: Any
    force: Any
    turn: Any
    energy: Any
    rises: Any


def long_runs(
    block: EnergyBlock, weights: Any, size: float, states: Any, times: Sequence[int]
) -> list[Rest]:
    """Follow a block from every state for long, and see where it is at each time."""
    draws = len(states)
    course = _Course(states, states, np.full(draws, np.inf), np.zeros(draws, int))
    rests, before = [], 0
    for time in times:
        course, rest = _run(block, weights, size, course, time - before)
        rests.append(rest)
        before = time
    return rests


class _Course(NamedTuple):
    """The last two states, the energy, which is infinite at first, and its rises."""

    before: Any
    state: Any
    energy: Any
    rises: Any


@eqx.filter_jit
def _run(
    block: EnergyBlock, weights: Any, size: Any, course: _Course, steps: Any
) -> tuple[_Course, Rest]:
    def run(weights: Any, course: _Course) -> tuple[_Course, Rest]:
        layer = block.replaced(**weights, step_size=size)

        def body(_: Any, course: _Course) -> _Course:
            after = layer.step(course.state)
            energy = layer.energy(after)
            rounding = 16 * jnp.finfo(energy.dtype).eps * jnp.abs(course.energy)
            rises = course.rises + (energy > course.energy + rounding)
            return _Course(course.state, after, energy, rises)

        course = jax.lax.fori_loop(0, steps, body, course)
        turned = _activity(layer, course.state) - _activity(layer, course.before)
        length, moved, turn = (
            jnp.sqrt((x**2).sum())
            for x in (course.state, course.state - course.before, turned)
        )
        rest = Rest(length, moved / size, turn / size, course.energy, course.rises)
        return course, rest

    return jax.vmap(run)(weights, course)


def _activity(block: EnergyBlock, state: Any) -> Any:
    """What the energy depends on: g, or z."""
    if isinstance(block, EnergyTransformer):
        return block.norm(state)
    assert isinstance(block, HyperSET)
    return block.projections(state)


TRANSFORMER_LAWS = (
    "−∂E/∂g by automatic differentiation is the force",
    "∂E/∂x = (∂g/∂x)ᵀ ∂E/∂g",
    "tokens in another order have the same forces",
    "a number added to a token's channels changes no force",
    "x → 10 x changes forces by ε alone",
)
HYPERSET_LAWS = (
    "the gradient in closed form is that of automatic differentiation",
    "the gradient is tangent to each token",
    "the energy does not change under x → 3 x",
    "tokens in another order have the same steps",
)


@eqx.filter_jit
def transformer_laws(block: EnergyTransformer, weights: Any, states: Any) -> Any:
    """By how much each law is missed, beside the largest force.

    Returns:
        Misses of `TRANSFORMER_LAWS`, (draws, laws); E over its floor, (draws,), at most
        1 by law; and dE/dt of the flow ẋ = f at γ = 1 and at γ = −1, (draws, 2).
    """

    def laws(weights: Any, x: Any) -> Any:
        layer = block.replaced(**weights)
        norm, g = layer.norm, layer.norm(x)
        force, reversed_, shifted, far = jax.vmap(layer.force)(
            jnp.stack([x, x[::-1], x + 7, 10 * x])
        )

        def energy(g: Any) -> Any:
            return layer.attention_energy(g) + layer.memory_energy(g)

        def rate(sign: Any) -> Any:
            flow = layer.force_of(sign * g)
            return jax.jvp(lambda x: energy(sign * norm(x)), (x,), (flow,))[1]

        value, gradient = jax.value_and_grad(energy)(g)
        misses = (
            gradient + force,
            layer.slope(x) - jax.vjp(norm, x)[1](force)[0],
            reversed_ - force[::-1],
            shifted - force,
            far - force,
        )
        sizes = jnp.stack([jnp.abs(miss).max() for miss in misses])
        rates = jax.vmap(rate)(jnp.array([1.0, -1.0]))
        return sizes / jnp.abs(force).max(), value / floor(layer), rates

    return jax.vmap(laws)(weights, states)


@eqx.filter_jit
def hyperset_laws(block: HyperSET, weights: Any, states: Any) -> Any:
    """By how much each law is missed, beside the largest slope.

    Returns:
        Misses of `HYPERSET_LAWS`, (draws, laws), and where E_att is from its least to
        its largest value, in [0, 1] by law, (draws,).
    """

    def laws(weights: Any, x: Any) -> Any:
        layer = block.replaced(**weights)
        slope, force = layer.slope(x), layer.force(x)
        size = jnp.abs(slope).max()
        attention, feedforward = jax.vmap(layer.energies)(jnp.stack([x, 3 * x]))
        energy, far = attention + feedforward
        step, reversed_ = jax.vmap(layer.step)(jnp.stack([x, x[::-1]]))
        misses = (
            jnp.abs(force - slope).max() / size,
            jnp.abs((x * force).sum(-1)).max() / size,
            jnp.abs(far / energy - 1),
            jnp.abs(reversed_ - step[::-1]).max() / size,
        )
        heads = layer.config.heads
        least, most = projection_bounds(len(x), layer.config.width // heads)
        return jnp.stack(misses), (attention[0] / heads - least) / (most - least)

    return jax.vmap(laws)(weights, states)


@eqx.filter_jit
def energy_after(block: EnergyTransformer, state: Any, steps: Any) -> tuple[Any, Any]:
    """The state after so many more steps, and its energy."""
    last = jax.lax.fori_loop(0, steps, lambda _, x: block.step(x), state)
    return last, block.energy(last)
