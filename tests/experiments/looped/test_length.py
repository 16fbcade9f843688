"""Trained short, tested long."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from helpers import experiments
from helpers.looped_models import untrained
from isinglass.data.induction import Form
from isinglass.experiments.looped import length, models
from isinglass.experiments.looped.length import ENOUGH, LENGTHS, SETTINGS, Setting
from isinglass.experiments.looped.models import PERCENT

FORMS: tuple[Form, ...] = tuple(SETTINGS["default"].steps)


def measurement(form: str, accuracy: np.ndarray) -> xr.Dataset:
    """Accuracy in % by seed and length, the same of every arm."""
    arms = list(length.ARMS)
    values = np.broadcast_to(accuracy, (1, len(arms), *accuracy.shape))
    return xr.Dataset(
        {
            "accuracy": (("form", "arm", "seed", "length"), values, PERCENT),
            "parameters": (("form", "arm"), [[828, 573, 573]]),
        },
        {"form": [form], "arm": arms, "length": list(LENGTHS)},
        {"resolution": "default"},
    )


@pytest.mark.parametrize("arm", list(length.ARMS))
def test_only_the_last_stage_has_the_penalty(arm):
    for form in FORMS:
        *first, last = length.recipe(SETTINGS["default"], form, arm)

        assert all(stage.objective.is_plain for stage in first)
        assert last.objective.is_plain == (arm != "P")
        assert last.longest == 64


def test_a_success_is_counted_where_enough_is_right():
    accuracy = np.zeros((3, len(LENGTHS)))
    accuracy[0, LENGTHS.index(64)] = 99.0
    accuracy[1:, LENGTHS.index(1000)] = 90.0
    outcome = experiments.tell(length, measurement("last-token", accuracy))
    rows = experiments.rows_of(outcome)

    name = "last token, 16 symbols, bias by distance, potential penalty"
    assert rows[f"{name}: seeds with ≥ 99 % at L = 64"].ours == pytest.approx(100 / 3)
    assert rows[f"{name}: seeds with ≥ 90 % at L = 1000"].ours == pytest.approx(200 / 3)
    assert len(rows) == len(length.ARMS) * (len(LENGTHS) + len(ENOUGH))
    assert "1 of 3 have ≥ 99 % at L = 64 and 2 of 3 have ≥ 90 %" in outcome.findings
    assert "0.0 % at L = 64 and 90.0 % at L = 1000" in outcome.findings


@pytest.mark.parametrize(
    "form", ["full-sequence", pytest.param("last-token", marks=pytest.mark.slow)]
)
def test_a_tiny_run_from_end_to_end(form, monkeypatch):
    monkeypatch.setattr(length, "LENGTHS", (64, 1000))
    config = length.config
    monkeypatch.setattr(
        length, "config", lambda *job: replace(config(*job), iterations=2)
    )
    if form == "full-sequence":  # tests of other experiments train
        monkeypatch.setattr(models, "trained", untrained)
    tiny = Setting({form: (12, 12)}, longest=16, sequences=2)
    monkeypatch.setitem(SETTINGS, "quick", tiny)
    outcome = experiments.tell(length, experiments.measure(length, seeds=2))

    assert len(outcome.rows) == len(length.ARMS) * (2 + 2)
    assert {row.n for row in outcome.rows} == {2}
    parameters = {
        "full-sequence": "573, with sinusoids 828",
        "last-token": "1,049, with sinusoids 1,032",
    }[form]
    assert f"parameters: {parameters} ({length.TITLES[form]})" in outcome.findings
    assert outcome.findings.count("The median seed has") == len(length.ARMS)
    assert experiments.parts(outcome) == [""]
