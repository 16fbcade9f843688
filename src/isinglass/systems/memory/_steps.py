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
import optax
from jax.sharding import Mesh
from jaxtyping import Array, Bool, Float

from isinglass.systems.memory.recipe import Recipe
from isinglass.systems.memory.transformer import Execution, Transformer
from isinglass.training.cross_entropy import weighted_cross_entropy
from isinglass.training.devices import AXIS, HERE, SPREAD


class State(NamedTuple):
    """All that training goes on from.

    Attributes:
        model: Parameters, the last whose loss and gradient were finite.
        optimiser: State of the optimiser.
    """

    model: Transformer
    optimiser: Any


class Seen(NamedTuple):
    """What one step saw.

    Attributes:
        loss: Nats per token that counts, before the step.
        norm: Of the gradient, before it is cut back.
        well: Whether both, and those of the steps before, are finite.
    """

    loss: Float[Array, ""]
    norm: Float[Array, ""]
    well: Bool[Array, ""]


@partial(jax.jit, static_argnames=("recipe", "mesh"), donate_argnames=("state",))
def advance(
    state: State,
    tokens: Any,
    targets: Any,
    weights: Any,
    rate: Any,
    numbers: Any,
    well: Any = True,
    *,
    recipe: Recipe,
    mesh: Mesh,
) -> tuple[State, Seen]:
    """Take one step; a gradient that is not finite leaves all as it was, and so do later steps.

    Args:
        state: Where to begin; it is used up.
        tokens: Given, (accumulate, b, n), spread over devices.
        targets: What follows.
        weights: How much each counts.
        rate: The learning rate.
        numbers: Seed and number of the step, of which dropout depends.
        well: What the step before said.
        recipe: How, as `Recipe.rule` gives it.
        mesh: The devices.
    """
    execution = recipe.execution
    model: Any = state.model

    def local(model: Any, tokens: Any, targets: Any, weights: Any, numbers: Any) -> Any:
        whole = jax.lax.psum(weights.sum(), AXIS)
        whole = jnp.where(whole == 0, 1, whole)  # where nothing counts, the loss is 0
        key = jax.random.fold_in(jax.random.key(numbers[0]), numbers[1])
        key = jax.random.fold_in(key, jax.lax.axis_index(AXIS))

        def part(given: Any) -> Any:
            *batch, weight, number = given
            key_of_part = (
                jax.random.fold_in(key, number) if model.config.dropout else None
            )
            return jax.value_and_grad(_loss)(
                model, *batch, weight / whole, execution, key_of_part
            )

        def add(sums: Any, given: Any) -> Any:
            return jax.tree.map(jnp.add, sums, part(given)), None

        parts = (tokens, targets, weights, jnp.arange(len(tokens)))
        if len(tokens) == 1:
            sums = part(tuple(each[0] for each in parts))
        else:
            none = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, model))
            sums, _ = jax.lax.scan(add, none, parts)
        return jax.lax.psum(sums, AXIS)

    loss, gradient = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(HERE, SPREAD, SPREAD, SPREAD, HERE),
        out_specs=HERE,
        check_vma=False,
    )(model, tokens, targets, weights, numbers)
    norm = optax.tree.norm(gradient)
    updates, optimiser = recipe.optimiser(rate).update(gradient, state.optimiser, model)
    moved: Any = optax.apply_updates(model, updates)
    after = State(moved, optimiser)
    well = well & jnp.isfinite(loss) & jnp.isfinite(norm)
    return jax.tree.map(partial(jnp.where, well), after, state), Seen(loss, norm, well)


@partial(jax.jit, static_argnames=("execution", "mesh"))
def sums(
    model: Transformer,
    tokens: Any,
    targets: Any,
    weights: Any,
    *,
    execution: Execution,
    mesh: Mesh,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Weighted sum of losses, and sum of weights, of sequences (1, b, n)."""

    def local(model: Any, tokens: Any, targets: Any, weights: Any) -> Any:
        loss = _loss(model, tokens[0], targets[0], weights[0], execution, None)
        return jax.lax.psum((loss, weights.sum()), AXIS)

    return jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(HERE, SPREAD, SPREAD, SPREAD),
        out_specs=HERE,
        check_vma=False,
    )(model, tokens, targets, weights)


def _loss(
    model: Transformer,
    tokens: Any,
    targets: Any,
    weights: Any,
    execution: Execution,
    key: Any,
) -> Any:
    if key is None:
        final = jax.vmap(lambda each: model.final(each, execution))(tokens)
    else:
        keys = jax.random.split(key, len(tokens))
        final = jax.vmap(lambda each, key: model.final(each, execution, key=key))(
            tokens, keys
        )
    return weighted_cross_entropy(
        final.reshape(-1, final.shape[-1]),
        model.embedding,
        targets.reshape(-1),
        weights.reshape(-1),
        execution.dtype,
    )
