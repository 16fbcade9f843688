"""The GPT-2 style baseline: rows, findings, and a tiny run."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from helpers import experiments
from helpers.looped_models import untrained
from isinglass.experiments.looped import baseline, models, setting
from isinglass.experiments.looped.baseline import (
    ADAPTIVE,
    FIXED,
    KINDS,
    MINIMAL,
    SETTINGS,
    Setting,
)
from isinglass.experiments.looped.models import PERCENT
from isinglass.reproduce import Verdict
from isinglass.systems.looped import BaselineConfig, LoopedConfig, Recipe

TINY = Setting(setting.FORMS, 4, 4, False, (8, 100), 4)
MEANS = {MINIMAL: 96.0, FIXED: 60.0, ADAPTIVE: 55.0}
OF_MINIMAL = "accuracy at L = 100, minimal, d = 8, last-token form"


def measurement(options: Setting, means: dict[str, float]) -> xr.Dataset:
    """Three seeds, 1 % apart, with the same accuracy at every length."""
    spread = np.array([-1.0, -1.0, 0.0, 1.0, 1.0])
    accuracy = xr.DataArray(
        np.array(list(means.values()))[:, None] + spread,
        {"kind": list(KINDS)},
        ("kind", "seed"),
        attrs=PERCENT,
    ).expand_dims(form=list(options.forms), length=list(options.lengths))
    counts = {"form": list(options.forms), "kind": list(KINDS)}
    shape = (len(options.forms), 1)
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "parameters": (list(counts), np.tile([500, 50_000, 50_000], shape)),
            "diverged": (list(counts), np.tile([0, 0, 0], shape)),
        },
        counts,
        {"resolution": "quick"},
    )


def verdict(options: Setting, means: dict[str, float], monkeypatch) -> Verdict:
    """Of the only row that the paper has a number for."""
    monkeypatch.setitem(SETTINGS, "quick", options)
    outcome = experiments.tell(baseline, measurement(options, means))
    (row,) = [row for row in outcome.rows if row.paper is not None]
    assert row.quantity == OF_MINIMAL
    return row.verdict


def test_the_papers_number_is_compared_only_at_its_setting(monkeypatch) -> None:
    tiny = replace(TINY, forms=("last-token",))
    full = replace(SETTINGS["full"], forms=("last-token",), lengths=(8, 100))
    worse = {**MEANS, MINIMAL: 40.0}

    assert verdict(tiny, MEANS, monkeypatch) is Verdict.NOT_COMPARABLE
    assert verdict(full, MEANS, monkeypatch) is Verdict.IN_INTERVAL
    assert verdict(full, worse, monkeypatch) is Verdict.DIFFERS


def test_the_full_setting_is_the_papers() -> None:
    recipe, config = SETTINGS["full"].baseline_recipe, SETTINGS["full"].baseline_config

    assert (recipe.steps, recipe.batch) == (100_000, 64)
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-4, 0.05)
    assert recipe.objective.is_plain
    assert (config.width, config.heads, config.iterations) == (64, 4, 25)


def test_findings_and_figure(monkeypatch) -> None:
    monkeypatch.setitem(SETTINGS, "quick", TINY)
    outcome = experiments.tell(baseline, measurement(TINY, MEANS))

    text = outcome.findings
    assert "has 500 parameters, the baseline 50,000, 100 times as many" in text
    assert "96 [94.6, 97.1] % at L = 100 (minimal, d = 8)" in text
    assert "say nothing of where either would end" in text
    assert experiments.parts(outcome) == [""]


# That the baseline trains is in tests/training, and that experiments do in others here.
@pytest.mark.parametrize(
    "train", [untrained, pytest.param(None, marks=pytest.mark.slow)]
)
def test_a_tiny_run_from_end_to_end(train, monkeypatch: pytest.MonkeyPatch) -> None:
    if train is not None:
        monkeypatch.setattr(models, "trained", train)
    recipe = Recipe(steps=4, batch=4, shortest=4, longest=8)
    small = LoopedConfig(hidden=8, iterations=2)
    monkeypatch.setattr(setting, "our_config", lambda: small)
    monkeypatch.setattr(setting, "our_recipe", lambda *_, **__: recipe)
    config = BaselineConfig(width=8, heads=2, iterations=2)
    monkeypatch.setattr(Setting, "baseline_config", config)
    tiny = replace(TINY, forms=("full-sequence",), lengths=(8,))
    monkeypatch.setitem(SETTINGS, "quick", tiny)

    outcome = experiments.tell(baseline, experiments.measure(baseline, seeds=2))

    assert not any(row.verdict.is_judgement for row in outcome.rows)
    assert {row.n for row in outcome.rows if "accuracy" in row.quantity} == {2}
    assert len(experiments.rows_of(outcome)) == 2 + 3 + 1
