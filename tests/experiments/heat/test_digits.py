"""Conduction of pictures: told from numbers made up, and models as they are made."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.heat import digits
from isinglass.experiments.heat.digits import ARMS, MODES, NONE, SIDES, Setting
from isinglass.experiments.heat.setting import Arm, Training, patches_of

NAMES = [arm.name for arm in ARMS]


@pytest.fixture
def measured() -> xr.Dataset:
    """All alike with the convolution; without it k = 0 is 30 points behind."""
    rng = np.random.default_rng(0)
    axes = {"arm": NAMES, "convolution": list(SIDES)}
    seeds = {"seed": range(5)}
    accuracy = xr.DataArray(90 + rng.normal(size=(len(NAMES), 2, 5)), axes | seeds)
    accuracy.loc[:, SIDES[1]] -= 20
    accuracy.loc[NONE.name, SIDES[1]] -= 30
    width = 0.3 + 0.1 * rng.random(size=accuracy.shape)
    width = xr.DataArray(width, axes | seeds, attrs={"units": "cells"})
    percent = {"units": "%", "valid_range": [0, 100]}
    return xr.Dataset(
        {
            "accuracy": accuracy.assign_attrs(percent),
            "width": width.where(width.arm.str.startswith("k per")),
            "still": (100 * width).assign_attrs(percent),
            "rate": accuracy.mean("seed"),
        },
        attrs={"resolution": "default", "seeds": 5, "seed": 0},
    )


def test_findings_follow_the_numbers(measured):
    outcome = tell(digits, measured)
    rows = rows_of(outcome)
    part = measured.accuracy.sel(convolution=SIDES[1])
    points = part.sel(arm=MODES.name) - part.sel(arm=NONE.name)
    row = rows[f"less no conduction: {MODES.name}, {SIDES[1]}"]
    assert (row.ours, row.unit) == (pytest.approx(points.mean()), "points")
    assert "heat alone does mix" in outcome.findings
    assert "gives more by itself than conduction" in outcome.findings
    assert len(outcome.figures) == 1
    measured.accuracy.loc[NONE.name] = [[50.0] * 5, [95.0] * 5]
    text = tell(digits, measured).findings
    assert "not ahead of no conduction in every" in text
    assert "no more than conduction by itself" in text


@pytest.mark.parametrize("kind", ["channels", "attention"])
def test_each_kind_is_measured(monkeypatch, untrained, kind):
    tiny = Setting(Training(4, 1, 14, 50, 2, 5, (0.01,)), (Arm("own", kind),))
    monkeypatch.setitem(digits.SETTINGS, "quick", tiny)
    measured = measure(digits, seeds=2)
    assert measured.accuracy.notnull().all()
    assert measured.width.notnull().all() == (kind == "channels")


def test_finer_patches_are_of_cells_of_half_the_side():
    images = np.arange(28 * 28, dtype=float).reshape(1, 28, 28)
    coarse, fine = (patches_of(images, 4, finer) for finer in (False, True))
    assert coarse.shape == (1, 7, 7, 16)
    assert fine.shape == (1, 14, 14, 16)
    # A coarse cell lies in the middle of its four fine ones.
    inner = fine[0, 2:4, 2:4].mean((0, 1))
    np.testing.assert_allclose(inner, coarse[0, 1, 1])
