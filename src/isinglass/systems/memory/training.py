"""Training a transformer: resumable, on one device or on all devices of all hosts.

On several hosts, each runs the same program, which first calls
`jax.distributed.initialize()`; the store is a folder that all of them see, and only the
first writes to it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh

from isinglass.data.sources import Source
from isinglass.systems.memory import _steps
from isinglass.systems.memory.recipe import Recipe
from isinglass.systems.memory.transformer import (
    SINGLE,
    Execution,
    Transformer,
    TransformerConfig,
)
from isinglass.training import checkpoint as _checkpoint
from isinglass.training import devices as devices_
from isinglass.training.checkpoint import Position

if TYPE_CHECKING:
    import xarray as xr

LOOK = (
    10  # steps between two looks at the device: for failures, and to tell of progress
)
ABOUT = {
    "loss": ("nats/token", "mean training loss over the steps since the record before"),
    "validation": ("nats/token", "validation loss"),
    "gradient_norm": (
        "1",
        "mean norm of the gradient over the same steps, before it is cut back",
    ),
    "learning_rate": ("1", "learning rate of the last step"),
}


class TrainingDivergedError(RuntimeError):
    """The loss or its gradient is not finite.

    Attributes:
        step: Step at which it was not.
        run: What came out until then, with the last good parameters.
    """

    def __init__(self, step: int, term: str, run: Run) -> None:
        super().__init__(f"training diverged at step {step}: the {term} is not finite")
        self.step, self.run = step, run


class Progress(NamedTuple):
    """How far training is.

    Attributes:
        step: Steps done, of `steps`.
        steps: Steps of the recipe.
        tokens: Tokens read so far, of this and earlier runs.
        loss: Mean of the training loss since the last report, nats per token.
        validation: The last measured; NaN before the first.
    """

    step: int
    steps: int
    tokens: int
    loss: float
    validation: float

    def __str__(self) -> str:
        told = f"step {self.step} of {self.steps}, loss {self.loss:.3f}"
        return (
            told
            if math.isnan(self.validation)
            else f"{told}, validation {self.validation:.3f}"
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


def train(
    start: TransformerConfig | Transformer,
    source: Source,
    recipe: Recipe | None = None,
    *,
    validation: Source | None = None,
    store: str | Path | None = None,
    progress: Callable[[Progress], object] | None = None,
    devices: Sequence[Any] | None = None,
) -> Run:
    """Train a transformer by AdamW.

    The data of a step depend on the seed and its number only. Called again with the
    same arguments and `store`, training goes on where the last checkpoint was written,
    at the last record, and comes out bit for bit as if it had never stopped (on the
    same machine and devices, with the same software); a finished one is only read.

    Args:
        start: Shape of a new model, or a model to train on.
        source: What to train on.
        recipe: How; `Recipe` with its defaults if None.
        validation: What to measure the loss on at each record; nothing if None.
        store: Folder for the checkpoint; nothing is kept if None.
        progress: Called every 10 steps or more often.
        devices: Over which to spread sequences; all, of all hosts, if None.

    Returns:
        The model. The metrics at each record are "loss" and "gradient_norm", means over
        the steps since the record before; "validation", the mean loss on that source
        (NaN without one); and "learning_rate". Losses are nats per token that counts;
        of a step in which none does, 0.

    Raises:
        ValueError: If the arguments do not fit together, or the store holds another
            training, a damaged checkpoint or one of another version.
        TrainingDivergedError: If the loss or its gradient is not finite. The checkpoint
            is the last before.
        OSError: If the checkpoint cannot be written.
    """
    training = _Training(
        start,
        source,
        recipe or Recipe(),
        validation,
        None if store is None else Path(store),
        progress,
        devices_.mesh_of(devices),
    )
    training.finish()
    return training.run()


def evaluate(
    model: Transformer,
    source: Source,
    *,
    batch: int = 32,
    most: int | None = None,
    execution: Execution = SINGLE,
    devices: Sequence[Any] | None = None,
) -> float:
    """Mean loss over the tokens of a source that count, nats per token.

    Args:
        model: The model.
        source: What to measure it on; every place is taken once.
        batch: Sequences at a time, over all devices.
        most: Most places to take, evenly spaced; None for all.
        execution: How to compute it.
        devices: As for `train`.

    Raises:
        ValueError: If source and model do not fit, a number is out of range, or no
            token counts.
    """
    _check_fit(model.config, source, "source")
    for name, value in (("batch", batch), ("most", most)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    mesh = devices_.mesh_of(devices)
    return _evaluate(devices_.on_all(model, mesh), source, batch, most, execution, mesh)


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
        tokens, targets, weights = devices_.hand_in(source, filled, mesh)
        real = (np.arange(batch) < len(taken)).astype(np.float32)[None, :, None]
        found = _steps.sums(
            model, tokens, targets, weights * real, execution=execution, mesh=mesh
        )
        total += np.asarray(found, float)
    if not total[1] > 0:
        raise ValueError("source must hold a token that counts, and all weights are 0")
    return float(total[0] / total[1])


def _check_fit(config: TransformerConfig, source: Source, name: str) -> None:
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


class _Training:
    """A training under way."""

    def __init__(
        self,
        start: TransformerConfig | Transformer,
        source: Source,
        recipe: Recipe,
        validation: Source | None,
        store: Path | None,
        progress: Callable[[Progress], object] | None,
        mesh: Mesh,
    ) -> None:
        config = start.config if isinstance(start, Transformer) else start
        _check_fit(config, source, "source")
        if validation is not None:
            _check_fit(config, validation, "validation")
        if recipe.batch % (mesh.size * recipe.accumulate):
            raise ValueError(
                f"batch must be a multiple of devices × accumulate = {mesh.size} × "
                f"{recipe.accumulate}, got {recipe.batch}"
            )
        self._source, self._recipe, self._validation = source, recipe, validation
        self._store, self._progress, self._mesh = store, progress, mesh
        found = None
        if store is not None:
            self._plan = _plan(start, config, source, recipe, validation)
            found = _checkpoint.claim(store, self._plan, tidy=jax.process_index() == 0)
        if isinstance(start, Transformer):
            model: Any = start
        else:
            model = jax.jit(Transformer, static_argnums=0)(
                config, key=jax.random.key(recipe.seed)
            )
        state = _steps.State(model, recipe.optimiser(0.0).init(model))
        records = 0 if found is None else found.records
        self._step, self._steps = 0, np.zeros(records, int)
        self._metrics = {name: np.zeros(records) for name in ABOUT}
        if found is not None:
            like = (state, self._steps, self._metrics)
            state, self._steps, self._metrics = _checkpoint.restore(found, like)
            self._step = found.step
        self._state = devices_.on_all(state, mesh)
        self._well = devices_.on_all(np.True_, mesh)

    def finish(self) -> None:
        """Train until there is nothing left to do."""
        recipe = self._recipe
        while self._step < recipe.steps:
            record = min((self._step // recipe.every + 1) * recipe.every, recipe.steps)
            loss, norm = np.mean(self._advance_to(record), axis=0)
            validation = self._measure()
            seen = {
                "loss": loss,
                "validation": validation,
                "gradient_norm": norm,
                "learning_rate": recipe.rate(self._step - 1),
            }
            self._steps = np.append(self._steps, self._step)
            self._metrics = {n: np.append(v, seen[n]) for n, v in self._metrics.items()}
            self._tell(loss)
            self._save()

    def run(self) -> Run:
        """What has come out so far."""
        return Run(self._state.model, self._dataset(), self._recipe)

    def _advance_to(self, record: int) -> list[tuple[float, float]]:
        """Loss and norm of each step until one."""
        told: list[tuple[float, float]] = []
        while self._step < record:
            until = min(self._step + LOOK, record)
            waiting = [self._advance(step) for step in range(self._step, until)]
            seen = [(float(each.loss), float(each.norm)) for each in waiting]
            for step, (loss, norm) in enumerate(seen, start=self._step):
                if not (math.isfinite(loss) and math.isfinite(norm)):
                    term = "gradient" if math.isfinite(loss) else "loss"
                    raise TrainingDivergedError(step, term, self.run())
            self._step = until
            told += seen
            if until < record:
                self._tell(float(np.mean([loss for loss, _ in seen])))
        return told

    def _advance(self, step: int) -> _steps.Seen:
        recipe = self._recipe
        rate, numbers = (
            np.float32(recipe.rate(step)),
            np.array([recipe.seed, step], np.uint32),
        )
        generator = np.random.default_rng((recipe.seed, step))
        places = self._source.choose(generator, recipe.batch)
        batch = devices_.hand_in(self._source, places, self._mesh, recipe.accumulate)
        self._state, seen = _steps.advance(
            self._state,
            *batch,
            rate,
            numbers,
            self._well,
            recipe=recipe.rule(),
            mesh=self._mesh,
        )
        self._well = seen.well
        return seen

    def _measure(self) -> float:
        if self._validation is None:
            return math.nan
        recipe, batch = self._recipe, self._recipe.batch // self._recipe.accumulate
        return _evaluate(
            self._state.model,
            self._validation,
            batch,
            recipe.validation,
            recipe.execution,
            self._mesh,
        )

    def _save(self) -> None:
        if self._store is None or jax.process_index() != 0:
            return
        tree = (self._state, self._steps, self._metrics)
        records = len(self._steps)
        _checkpoint.write(self._store, self._plan, Position(self._step, records), tree)

    def _tokens(self, steps: Any) -> Any:
        return steps * self._recipe.batch * self._source.context

    def _tell(self, loss: Any) -> None:
        if self._progress is None:
            return
        latest = self._metrics["validation"]
        self._progress(
            Progress(
                self._step,
                self._recipe.steps,
                self._tokens(self._step),
                float(loss),
                float(latest[-1]) if len(latest) else math.nan,
            )
        )

    def _dataset(self) -> xr.Dataset:
        import xarray as xr

        variables: dict[str, Any] = {
            name: ("step", self._metrics[name], {"units": units, "long_name": about})
            for name, (units, about) in ABOUT.items()
        }
        coords: dict[str, Any] = {
            "step": self._steps,
            "tokens": ("step", self._tokens(self._steps), {"units": "tokens"}),
        }
        about = {
            "config": json.dumps(dataclasses.asdict(self._state.model.config)),
            "recipe": json.dumps(dataclasses.asdict(self._recipe)),
        }
        return xr.Dataset(variables, coords, about)


def _plan(
    start: TransformerConfig | Transformer,
    config: TransformerConfig,
    source: Source,
    recipe: Recipe,
    validation: Source | None,
) -> dict[str, Any]:
    """What is trained, as JSON has it."""
    plan = {
        "system": "memory",
        "config": dataclasses.asdict(config),
        "start": _digest(start) if isinstance(start, Transformer) else "seed",
        "recipe": dataclasses.asdict(recipe),
        "source": {"digest": source.digest(), "context": source.context},
        "validation": None
        if validation is None
        else {"digest": validation.digest(), "context": validation.context},
    }
    return json.loads(json.dumps(plan))


def _digest(model: Transformer) -> str:
    found = hashlib.sha256()
    for leaf in jax.tree.leaves(model):
        found.update(np.ascontiguousarray(leaf).data)
    return f"parameters {found.hexdigest()}"
