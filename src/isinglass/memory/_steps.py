"""Steps of training and sums of losses, over all devices.

Parameters lie on every device; each takes its part of the sequences, and gradients are added up
over the devices once a step. With several hosts each of them hands in its own sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float

from isinglass.memory._cross_entropy import weighted_cross_entropy
from isinglass.memory.recipe import Recipe
from isinglass.memory.sources import Source
from isinglass.memory.transformer import Execution, Transformer

_AXIS = "data"
_HERE, _SPREAD = PartitionSpec(), PartitionSpec(None, _AXIS)


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


def mesh_of(devices: Sequence[Any] | None) -> Mesh:
    """All devices of all hosts, or some."""
    return Mesh(np.asarray(jax.devices() if devices is None else list(devices)), (_AXIS,))


def on_all(tree: Any, mesh: Mesh) -> Any:
    """Arrays on every device, which do not share memory with the ones given."""
    where = NamedSharding(mesh, _HERE)
    return jax.tree.map(
        lambda x: jax.make_array_from_callback(np.shape(x), where, lambda _: np.array(x)), tree
    )


def rows_of_host(mesh: Mesh, batch: int) -> slice:
    """Which of so many sequences this host hands in, if devices of a host stand together."""
    mine = [i for i, each in enumerate(mesh.devices) if each.process_index == jax.process_index()]
    each = batch // mesh.size
    return slice(mine[0] * each, (mine[-1] + 1) * each)


def hand_in(source: Source, places: Any, mesh: Mesh, accumulate: int = 1) -> tuple[Array, ...]:
    """The arrays of a `Batch` at places, (accumulate, b / accumulate, n), spread over devices.

    A device has its sequences of every part, whichever host it belongs to.
    """
    own = source.take(places[rows_of_host(mesh, len(places))])
    where = NamedSharding(mesh, _SPREAD)
    local = len([each for each in mesh.devices if each.process_index == jax.process_index()])

    def spread(x: np.ndarray, dtype: Any) -> Array:
        # (devices, parts, rows, n) to (parts, devices × rows, n).
        parts = np.asarray(x, dtype).reshape(local, accumulate, -1, x.shape[-1])
        parts = np.moveaxis(parts, 0, 1).reshape(accumulate, -1, x.shape[-1])
        return jax.make_array_from_process_local_data(where, parts)

    return tuple(map(spread, own, (np.int32, np.int32, np.float32)))


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
        whole = jax.lax.psum(weights.sum(), _AXIS)
        whole = jnp.where(whole == 0, 1, whole)  # where nothing counts, the loss is 0
        key = jax.random.fold_in(jax.random.key(numbers[0]), numbers[1])
        key = jax.random.fold_in(key, jax.lax.axis_index(_AXIS))

        def part(given: Any) -> Any:
            *batch, weight, number = given
            key_of_part = jax.random.fold_in(key, number) if model.config.dropout else None
            return jax.value_and_grad(_loss)(model, *batch, weight / whole, execution, key_of_part)

        def add(sums: Any, given: Any) -> Any:
            return jax.tree.map(jnp.add, sums, part(given)), None

        parts = (tokens, targets, weights, jnp.arange(len(tokens)))
        if len(tokens) == 1:
            sums = part(tuple(each[0] for each in parts))
        else:
            none = (jnp.zeros(()), jax.tree.map(jnp.zeros_like, model))
            sums, _ = jax.lax.scan(add, none, parts)
        return jax.lax.psum(sums, _AXIS)

    loss, gradient = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(_HERE, _SPREAD, _SPREAD, _SPREAD, _HERE),
        out_specs=_HERE,
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
    model: Transformer, tokens: Any, targets: Any, weights: Any, *, execution: Execution, mesh: Mesh
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Weighted sum of losses, and sum of weights, of sequences (1, b, n)."""

    def local(model: Any, tokens: Any, targets: Any, weights: Any) -> Any:
        loss = _loss(model, tokens[0], targets[0], weights[0], execution, None)
        return jax.lax.psum((loss, weights.sum()), _AXIS)

    return jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(_HERE, _SPREAD, _SPREAD, _SPREAD),
        out_specs=_HERE,
        check_vma=False,
    )(model, tokens, targets, weights)


def _loss(
    model: Transformer, tokens: Any, targets: Any, weights: Any, execution: Execution, key: Any
) -> Any:
    if key is None:
        final = jax.vmap(lambda each: model.final(each, execution))(tokens)
    else:
        keys = jax.random.split(key, len(tokens))
        final = jax.vmap(lambda each, key: model.final(each, execution, key=key))(tokens, keys)
    return weighted_cross_entropy(
        final.reshape(-1, final.shape[-1]),
        model.embedding,
        targets.reshape(-1),
        weights.reshape(-1),
        execution.dtype,
    )
