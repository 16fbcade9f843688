"""Table 2: what is claimed of short and long trainings, and a tiny one from end to end."""

import numpy as np
import pytest
import xarray as xr

from isinglass.experiments.looped import induction as experiment
from isinglass.experiments.looped import setting as paper
from isinglass.experiments.looped.induction import OURS, Budget, Trained
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import Verdict
from isinglass.systems.looped import LoopedConfig
from isinglass.systems.looped.recipe import Recipe

STEPS = (500, 1000, 20_000)


def made(
    accuracies, steps=STEPS, kinetic=(4.0, 3.0, 1.55), form="last-token"
) -> Trained:
    """Four seeds with accuracies in % at L = 1000 by step, a little apart."""
    seeds, records = np.arange(4), len(steps)
    values = np.array(accuracies)[None, :, None] / 100 + 0.001 * seeds[:, None, None]
    by_length = np.repeat(values, 3, axis=2)
    by_step = np.broadcast_to(np.array(kinetic)[:records], (4, records))
    by_step = by_step + 0.01 * seeds[:, None]
    measured = ("kinetic", "potential", "entropy", "cross_entropy", "task")
    metrics = xr.Dataset(
        dict.fromkeys(measured, (("seed", "step"), by_step))
        | {"accuracy_at": (("seed", "step", "length"), by_length)},
        {"seed": seeds, "step": list(steps), "length": list(experiment.LENGTHS)},
    )
    final = metrics.accuracy_at.isel(step=-1).drop_vars("step").to_dataset(name="all")
    return Trained(form, 25, paper.chance(form), metrics, final, 0)


def row_of(rows, words):
    (row,) = [row for row in rows if words in row.quantity]
    return row


def test_the_papers_transition_is_found_where_it_is() -> None:
    rows = experiment._rows(made([33.5, 80.0, 96.8]))

    assert row_of(rows, "by step 1000").verdict is Verdict.REPRODUCED
    assert (
        row_of(rows, "after training, accuracy at L = 1000").verdict
        is Verdict.REPRODUCED
    )
    assert row_of(rows, "L = 100 after").verdict is Verdict.REPRODUCED
    assert row_of(rows, "last over first").verdict is Verdict.REPRODUCED


def test_it_is_not_found_where_nothing_is_learned() -> None:
    rows = experiment._rows(made([33.0, 33.0, 33.0], kinetic=(4.0, 4.0, 4.0)))

    for words in (
        "by step 1000",
        "after training, accuracy at L = 1000",
        "L = 100 after",
        "last over first",
    ):
        assert row_of(rows, words).verdict is Verdict.DIFFERS


def test_a_short_training_settles_only_what_it_saw() -> None:
    short = experiment._rows(made([33.0, 33.0], steps=(500, 1000)))
    shorter = experiment._rows(made([33.0], steps=(300,)))

    assert row_of(short, "by step 1000").verdict is Verdict.DIFFERS
    assert row_of(shorter, "by step 1000").verdict is Verdict.INCOMPARABLE
    for words in (
        "L = 100 after",
        "last over first",
        "after training, accuracy at L = 1000",
    ):
        row = row_of(short, words)
        assert row.verdict is Verdict.INCOMPARABLE
        assert row.paper is not None
        assert "1,000 of the paper's 20,000 steps" in row.rule


def test_the_kinetic_term_is_summed_over_iterations_and_not_compared() -> None:
    rows = experiment._rows(made([33.0, 33.0, 33.0]))

    first = row_of(rows, "kinetic term, step 500")
    assert first.ours == pytest.approx(25 * 4.015)
    assert first.verdict is Verdict.INCOMPARABLE


def test_findings_say_how_far_training_went() -> None:
    found = {
        "paper's setting, last-token": made([33.0, 34.0, 95.0]),
        "paper's setting, full-sequence": made(
            [25.0], steps=(300,), form="full-sequence"
        ),
        OURS: made([60.0, 70.0, 80.0], form="full-sequence"),
    }

    text = experiment._findings(found)

    assert "after 20,000 of 20,000 steps" in text
    assert "4 of 4 seeds are above 90 % at L = 1000 at the end" in text
    assert "0 of 4 were above 56 %" in text
    assert "Too few steps were taken to see the paper's jump" in text
    assert "½ d T = 100" in text
    # e^(−2 · 0.001 · 0.1 · 19,500)
    assert (
        "Weight decay alone, which shrinks the gain of the layer normalisation, makes "
        "0.02" in text
    )
    assert experiment._figure(found).name == "looped-induction"


def test_a_seed_that_diverged_is_told_of() -> None:
    found = made([33.5, 80.0, 96.8])
    found.metrics["task"] = found.metrics.task.where(
        found.metrics.seed != 2
    )  # no step is counted
    assert "1 diverged" in experiment._told(found._replace(diverged=1))


def test_a_tiny_run_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    config = LoopedConfig(hidden=8, iterations=2)
    recipe = Recipe(steps=4, batch=4, shortest=4, longest=8)
    for name in ("paper_config", "our_config"):
        monkeypatch.setattr(paper, name, lambda: config)
    for name in ("paper_recipe", "our_recipe"):
        monkeypatch.setattr(paper, name, lambda steps: recipe)
    monkeypatch.setattr(experiment, "QUICK", Budget(("full-sequence",), 4, 2, 2, 2, 4))

    outcome = experiment.run(Context(seeds=2, quick=True))

    assert {row.n for row in outcome.rows} == {2}
    assert all(row.verdict is Verdict.INCOMPARABLE for row in outcome.rows)
    assert len({row.quantity for row in outcome.rows}) == len(outcome.rows)
