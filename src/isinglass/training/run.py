"""The loop of every training: steps, records, divergence, checkpoints.

A `Trainer` says what is trained and how a step of it is taken; a new system adds one
file with its own. `run_trainer` does the rest, in the same way for all: it takes steps
in chunks, measures and writes a checkpoint at each record, reports progress, notices
divergence, and goes on from a checkpoint so that the result is the same to the bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass._common.checks import as_path, check_function, check_kind, or_default
from isinglass.training import checkpoint
from isinglass.training.checkpoint import Position
from isinglass.training.devices import Devices

State = TypeVar("State")
Result = TypeVar("Result")


class Progress(NamedTuple):
    """How far a training is.

    Attributes:
        step: Steps done, of `steps`.
        steps: Steps in all.
        loss: Mean of the training loss over the steps since the last report, of each
            model that is trained, (lanes,) or (); NaN where it diverged or has none.
        measured: What else tells how well it goes, by name, of the shape of `loss`; of
            the last record, and empty before the first.
    """

    step: int
    steps: int
    loss: np.ndarray
    measured: Mapping[str, np.ndarray]

    def __str__(self) -> str:
        numbers = {"loss": self.loss, **self.measured}
        parts = [f"{name} {_median(value):.4g}" for name, value in numbers.items()]
        return ", ".join([f"step {self.step} of {self.steps}", *parts])


@dataclass(frozen=True)
class Runtime:
    """Where a training runs, and who follows it: what changes nothing but rounding.

    Attributes:
        store: Folder for the checkpoint; nothing is stored if None. Called again with
            the same arguments, a training goes on from there.
        progress: Called with a `Progress` every few steps. An exception that it raises
            ends the training, which can go on later from the last record.
        devices: Which of JAX's devices share the work, or how many of the first; None
            for what the system's `train` says.

    Raises:
        TypeError: If the store is no path, or progress cannot be called.
    """

    store: str | Path | None = None
    progress: Callable[[Progress], object] | None = None
    devices: Devices = None

    def __post_init__(self) -> None:
        if self.store is not None:
            as_path("store", self.store)
        if self.progress is not None:
            check_function(progress=self.progress)


class TrainingDivergedError(RuntimeError):
    """A loss or its gradient is not finite, and no step is left to take.

    Attributes:
        step: Step at which the last model failed.
        term: What was not finite there, such as "loss" or "gradient".
        run: What came out until then, with the last good parameters.
    """

    def __init__(self, step: int, term: str, run: Any, details: str = "") -> None:
        message = f"training diverged at step {step}: the {term} is not finite"
        super().__init__(f"{message} ({details})" if details else message)
        self.step, self.term, self.run = step, term, run


class Failure(NamedTuple):
    """Why no step can be taken any more: `step`, `term` and details in words."""

    step: int
    term: str
    details: str = ""


class Metric(NamedTuple):
    """What a record holds.

    Attributes:
        dims: Dimensions in the result, "step" among them; of the others the trainer has
            coordinates.
        long_name: What it is, in words.
        units: Such as "nats/token"; "1" for a pure number.
    """

    dims: tuple[str, ...]
    long_name: str
    units: str


def even_diverged(train: Callable[..., Any], *what: Any, **how: Any) -> Any:
    """Return what a training gives, as it was before where all of it diverged."""
    try:
        return train(*what, **how)
    except TrainingDivergedError as error:
        return error.run


class Sums(NamedTuple):
    """Sums over steps, of which a record holds the means.

    Attributes:
        count: Steps that were summed, of each model, (lanes,) or ().
        values: Sums by the name of the metric, of the same shape; the first is the
            training loss.
    """

    count: Any
    values: Mapping[str, Any]


class Records:
    """What was measured, record by record: steps, (records,), and metrics by name.

    Args:
        shapes: Shape of a metric in one record, by its name.
        count: How many records there are, all 0.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], count: int = 0) -> None:
        self.steps = np.zeros(count, int)
        self.values = {name: np.zeros((count, *shapes[name])) for name in shapes}

    def add(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one record."""
        self.steps = np.append(self.steps, step)
        self.values = {
            name: np.concatenate([array, np.asarray(values[name], float)[None]])
            for name, array in self.values.items()
        }

    def last(self, name: str) -> np.ndarray | None:
        """A metric's last value; None before the first record."""
        return np.asarray(self.values[name][-1]) if len(self.steps) else None


class Trainer(ABC, Generic[State, Result]):
    """What is trained, and how a step of it is taken.

    A state is a tree of arrays, all that a training goes on from. It belongs to the
    engine: `advance` and `measure` may use up the one that they are passed.

    Attributes:
        metrics: What each record holds, by name. Those that `advance` sums are filled
            in as means over the steps since the record before, the others by
            `measure`.
        chunk: Steps between two looks at the device, for failures and for progress.
    """

    metrics: ClassVar[Mapping[str, Metric]]
    chunk: ClassVar[int] = 100

    @property
    def coordinates(self) -> Mapping[str, Sequence[Any]]:
        """Coordinates of the metrics' dimensions but "step"; none unless overridden."""
        return {}

    @abstractmethod
    def records(self) -> Sequence[int]:
        """Steps, in order, after which a record is made; the last ends the training."""

    @abstractmethod
    def plan(self) -> dict[str, Any]:
        """What is trained, as JSON has it; "system" says which trainer it is.

        A checkpoint is that of this training where its plan is equal.
        """

    @abstractmethod
    def state_after(self, step: int) -> State:
        """What training begins from, if step is 0; else any state of the form then."""

    @abstractmethod
    def advance(
        self, state: State, step: int, until: int
    ) -> tuple[State, Iterable[Sums]]:
        """Take steps `step` to `until` − 1; a model that failed stays as it was.

        No record lies between the two. The sums are added in order, in float64.
        """

    @abstractmethod
    def measure(self, state: State, step: int) -> tuple[State, dict[str, Any]]:
        """The metrics that are no means over steps; and the state, if it fails here."""

    @abstractmethod
    def result(self, state: State, step: int, metrics: xr.Dataset) -> Result:
        """What the training gives back."""

    def failure(self, state: State) -> Failure | None:
        """Why nothing can be trained any more, read off the state; None if all is well.

        A checkpoint of it fails again, without a step.
        """
        return None

    def is_done(self, state: State, records: Records) -> bool:
        """Whether to end early."""
        return False

    def headline(self, step: int, records: Records) -> dict[str, Any]:
        """What `Progress` is to say besides steps and loss."""
        return {}

    def place(self, state: State) -> State:
        """Lay a state on the devices."""
        return jax.tree.map(jnp.asarray, state)


def run_trainer(
    trainer: Trainer[State, Result], runtime: Runtime | None = None
) -> Result:
    """Train until there is nothing left to do, or go on with it.

    With a store, a checkpoint is written at each record. The same call goes on from it,
    and what comes out is the same to the bit as if it had never stopped, on the same
    machine and devices and with the same software; of a finished training it is only
    read.

    On several hosts, each runs the same program, which first calls
    `jax.distributed.initialize()`; the store is a folder that all of them see, and only
    the first writes to it.

    Args:
        trainer: What is trained.
        runtime: Where, and who follows it; `Runtime` with its defaults if None.

    Raises:
        ValueError: If the store holds another training, a damaged checkpoint or one of
            another version.
        TrainingDivergedError: If nothing can be trained any more. It has the last good
            parameters, as has the checkpoint.
        OSError: If the checkpoint cannot be written; the one before is untouched.
    """
    check_kind(Trainer, trainer=trainer)
    training = _Training(trainer, or_default(Runtime, runtime=runtime))
    training.finish()
    return training.result()


class _Training(Generic[State, Result]):
    """A training under way."""

    def __init__(self, trainer: Trainer[State, Result], runtime: Runtime) -> None:
        self._trainer, self._runtime = trainer, runtime
        self._record_steps = tuple(trainer.records())
        self._store = None if runtime.store is None else Path(runtime.store)
        self._plan = {} if self._store is None else trainer.plan()
        stored = None
        if self._store is not None:
            first = jax.process_index() == 0
            stored = checkpoint.claim(self._store, self._plan, tidy=first)
        sizes = {name: len(values) for name, values in trainer.coordinates.items()}
        shapes = {
            name: tuple(sizes[dim] for dim in metric.dims if dim != "step")
            for name, metric in trainer.metrics.items()
        }
        self._step, count = (0, 0) if stored is None else stored.position
        self._records = Records(shapes, count)
        self._state = trainer.state_after(self._step)
        if stored is not None:
            tree = checkpoint.restore(stored, self._tree)
            self._state, self._records.steps, self._records.values = tree
        self._state = trainer.place(self._state)

    @property
    def _tree(self) -> tuple[Any, np.ndarray, dict[str, np.ndarray]]:
        """All that a checkpoint holds."""
        return self._state, self._records.steps, self._records.values

    def finish(self) -> None:
        """Train until there is nothing left to do."""
        trainer, records = self._trainer, self._record_steps
        while self._step < records[-1]:
            if trainer.is_done(self._state, self._records):
                break
            self._refuse_failure()
            means = self._advance_to(records[bisect_right(records, self._step)])
            self._record(means)
            self._save()
        self._refuse_failure()

    def result(self) -> Result:
        """What has come out so far."""
        return self._trainer.result(self._state, self._step, self._metrics())

    def _advance_to(self, record: int) -> _Means:
        """Take steps until a record, or until nothing can be trained any more."""
        trainer, means = self._trainer, _Means()
        while True:
            until = min(self._step + trainer.chunk, record)
            self._state, sums = trainer.advance(self._state, self._step, until)
            means.recent = _Total()
            for part in sums:
                means.recent.add(part)
                means.all.add(part)
            self._step = until
            if until == record or trainer.failure(self._state) is not None:
                return means
            self._report(means.recent)

    def _record(self, means: _Means) -> None:
        """Measure, and report it."""
        self._state, measured = self._trainer.measure(self._state, self._step)
        self._records.add(self._step, {**means.all.means(), **measured})
        self._report(means.recent)

    def _refuse_failure(self) -> None:
        failure = self._trainer.failure(self._state)
        if failure is not None:
            step, term, details = failure
            raise TrainingDivergedError(step, term, self.result(), details)

    def _report(self, recent: _Total) -> None:
        if self._runtime.progress is None:
            return
        loss = next(iter(recent.means().values()), np.asarray(np.nan))
        headline = self._trainer.headline(self._step, self._records)
        measured = {name: np.asarray(value) for name, value in headline.items()}
        now = Progress(self._step, self._record_steps[-1], loss, measured)
        self._runtime.progress(now)

    def _save(self) -> None:
        if self._store is None or jax.process_index() != 0:
            return
        position = Position(self._step, len(self._records.steps))
        checkpoint.write(self._store, self._plan, position, self._tree)

    def _metrics(self) -> xr.Dataset:
        """The records, labelled."""
        variables = {}
        for name, (dims, long_name, units) in self._trainer.metrics.items():
            values = np.moveaxis(self._records.values[name], 0, dims.index("step"))
            attributes = {"long_name": long_name, "units": units}
            variables[name] = (dims, values, attributes)
        coordinates = {
            name: list(values) for name, values in self._trainer.coordinates.items()
        }
        return xr.Dataset(variables, {**coordinates, "step": self._records.steps})


class _Total:
    """A running sum over steps, in float64."""

    def __init__(self) -> None:
        self._count: Any = 0.0
        self._values: dict[str, Any] = {}

    def add(self, sums: Sums) -> None:
        """Count more steps."""
        self._count = self._count + np.asarray(sums.count, float)
        for name, value in sums.values.items():
            self._values[name] = self._values.get(name, 0.0) + np.asarray(value, float)

    def means(self) -> dict[str, np.ndarray]:
        """Means by name; NaN where no step was counted."""
        count = np.asarray(self._count)
        return {
            name: np.divide(
                total, count, out=np.full(np.shape(total), np.nan), where=count > 0
            )
            for name, total in self._values.items()
        }


class _Means:
    """Sums since the last record, and since the last report of progress."""

    def __init__(self) -> None:
        self.all, self.recent = _Total(), _Total()


def _median(values: Any) -> float:
    """Over the lanes that have a number."""
    numbers = np.asarray(values, float)
    finite = numbers[np.isfinite(numbers)]
    return float(np.median(finite)) if finite.size else float("nan")
