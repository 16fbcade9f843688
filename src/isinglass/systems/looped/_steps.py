"""Steps of training on the device: many seeds side by side, many steps in one program.

Several devices can share the work, as `isinglass.training.devices.Sharing` says: the
seeds, or every batch. In the latter case all of them draw the whole batch, and take
their part of it.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from isinglass.attention.positions import lay_out
from isinglass.data.induction import InductionBatch
from isinglass.systems.looped.baseline import BaselineConfig, LoopedBaseline
from isinglass.systems.looped.model import LoopedConfig, LoopedTransformer
from isinglass.systems.looped.penalties import counts
from isinglass.systems.looped.recipe import Recipe, Stage
from isinglass.training.devices import AXIS, REPLICATED, Sharing, on_mesh, own_part

AnyConfig = LoopedConfig | BaselineConfig
AnyModel = LoopedTransformer | LoopedBaseline

# What may not be finite, in the order in which a failure is put down to it.
TERMS = ("task", "kinetic", "potential", "entropy", "loss", "gradient")


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
        return _best(self.failed, self.model, self.good)


class Span(NamedTuple):
    """Steps to take, counted over all stages; traced, so that one program takes any.

    Attributes:
        begun: Step at which the stage began.
        first: First step to take.
        stop: Step to stop before.
    """

    begun: Any
    first: Any
    stop: Any


class StepSums(NamedTuple):
    """Sums over the steps taken, by seed, without those since the seed failed."""

    steps: Int[Array, "seeds"]
    task: Float[Array, "seeds"]
    accuracy: Float[Array, "seeds"]


class Batch(NamedTuple):
    """What a model is to answer, (…, B, n); positions are None for 0, 1, 2, …."""

    tokens: Int[Array, "*seeds b n"]
    targets: Int[Array, "*seeds b n"]
    mask: Bool[Array, "*seeds b n"]
    positions: Int[Array, "*seeds b n"] | None


class StepStatistics(NamedTuple):
    """What one step measures of one seed: its loss, and whether it can be taken."""

    task: Array
    accuracy: Array
    finite: Array


def build(config: AnyConfig, *, key: PRNGKeyArray) -> AnyModel:
    """A new model of this shape."""
    if isinstance(config, BaselineConfig):
        return LoopedBaseline(config, key=key)
    return LoopedTransformer(config, key=key)


def first_state(config: AnyConfig, recipe: Recipe, keys: Key[Array, "seeds"]) -> State:
    """New models, each from its own key."""
    model = _new(config, keys)
    failed = jnp.full(keys.shape, -1, jnp.int32)
    return State(model, _first_of_optimiser(recipe, model), _copy(model), failed)


@partial(jax.jit, static_argnums=0)
def _new(config: AnyConfig, keys: Key[Array, "seeds"]) -> Any:
    return jax.vmap(lambda key: build(config, key=key))(keys)


# `advance` uses up every array, and must not be passed one of them twice.
@jax.jit
def _copy(model: Any) -> Any:
    return jax.tree.map(jnp.copy, model)


def fail(state: State, which: Bool[Array, "seeds"], step: int) -> State:
    """Leave seeds at the parameters before those that they have now."""
    return state._replace(failed=jnp.where(which, step, state.failed).astype(jnp.int32))


def next_stage(state: State, recipe: Recipe) -> State:
    """The same models, with the optimiser begun anew."""
    return state._replace(optimiser=_first_of_optimiser(recipe, state.model))


def _first_of_optimiser(recipe: Recipe, model: Any) -> Any:
    return _begun(Recipe(clip=recipe.clip), model)  # it depends on nothing else


@partial(jax.jit, static_argnums=0)
def _begun(recipe: Recipe, model: Any) -> Any:
    return jax.vmap(recipe.optimiser().init)(model)


def advance(
    state: State,
    keys: Key[Array, "seeds"],
    span: Span,
    stage: Stage,
    sharing: Sharing | None = None,
) -> tuple[State, StepSums]:
    """Take many steps, all in one compiled program.

    Args:
        state: Where to begin; it is used up.
        keys: One for each seed, for its data.
        span: Which steps.
        stage: What to train on, and how.
        sharing: The devices that share the work; None for the one that JAX chooses.
    """
    rate, stage = np.float32(stage.recipe.learning_rate), stage.rule()
    if sharing is None:
        return _advance(state, keys, span, rate, stage=stage)
    lanes = sharing.lane_spec
    specs = (lanes, lanes, REPLICATED, REPLICATED)
    placed = sharing.place(specs, state, keys, span, rate)
    result = _advance_together(*placed, stage=stage, sharing=sharing)
    return jax.device_put(result, sharing.mesh.devices[0])


def _steps(
    state: State,
    keys: Key[Array, "seeds"],
    span: Span,
    rate: Any,
    *,
    stage: Stage,
    parts: int = 1,
) -> tuple[State, StepSums]:
    """Take the steps of a span; each batch is cut into parts, of which this is one."""
    optimiser = stage.recipe.optimiser(rate)

    def take(step: Any, carry: tuple[State, StepSums]) -> tuple[State, StepSums]:
        state, sums = carry
        gradient, statistics = gradients(
            state.model, keys, step, span.begun, stage, parts
        )
        well = (state.failed < 0) & statistics.finite
        model: Any = state.model
        updates, after = jax.vmap(optimiser.update)(gradient, state.optimiser, model)
        state = State(
            model=_where(well, optax.apply_updates(model, updates), model),
            optimiser=after,
            good=_where(well, model, state.good),
            failed=jnp.where((state.failed < 0) & ~well, step, state.failed),
        )
        now = StepSums(jnp.ones_like(sums.steps), statistics.task, statistics.accuracy)
        return state, jax.tree.map(lambda s, x: s + jnp.where(well, x, 0), sums, now)

    none = jnp.zeros(state.failed.shape)
    sums = StepSums(none.astype(jnp.int32), none, none)
    return jax.lax.fori_loop(span.first, span.stop, take, (state, sums))


_advance = jax.jit(
    _steps, static_argnames=("stage", "parts"), donate_argnames=("state",)
)


@partial(jax.jit, static_argnames=("stage", "sharing"))
def _advance_together(
    state: State,
    keys: Key[Array, "seeds"],
    span: Span,
    rate: Any,
    *,
    stage: Stage,
    sharing: Sharing,
) -> tuple[State, StepSums]:
    lanes = sharing.lane_spec
    steps = partial(_steps, stage=stage, parts=sharing.parts)
    inputs = (lanes, lanes, REPLICATED, REPLICATED)
    return on_mesh(steps, sharing.mesh, inputs, lanes)(state, keys, span, rate)


@partial(jax.jit, static_argnames=("stage",))
def infinite_terms(
    model: AnyModel, key: PRNGKeyArray, begun: Any, step: Any, *, stage: Stage
) -> Bool[Array, "terms"]:
    """Which of `TERMS` are not finite where one model failed at a step."""
    length, _ = draw_length(step, step - begun, stage.recipe, model.config.causal)
    batch = draw(jax.random.fold_in(key, step), length, step - begun, stage)
    gradient, (total, terms, _) = jax.grad(loss, has_aux=True)(
        model, batch, length, step - begun, stage
    )
    values = [terms[name] for name in TERMS[:4]] + [total, optax.tree.norm(gradient)]
    return ~jnp.isfinite(jnp.stack(values))


def draw(key: Any, length: Any, step: Any, stage: Stage) -> Batch:
    """A fresh batch of a length, in arrays as wide as the recipe's longest.

    Args:
        key: Random key.
        length: Symbols in each sequence.
        step: Step of the stage, of which the symbols in use depend.
        stage: What to train on, and how.
    """
    task, recipe = stage.task, stage.recipe
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


def draw_length(
    step: Any, of_stage: Any, recipe: Recipe, causal: bool
) -> tuple[Any, Any]:
    """Length of all sequences of a step, and which of the recipe's widths it needs.

    Args:
        step: Step, counted over all stages.
        of_stage: The same, counted from the stage's first.
        recipe: How to train.
        causal: Whether the model sees nothing of what comes later.
    """
    key = jax.random.fold_in(jax.random.key(0), step)
    longest = recipe.longest_at(of_stage)
    length = jax.random.randint(key, (), recipe.shortest, longest + 1, jnp.int32)
    widths = jnp.array(recipe.widths, jnp.int32)
    which = jnp.searchsorted(widths, length)
    # A model that looks ahead would see padding: it gets a length that needs none.
    return length if causal else widths[which], which


def gradients(
    model: AnyModel,
    keys: Key[Array, "seeds"],
    step: Any,
    begun: Any,
    stage: Stage,
    parts: int = 1,
) -> tuple[Any, StepStatistics]:
    """Gradients of one step for all seeds, with arrays as wide as its length needs."""
    recipe, of_stage = stage.recipe, step - begun
    length, which = draw_length(step, of_stage, recipe, model.config.causal)
    # Drawn at full width, and cut: to compile random numbers takes as long as the
    # gradient.
    keys = jax.vmap(partial(jax.random.fold_in, data=step))(keys)
    whole = jax.vmap(lambda key: draw(key, length, of_stage, stage))(keys)
    if parts > 1:
        whole = own_part(whole, parts, axis=1)

    def of_width(width: int, whole: Batch) -> tuple[AnyModel, StepStatistics]:
        batch = jax.tree.map(lambda x: x[..., :width], whole)
        of_seed = partial(
            _gradient, length=length, step=of_stage, stage=stage, parts=parts
        )
        # Side by side on a CPU, the rows of several seeds would fall out of the cache.
        if jax.default_backend() == "cpu":
            return jax.lax.map(lambda lane: of_seed(*lane), (model, batch))
        return jax.vmap(of_seed)(model, batch)

    widths = [partial(of_width, width) for width in recipe.widths]
    return jax.lax.switch(which, widths, whole)


def _gradient(
    model: AnyModel, batch: Batch, *, length: Any, step: Any, stage: Stage, parts: int
) -> tuple[Any, StepStatistics]:
    gradient, (_, terms, accuracy) = jax.grad(loss, has_aux=True)(
        model, batch, length, step, stage, parts
    )
    if parts > 1:
        # One sum over devices, not one for each array.
        flat, shaped = ravel_pytree(gradient)
        gradient = shaped(jax.lax.psum(flat, AXIS))
    # A penalty that is not finite shows in the gradient.
    finite = jnp.isfinite(terms["task"]) & jnp.isfinite(optax.tree.norm(gradient))
    return gradient, StepStatistics(terms["task"], accuracy, finite)


def loss(
    model: AnyModel,
    batch: Batch,
    length: Any,
    step: Any,
    stage: Stage,
    parts: int = 1,
) -> tuple[Any, tuple[Any, dict[str, Any], Any]]:
    """The objective; with it, once more, its terms and the share of right answers.

    Args:
        model: One model.
        batch: Sequences; where there are several parts, this device's.
        length: How many symbols of each count; what follows is padding.
        step: Step of the stage, for schedules of the objective.
        stage: What to train on, and how.
        parts: How many devices share the batch; sums are taken over all of them.
    """
    objective, positions = stage.recipe.objective, batch.positions
    q = objective.q if counts(objective.entropy) else None
    final, energies = model.energies(batch.tokens, positions, q=q)
    shares = (jnp.arange(final.shape[1]) < length) / (stage.recipe.batch * length)
    if stage.task.form == "last-token":
        # Read out only where it counts, which is the same place in all sequences.
        last = partial(
            jax.lax.dynamic_slice_in_dim, start_index=length - 1, slice_size=1, axis=1
        )
        final, batch = last(final), jax.tree.map(last, batch)
    answers = _answers(model.decode(final), batch)
    sums = [*answers, *((energy * shares).sum() for energy in energies)]
    surprise, right, questions, kinetic, potential, entropy = (
        sums if parts == 1 else _over_devices(sums)
    )
    questions = jnp.maximum(questions, 1)
    total, terms = objective(surprise / questions, kinetic, potential, entropy, step)
    return total, (total, terms, right / questions)


def _over_devices(parts: list[Array]) -> list[Array]:
    """Sums over devices, with the gradient of this one's part, to be summed later."""
    own = jax.lax.stop_gradient(jnp.stack(parts))
    others = jax.lax.psum(own, AXIS) - own
    return [part + other for part, other in zip(parts, others, strict=True)]


def _answers(logits: Float[Array, "b n V"], batch: Batch) -> tuple[Array, Array, Array]:
    """Cross-entropy, right answers and questions, summed over positions that count."""
    surprise = optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets)
    right = logits.argmax(-1) == batch.targets
    return (surprise * batch.mask).sum(), (right & batch.mask).sum(), batch.mask.sum()


def _unbroken(
    batch: InductionBatch, positions: Int[Array, "b n"]
) -> Bool[Array, "b n"]:
    """Whether the target stood right after its symbol, with no gap in positions."""
    source = jnp.maximum(batch.source, 0)
    place = partial(jnp.take_along_axis, positions, axis=1)
    return place(source + 1) == place(source) + 1


@jax.jit
def _best(failed: Int[Array, "seeds"], model: Any, good: Any) -> Any:
    return _where(failed < 0, model, good)


def _where(which: Bool[Array, "seeds"], yes: Any, no: Any) -> Any:
    return jax.tree.map(
        lambda a, b: jnp.where(which.reshape(-1, *[1] * (a.ndim - 1)), a, b), yes, no
    )
