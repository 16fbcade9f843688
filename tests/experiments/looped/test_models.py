"""Models of an experiment: their seeds, checkpoints, and what is measured of them."""

from dataclasses import replace

import jax
import numpy as np
import pytest

from isinglass.experiments.looped import models
from isinglass.experiments.looped.models import Training
from isinglass.reproduce import Context
from isinglass.systems.looped import (
    Evaluation,
    LoopedConfig,
    Recipe,
    Run,
)
from isinglass.training.run import TrainingDivergedError

TRAINING = Training(
    "small",
    "full-sequence",
    LoopedConfig(hidden=8, iterations=2),
    Recipe(steps=4, batch=4, shortest=4, longest=8),
    Evaluation(lengths=(8,), every=4, sequences=4),
)
SEEDS = (3, 5)


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    return Context(seeds=range(2), workspace=tmp_path_factory.mktemp("workspace"))


@pytest.fixture(scope="module")
def run(context: Context) -> Run:
    return models.trained(context, TRAINING, SEEDS)


def test_seeds_of_a_search_are_not_those_reported() -> None:
    context, other = (Context(seeds=range(3), seed=seed) for seed in (2**62, 1))
    reported, searched = (
        models.seeds(context, 50, purpose) for purpose in (models.REPORT, models.SEARCH)
    )

    assert len({*reported, *searched}) == 100
    assert models.seeds(context) == models.seeds(context, 3) == reported[:3]
    assert models.seeds(other) != models.seeds(context)
    assert all(0 <= seed < 2**32 for seed in (*reported, *searched))


def test_a_model_is_measured_on_sequences_of_its_own(run: Run) -> None:
    accuracy = models.fresh_accuracy(run, (8, 12), 16, purpose=1)
    second = jax.tree.map(lambda x: x[1:], run.model)
    alone = replace(run, model=second, seeds=SEEDS[1:])

    assert dict(accuracy.sizes) == {"seed": 2, "length": 2}
    assert accuracy.attrs["units"] == "%"
    assert 1 < accuracy.max() <= 100
    # Whatever else is measured; but for another purpose they are others.
    again = models.fresh_accuracy(alone, (12,), 16, purpose=1)
    assert again.sel(length=12).item() == accuracy.sel(seed=1, length=12)
    other = models.fresh_accuracy(run, (8, 12), 16, purpose=2)
    assert (other != accuracy).any()


def test_terms_are_measured_on_sequences_of_its_own(run: Run) -> None:
    terms = models.fresh_terms(run, 8, 16, purpose=1)

    assert terms.cross_entropy.dims == ("seed",)
    assert np.ptp(terms.cross_entropy.values) > 0


def test_training_keeps_a_checkpoint_in_the_workspace(
    context: Context, run: Run
) -> None:
    again = models.trained(context, TRAINING, SEEDS)

    store = context.store(TRAINING.name)
    assert store is not None
    assert list(store.iterdir())
    assert again.metrics.identical(run.metrics)
    assert models.diverged(run) == 0


def test_a_training_that_diverged_counts_as_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = {3: "diverged at step 2: task is not finite", 5: "took all steps"}
    wild = replace(run, stopped=stopped)

    def fail(*_, **__):
        raise TrainingDivergedError(2, "task", wild)

    monkeypatch.setattr(models, "train", fail)
    result = models.trained(Context(seeds=range(1)), TRAINING, SEEDS)

    assert result is wild
    assert models.diverged(result) == 1
