"""Rules for another resolution: told from numbers made up, and tried on plates."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.heat import resolution
from isinglass.experiments.heat.resolution import FINER, RULES, TRAINED, WIDER
from isinglass.experiments.heat.setting import Training


@pytest.fixture
def measured() -> xr.Dataset:
    rng, seeds = np.random.default_rng(0), range(4)
    axes = {"question": [FINER, WIDER], "rule": list(RULES), "seed": seeds}
    missed = xr.DataArray(rng.uniform(30, 60, (2, len(RULES), 4)), axes)
    axes = {"arm": ["k per mode"], "use": [TRAINED, *RULES], "seed": seeds}
    accuracy = xr.DataArray(80 + rng.random((1, 1 + len(RULES), 4)), axes)
    accuracy.loc[:, "pad"] -= 10
    percent = {"units": "%", "valid_range": [0, 100]}
    return xr.Dataset(
        {
            "missed": missed.assign_attrs(units="%"),
            "accuracy": accuracy.assign_attrs(percent),
            "rate": accuracy.isel(use=0, seed=0, drop=True) * 0 + 0.01,
        },
        attrs={"resolution": "default", "seeds": 4, "seed": 0},
    )


def test_findings_follow_the_numbers(measured):
    outcome = tell(resolution, measured)
    row = rows_of(outcome)["accuracy, k per mode: pad"]
    assert row.ours == pytest.approx(measured.accuracy.sel(use="pad").mean())
    assert "where exact zero was to be had" in outcome.findings
    assert "the exact rule is ahead" in outcome.findings
    assert len(outcome.figures) == 1
    names = ["k per mode", "k per channel"]
    parts = [measured.accuracy.assign_coords(arm=[name]) for name in names]
    outcome = tell(
        resolution,
        xr.Dataset(
            {
                "missed": measured.missed,
                "accuracy": xr.concat(parts, "arm"),
                "rate": ("arm", [0.01, 0.03]),
            },
            attrs=measured.attrs,
        ),
    )
    assert "With k per channel" not in outcome.findings
    assert "One k of each channel has no padding" in outcome.findings
    measured.accuracy.loc[:, "pad"] = measured.accuracy.sel(use="finer")
    assert "less than a point of difference" in tell(resolution, measured).findings


def test_each_rule_is_exact_for_its_question(monkeypatch, untrained):
    training = Training(4, 1, 4, 50, 2, 5, (0.01,))
    tiny = resolution.Setting(training, resolution.ARMS[:1], 6, 2)
    monkeypatch.setitem(resolution.SETTINGS, "quick", tiny)
    measured = measure(resolution, seeds=2)
    missed = measured.missed.max("seed")
    assert missed.sel(question=FINER, rule=["finer", "edge"]).max() < 1e-6
    assert missed.sel(question=FINER, rule=["pad", "bicubic"]).min() > 5
    assert missed.sel(question=WIDER).idxmin("rule") in ("wider", "bicubic")
    assert measured.accuracy.notnull().all()
