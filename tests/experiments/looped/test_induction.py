"""Table 2: what is claimed of short and long trainings, and a tiny one end to end."""

import numpy as np
import pytest
import xarray as xr

from helpers import experiments
from isinglass.data.induction import Form
from isinglass.experiments.looped import induction, setting
from isinglass.experiments.looped.induction import SETTINGS, Setting
from isinglass.experiments.looped.models import PERCENT
from isinglass.experiments.looped.parts import grid
from isinglass.experiments.looped.setting import OURS
from isinglass.reproduce import Row, Verdict
from isinglass.systems.looped import LoopedConfig, Recipe

STEPS = (500, 1000, 20_000)
LEARNED, NOTHING = [33.5, 80.0, 96.8], [33.0, 33.0, 33.0]
PAPERS = "paper's setting, last-token"


def trained(
    accuracies: list[float],
    steps: tuple[int, ...] = STEPS,
    kinetic: tuple[float, ...] = (4.0, 3.0, 1.55),
    form: Form = "last-token",
    diverged: int = 0,
) -> xr.Dataset:
    """Five seeds with accuracies in % at L = 1000 by step, a little apart."""
    seeds = np.arange(5)
    accuracy = np.array(accuracies)[None, :, None] + 0.1 * seeds[:, None, None]
    by_length = np.repeat(accuracy, 3, axis=2)
    terms = np.array(kinetic)[: len(steps)] + 0.01 * seeds[:, None]
    names = ("kinetic", "potential", "entropy", "cross_entropy")
    return xr.Dataset(
        {
            **dict.fromkeys(names, (("seed", "step"), terms)),
            "accuracy": (("seed", "step", "length"), by_length, PERCENT),
            "final_accuracy": (("seed", "length"), by_length[:, -1], PERCENT),
            "form": form,
            "iterations": 25,
            "chance": setting.chance(form),
            "diverged": diverged,
        },
        {"seed": seeds, "step": list(steps), "length": list(induction.LENGTHS)},
    )


def tell(**parts: xr.Dataset):
    """All views of the paper's setting in one form or both, beside our recipe."""
    names = {"last_token": PAPERS, "full_sequence": "paper's setting, full-sequence"}
    settings = {(names[name],): part for name, part in parts.items()}
    settings[OURS,] = trained([60.0, 70.0, 80.0], form="full-sequence")
    measured = grid(settings, "setting").assign_attrs(resolution="quick")
    return experiments.tell(induction, measured)


def rows_of(part: xr.Dataset) -> list[Row]:
    return [
        row for row in tell(last_token=part).rows if "our recipe" not in row.quantity
    ]


def row_of(rows: list[Row], words: str) -> Row:
    (row,) = [row for row in rows if words in row.quantity]
    return row


def test_the_papers_transition_is_reproduced_where_it_is() -> None:
    rows = rows_of(trained(LEARNED))

    verdicts = {
        "by step 1000": Verdict.IN_INTERVAL,
        "after training, accuracy at L = 1000": Verdict.IN_INTERVAL,
        "L = 100 after": Verdict.ONE_RUN,
        "last over first": Verdict.IN_INTERVAL,
    }
    for words, verdict in verdicts.items():
        assert row_of(rows, words).verdict is verdict


def test_it_is_not_reproduced_where_nothing_is_learned() -> None:
    rows = rows_of(trained(NOTHING, kinetic=(4.0, 4.0, 4.0)))

    for words in (
        "by step 1000",
        "after training, accuracy at L = 1000",
        "L = 100 after",
        "last over first",
    ):
        assert row_of(rows, words).verdict is Verdict.DIFFERS


def test_a_short_training_settles_only_what_it_saw() -> None:
    short = rows_of(trained([33.0, 33.0], steps=(500, 1000)))
    shorter = rows_of(trained([33.0], steps=(300,)))

    assert row_of(short, "by step 1000").verdict is Verdict.DIFFERS
    row = row_of(shorter, "by step 1000")
    assert (row.verdict, row.paper) == (Verdict.NOT_COMPARABLE, 100)
    assert row.rule == "We took 300 steps."
    for words in (
        "L = 100 after",
        "last over first",
        "after training, accuracy at L = 1000",
    ):
        row = row_of(short, words)
        assert row.verdict is Verdict.NOT_COMPARABLE
        assert row.paper is not None
        assert "1,000 of the paper's 20,000 steps" in row.rule


def test_the_kinetic_term_is_summed_over_iterations_and_not_compared() -> None:
    first = row_of(rows_of(trained(NOTHING)), "kinetic term, step 500")

    assert first.ours == pytest.approx(25 * 4.02)
    assert first.verdict is Verdict.NOT_COMPARABLE


def test_findings_say_how_far_training_went() -> None:
    outcome = tell(
        last_token=trained([33.0, 34.0, 95.0]),
        full_sequence=trained([25.0], steps=(300,), form="full-sequence"),
    )

    text = outcome.findings
    assert "after 20,000 of 20,000 steps" in text
    assert "5 of 5 seeds are above 90 % at L = 1000 at the end" in text
    assert "0 of 5 were above 56 %" in text
    assert "Too few steps were taken to see the paper's jump" in text
    assert "½ d T = 100" in text
    # e^(−2 · 0.001 · 0.1 · 19,500)
    decay = (
        "Weight decay alone, which shrinks the gain of the layer normalisation, makes"
    )
    assert f"{decay} 0.02" in text
    assert experiments.parts(outcome) == [""]


def test_findings_count_seeds_that_diverged() -> None:
    text = tell(last_token=trained(LEARNED, diverged=1)).findings
    assert "1 diverged" in text


def test_a_tiny_run_from_end_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    config = LoopedConfig(hidden=8, iterations=2)
    recipe = Recipe(steps=4, batch=4, shortest=4, longest=8)
    for name in ("paper_config", "our_config"):
        monkeypatch.setattr(setting, name, lambda: config)
    for name in ("paper_recipe", "our_recipe"):
        monkeypatch.setattr(setting, name, lambda steps: recipe)
    monkeypatch.setitem(SETTINGS, "quick", Setting(("full-sequence",), 4, 2, 4, 2, 2))

    outcome = experiments.tell(induction, experiments.measure(induction, seeds=2))

    assert {row.n for row in outcome.rows} == {2}
    assert not any(row.verdict.is_judgement for row in outcome.rows)
    assert len(experiments.rows_of(outcome)) == 12
