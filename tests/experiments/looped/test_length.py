"""Trained short, tested long."""

import numpy as np
import pytest

from isinglass.experiments.looped import length as experiment
from isinglass.experiments.looped.length import Budget, Found
from isinglass.reproduce.experiment import Context

FORMS = tuple(experiment.DEFAULT.steps)
TINY = Budget({"full-sequence": (12, 12)}, longest=16, sequences=2)


@pytest.mark.parametrize("arm", list(experiment.ARMS))
def test_only_the_last_stage_has_the_penalty(arm):
    for form in FORMS:
        *first, last = experiment.recipe(experiment.DEFAULT, form, arm)

        assert all(stage.objective.is_plain for stage in first)
        assert last.objective.is_plain == (arm != "P")
        assert last.longest == 64


def test_a_success_is_counted_where_enough_is_right():
    accuracy = np.zeros((3, len(experiment.LENGTHS)))
    accuracy[0, experiment.LENGTHS.index(64)] = 99.0
    accuracy[1:, experiment.LENGTHS.index(1000)] = 90.0
    rows = {
        row.quantity: row
        for row in experiment._rows("last-token", "P", Found(accuracy, 9))
    }

    of = "last token, 16 symbols, bias by distance, potential penalty: seeds with"
    assert rows[f"{of} ≥ 99 % at L = 64"].ours == pytest.approx(100 / 3)
    assert rows[f"{of} ≥ 90 % at L = 1000"].ours == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    "form", ["full-sequence", pytest.param("last-token", marks=pytest.mark.slow)]
)
def test_a_tiny_run_from_end_to_end(form, monkeypatch):
    monkeypatch.setattr(experiment, "LENGTHS", (64, 1000))
    monkeypatch.setattr(experiment, "DEFAULT", TINY._replace(steps={form: (12, 12)}))
    outcome = experiment.run(Context(seeds=2))

    assert len(outcome.rows) == len(experiment.ARMS) * (2 + 2)
    assert {row.n for row in outcome.rows} == {2}
    parameters = {
        "full-sequence": "573, with sinusoids 828",
        "last-token": "1,049, with sinusoids 1,032",
    }[form]
    assert f"parameters: {parameters} ({experiment.TITLES[form]})" in outcome.findings
    assert outcome.findings.count("The median seed has") == len(experiment.ARMS)
    assert [figure.name for figure in outcome.figures] == ["looped-length"]
