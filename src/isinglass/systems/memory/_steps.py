"""Steps of training and sums of losses, over all devices.

Parameters lie on every device; each takes its part of the sequences, and gradients are
added up over the devices once a step. With several hosts each of them hands in its own
sequences.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int

from isinglass.systems.memory.recipe import Recipe
from isinglass.systems.memory.transformer import Execution, Transformer
from isinglass.training.cross_entropy import weighted_cross_entropy
from isinglass.training.devices import AXIS, BY_SEQUENCE, REPLICATED, on_mesh

TERMS = ("loss", "gradient")  # what may not be finite

# Tokens, targets and weights, (parts, b, n), as `spread_batch` makes them.
Sequences = tuple[Array, Array, Array]


class State(NamedTuple):
    """All that training goes on from.

    Attributes:
        model: Parameters, the last whose loss and gradient were finite.
        optimiser: State of the optimiser.
        failed: Step at which each of `TERMS` was not finite; −1 while all is well.
    """

    model: Transformer
    optimiser: Any
    failed: Int[Array, "2"]


class StepStatistics(NamedTuple):
    """What one step measures.

    Attributes:
        loss: Nats per token that counts, before the step.
        norm: Of the gradient, before it is cut back.
    """

    loss: Float[Array, ""]
    norm: Float[Array, ""]


def first_state(model: Any, recipe: Recipe) -> State:
    """What training of a model begins from."""
    failed = np.full(len(TERMS), -1, np.int32)
    return State(model, _begun(model, recipe.rule()), jax.device_put(failed))


@partial(jax.jit, static_argnums=1)
def _begun(model: Any, recipe: Recipe) -> Any:
    return recipe.optimiser(0.0).init(model)


@partial(jax.jit, static_argnames=("recipe", "mesh"), donate_argnames=("state",))
def advance(
    state: State,
    batch: Sequences,
    rate: Any,
    numbers: Any,
    *,
    recipe: Recipe,
    mesh: Mesh,
) -> tuple[State, StepStatistics]:
    """Take one step; one that is not finite, and all after it, leave all as it was.

    Args:
        state: Where to begin; it is used up.
        batch: What to learn, spread over devices.
        rate: The learning rate.
        numbers: Seed and number of the step, of which dropout depends.
        recipe: How, as `Recipe.rule` makes it.
        mesh: The devices.
    """
    gradient_of_part = partial(_loss_and_gradient, recipe=recipe)
    inputs = (REPLICATED, BY_SEQUENCE, BY_SEQUENCE, BY_SEQUENCE, REPLICATED)
    model: Any = state.model
    loss, gradient = on_mesh(gradient_of_part, mesh, inputs, REPLICATED)(
        model, *batch, numbers
    )
    norm = optax.tree.norm(gradient)
    updates, optimiser = recipe.optimiser(rate).update(gradient, state.optimiser, model)
    finite = jnp.isfinite(jnp.stack([loss, norm]))
    before = (state.failed < 0).all()
    failed = jnp.where(before & ~finite, numbers[1].astype(jnp.int32), state.failed)
    moved: Any = optax.apply_updates(model, updates)
    after = State(moved, optimiser, state.failed)
    well = before & finite.all()
    state = jax.tree.map(partial(jnp.where, well), after, state)
    return state._replace(failed=failed), StepStatistics(loss, norm)


def _loss_and_gradient(
    model: Any, tokens: Any, targets: Any, weights: Any, numbers: Any, *, recipe: Recipe
) -> Any:
    """The mean loss and its gradient over all devices, each with its sequences."""
    whole = jax.lax.psum(weights.sum(), AXIS)
    whole = jnp.where(whole == 0, 1, whole)  # where nothing counts, the loss is 0
    key = jax.random.fold_in(jax.random.key(numbers[0]), numbers[1])
    key = jax.random.fold_in(key, jax.lax.axis_index(AXIS))
    execution = recipe.execution.for_training(model.config)

    def part(sequences: Any) -> Any:
        *batch, weight, number = sequences
        key_of_part = jax.random.fold_in(key, number) if model.config.dropout else None
        return jax.value_and_grad(_loss)(
            model, *batch, weight / whole, execution, key_of_part
        )

    def add(sums: Any, sequences: Any) -> Any:
        return jax.tree.map(jnp.add, sums, part(sequences)), None

    parts = (tokens, targets, weights, jnp.arange(len(tokens)))
    if len(tokens) == 1:
        sums = part(tuple(array[0] for array in parts))
    else:
        none = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, model))
        sums, _ = jax.lax.scan(add, none, parts)
    return jax.lax.psum(sums, AXIS)


@partial(jax.jit, static_argnames=("execution", "mesh"))
def sums(
    model: Transformer, batch: Sequences, *, execution: Execution, mesh: Mesh
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Weighted sum of losses, and sum of weights, of sequences (1, b, n)."""

    def local(model: Any, tokens: Any, targets: Any, weights: Any) -> Any:
        loss = _loss(model, tokens[0], targets[0], weights[0], execution, None)
        return jax.lax.psum((loss, weights.sum()), AXIS)

    inputs = (REPLICATED, BY_SEQUENCE, BY_SEQUENCE, BY_SEQUENCE)
    return on_mesh(local, mesh, inputs, REPLICATED)(model, *batch)


def _loss(
    model: Transformer,
    tokens: Any,
    targets: Any,
    weights: Any,
    execution: Execution,
    key: Any,
) -> Any:
    final = model.final(tokens, execution, key=key)
    return weighted_cross_entropy(
        final.reshape(-1, final.shape[-1]),
        model.embedding,
        targets.reshape(-1),
        weights.reshape(-1),
        execution.dtype,
    )
