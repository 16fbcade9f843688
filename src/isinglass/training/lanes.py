"""Training models in lanes: seeds and learning rates side by side in one program.

A model is any Equinox module, and `eqx.filter_vmap` over keys makes many of them at
once, their arrays stacked along a leading axis of lanes. `train_lanes` takes gradient
steps of all of them in one compiled program: a search over four learning rates and
three seeds is one call with twelve lanes, compiled once.

    models = eqx.filter_vmap(lambda key: Model(key=key))(keys)
    task = LaneTask(loss, data, validate)
    lanes = train_lanes(models, task, LaneRecipe(500), learning_rates=rates, keys=keys)
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Bool, Float, Int, Key

from isinglass._common.checks import (
    MOST,
    as_real_array,
    check_flag,
    check_function,
    check_in,
    check_kind,
    check_positive,
    check_whole,
    is_array,
    is_whole,
    or_default,
    shown,
)
from isinglass._common.notebook import html_curve, html_table
from isinglass._common.precision import single_precision
from isinglass._common.types import ArrayLike
from isinglass.training.checkpoint import plain
from isinglass.training.optimiser import WarmupCosine, adamw, as_betas, heavy_ball
from isinglass.training.partition import trained_parts
from isinglass.training.run import (
    Failure,
    Metric,
    Records,
    Runtime,
    Sums,
    Trainer,
    run_trainer,
)

# What may not be finite where a lane fails.
TERMS = ("loss", "gradient", "validation", "parameters")


@dataclass(frozen=True)
class LaneRecipe:
    """How lanes are trained: AdamW or SGD, warmed up and let fall along half a cosine.

    The learning rates are arguments of `train_lanes`, since lanes differ by them.

    Attributes:
        steps: Gradient steps.
        weight_decay: Of all parameters that are trained.
        clip: Norm of a lane's gradient beyond which it is scaled down; None for no
            limit.
        betas: How fast AdamW's means of the gradient and of its square forget.
        momentum: Of gradient descent with momentum (heavy ball), in [0, 1), in place of
            AdamW; None for AdamW.
        warmup: Steps over which the rate grows, at most `steps`; 0 for none.
        decay: Whether it falls to 0 over the steps after that, or stays.
        every: Steps between two records, of which the last step is always one.
        best: Whether each lane ends as it was at its record of smallest validation
            value, instead of after the last step.

    Raises:
        ValueError: If a number is out of range.
        TypeError: If a choice is neither True nor False.
    """

    steps: int
    weight_decay: float = 0.0
    clip: float | None = 1.0
    betas: tuple[float, float] = (0.9, 0.99)
    momentum: float | None = None
    warmup: int = 0
    decay: bool = True
    every: int = 100
    best: bool = False

    def __post_init__(self) -> None:
        check_whole(steps=self.steps, every=self.every)
        check_whole(0, warmup=self.warmup)
        check_in(f"[0, {self.steps}]", warmup=self.warmup)
        check_in("[0, inf)", weight_decay=self.weight_decay)
        if self.clip is not None:
            check_positive(clip=self.clip)
        if self.momentum is not None:
            check_in("[0, 1)", momentum=self.momentum)
        check_flag(decay=self.decay, best=self.best)
        object.__setattr__(self, "betas", as_betas(self.betas))
        # Plain numbers, for a recipe is what a program is compiled for.
        for name in ("weight_decay", "clip", "momentum"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, float(getattr(self, name)))

    def rule(self) -> LaneRecipe:
        """Return what a step depends on, so that other recipes need no compiling."""
        return dataclasses.replace(self, every=1, best=False)

    def optimiser(self, rate: Any) -> optax.GradientTransformation:
        """Return the optimiser with a highest learning rate, maybe traced."""
        falling = max(self.steps - self.warmup, 1)
        schedule = WarmupCosine(self.warmup, falling, 0.0 if self.decay else None)
        if self.momentum is not None:
            return heavy_ball(
                schedule.schedule(rate),
                self.momentum,
                weight_decay=self.weight_decay,
                clip=self.clip,
            )
        return adamw(
            schedule.schedule(rate),
            weight_decay=self.weight_decay,
            clip=self.clip,
            betas=self.betas,
        )


@dataclass(frozen=True, eq=False)
class LaneTask:
    """What all lanes are to learn, and what of them is trained.

    A function that is defined at the top of a module is compiled once for all trainings
    with it; a lambda, or a `partial` made anew, is compiled each time.

    Attributes:
        loss: ``loss(model, data, key)`` gives one number. It draws its own batch of the
            data by the key, which is another in every lane and step.
        data: A tree of arrays that all lanes share. It is passed to the functions, and
            not part of the compiled program.
        validate: ``validate(model, data)`` gives one number, the smaller the better, at
            each record; None for none.
        frozen: ``frozen(model)`` gives those parts of a model that stay as they are, as
            `eqx.tree_at` takes them: an array, a module, or a tuple of such. None for
            all arrays of real numbers being trained.
        plan: What else a checkpoint is to be known by, as JSON has it, such as the
            loss, of which nothing can be compared. Models, data, recipe, rates and keys
            are in it anyway.
        project: ``project(model)`` gives the model that takes the place of one after
            each step, such as one whose weights are cut to an interval; None for none.
            Of what it gives only the arrays that are trained are taken.

    Raises:
        TypeError: If loss, validate, frozen or project is no function, plan no mapping,
            or data hold something that is no array.
    """

    loss: Callable[[Any, Any, Any], Any]
    data: Any
    validate: Callable[[Any, Any], Any] | None = None
    frozen: Callable[[Any], Any] | None = None
    plan: Mapping[str, Any] = field(default_factory=dict)
    project: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        check_function(loss=self.loss)
        for leaf in jax.tree.leaves(self.data):
            kind = getattr(getattr(leaf, "dtype", None), "kind", "f")
            if not eqx.is_array_like(leaf) or kind in "OSU":
                raise TypeError(f"data must be a tree of arrays, got {shown(leaf)}")
            if is_whole(leaf):
                check_whole(-MOST, data=leaf)
        for name in ("validate", "frozen", "project"):
            if getattr(self, name) is not None:
                check_function(**{name: getattr(self, name)})
        check_kind(Mapping, plan=self.plan)


@dataclass(frozen=True, eq=False)
class Lanes:
    """Trained models, stacked along a leading axis of lanes.

    Attributes:
        models: All of them; `of` picks one.
        metrics: "loss", the mean training loss over the steps since the record before,
            and "validation", by (lane, step), with the lanes' learning rates as a
            coordinate. NaN where a lane had failed.
        failed: Step at which a lane's loss or gradient was not finite, (lanes,); −1 of
            those that are well.
    """

    models: Any
    metrics: xr.Dataset
    failed: Int[np.ndarray, "lanes"]

    def __repr__(self) -> str:
        steps = self.metrics.step.values
        return (
            f"Lanes({len(self.failed)} lanes, {len(steps)} records to step "
            f"{int(steps[-1]):,}, {int(self.diverged.sum())} diverged)"
        )

    def _repr_html_(self) -> str:
        steps = self.metrics.step.values
        table = html_table(
            "Trained side by side",
            (),
            [
                ("lanes", f"{len(self.failed):,}"),
                ("diverged", f"{int(self.diverged.sum()):,}"),
                ("records", f"{len(steps)} to step {int(steps[-1]):,}"),
            ],
        )
        return f"<div>{table}{html_curve(self.metrics, 'loss')}</div>"

    @property
    def diverged(self) -> Bool[np.ndarray, "lanes"]:
        """Which lanes failed and stayed as they were before, (lanes,)."""
        return self.failed >= 0

    def of(self, lane: int) -> Any:
        """Return the model of one lane.

        Raises:
            ValueError: If there is no such lane.
        """
        check_whole(0, lane=lane)
        check_in(f"[0, {len(self.failed)})", lane=lane)
        return _picked(self.models, jnp.asarray(lane))


@single_precision()
def train_lanes(
    models: Any,
    task: LaneTask,
    recipe: LaneRecipe,
    *,
    learning_rates: ArrayLike,
    keys: Key[Array, "lanes"],
    runtime: Runtime | None = None,
) -> Lanes:
    """Train many models side by side, each with a learning rate and draws of its own.

    All steps between two records are one compiled program. A lane whose loss or
    gradient is not finite stays as it was in the step before; the others go on, and
    what comes of one does not depend, to rounding, on those beside it.

    Called again with the same arguments and ``runtime.store``, training goes on from
    the last record, and comes out bit for bit as if it had never stopped.

    Args:
        models: An Equinox module whose arrays have a leading axis of lanes, as
            `eqx.filter_vmap` makes it of a function of a key. Training is in float32.
        task: What they are to learn.
        recipe: How.
        learning_rates: The highest of each lane, (lanes,), positive.
        keys: One for each lane, (lanes,), as of `jax.random.split`: of its data's
            draws. Lanes of the same key draw the same.
        runtime: Where the checkpoint lies, and who follows progress. The device is the
            one that JAX chooses.

    Raises:
        ValueError: If the arguments do not fit together, or the store holds another
            training or a damaged checkpoint.
        TypeError: If one is of another kind.
        TrainingDivergedError: If all lanes have failed; its ``run`` has them as they
            were before.
        OSError: If the checkpoint cannot be written.
    """
    check_kind(LaneTask, task=task)
    check_kind(LaneRecipe, recipe=recipe)
    runtime = or_default(Runtime, runtime=runtime)
    if runtime.devices not in (None, 1):
        raise ValueError(
            f"runtime.devices must be None or 1 for lanes, got {runtime.devices}"
        )
    if recipe.best and task.validate is None:
        raise ValueError("recipe.best needs task.validate, got None")
    rates = as_real_array("learning_rates", learning_rates, (None,))
    for rate in rates:
        check_positive(learning_rates=rate)
    check_lane_keys(keys, len(rates))
    trained, rest = _parts(models, task.frozen, len(rates))
    task = dataclasses.replace(task, data=jax.tree.map(_single, task.data))
    trainer = LaneTrainer(trained, rest, task, recipe, rates, keys)
    return run_trainer(trainer, runtime)


def check_lane_keys(keys: Any, lanes: int) -> None:
    """Refuse what is no row of one key for each lane.

    Raises:
        TypeError: If it holds no keys.
        ValueError: If there are more or fewer.
    """
    if not is_array(keys) or not jnp.issubdtype(keys.dtype, jax.dtypes.prng_key):
        raise TypeError(
            "keys must be an array of keys, as of jax.random.split(jax.random.key(0), "
            f"{lanes}), got {shown(keys)}"
        )
    if keys.shape != (lanes,):
        raise ValueError(
            f"keys must be as many as learning_rates, ({lanes},), got {keys.shape}"
        )


class LaneState(NamedTuple):
    """All that training goes on from; arrays have a leading axis of lanes.

    Attributes:
        trained: Parameters; of a lane that failed, those it failed at.
        optimiser: State of the optimiser.
        good: The last parameters but these whose loss and gradient were finite.
        failed: Step at which they first were not; −1 while all is well.
        term: Which of `TERMS` was not.
        best: Parameters of the record of the smallest validation value, if that is to
            be the result; else None.
        smallest: That value.
    """

    trained: Any
    optimiser: Any
    good: Any
    failed: Int[Array, "lanes"]
    term: Int[Array, "lanes"]
    best: Any
    smallest: Float[Array, "lanes"]


@dataclass(frozen=True, eq=False)
class LaneTrainer(Trainer[LaneState, Lanes]):
    """Trains models in lanes: the arguments of `train_lanes`, checked.

    Attributes:
        trained: The parameters, a tree of arrays; None in place of all else.
        rest: All else of the models.
        task: What is to be learned.
        recipe: How.
        rates: Learning rates.
        keys: Of the draws.
    """

    trained: Any
    rest: Any
    task: LaneTask
    recipe: LaneRecipe
    rates: Float[np.ndarray, "lanes"]
    keys: Key[Array, "lanes"]

    metrics: ClassVar = {
        "loss": Metric(
            ("lane", "step"), "mean training loss since the record before", "1"
        ),
        "validation": Metric(("lane", "step"), "validation value", "1"),
    }

    @property
    def coordinates(self) -> Mapping[str, Sequence[Any]]:
        """Lanes, by number."""
        return {"lane": range(len(self.rates))}

    def records(self) -> Sequence[int]:
        """Every so many steps, and at the end."""
        steps, every = self.recipe.steps, self.recipe.every
        return [*range(every, steps, every), steps]

    def plan(self) -> dict[str, Any]:
        """All that can be compared; models and data by their digest."""
        return {
            "system": "lanes",
            "recipe": plain(self.recipe),
            "learning_rates": plain(self.rates),
            "keys": plain(np.asarray(jax.random.key_data(self.keys))),
            "models": _digest((self.trained, eqx.filter(self.rest, eqx.is_array))),
            "data": _digest(self.task.data),
            "plan": plain(self.task.plan),
        }

    def state_after(self, step: int) -> LaneState:
        """The models as they were passed, with a new optimiser."""
        return _first_state(self.trained, self.recipe.rule(), self.recipe.best)

    def advance(
        self, state: LaneState, step: int, until: int
    ) -> tuple[LaneState, list[Sums]]:
        """Take the steps in one program."""
        lanes = _Draws(jnp.asarray(self.rates, jnp.float32), self.keys)
        span = jnp.asarray([step, until], jnp.int32)
        program = _Program(self.task.loss, self.recipe.rule(), self.task.project)
        state, count, total = program(state, self.rest, self.task.data, lanes, span)
        return state, [Sums(count, {"loss": total})]

    def measure(
        self, state: LaneState, step: int
    ) -> tuple[LaneState, dict[str, np.ndarray]]:
        """The validation values; lanes fail whose last update ruined them."""
        sound, values = self._validated(state)
        ruined = (np.asarray(state.failed) < 0) & ~sound
        if ruined.any():
            term = TERMS.index("parameters" if values is None else "validation")
            state = state._replace(
                failed=jnp.where(ruined, step - 1, state.failed),
                term=jnp.where(ruined, term, state.term),
            )
            _, values = self._validated(state)
        if values is None:
            return state, {"validation": np.full(len(self.rates), np.nan)}
        if self.recipe.best:
            state = _with_best(state, jnp.asarray(values))
        return state, {"validation": values}

    def _validated(
        self, state: LaneState
    ) -> tuple[Bool[np.ndarray, "lanes"], Float[np.ndarray, "lanes"] | None]:
        """Which lanes are finite, and their validation values if there are any."""
        current = _current(state.failed, state.trained, state.good)
        if self.task.validate is None:
            return np.asarray(_finite(current)), None
        models = eqx.combine(current, self.rest)
        values = np.asarray(_values(models, self.task.data, self.task.validate))
        return np.isfinite(values), values

    def failure(self, state: LaneState) -> Failure | None:
        """The last lane to fail, once all have."""
        failed = np.asarray(state.failed)
        if (failed < 0).any():
            return None
        last, terms = int(failed.argmax()), np.asarray(state.term)
        details = "; ".join(
            f"lane {lane}: {TERMS[terms[lane]]} at step {step}"
            for lane, step in enumerate(failed)
        )
        return Failure(int(failed[last]), TERMS[terms[last]], details)

    def headline(self, step: int, records: Records) -> dict[str, Any]:
        """The validation values."""
        values = records.last("validation")
        if values is None or self.task.validate is None:
            return {}
        return {"validation": values}

    def result(self, state: LaneState, step: int, metrics: xr.Dataset) -> Lanes:
        """The last good models, or the best."""
        trained = state.best
        if trained is None:
            trained = _current(state.failed, state.trained, state.good)
        metrics = metrics.assign_coords(learning_rate=("lane", self.rates))
        if self.task.validate is None:
            metrics = metrics.drop_vars("validation")
        return Lanes(eqx.combine(trained, self.rest), metrics, np.asarray(state.failed))


class _Draws(NamedTuple):
    """What differs by lane besides the model: its learning rate and key."""

    rates: Float[Array, "lanes"]
    keys: Key[Array, "lanes"]


class _Program(NamedTuple):
    """Steps of all lanes as one compiled program."""

    loss: Callable[[Any, Any, Any], Any]
    recipe: LaneRecipe
    project: Callable[[Any], Any] | None

    @eqx.filter_jit
    def __call__(
        self,
        state: LaneState,
        rest: Any,
        data: Any,
        lanes: _Draws,
        span: Int[Array, "2"],
    ) -> tuple[LaneState, Int[Array, "lanes"], Float[Array, "lanes"]]:
        """Take steps span[0] to span[1] − 1; the state, steps and losses summed."""
        arrays, static = eqx.partition(rest, eqx.is_array)

        def loss_of(trained: Any, others: Any, key: Any) -> Array:
            model = eqx.combine(trained, others, static)
            return _number("loss", self.loss(model, data, key))

        def take(step: Any, carry: tuple[LaneState, Any, Any]) -> Any:
            state, count, total = carry
            keys = jax.vmap(partial(jax.random.fold_in, data=step))(lanes.keys)
            losses, gradient = _over_lanes(
                jax.value_and_grad(loss_of), state.trained, arrays, keys
            )
            steep = jax.vmap(optax.tree.norm)(gradient)
            well = (state.failed < 0) & jnp.isfinite(losses) & jnp.isfinite(steep)
            term = jnp.where(jnp.isfinite(losses), 1, 0)
            moved, optimiser = jax.vmap(self._move)(
                state.trained, gradient, state.optimiser, lanes.rates
            )
            if self.project is not None:
                moved = jax.vmap(partial(_projected, self.project, static))(
                    moved, arrays
                )
            fails = (state.failed < 0) & ~well
            state = state._replace(
                trained=_where(well, moved, state.trained),
                optimiser=optimiser,
                good=_where(well, state.trained, state.good),
                failed=jnp.where(fails, step, state.failed),
                term=jnp.where(fails, term, state.term),
            )
            return state, count + well, total + jnp.where(well, losses, 0)

        none = jnp.zeros(lanes.rates.shape)
        begun = state, none.astype(jnp.int32), none
        return jax.lax.fori_loop(span[0], span[1], take, begun)

    def _move(
        self, trained: Any, gradient: Any, optimiser: Any, rate: Any
    ) -> tuple[Any, Any]:
        updates, after = self.recipe.optimiser(rate).update(
            gradient, optimiser, trained
        )
        return optax.apply_updates(trained, updates), after


def _projected(project: Callable[[Any], Any], static: Any, *parts: Any) -> Any:
    """What is trained of the model that a projection gives."""
    own = eqx.combine(*parts, static)
    model = project(own)
    if jax.tree.structure(model) != jax.tree.structure(own):
        raise TypeError(
            f"project must give a model like the {type(own).__name__} that it takes, "
            f"got {shown(model)}"
        )
    return jax.tree.map(
        lambda own, new: None if own is None else new,
        parts[0],
        model,
        is_leaf=lambda leaf: leaf is None,
    )


@eqx.filter_jit
def _values(models: Any, data: Any, validate: Callable[[Any, Any], Any]) -> Array:
    """The validation value of each lane."""
    return each_lane(lambda model: _number("validate", validate(model, data)), models)


def each_lane(function: Callable[[Any], Any], models: Any) -> Any:
    """What a function of one model gives, for all of them, under `jax.jit`.

    Args:
        function: Makes arrays of a model.
        models: Stacked along a leading axis of lanes, as `Lanes.models`.
    """
    arrays, static = eqx.partition(models, eqx.is_array)
    return _over_lanes(lambda own: function(eqx.combine(own, static)), arrays)


def lanes_of(models: Any, lanes: Any) -> Any:
    """Some of the models that are stacked by lanes, or one: a slice or a number."""
    return jax.tree.map(lambda x: x[lanes] if eqx.is_array(x) else x, models)


def joined_lanes(parts: Sequence[Any]) -> Any:
    """Models that are stacked by lanes, part after part."""
    return jax.tree.map(
        lambda *xs: jnp.concatenate(xs) if eqx.is_array(xs[0]) else xs[0], *parts
    )


def _over_lanes(function: Callable[..., Any], *trees: Any) -> Any:
    """The function of each lane, side by side."""
    # On a CPU the rows of several lanes would fall out of the cache: one at a time.
    if jax.default_backend() == "cpu":
        return jax.lax.map(lambda lane: function(*lane), trees)
    return jax.vmap(function)(*trees)


def _number(name: str, value: Any) -> Array:
    """What a user's function gives, as one float32 number."""
    if not hasattr(value, "dtype") or value.shape or value.dtype.kind != "f":
        raise ValueError(f"{name} must give one real number, got {value}")
    return value.astype(jnp.float32)


def _parts(models: Any, frozen: Callable[[Any], Any] | None, lanes: int) -> Any:
    """What of the models is trained, and all else."""
    check_kind(eqx.Module, models=models)
    for leaf in jax.tree.leaves(eqx.filter(models, eqx.is_array)):
        if leaf.shape[:1] != (lanes,):
            raise ValueError(
                f"models must have arrays with a leading axis of {lanes} lanes, as "
                f"many as learning_rates, got an array of shape {leaf.shape}"
            )
    models = jax.tree.map(lambda x: _single(x) if eqx.is_array(x) else x, models)
    return trained_parts(models, frozen, name="models")


def _single(leaf: Any) -> Array:
    """An array of JAX, in float32 if it is one of real numbers."""
    is_real = jnp.issubdtype(jnp.result_type(leaf), jnp.floating)
    return jnp.asarray(leaf, jnp.float32 if is_real else None)


@eqx.filter_jit
def _first_state(trained: Any, recipe: LaneRecipe, best: bool) -> LaneState:
    optimiser = jax.vmap(recipe.optimiser(1.0).init)(trained)
    lanes = len(jax.tree.leaves(trained)[0])
    failed = jnp.full(lanes, -1, jnp.int32)
    return LaneState(
        trained=trained,
        optimiser=optimiser,
        good=trained,
        failed=failed,
        term=jnp.zeros_like(failed),
        best=trained if best else None,
        smallest=jnp.full(lanes, jnp.inf),
    )


@jax.jit
def _with_best(state: LaneState, values: Float[Array, "lanes"]) -> LaneState:
    """The state with lanes as they are now where they are better than ever."""
    current = _current(state.failed, state.trained, state.good)
    better = values < state.smallest
    return state._replace(
        best=_where(better, current, state.best),
        smallest=jnp.where(better, values, state.smallest),
    )


@jax.jit
def _current(failed: Int[Array, "lanes"], trained: Any, good: Any) -> Any:
    return _where(failed < 0, trained, good)


@jax.jit
def _finite(trained: Any) -> Bool[Array, "lanes"]:
    return jnp.isfinite(jax.vmap(optax.tree.norm)(trained))


@eqx.filter_jit
def _picked(models: Any, lane: Any) -> Any:
    arrays, static = eqx.partition(models, eqx.is_array)
    return eqx.combine(jax.tree.map(lambda leaf: leaf[lane], arrays), static)


def _where(which: Bool[Array, "lanes"], yes: Any, no: Any) -> Any:
    return jax.tree.map(
        lambda a, b: jnp.where(which.reshape(-1, *[1] * (a.ndim - 1)), a, b), yes, no
    )


def _digest(tree: Any) -> str:
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(tree):
        array = leaf
        if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            array = jax.random.key_data(leaf)
        array = np.ascontiguousarray(array)
        digest.update(f"{array.dtype.str} {array.shape}".encode())
        digest.update(array.data)
    return f"arrays {digest.hexdigest()}"
