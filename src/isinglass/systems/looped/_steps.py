"""Steps of training on the device: many seeds side by side, many steps without coming back.

Several devices can share the work. Each takes its part of the seeds or, where their
number is no multiple of that of devices, of every batch: all draw the whole batch, what
is summed over it is summed over devices, and all go on with the same parameters.
"""

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from isinglass.attention.positions import lay_out
from isinglass.data.induction import InductionBatch, InductionTask
from isinglass.systems.looped.baseline import BaselineConfig, LoopedBaseline
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer
from isinglass.systems.looped.penalties import counts
from isinglass.systems.looped.recipe import Recipe

AnyConfig = LoopedConfig | BaselineConfig
AnyModel = LoopedTransformer | LoopedBaseline

# What may not be finite, in the order in which one is blamed.
TERMS = ("task", "kinetic", "potential", "entropy", "loss", "gradient")
SHARED = "devices"  # name of the axis of devices that share seeds or a batch


class State(NamedTuple):
    """All that training goes on from; arrays have a leading axis of seeds.

    Attributes:
        model: Parameters; of a seed that failed, those it failed at.
        optimiser: State of the optimiser.
        good: The last parameters but these whose loss and gradient were finite.
        failed: Step at which they first were not, counted over all recipes; −1 while
            all is well.
    """

    model: AnyModel
    optimiser: Any
    good: AnyModel
    failed: Int[Array, "seeds"]

    @property
    def best(self) -> AnyModel:
        """Parameters to use: the last good ones of a seed that failed."""
        return _where(self.failed < 0, self.model, self.good)


class Sums(NamedTuple):
    """Sums over the steps taken, by seed, without those since the seed failed."""

    steps: Int[Array, "seeds"]
    task: Float[Array, "seeds"]
    accuracy: Float[Array, "seeds"]


class Batch(NamedTuple):
    """What a model is asked, (…, B, n); positions are None for 0, 1, 2, …."""

    tokens: Int[Array, "*seeds b n"]
    targets: Int[Array, "*seeds b n"]
    mask: Bool[Array, "*seeds b n"]
    positions: Int[Array, "*seeds b n"] | None


class _Seen(NamedTuple):
    """What one step saw of one seed."""

    task: Array
    accuracy: Array
    finite: Array


def first_state(config: AnyConfig, recipe: Recipe, keys: Key[Array, "seeds"]) -> State:
    """New models, each from its own key."""
    model = eqx.filter_vmap(lambda key: build(config, key=key))(keys)
    failed = jnp.full(keys.shape, -1, jnp.int32)
    # A copy: `advance` is given every array for good, and must not get one twice.
    good = jax.tree.map(jnp.copy, model)
    return State(model, _first_of_optimiser(recipe, model), good, failed)


def fail(state: State, which: Bool[Array, "seeds"], step: int) -> State:
    """Leave seeds at the parameters before those that they have now."""
    return state._replace(failed=jnp.where(which, step, state.failed).astype(jnp.int32))


def next_stage(state: State, recipe: Recipe) -> State:
    """The same models, with the optimiser begun anew."""
    return state._replace(optimiser=_first_of_optimiser(recipe, state.model))


def _first_of_optimiser(recipe: Recipe, model: Any) -> Any:
    return jax.vmap(recipe.optimiser().init)(model)


def advance(
    state: State,
    keys: Key[Array, "seeds"],
    begun: Any,
    step: Any,
    until: Any,
    *,
    task: InductionTask,
    recipe: Recipe,
    devices: int = 1,
) -> tuple[State, Sums]:
    """Take steps `step` to `until` − 1.

    The numbers of steps are traced, so that all of training is one compiled program.

    Args:
        state: Where to begin; it is used up.
        keys: One for each seed, for its data.
        begun: Step at which the recipe began, counted over all recipes, as all steps
            here.
        step: First step to take.
        until: Step to stop before.
        task: What to train on.
        recipe: How.
        devices: How many of the first devices share the seeds, or where the number of
            these is no multiple of it, every batch, whose size must be one then.
    """
    # The rate is traced, so that a search for it compiles once.
    rate = jnp.asarray(recipe.learning_rate)
    how: Any = {"task": task, "recipe": replace(recipe, learning_rate=1.0)}
    if devices == 1:
        return _advance(state, keys, begun, step, until, rate, **how, shared=1)
    several = jax.devices()[:devices]
    mesh = jax.sharding.Mesh(several, (SHARED,), axis_types=(AxisType.Auto,))
    by_seed = takes_seeds(devices, keys.size)
    part, same = PartitionSpec(SHARED) if by_seed else PartitionSpec(), PartitionSpec()
    specs = (part, part, same, same, same, same)
    given = (state, keys, begun, step, until, rate)
    given = map(jax.device_put, given, (NamedSharding(mesh, spec) for spec in specs))
    found = _advance_together(
        mesh, specs, *given, **how, shared=1 if by_seed else devices
    )
    return jax.device_put(found, several[0])


def takes_seeds(devices: int, seeds: int) -> bool:
    """Whether devices share the seeds, and not every batch of each."""
    return seeds % devices == 0


@partial(jax.jit, static_argnums=(0, 1), static_argnames=("task", "recipe", "shared"))
def _advance_together(
    mesh: Any, specs: Any, *given: Any, **how: Any
) -> tuple[State, Sums]:
    steps, part = partial(_steps, **how), specs[0]
    together = jax.shard_map(
        steps, mesh=mesh, in_specs=specs, out_specs=part, check_vma=False
    )
    return together(*given)


def _steps(
    state: State,
    keys: Key[Array, "seeds"],
    begun: Any,
    step: Any,
    until: Any,
    rate: Any,
    *,
    task: InductionTask,
    recipe: Recipe,
    shared: int,
) -> tuple[State, Sums]:
    optimiser = recipe.optimiser(rate)

    def one(step: Any, carry: tuple[State, Sums]) -> tuple[State, Sums]:
        state, sums = carry
        gradient, seen = _gradients(
            state.model, keys, step, step - begun, task, recipe, shared
        )
        well = (state.failed < 0) & seen.finite
        model: Any = state.model
        updates, after = jax.vmap(optimiser.update)(gradient, state.optimiser, model)
        state = State(
            model=_where(well, optax.apply_updates(model, updates), model),
            optimiser=after,
            good=_where(well, model, state.good),
            failed=jnp.where((state.failed < 0) & ~well, step, state.failed),
        )
        now = Sums(jnp.ones_like(sums.steps), seen.task, seen.accuracy)
        return state, jax.tree.map(lambda s, x: s + jnp.where(well, x, 0), sums, now)

    none = jnp.zeros(state.failed.shape)
    return jax.lax.fori_loop(
        step, until, one, (state, Sums(none.astype(jnp.int32), none, none))
    )


_advance = jax.jit(
    _steps, static_argnames=("task", "recipe", "shared"), donate_argnames=("state",)
)


@partial(jax.jit, static_argnames=("task", "recipe"))
def blame(
    model: AnyModel,
    key: PRNGKeyArray,
    begun: Any,
    step: Any,
    *,
    task: InductionTask,
    recipe: Recipe,
) -> Bool[Array, "terms"]:
    """Which of `TERMS` are not finite where one model failed at a step."""
    length, _ = _draw_length(step, step - begun, recipe, model.config.causal)
    batch = draw(jax.random.fold_in(key, step), length, step - begun, task, recipe)
    gradient, (loss, terms, _) = jax.grad(_loss, has_aux=True)(
        model, batch, length, step - begun, task, recipe
    )
    seen = [terms[name] for name in TERMS[:4]] + [loss, optax.tree.norm(gradient)]
    return ~jnp.isfinite(jnp.stack(seen))


def draw(
    key: Any, length: Any, step: Any, task: InductionTask, recipe: Recipe
) -> Batch:
    """A fresh batch of a length, in arrays as wide as the recipe's longest."""
    of_symbols, of_places = jax.random.split(key)
    symbols = recipe.symbols_at(step, task.vocabulary)
    batch = task.batch(
        of_symbols, recipe.batch, length, recipe.longest, symbols=symbols
    )
    tokens, targets, mask, _ = batch
    if recipe.layout == "consecutive":
        return Batch(tokens, targets, mask, None)
    positions = lay_out(
        recipe.layout, of_places, recipe.batch, recipe.longest, recipe.farthest
    )
    return Batch(tokens, targets, mask & _unbroken(batch, positions), positions)


def _gradients(
    model: AnyModel,
    keys: Key[Array, "seeds"],
    step: Any,
    of_recipe: Any,
    task: InductionTask,
    recipe: Recipe,
    shared: int = 1,
) -> tuple[Any, _Seen]:
    """Gradients of one step for all seeds, with arrays as wide as its length needs."""
    length, which = _draw_length(step, of_recipe, recipe, model.config.causal)
    # Drawn at full width, and cut: to compile random numbers takes as long as the
    # gradient.
    keys = jax.vmap(partial(jax.random.fold_in, data=step))(keys)
    whole = jax.vmap(lambda key: draw(key, length, of_recipe, task, recipe))(keys)
    if shared > 1:
        part = recipe.batch // shared
        first = jax.lax.axis_index(SHARED) * part
        whole = jax.tree.map(
            lambda x: jax.lax.dynamic_slice_in_dim(x, first, part, axis=1), whole
        )

    def of_width(width: int, whole: Batch) -> tuple[AnyModel, _Seen]:
        batch = jax.tree.map(lambda x: x[..., :width], whole)
        of_seed = partial(
            _gradient,
            length=length,
            step=of_recipe,
            task=task,
            recipe=recipe,
            shared=shared,
        )
        if (
            jax.default_backend() == "cpu"
        ):  # side by side, the rows of seeds fall out of the cache
            return jax.lax.map(lambda one: of_seed(*one), (model, batch))
        return jax.vmap(of_seed)(model, batch)

    return jax.lax.switch(
        which, [partial(of_width, width) for width in recipe.widths], whole
    )


def _draw_length(
    step: Any, of_recipe: Any, recipe: Recipe, causal: bool
) -> tuple[Any, Any]:
    """Length of all sequences of a step, and which of the recipe's widths it needs."""
    key = jax.random.fold_in(jax.random.key(0), step)
    longest = recipe.longest_at(of_recipe)
    length = jax.random.randint(key, (), recipe.shortest, longest + 1, jnp.int32)
    widths = jnp.array(recipe.widths, jnp.int32)
    which = jnp.searchsorted(widths, length)
    # Padding is seen by a model that looks ahead.
    return length if causal else widths[which], which


def _gradient(model: AnyModel, batch: Batch, **how: Any) -> tuple[Any, _Seen]:
    gradient, (_, terms, accuracy) = jax.grad(_loss, has_aux=True)(model, batch, **how)
    if how["shared"] > 1:
        flat, shaped = ravel_pytree(
            gradient
        )  # one sum over devices, not one for each array
        gradient = shaped(jax.lax.psum(flat, SHARED))
    # A penalty that is not finite shows in the gradient.
    finite = jnp.isfinite(terms["task"]) & jnp.isfinite(optax.tree.norm(gradient))
    return gradient, _Seen(terms["task"], accuracy, finite)


def _loss(
    model: AnyModel,
    batch: Batch,
    length: Any,
    step: Any,
    task: InductionTask,
    recipe: Recipe,
    shared: int = 1,
) -> tuple[Any, tuple[Any, dict[str, Any], Any]]:
    """The objective; itself once more, its terms and the share of right answers beside it."""
    objective, positions = recipe.objective, batch.positions
    q = objective.q if counts(objective.entropy) else None
    final, energies = model.energies(batch.tokens, positions, q=q)
    there = (jnp.arange(final.shape[1]) < length) / (recipe.batch * length)
    if task.form == "last-token":
        # Read out only where it counts, which is the same place in all sequences.
        at = partial(
            jax.lax.dynamic_slice_in_dim, start_index=length - 1, slice_size=1, axis=1
        )
        final, batch = at(final), jax.tree.map(at, batch)
    answers = _answers(model.decode(final), batch)
    sums = [*answers, *((each * there).sum() for each in energies)]
    surprise, right, asked, kinetic, potential, entropy = (
        sums if shared == 1 else _over_devices(sums)
    )
    asked = jnp.maximum(asked, 1)
    loss, terms = objective(surprise / asked, kinetic, potential, entropy, step)
    return loss, (loss, terms, right / asked)


def _over_devices(parts: list[Array]) -> list[Array]:
    """Sums over all devices; the gradient is of this one's part, to be summed in its turn."""
    own = jax.lax.stop_gradient(jnp.stack(parts))
    others = jax.lax.psum(own, SHARED) - own
    return [part + other for part, other in zip(parts, others, strict=True)]


def _answers(logits: Float[Array, "b n V"], batch: Batch) -> tuple[Array, Array, Array]:
    """Cross-entropy and right answers, sums over positions that count; and how many do."""
    each = optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets)
    right = logits.argmax(-1) == batch.targets
    return (each * batch.mask).sum(), (right & batch.mask).sum(), batch.mask.sum()


def _unbroken(
    batch: InductionBatch, positions: Int[Array, "b n"]
) -> Bool[Array, "b n"]:
    """Whether the target stands right after what it followed, with no gap in positions."""
    at = jnp.maximum(batch.source, 0)
    place = partial(jnp.take_along_axis, positions, axis=1)
    return place(at + 1) == place(at) + 1


def _where(which: Bool[Array, "seeds"], yes: Any, no: Any) -> Any:
    return jax.tree.map(
        lambda a, b: jnp.where(which.reshape(-1, *[1] * (a.ndim - 1)), a, b), yes, no
    )


def build(config: AnyConfig, *, key: PRNGKeyArray) -> AnyModel:
    """A new model of this shape."""
    if isinstance(config, BaselineConfig):
        return LoopedBaseline(config, key=key)
    return LoopedTransformer(config, key=key)
