"""The setting that the looped experiments share: arms, recipes, seeds, and models measured."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from isinglass._common.intervals import mean_text
from isinglass.data.induction import InductionTask
from isinglass.experiments.looped import setting as paper
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import compare
from isinglass.systems.looped import LoopedConfig
from isinglass.systems.looped.evaluation import Evaluation
from isinglass.systems.looped.recipe import Recipe
from isinglass.systems.looped.training import Run
from isinglass.training.run import TrainingDivergedError

SMALL = LoopedConfig(hidden=8, iterations=2)
SHORT = Recipe(steps=4, batch=4, shortest=4, longest=8)
MEASURED = Evaluation(lengths=(8,), every=4, sequences=4)


@pytest.fixture(scope="module")
def context(tmp_path_factory) -> Context:
    return Context(seeds=2, sweeps=tmp_path_factory.mktemp("sweeps"))


@pytest.fixture(scope="module")
def run(context: Context) -> Run:
    return paper.trained(
        context, "one", SMALL, "full-sequence", SHORT, (3, 5), MEASURED
    )


def test_the_arms_are_all_subsets_of_the_penalties() -> None:
    weights = {tuple(paper.objective(arm).weights().values()) for arm in paper.ARMS}

    assert weights == {
        (p, k, s) for p in (0.1, 0.0) for k in (0.001, 0.0) for s in (0.02, 0.0)
    }
    assert paper.objective(paper.PLAIN).is_plain
    with pytest.raises(ValueError, match=r"arm must be one of .*PKS, got 'PP'"):
        paper.objective("PP")


def test_the_papers_setting_is_the_default_of_the_library() -> None:
    assert paper.paper_config() == LoopedConfig()
    assert paper.paper_recipe() == Recipe()
    assert paper.paper_recipe("P", 10, learning_rate=0.1).learning_rate == 0.1


@pytest.mark.parametrize("steps", [1, 10, 2000])
def test_our_recipe_suits_its_task_in_any_number_of_steps(steps: int) -> None:
    four, sixteen = (paper.our_recipe("PKS", symbols, steps) for symbols in (4, 16))

    assert four.task(InductionTask("last-token", 4)).vocabulary == 4
    assert sixteen.task(InductionTask("full-sequence", 16)).vocabulary == 16
    assert four.first_symbols is None
    assert sixteen.symbols_at(0, 16) == (4 if steps > 1 else 16)
    assert sixteen.symbols_at(steps, 16) == 16


def test_seeds_of_a_search_are_not_those_reported() -> None:
    context = Context(seeds=1, seed=2**62)
    reported, searched = (
        paper.seeds(context, 50, use) for use in (paper.REPORT, paper.SEARCH)
    )

    assert len({*reported, *searched}) == 100
    assert paper.seeds(context, 3) == reported[:3]
    assert paper.seeds(Context(seeds=1, seed=1), 3) != paper.seeds(Context(seeds=1), 3)
    assert all(0 <= seed < 2**32 for seed in (*reported, *searched))


def test_a_model_is_measured_on_sequences_of_its_own(run: Run) -> None:
    measured = paper.fresh_accuracy(run, (8, 12), 16, purpose=1)
    alone: Any = SimpleNamespace(task=run.task, seeds=(5,), of=run.of)

    assert dict(measured.sizes) == {"seed": 2, "length": 2}
    assert measured.seed.values.tolist() == [3, 5]
    # Whatever else is measured; but for another purpose they are others.
    again = paper.fresh_accuracy(alone, (12,), 16, purpose=1)
    assert again["all"].sel(seed=5, length=12) == measured["all"].sel(seed=5, length=12)
    other = paper.fresh_accuracy(run, (8, 12), 16, purpose=2)
    assert (other["all"] != measured["all"]).any()


def test_terms_are_measured_on_sequences_of_its_own(run: Run) -> None:
    terms = paper.fresh_terms(run, 8, 16, purpose=1)

    assert terms.cross_entropy.dims == ("seed",)
    assert np.ptp(terms.cross_entropy.values) > 0


def test_training_keeps_a_checkpoint_where_sweeps_lie(
    context: Context, run: Run
) -> None:
    again = paper.trained(
        context, "one", SMALL, "full-sequence", SHORT, (3, 5), MEASURED
    )

    store = context.store("one")
    assert store is not None
    assert list(store.iterdir())
    assert again.metrics.identical(run.metrics)
    assert paper.diverged(run) == 0
    assert Context(seeds=1).store("one") is None


def test_a_training_that_diverged_counts_as_it_is(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    wild = replace(
        run, stopped={3: "diverged at step 2: task is not finite", 5: "took all steps"}
    )

    def fail(*_, **__):
        raise TrainingDivergedError(2, "task", wild)

    monkeypatch.setattr("isinglass.systems.looped.training.train", fail)
    found = paper.trained(
        Context(seeds=1), "x", SMALL, "full-sequence", SHORT, (3, 5), MEASURED
    )

    assert found is wild
    assert paper.diverged(found) == 1


def test_intervals_end_where_their_quantity_does() -> None:
    row = compare(
        "x-y", "here", "share", [99.0, 60.0], paper=None, unit="%", because="no value"
    )

    assert row.between().high == 100
    assert row.between().low == 0
    assert mean_text(np.array([99.0, 60.0]), 0, 100) == "79.5 [0, 100]"
    assert mean_text(np.array([99.0])) == "99"
    assert paper.chance("last-token") == pytest.approx(100 / 3)
    assert paper.chance("full-sequence", 16) == pytest.approx(100 / 16)
