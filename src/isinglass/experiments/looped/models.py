"""The models of an experiment: trained from its seeds, measured on fresh sequences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import xarray as xr

from isinglass.data.induction import Form, InductionTask
from isinglass.reproduce import Context, following
from isinglass.systems.looped import (
    BaselineConfig,
    Evaluation,
    LoopedConfig,
    Recipe,
    Run,
    accuracy_by_length,
    terms_by_length,
    train,
)
from isinglass.systems.looped.evaluation import Sample
from isinglass.training.run import even_diverged

# What seeds are for: to choose a learning rate, or to be reported.
SEARCH, REPORT = 0, 1
PERCENT = {"units": "%", "valid_range": [0, 100]}


@dataclass(frozen=True)
class Training:
    """What is trained, apart from the seeds.

    Attributes:
        name: What to call it: also the folder of its checkpoint.
        form: Form of the task.
        config: Shape of the models.
        recipe: How to train, in stages if there are several.
        evaluate: What to measure meanwhile; a checkpoint is written as often.
    """

    name: str
    form: Form
    config: LoopedConfig | BaselineConfig
    recipe: Recipe | Sequence[Recipe]
    evaluate: Evaluation

    @property
    def task(self) -> InductionTask:
        """What is to be learned."""
        return InductionTask(self.form, self.config.vocabulary)


def seeds(
    context: Context, count: int | None = None, purpose: int = REPORT
) -> tuple[int, ...]:
    """Seeds of models: the first ones are the same whatever the count.

    Args:
        context: Gives the base seed.
        count: How many; as many as the experiment has repetitions if None.
        purpose: `SEARCH` or `REPORT`; the two have different ones.
    """
    # Those of one purpose have the same parity, so that none is in both.
    first = context.model_seed()
    count = len(context.seeds) if count is None else count
    return tuple(2 * ((first + index) % 2**31) + purpose for index in range(count))


def trained(
    context: Context, training: Training, names: Sequence[int] | None = None
) -> Run:
    """Train, or go on with it, and say how far it is.

    A training in which all seeds diverged counts as it is.

    Args:
        context: Where to say it, and where checkpoints lie.
        training: What to train.
        names: Seeds; those that are reported if None.
    """
    with following(context, training.name, training.name) as runtime:
        return even_diverged(
            train,
            training.config,
            training.task,
            training.recipe,
            seeds=seeds(context) if names is None else names,
            evaluate=training.evaluate,
            runtime=runtime,
        )


def parameters(run: Run) -> int:
    """How many numbers each model of a run has trained."""
    return sum(leaf.size for leaf in jax.tree.leaves(run.model)) // len(run.seeds)


def diverged(run: Run) -> int:
    """How many seeds of a training diverged."""
    return sum(why.startswith("diverged") for why in run.stopped.values())


def fresh_accuracy(
    run: Run,
    lengths: Sequence[int],
    sequences: int,
    purpose: int,
    answers: Callable[[Any], Any] = lambda model: model,
) -> xr.DataArray:
    """Accuracy of every model of a run on sequences of its own, in percent.

    Models that were measured on the same sequences would not be independent samples:
    the answer to be guessed is then more often right, or less often, for all of them.

    Args:
        run: Trained models.
        lengths: Lengths of the sequences.
        sequences: How many of each.
        purpose: What it is for: the sequences of a seed are the same in every run, and
            others for another purpose.
        answers: Makes of a model what is to be measured.

    Returns:
        Accuracy over the positions that count, dimensions (seed, length); seeds are
        numbered from 0.
    """

    def measure(model: Any, key: jax.Array) -> xr.Dataset:
        return accuracy_by_length(
            answers(model), run.task, Sample(lengths, key, sequences)
        )

    accuracy = 100 * _by_model(run, purpose, measure)["all"]
    return accuracy.assign_attrs(PERCENT | {"long_name": "accuracy"})


def fresh_terms(run: Run, length: int, sequences: int, purpose: int) -> xr.Dataset:
    """Cross-entropy and penalties of every model of a run, as `fresh_accuracy` has it.

    Returns:
        What `terms_by_length` does at one length, dimension (seed,).
    """

    def measure(model: Any, key: jax.Array) -> xr.Dataset:
        terms = terms_by_length(model, run.task, Sample([length], key, sequences))
        return terms.isel(length=0, drop=True)

    return _by_model(run, purpose, measure)


def _by_model(
    run: Run, purpose: int, measure: Callable[[Any, jax.Array], xr.Dataset]
) -> xr.Dataset:
    key = jax.random.key(purpose)
    parts = [measure(run.of(seed), jax.random.fold_in(key, seed)) for seed in run.seeds]
    return xr.concat(parts, dim=xr.IndexVariable("seed", np.arange(len(parts))))
