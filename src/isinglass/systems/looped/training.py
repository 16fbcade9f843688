"""Training looped transformers: many seeds at once, measured at every length."""

import json
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass._common.checks import as_list, check_kind, is_whole
from isinglass._common.notebook import html_curve, html_table
from isinglass._common.precision import single_precision
from isinglass.data.induction import InductionTask
from isinglass.systems.looped import _steps
from isinglass.systems.looped._steps import AnyConfig, Span, State
from isinglass.systems.looped.baseline import BaselineConfig
from isinglass.systems.looped.evaluation import (
    ATTRIBUTES,
    Evaluation,
    Sample,
    accuracy_by_length,
    check_lengths,
    check_vocabulary,
    terms_by_length,
)
from isinglass.systems.looped.model import LoopedConfig
from isinglass.systems.looped.penalties import check_streamed_index
from isinglass.systems.looped.recipe import (
    Recipe,
    Stage,
    first_steps,
    recipes_in_order,
)
from isinglass.training.checkpoint import plain
from isinglass.training.devices import Sharing, mesh_of
from isinglass.training.run import (
    Failure,
    Metric,
    Records,
    Runtime,
    Sums,
    Trainer,
    run_trainer,
)

TERMS = ("cross_entropy", "kinetic", "potential", "entropy")
BY_SEED, BY_LENGTH = ("seed", "step"), ("seed", "step", "length")


def _metric(dims: tuple[str, ...], name: str) -> Metric:
    return Metric(dims, **ATTRIBUTES[name])


class DivergedWarning(UserWarning):
    """A seed's loss or gradient is not finite: it stays as it was, others go on."""


@dataclass(frozen=True, eq=False)
class Run:
    """Trained models, with how they came about.

    Attributes:
        model: All of them, stacked along a leading axis of their parameters.
        metrics: Dimensions (seed, step) and (seed, step, length), see `train`.
        config: Shape of the models.
        task: What they were to learn.
        recipe: How they were trained, in order.
        seeds: Their names, in the order of `model`.
        stopped: Why training of each ended, in words.
    """

    model: Any
    metrics: xr.Dataset
    config: AnyConfig
    task: InductionTask
    recipe: tuple[Recipe, ...]
    seeds: tuple[int, ...]
    stopped: Mapping[int, str]

    def __repr__(self) -> str:
        steps = self.metrics.step.values
        return (
            f"Run({type(self.config).__name__}, {len(self.seeds)} seeds, "
            f"{len(steps)} records to step {int(steps[-1]):,})"
        )

    def _repr_html_(self) -> str:
        steps = self.metrics.step.values
        table = html_table(
            f"Training of {type(self.config).__name__}",
            (),
            [
                ("seeds", ", ".join(map(str, self.seeds))),
                ("records", f"{len(steps)} to step {int(steps[-1]):,}"),
                *((f"seed {seed}", end) for seed, end in self.stopped.items()),
            ],
        )
        return f"<div>{table}{html_curve(self.metrics, 'accuracy')}</div>"

    def of(self, seed: int) -> Any:
        """The model of one seed.

        Raises:
            ValueError: If there is no such seed.
        """
        if seed not in self.seeds:
            raise ValueError(f"seed must be one of {self.seeds}, got {seed}")
        index = self.seeds.index(seed)
        return _picked(self.model, index)


@jax.jit
def _picked(models: Any, index: Any) -> Any:
    """One of several models side by side."""
    return jax.tree.map(lambda leaf: leaf[index], models)


@single_precision()
def train(
    config: AnyConfig,
    task: InductionTask,
    recipe: Recipe | Sequence[Recipe] | None = None,
    *,
    seeds: Sequence[int] = (0,),
    evaluate: Evaluation | None = None,
    runtime: Runtime | None = None,
) -> Run:
    """Train models from several seeds at once.

    A seed gives the initial parameters and the data; to rounding, what comes of it does
    not depend on the other seeds. All have the same length in a step.

    Called again with the same arguments and ``runtime.store``, training goes on where
    the last checkpoint was written, at the last evaluation, and comes out bit for bit
    as if it had never stopped (on the same machine, with the same software); a finished
    one is only read.

    Args:
        config: Shape of the models.
        task: What is to be learned.
        recipe: How; the paper's if None. Of several, each goes on with the models of
            the one before and begins its optimiser anew.
        seeds: Different numbers, 0 to 2³² − 1.
        evaluate: What to measure meanwhile; `Evaluation` with its defaults if None.
        runtime: Where the checkpoint lies, who follows progress (every 100 steps or
            more often), and which devices share the work: one, if it does not say. Of
            several, each takes an equal part of the seeds where their number is a
            multiple of that of devices, else of every batch, and rounding is another
            than with one. Of CPUs JAX has one, or as many as the environment's
            JAX_NUM_CPU_DEVICES says: one for each core is well.

    Returns:
        The models. The metrics at each record are "task" and "accuracy", cross-entropy
        (nats) and share of right answers as means over the steps of training since the
        record before; "cross_entropy", "kinetic", "potential", "entropy" and the "loss"
        made of them by the objective, on fresh sequences of the recipe's longest
        length; and "accuracy_at" and "last_at", "all" and "last" of
        `accuracy_by_length`.

    Raises:
        ValueError: If the arguments do not fit together, or the store holds another
            training, a damaged checkpoint or one of another version.
        TypeError: If config, recipe or seeds are something else.
        TrainingDivergedError: If all seeds have diverged. Its term is "task",
            "kinetic", "potential", "entropy", "loss" (a weight, then) or "gradient".
            The checkpoint has the last good parameters.
        OSError: If the checkpoint cannot be written.

    Warns:
        DivergedWarning: If a seed has; it names the step and what was not finite.
    """
    check_kind(LoopedConfig, BaselineConfig, config=config)
    check_kind(Collection, seeds=seeds)
    runtime = Runtime() if runtime is None else runtime
    evaluate = Evaluation() if evaluate is None else evaluate
    check_kind(Runtime, runtime=runtime)
    check_kind(Evaluation, evaluate=evaluate)
    seeds = as_list("seeds", seeds)
    trainer = LoopedTrainer(
        config,
        task,
        recipes_in_order(Recipe() if recipe is None else recipe),
        evaluate,
        tuple(seeds),
        _sharing(runtime, len(seeds)),
    )
    return run_trainer(trainer, runtime)


def _sharing(runtime: Runtime, seeds: int) -> Sharing | None:
    """The devices that share the work; None for the one that JAX chooses."""
    if runtime.devices is None or runtime.devices == 1:
        return None
    return Sharing(mesh_of(runtime.devices), seeds)


@dataclass(frozen=True)
class LoopedTrainer(Trainer[State, Run]):
    """Trains several seeds of a looped model side by side: the arguments of `train`."""

    config: AnyConfig
    task: InductionTask
    recipe: tuple[Recipe, ...]
    evaluate: Evaluation
    seeds: tuple[int, ...]
    sharing: Sharing | None = None

    chunk: ClassVar = 100
    metrics: ClassVar = {
        "task": _metric(BY_SEED, "cross_entropy"),
        "accuracy": _metric(BY_SEED, "all"),
        "loss": _metric(BY_SEED, "loss"),
        **{name: _metric(BY_SEED, name) for name in TERMS},
        "accuracy_at": _metric(BY_LENGTH, "all"),
        "last_at": _metric(BY_LENGTH, "last"),
    }

    def __post_init__(self) -> None:
        check_vocabulary(self.config, self.task)
        check_vocabulary(self.config, self._measured)
        check_lengths(self.evaluate.lengths, self._measured)
        for recipe in self.recipe:
            recipe.task(self.task)
            check_streamed_index(recipe.objective.q)
        if not all(is_whole(seed) and 0 <= seed < 2**32 for seed in self.seeds):
            raise ValueError(f"seeds must be in [0, 2^32), got {self.seeds}")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                f"seeds must be different ones, at least one, got {self.seeds}"
            )
        longest, lengths = self.recipe[-1].longest, self.evaluate.lengths
        if self.evaluate.stop_at is not None and longest not in lengths:
            raise ValueError(
                f"stop_at needs the recipe's longest length, {longest}, among those "
                f"evaluated, got {lengths}"
            )
        self._check_sharing()

    def _check_sharing(self) -> None:
        parts = 1 if self.sharing is None else self.sharing.parts
        for recipe in self.recipe:
            if recipe.batch % parts:
                raise ValueError(
                    f"devices must divide the number of seeds, {len(self.seeds)}, or "
                    f"the recipe's batch, {recipe.batch}, got {parts}"
                )

    @property
    def _measured(self) -> InductionTask:
        """The task that evaluations are of."""
        return self.evaluate.task or self.task

    @property
    def coordinates(self) -> Mapping[str, Sequence[Any]]:
        """Seeds and lengths."""
        return {"seed": self.seeds, "length": self.evaluate.lengths}

    @cached_property
    def _first_steps(self) -> tuple[int, ...]:
        return first_steps(self.recipe)

    @cached_property
    def _keys(self) -> tuple[Any, Any]:
        """Keys of the models, and keys of their data, one of each for a seed."""
        pairs = [jax.random.split(jax.random.key(seed)) for seed in self.seeds]
        of_model, of_data = (jnp.stack(keys) for keys in zip(*pairs, strict=True))
        return of_model, of_data

    def records(self) -> Sequence[int]:
        """Every so many steps of each recipe, and at its end."""
        steps: set[int] = set(self._first_steps[1:])
        for begun, recipe in zip(self._first_steps, self.recipe, strict=False):
            last = begun + recipe.steps
            steps.update(range(begun + self.evaluate.every, last, self.evaluate.every))
        return sorted(steps)

    def plan(self) -> dict[str, Any]:
        """All arguments but the devices."""
        names = ("config", "task", "recipe", "evaluate", "seeds")
        arguments = {name: plain(getattr(self, name)) for name in names}
        return {"system": "looped", **arguments}

    def state_after(self, step: int) -> State:
        """New models, with the optimiser of the recipe under way."""
        state = _steps.first_state(self.config, self.recipe[0], self._keys[0])
        index = bisect_left(self._first_steps, step) - 1
        return _steps.next_stage(state, self.recipe[index]) if index > 0 else state

    def advance(self, state: State, step: int, until: int) -> tuple[State, list[Sums]]:
        """Take steps of one recipe."""
        index = bisect_right(self._first_steps, step) - 1
        begun = self._first_steps[index]
        if 0 < step == begun:
            state = _steps.next_stage(state, self.recipe[index])
        before = np.asarray(state.failed)
        span, stage = Span(begun, step, until), self._stage(index)
        state, sums = _steps.advance(state, self._keys[1], span, stage, self.sharing)
        self._warn(state, before < 0)
        means = {"task": sums.task, "accuracy": sums.accuracy}
        return state, [Sums(sums.steps, means)]

    def measure(self, state: State, step: int) -> tuple[State, dict[str, Any]]:
        """The objective, its terms, and accuracy by length, on fresh sequences."""
        terms = self._terms(state, step)
        # Parameters of the last update have not been in any step yet.
        ruined = (np.asarray(state.failed) < 0) & ~np.isfinite(terms["loss"])
        if ruined.any():
            state = _steps.fail(state, jnp.asarray(ruined), step - 1)
            self._warn(state, ruined)
            terms = self._terms(state, step)
        sample = self._sample(step, self.evaluate.lengths)
        accuracy = accuracy_by_length(
            state.best, self._measured, sample, seeds=self.seeds
        )
        by_length = {
            "accuracy_at": accuracy["all"].values,
            "last_at": accuracy["last"].values,
        }
        return state, {**terms, **by_length}

    def failure(self, state: State) -> Failure | None:
        """The last seed to fail, once all have."""
        failed = np.asarray(state.failed)
        if (failed < 0).any():
            return None
        last = int(failed.argmax())
        reasons = "; ".join(
            f"seed {seed} {self._reason(state, index)}"
            for index, seed in enumerate(self.seeds)
        )
        return Failure(int(failed[last]), self._term(state, last), reasons)

    def is_done(self, state: State, records: Records) -> bool:
        """Whether every seed that goes on has twice been as good as is enough."""
        enough = self.evaluate.stop_at
        if enough is None:
            return False
        in_last_recipe = records.steps > self._first_steps[-2]
        length = self.evaluate.lengths.index(self.recipe[-1].longest)
        going_on = np.asarray(state.failed) < 0
        accuracy = records.values["accuracy_at"][in_last_recipe][-2:, going_on, length]
        twice = len(accuracy) == 2 and accuracy.size > 0
        return twice and bool((accuracy >= enough).all())

    def headline(self, step: int, records: Records) -> dict[str, Any]:
        """Accuracy by length."""
        accuracy = records.last("accuracy_at")
        if accuracy is None:
            return {}
        return {
            f"accuracy at {length}": accuracy[:, i]
            for i, length in enumerate(self.evaluate.lengths)
        }

    def result(self, state: State, step: int, metrics: xr.Dataset) -> Run:
        """The last good models."""
        end = self._first_steps[-1]
        usual = "took all steps" if step == end else f"was good enough at step {step}"
        failed = np.asarray(state.failed) >= 0
        stopped = {
            seed: self._reason(state, index) if failed[index] else usual
            for index, seed in enumerate(self.seeds)
        }
        metrics.length.attrs["units"] = "symbols"
        metrics.attrs |= {name: json.dumps(part) for name, part in self.plan().items()}
        return Run(
            state.best,
            metrics,
            self.config,
            self.task,
            self.recipe,
            self.seeds,
            stopped,
        )

    def _stage(self, index: int) -> Stage:
        recipe = self.recipe[index]
        return Stage(recipe.task(self.task), recipe)

    def _sample(self, step: int, lengths: Sequence[int]) -> Sample:
        """On which sequences all is measured at a step."""
        key = jax.random.fold_in(jax.random.key(1), step)
        return Sample(lengths, key, self.evaluate.sequences)

    def _terms(self, state: State, step: int) -> dict[str, np.ndarray]:
        """The objective and what it is made of, by seed."""
        index = bisect_left(self._first_steps, step) - 1
        stage = self._stage(index)
        objective, longest = stage.recipe.objective, stage.recipe.longest
        terms = terms_by_length(
            state.best,
            stage.task,
            self._sample(step, [longest]),
            q=objective.q,
            seeds=self.seeds,
        ).isel(length=0)
        of_stage = step - self._first_steps[index]
        measured = jnp.stack([jnp.asarray(terms[name].values) for name in TERMS])
        loss = jnp.stack([objective(*seed, step=of_stage)[0] for seed in measured.T])
        values = {name: terms[name].values for name in TERMS}
        return {"loss": np.asarray(loss, float), **values}

    def _warn(self, state: State, before: np.ndarray) -> None:
        """Warn of seeds that have failed and had not before."""
        for index in np.flatnonzero((np.asarray(state.failed) >= 0) & before):
            warnings.warn(
                f"seed {self.seeds[index]} {self._reason(state, int(index))}; it stays "
                "at its last good parameters",
                DivergedWarning,
                stacklevel=7,  # whoever called `train`
            )

    def _reason(self, state: State, index: int) -> str:
        """Why a seed failed, in words."""
        term = self._term(state, index)
        return f"diverged at step {state.failed[index]}: {term} is not finite"

    @cached_property
    def _terms_by_failure(self) -> dict[tuple[int, int], str]:
        return {}

    def _term(self, state: State, index: int) -> str:
        """What was not finite where a seed failed."""
        step = int(state.failed[index])
        if (index, step) not in self._terms_by_failure:
            stage = bisect_right(self._first_steps, step) - 1
            infinite = _steps.infinite_terms(
                _picked(state.model, index),
                self._keys[1][index],
                self._first_steps[stage],
                step,
                stage=self._stage(stage).rule(),
            )
            # None is, where only the evaluation's sequences bring it out.
            term = _steps.TERMS[int(np.argmax(infinite))] if infinite.any() else "loss"
            self._terms_by_failure[index, step] = term
        return self._terms_by_failure[index, step]
