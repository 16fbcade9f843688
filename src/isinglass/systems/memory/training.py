"""Training a transformer, on one device or on all devices of all hosts."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import numpy as np
import xarray as xr
from jax.sharding import Mesh

from isinglass._common.checks import check_kind, check_whole
from isinglass._common.notebook import html_curve, html_table
from isinglass._common.precision import single_precision
from isinglass.data.sources import Source
from isinglass.systems.memory import _steps
from isinglass.systems.memory._steps import State
from isinglass.systems.memory.recipe import Recipe
from isinglass.systems.memory.transformer import (
    SINGLE,
    Execution,
    Transformer,
    TransformerConfig,
)
from isinglass.training.checkpoint import plain
from isinglass.training.devices import Devices, mesh_of, replicated, spread_batch
from isinglass.training.run import (
    Failure,
    Metric,
    Records,
    Runtime,
    Sums,
    Trainer,
    run_trainer,
)


@dataclass(frozen=True, eq=False)
class Run:
    """A trained model, with how it came about.

    Attributes:
        model: The model.
        metrics: Along "step": "loss", "validation", "gradient_norm" and
            "learning_rate", see `train`; the coordinate "tokens" says how many were
            read.
        recipe: How it was trained.
    """

    model: Transformer
    metrics: xr.Dataset
    recipe: Recipe

    def __repr__(self) -> str:
        steps, loss = self.metrics.step.values, self.metrics.loss.values
        shape = self.model.config
        return (
            f"Run({shape.layers} layers of width {shape.width}, "
            f"{len(steps)} records to step {int(steps[-1]):,}, "
            f"loss {float(loss[-1]):.4g} nats)"
        )

    def _repr_html_(self) -> str:
        shape, steps = self.model.config, self.metrics.step.values
        table = html_table(
            "Training",
            (),
            [
                ("layers", str(shape.layers)),
                ("width", f"{shape.width:,}"),
                ("records", f"{len(steps)} to step {int(steps[-1]):,}"),
                ("loss", f"{float(self.metrics.loss.values[-1]):.4g} nats"),
            ],
        )
        return f"<div>{table}{html_curve(self.metrics, 'loss')}</div>"


@single_precision()
def train(
    start: TransformerConfig | Transformer,
    source: Source,
    recipe: Recipe | None = None,
    *,
    validation: Source | None = None,
    runtime: Runtime | None = None,
) -> Run:
    """Train a transformer by AdamW.

    The data of a step depend on the seed and its number only. Called again with the
    same arguments and ``runtime.store``, training goes on where the last checkpoint was
    written, at the last record, and comes out bit for bit as if it had never stopped
    (on the same machine and devices, with the same software); a finished one is only
    read.

    Args:
        start: Shape of a new model, or a model to train on.
        source: What to train on.
        recipe: How; `Recipe` with its defaults if None.
        validation: What to measure the loss on at each record; nothing if None.
        runtime: Where the checkpoint lies, who follows progress (every 10 steps or more
            often), and over which devices sequences are spread: all, of all hosts, if
            it does not say.

    Returns:
        The model. The metrics at each record are "loss" and "gradient_norm", means over
        the steps since the record before; "validation", the mean loss on that source
        (NaN without one); and "learning_rate". Losses are nats per token that counts;
        of a step in which none does, 0.

    Raises:
        ValueError: If the arguments do not fit together, or the store holds another
            training, a damaged checkpoint or one of another version.
        TrainingDivergedError: If the loss or its gradient is not finite. The checkpoint
            has the last good parameters.
        OSError: If the checkpoint cannot be written.
    """
    runtime = Runtime() if runtime is None else runtime
    recipe = Recipe() if recipe is None else recipe
    check_kind(Runtime, runtime=runtime)
    check_kind(TransformerConfig, Transformer, start=start)
    check_kind(Recipe, recipe=recipe)
    trainer = TransformerTrainer(
        start, source, recipe, validation, mesh_of(runtime.devices)
    )
    return run_trainer(trainer, runtime)


def evaluate(
    model: Transformer,
    source: Source,
    *,
    batch: int = 32,
    most: int | None = None,
    execution: Execution = SINGLE,
    devices: Devices = None,
) -> float:
    """Measure the mean loss over the tokens of a source that count, nats per token.

    Args:
        model: The model.
        source: What to measure it on; every place is taken once.
        batch: Sequences at a time, over all devices.
        most: Most places to take, evenly spaced; None for all.
        execution: How to compute it.
        devices: As of `Runtime`; all, of all hosts, if None.

    Raises:
        ValueError: If source and model do not fit, a number is out of range, or no
            token counts.
    """
    check_kind(Transformer, model=model)
    check_kind(Execution, execution=execution)
    _check_fit(model.config, source, "source")
    check_whole(batch=batch)
    if most is not None:
        check_whole(most=most)
    mesh = mesh_of(devices)
    return _evaluate(replicated(model, mesh), source, batch, most, execution, mesh)


def _evaluate(
    model: Transformer,
    source: Source,
    batch: int,
    most: int | None,
    execution: Execution,
    mesh: Mesh,
) -> float:
    places = source.every()
    if most is not None and most < len(places):
        places = places[np.arange(most) * len(places) // most]
    batch = -(-min(batch, len(places)) // mesh.size) * mesh.size
    total = np.zeros(2)
    for first in range(0, len(places), batch):
        taken = places[first : first + batch]
        # Filled up with the first place, of which nothing counts.
        filled = np.concatenate([taken, np.repeat(places[:1], batch - len(taken))])
        tokens, targets, weights = spread_batch(source, filled, mesh)
        real = (np.arange(batch) < len(taken)).astype(np.float32)[None, :, None]
        sums = _steps.sums(
            model, (tokens, targets, weights * real), execution=execution, mesh=mesh
        )
        total += np.asarray(sums, float)
    if not total[1] > 0:
        raise ValueError("source must hold a token that counts, and all weights are 0")
    return float(total[0] / total[1])


def _check_fit(config: TransformerConfig, source: Source, name: str) -> None:
    """Refuse a source whose tokens or sequences a model of that shape cannot take."""
    check_kind(Source, **{name: source})
    if source.vocabulary > config.vocabulary:
        raise ValueError(
            f"{name} has a vocabulary of {source.vocabulary}, and the model one of "
            f"{config.vocabulary}"
        )
    if source.context > config.context:
        raise ValueError(
            f"{name} has a context of {source.context}, and the model one of "
            f"{config.context}"
        )


@dataclass(frozen=True)
class TransformerTrainer(Trainer[State, Run]):
    """Trains one transformer: the arguments of `train`."""

    start: TransformerConfig | Transformer
    source: Source
    recipe: Recipe
    validation: Source | None
    mesh: Mesh

    chunk: ClassVar = 10
    metrics: ClassVar = {
        "loss": Metric(
            ("step",),
            "mean training loss over the steps since the record before",
            "nats/token",
        ),
        "validation": Metric(("step",), "validation loss", "nats/token"),
        "gradient_norm": Metric(
            ("step",),
            "mean norm of the gradient over the same steps, before it is cut back",
            "1",
        ),
        "learning_rate": Metric(("step",), "learning rate of the last step", "1"),
    }

    def __post_init__(self) -> None:
        _check_fit(self._config, self.source, "source")
        if self.validation is not None:
            _check_fit(self._config, self.validation, "validation")
        devices, accumulate = self.mesh.size, self.recipe.accumulate
        if self.recipe.batch % (devices * accumulate):
            raise ValueError(
                f"batch must be a multiple of devices × accumulate = {devices} × "
                f"{accumulate}, got {self.recipe.batch}"
            )

    @property
    def _config(self) -> TransformerConfig:
        start = self.start
        return start.config if isinstance(start, Transformer) else start

    def records(self) -> Sequence[int]:
        """Every so many steps, and at the end."""
        steps, every = self.recipe.steps, self.recipe.every
        return [*range(every, steps, every), steps]

    def plan(self) -> dict[str, Any]:
        """Model, data and recipe; data by their digest."""
        trained = isinstance(self.start, Transformer)
        return {
            "system": "memory",
            "config": plain(self._config),
            "start": _digest(self.start) if trained else "seed",
            "recipe": plain(self.recipe),
            "source": _described(self.source),
            "validation": _described(self.validation),
        }

    def state_after(self, step: int) -> State:
        """A new model, or the one to train on, with its optimiser."""
        if isinstance(self.start, Transformer):
            return _steps.first_state(self.start, self.recipe)
        build: Any = jax.jit(Transformer, static_argnums=0)
        model = build(self.start, key=jax.random.key(self.recipe.seed))
        return _steps.first_state(model, self.recipe)

    def place(self, state: State) -> State:
        """On every device; not the arrays of `start` themselves, which steps use up."""
        return replicated(state, self.mesh)

    def advance(self, state: State, step: int, until: int) -> tuple[State, list[Sums]]:
        """Begin each step as soon as the host can, and wait for the last."""
        started = []
        for number in range(step, until):
            state, statistics = self._step(state, number)
            started.append(statistics)
        sums = []
        for loss, norm in started:
            numbers = {"loss": float(loss), "gradient_norm": float(norm)}
            if not np.isfinite(list(numbers.values())).all():
                # Neither this step was taken nor any after it.
                sums.append(Sums(0.0, dict.fromkeys(numbers, 0.0)))
                break
            sums.append(Sums(1.0, numbers))
        return state, sums

    def _step(self, state: State, step: int) -> tuple[State, _steps.StepStatistics]:
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, step))
        places = self.source.choose(rng, recipe.batch)
        return _steps.advance(
            state,
            spread_batch(self.source, places, self.mesh, recipe.accumulate),
            np.float32(recipe.rate(step)),
            np.array([recipe.seed, step], np.uint32),
            recipe=recipe.rule(),
            mesh=self.mesh,
        )

    def failure(self, state: State) -> Failure | None:
        """The step at which the loss, or else the gradient, was not finite."""
        failed = np.asarray(state.failed)
        if (failed < 0).all():
            return None
        term = int(np.argmax(failed >= 0))
        return Failure(int(failed[term]), _steps.TERMS[term])

    def measure(self, state: State, step: int) -> tuple[State, dict[str, Any]]:
        """The validation loss, and the rate of the last step."""
        rate = self.recipe.rate(step - 1)
        return state, {"validation": self._validate(state), "learning_rate": rate}

    def _validate(self, state: State) -> float:
        if self.validation is None:
            return math.nan
        recipe = self.recipe
        return _evaluate(
            state.model,
            self.validation,
            recipe.batch // recipe.accumulate,
            recipe.validation,
            recipe.execution,
            self.mesh,
        )

    def headline(self, step: int, records: Records) -> dict[str, Any]:
        """Tokens read so far, of this and earlier runs, and the validation loss."""
        validation = records.last("validation")
        tokens = {"tokens": self._tokens(step)}
        if validation is None or np.isnan(validation):
            return tokens
        return {**tokens, "validation": validation}

    def result(self, state: State, step: int, metrics: xr.Dataset) -> Run:
        """The last good model."""
        tokens = ("step", self._tokens(metrics.step.values), {"units": "tokens"})
        metrics = metrics.assign_coords(tokens=tokens)
        for name, value in (("config", self._config), ("recipe", self.recipe)):
            metrics.attrs[name] = json.dumps(plain(value))
        return Run(state.model, metrics, self.recipe)

    def _tokens(self, steps: Any) -> Any:
        return steps * self.recipe.batch * self.source.context


def _described(source: Source | None) -> dict[str, Any] | None:
    """A source in a plan."""
    if source is None:
        return None
    return {"digest": source.digest(), "context": source.context}


def _digest(model: Any) -> str:
    digest = hashlib.sha256()
    for leaf in jax.tree.leaves(model):
        digest.update(np.ascontiguousarray(leaf).data)
    return f"parameters {digest.hexdigest()}"
