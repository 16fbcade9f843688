"""Training looped transformers: many seeds at once, resumable, measured at every length."""

import json
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from isinglass.data.induction import InductionTask
from isinglass.systems.looped import _steps as _loop
from isinglass.systems.looped._steps import AnyConfig
from isinglass.systems.looped.evaluation import (
    ABOUT,
    Evaluation,
    accuracy_by_length,
    check_lengths,
    check_vocabulary,
    terms_by_length,
)
from isinglass.systems.looped.penalties import check_streamed_index
from isinglass.systems.looped.recipe import Recipe, stages, starts
from isinglass.training import checkpoint as _checkpoint
from isinglass.training.checkpoint import Position

if TYPE_CHECKING:
    import xarray as xr

# Steps between two looks at the device: for failures, and to tell of progress.
CHUNK = 100
# What is recorded, by seed; the first two are means over the steps since the record
# before.
MEASURED = ("cross_entropy", "kinetic", "potential", "entropy")
BY_SEED = ("task", "accuracy", "loss", *MEASURED)
BY_LENGTH = ("accuracy_at", "last_at")
NAMES = {
    "task": "cross_entropy",
    "accuracy": "all",
    "accuracy_at": "all",
    "last_at": "last",
}


class DivergedWarning(UserWarning):
    """A seed's loss or gradient is not finite: it stays as it was, and the others go on."""


class TrainingDivergedError(RuntimeError):
    """No seed's loss and gradient are finite any more.

    Attributes:
        step: Step at which the last of them failed.
        term: What was not finite there: "task", "kinetic", "potential", "entropy",
            "loss" (a weight, then) or "gradient".
        run: What came out until then, with the last good parameters.
    """

    def __init__(self, step: int, term: str, run: "Run") -> None:
        reasons = "; ".join(f"seed {seed} {why}" for seed, why in run.stopped.items())
        super().__init__(f"training diverged: {reasons}")
        self.step, self.term, self.run = step, term, run


class Progress(NamedTuple):
    """How far training is.

    Attributes:
        step: Steps done, of `steps`.
        steps: Steps of all recipes.
        task: Cross-entropy in training since the last report, nats, (seeds,); NaN where
            a seed diverged.
        accuracy: The last measured, by length, each (seeds,); empty before the first.
    """

    step: int
    steps: int
    task: np.ndarray
    accuracy: Mapping[int, np.ndarray]

    def __str__(self) -> str:
        def median(values: np.ndarray) -> float:
            known = values[np.isfinite(values)]
            return float(np.median(known)) if known.size else float("nan")

        lengths = [f"L{n} {median(values):.1%}" for n, values in self.accuracy.items()]
        return ", ".join(
            [
                f"step {self.step} of {self.steps}",
                f"loss {median(self.task):.3f}",
                *lengths,
            ]
        )


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
    metrics: "xr.Dataset"
    config: AnyConfig
    task: InductionTask
    recipe: tuple[Recipe, ...]
    seeds: tuple[int, ...]
    stopped: Mapping[int, str]

    def of(self, seed: int) -> Any:
        """The model of one seed.

        Raises:
            ValueError: If there is no such seed.
        """
        if seed not in self.seeds:
            raise ValueError(f"seed must be one of {self.seeds}, got {seed}")
        index = self.seeds.index(seed)
        return jax.tree.map(lambda x: x[index], self.model)


def train(
    config: AnyConfig,
    task: InductionTask,
    recipe: Recipe | Sequence[Recipe] | None = None,
    *,
    seeds: Sequence[int] = (0,),
    store: str | Path | None = None,
    evaluate: Evaluation | None = None,
    progress: Callable[[Progress], object] | None = None,
    stop_at: float | None = None,
    devices: int = 1,
) -> Run:
    """Train models from several seeds at once.

    A seed gives the initial parameters and the data; to rounding, what comes of it does
    not depend on the other seeds. All have the same length in a step.

    Called again with the same arguments and ``store``, training goes on where the last
    checkpoint was written, at the last evaluation, and comes out bit for bit as if it
    had never stopped (on the same machine, with the same software); a finished one is
    only read.

    Args:
        config: Shape of the models.
        task: What is to be learned.
        recipe: How; the paper's if None. Of several, each goes on with the models of
            the one before and begins its optimiser anew.
        seeds: Different numbers, 0 to 2³² − 1.
        store: Folder for the checkpoint; nothing is kept if None.
        evaluate: What to measure meanwhile; `Evaluation` with its defaults if None.
        progress: Called every 100 steps or more often.
        stop_at: Accuracy, 0 to 1: training ends early, in the last recipe, when in two
            evaluations one after the other no seed that has not diverged had less at
            its longest length.
        devices: How many of JAX's devices share the work, each taking an equal part: of
            the seeds where their number is a multiple of that of devices, else of every
            batch. Of CPUs JAX has one, or as many as the environment's
            JAX_NUM_CPU_DEVICES says: one for each core is well. Rounding is another
            than with one device.

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
        TrainingDivergedError: If all seeds have diverged. The checkpoint has the last
            good parameters.
        OSError: If the checkpoint cannot be written.

    Warns:
        DivergedWarning: If a seed has; it names the step and what was not finite.
    """
    plan = _Plan(
        config,
        task,
        stages(Recipe() if recipe is None else recipe),
        evaluate or Evaluation(),
        tuple(seeds),
        stop_at,
    )
    _check_devices(devices, plan)
    training = _Training(
        plan, None if store is None else Path(store), progress, devices
    )
    training.finish()
    return training.run()


@dataclass(frozen=True)
class _Plan:
    """What is trained: the checkpoint says so, in these fields."""

    config: AnyConfig
    task: InductionTask
    recipe: tuple[Recipe, ...]
    evaluate: Evaluation
    seeds: tuple[int, ...]
    stop_at: float | None

    def __post_init__(self) -> None:
        check_vocabulary(self.config, self.task)
        check_vocabulary(self.config, self.measured)
        check_lengths(self.evaluate.lengths, self.measured)
        for recipe in self.recipe:
            recipe.task(self.task)
            check_streamed_index(recipe.objective.q)
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise ValueError(
                f"seeds must be different ones, at least one, got {self.seeds}"
            )
        if not all(0 <= seed < 2**32 for seed in self.seeds):
            raise ValueError(f"seeds must be in [0, 2^32), got {self.seeds}")
        if self.stop_at is not None:
            if not 0 < self.stop_at <= 1:
                raise ValueError(f"stop_at must be in (0, 1], got {self.stop_at}")
            if self.longest not in self.evaluate.lengths:
                raise ValueError(
                    f"stop_at needs the recipe's longest length, {self.longest}, among "
                    f"those evaluated, got {self.evaluate.lengths}"
                )

    @property
    def measured(self) -> InductionTask:
        """The task that evaluations are of."""
        return self.evaluate.task or self.task

    @property
    def longest(self) -> int:
        """Length that counts for stopping early."""
        return self.recipe[-1].longest

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """First step of each recipe, and where the last one ends."""
        return starts(self.recipe)

    @cached_property
    def plain(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {"system": "looped", **json.loads(json.dumps(_checkpoint.plain(self)))}


class _Training:
    """A training under way."""

    def __init__(
        self,
        plan: _Plan,
        store: Path | None,
        progress: Callable[[Progress], object] | None,
        devices: int,
    ) -> None:
        self._plan, self._store, self._progress = plan, store, progress
        self._devices = devices
        found = _checkpoint.claim(store, plan.plain) if store else None
        pairs = [jax.random.split(jax.random.key(seed)) for seed in plan.seeds]
        of_model, self._keys = (jnp.stack(keys) for keys in zip(*pairs, strict=True))
        self._state, self._step = (
            _loop.first_state(plan.config, plan.recipe[0], of_model),
            0,
        )
        self._terms: dict[int, str] = {}
        records = 0 if found is None else found.records
        shape = (records, len(plan.seeds))
        self._steps = np.zeros(records, int)
        self._metrics = {name: np.zeros(shape) for name in BY_SEED}
        shape = (*shape, len(plan.evaluate.lengths))
        self._metrics |= {name: np.zeros(shape) for name in BY_LENGTH}
        if found is not None:
            self._go_on(found)

    def finish(self) -> None:
        """Train until there is nothing left to do."""
        plan = self._plan
        for index, recipe in enumerate(plan.recipe):
            begun, end = plan.starts[index : index + 2]
            if 0 < self._step == begun:
                self._state = _loop.next_stage(self._state, recipe)
            while self._step < end and not self._reached(index):
                self._refuse_all_diverged()
                last = self._step - begun
                record = begun + (last // plan.evaluate.every + 1) * plan.evaluate.every
                self._advance_to(min(record, end), index)
        self._refuse_all_diverged()

    def run(self) -> Run:
        """What has come out so far."""
        plan = self._plan
        return Run(
            self._state.best,
            self._dataset(),
            plan.config,
            plan.task,
            plan.recipe,
            plan.seeds,
            self._reasons(),
        )

    @property
    def _failed(self) -> np.ndarray:
        return np.asarray(self._state.failed)

    def _advance_to(self, record: int, index: int) -> None:
        """Train until a step, then measure, and note it on disk."""
        recipe, task = (
            self._plan.recipe[index],
            self._plan.recipe[index].task(self._plan.task),
        )
        begun, total = self._plan.starts[index], _Totals(len(self._plan.seeds))
        while self._step < record and (self._failed < 0).any():
            until = min(self._step + CHUNK, record)
            before = self._failed
            self._state, sums = _loop.advance(
                self._state,
                self._keys,
                begun,
                self._step,
                until,
                task=task,
                recipe=recipe,
                devices=self._devices,
            )
            self._step = until
            seen = total.add(sums)
            for seed in np.flatnonzero((before < 0) & (self._failed >= 0)):
                self._warn_of(int(seed))
            self._tell(seen)
        terms = self._terms_now(index)
        # Parameters of the last update have not been in any step yet.
        ruined = (self._failed < 0) & ~np.isfinite(terms["loss"])
        if ruined.any():
            self._state = _loop.fail(self._state, jnp.asarray(ruined), self._step - 1)
            for seed in np.flatnonzero(ruined):
                self._warn_of(int(seed))
            terms = self._terms_now(index)
        self._measure(total, terms)
        self._save()

    @property
    def _how(self) -> dict[str, Any]:
        """On which sequences all is measured now."""
        key = jax.random.fold_in(jax.random.key(1), self._step)
        return {
            "key": key,
            "sequences": self._plan.evaluate.sequences,
            "seeds": self._plan.seeds,
        }

    def _terms_now(self, index: int) -> dict[str, np.ndarray]:
        """The objective and what it is made of, by seed."""
        plan, recipe = self._plan, self._plan.recipe[index]
        terms = terms_by_length(
            self._state.best,
            recipe.task(plan.task),
            [recipe.longest],
            q=recipe.objective.q,
            **self._how,
        ).isel(length=0)
        step = self._step - plan.starts[index]
        measured = jnp.stack([jnp.asarray(terms[name].values) for name in MEASURED])
        loss = jnp.stack([recipe.objective(*seed, step=step)[0] for seed in measured.T])
        return {
            "loss": np.asarray(loss, float),
            **{name: terms[name].values for name in MEASURED},
        }

    def _measure(self, total: "_Totals", terms: dict[str, np.ndarray]) -> None:
        plan = self._plan
        accuracy = accuracy_by_length(
            self._state.best, plan.measured, plan.evaluate.lengths, **self._how
        )
        task, share = total.means()
        seen = {"task": task, "accuracy": share, **terms}
        seen |= {
            "accuracy_at": accuracy["all"].values,
            "last_at": accuracy["last"].values,
        }
        self._steps = np.append(self._steps, self._step)
        for name, values in seen.items():
            self._metrics[name] = np.concatenate([self._metrics[name], values[None]])

    def _save(self) -> None:
        if self._store is None:
            return
        tree = (self._state, self._steps, self._metrics)
        records = len(self._steps)
        _checkpoint.write(
            self._store, self._plan.plain, Position(self._step, records), tree
        )

    def _go_on(self, found: _checkpoint.Checkpoint) -> None:
        recipe = self._plan.recipe[bisect_left(self._plan.starts, found.step) - 1]
        like = (_loop.next_stage(self._state, recipe), self._steps, self._metrics)
        state, self._steps, self._metrics = _checkpoint.restore(found, like)
        self._state, self._step = jax.tree.map(jnp.asarray, state), found.step

    def _reached(self, index: int) -> bool:
        """Whether every seed that goes on has twice been as good as asked for."""
        plan = self._plan
        if plan.stop_at is None or index < len(plan.recipe) - 1:
            return False
        since = self._steps > plan.starts[index]
        length = plan.evaluate.lengths.index(plan.longest)
        last = self._metrics["accuracy_at"][since][-2:, self._failed < 0, length]
        return len(last) == 2 and last.size > 0 and bool((last >= plan.stop_at).all())

    def _refuse_all_diverged(self) -> None:
        if (self._failed < 0).any():
            return
        last = int(self._failed.argmax())
        raise TrainingDivergedError(
            int(self._failed[last]), self._term(last), self.run()
        )

    def _warn_of(self, seed: int) -> None:
        warnings.warn(
            f"seed {self._plan.seeds[seed]} diverged at step {self._failed[seed]}: "
            f"{self._term(seed)} is not finite; it stays at its last good parameters",
            DivergedWarning,
            stacklevel=5,
        )

    def _term(self, seed: int) -> str:
        """What was not finite where a seed failed."""
        if seed not in self._terms:
            plan, step = self._plan, int(self._failed[seed])
            index = bisect_right(plan.starts, step) - 1
            recipe = plan.recipe[index]
            guilty = _loop.blame(
                jax.tree.map(lambda x: x[seed], self._state.model),
                self._keys[seed],
                plan.starts[index],
                step,
                task=recipe.task(plan.task),
                recipe=recipe,
            )
            # None, where only the evaluation's sequences bring it out.
            self._terms[seed] = (
                _loop.TERMS[int(np.argmax(guilty))] if guilty.any() else "loss"
            )
        return self._terms[seed]

    def _reasons(self) -> dict[int, str]:
        end = self._plan.starts[-1]
        usual = (
            "took all steps"
            if self._step == end
            else f"was good enough at step {self._step}"
        )
        return {
            name: usual
            if self._failed[seed] < 0
            else f"diverged at step {self._failed[seed]}: {self._term(seed)} is not finite"
            for seed, name in enumerate(self._plan.seeds)
        }

    def _tell(self, task: np.ndarray) -> None:
        if self._progress is None:
            return
        lengths = self._plan.evaluate.lengths if len(self._steps) else ()
        latest = self._metrics["accuracy_at"][-1:]
        accuracy = {n: latest[0, :, i] for i, n in enumerate(lengths)}
        self._progress(Progress(self._step, self._plan.starts[-1], task, accuracy))

    def _dataset(self) -> "xr.Dataset":
        import xarray as xr

        plan = self._plan
        variables: dict[str, Any] = {
            name: (
                ("seed", "step", "length")[: values.ndim],
                np.moveaxis(values, 1, 0),
                ABOUT[NAMES.get(name, name)],
            )
            for name, values in self._metrics.items()
        }
        coords = {
            "seed": list(plan.seeds),
            "step": self._steps,
            "length": ("length", list(plan.evaluate.lengths), {"units": "symbols"}),
        }
        attrs = {name: json.dumps(about) for name, about in plan.plain.items()}
        return xr.Dataset(variables, coords, attrs)


def _check_devices(devices: int, plan: _Plan) -> None:
    there = jax.device_count()
    if not 1 <= devices <= there:
        raise ValueError(
            f"devices must be 1 to {there}, which is how many there are, got {devices}"
        )
    for recipe in plan.recipe:
        if recipe.batch % devices and not _loop.takes_seeds(devices, len(plan.seeds)):
            raise ValueError(
                f"devices must divide the number of seeds, {len(plan.seeds)}, "
                f"or the recipe's batch, {recipe.batch}, got {devices}"
            )


class _Totals:
    """Means over steps, in double precision."""

    def __init__(self, seeds: int) -> None:
        self._steps, self._task, self._accuracy = np.zeros((3, seeds))

    def add(self, sums: _loop.Sums) -> np.ndarray:
        """Count more steps; return the mean cross-entropy of these alone."""
        steps, task, accuracy = (np.asarray(each, float) for each in sums)
        self._steps, self._task = self._steps + steps, self._task + task
        self._accuracy = self._accuracy + accuracy
        return _ratio(task, steps)

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """Of cross-entropy and of the share of right answers."""
        return _ratio(self._task, self._steps), _ratio(self._accuracy, self._steps)


def _ratio(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    """NaN where nothing was counted."""
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
