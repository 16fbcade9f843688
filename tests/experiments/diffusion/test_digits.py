"""Few labels among many pictures: told from numbers made up, and a tiny run."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.diffusion import digits
from isinglass.experiments.diffusion.digits import (
    ALONG,
    LEARNERS,
    PictureSet,
    Setting,
)
from isinglass.experiments.diffusion.setting import MEAN, PUBLISHED, Training

SETS = ("scikit-learn's digits", "MNIST")
TINY = Setting(
    (PictureSet(SETS[0], 200, (2,), (PUBLISHED,)),),
    40,
    Training(4, 1, 4, (0.01,), 1, 2, 2),
)


@pytest.fixture
def measured() -> xr.Dataset:
    """All are about as good but label spreading, which is better."""
    rng = np.random.default_rng(0)
    axes = {"set": list(SETS), "learner": list(LEARNERS), "shots": [5, 50]}
    seeds = {"seed": range(4)}
    shape = (2, len(LEARNERS), 2, 4)
    accuracy = xr.DataArray(80 + rng.normal(size=shape), axes | seeds)
    accuracy.loc[:, "label spreading"] += 10
    accuracy.loc[:, "no mixing"] = accuracy.sel(learner="mean")
    accuracy.loc["MNIST", "-a"] = np.nan  # not trained
    accuracy.loc["scikit-learn's digits", :, 50] = np.nan
    even = {**axes, "learner": list(LEARNERS[:3])}
    return xr.Dataset(
        {
            "accuracy": accuracy.assign_attrs(units="%", valid_range=[0, 100]),
            "rate": xr.DataArray(np.full(shape[:3], 0.01), axes),
            "unevenness": xr.DataArray(
                rng.uniform(0.001, 0.002, (2, 3, 2, 4)), even | seeds
            ).rename(learner="even"),
        },
        attrs={"resolution": "default", "seeds": 4, "seed": 0},
    )


def test_differences_are_of_the_same_splits(measured):
    outcome = tell(digits, measured)
    row = rows_of(outcome)["Less the mean, MNIST: no mixing, K=5"]
    part = measured.accuracy.sel(set="MNIST", shots=5)
    points = part.sel(learner="no mixing") - part.sel(learner="mean")
    assert (row.ours, row.n, row.unit) == (pytest.approx(points.mean()), 4, "points")
    assert "Accuracy on MNIST: -a, K=5" not in rows_of(outcome)
    assert parts(outcome) == ["", "differences"]


def test_findings_follow_the_numbers(measured):
    assert "the mean add to what each picture says" in (
        text := tell(digits, measured).findings
    )
    assert "by more than 0.002 of 1/N" in text.replace("0.0020", "0.002")
    assert "(label spreading, MNIST, K=50)" in text
    measured.accuracy.loc[:, "no mixing"] -= 30
    assert "helps in all of these cases" in tell(digits, measured).findings
    measured.accuracy.loc["MNIST", "no mixing"] += 60
    measured.accuracy.loc[:, ALONG.name] += 30
    assert "in 3 of 3 cases flow between" in tell(digits, measured).findings
    assert "helps in some of these cases" in tell(digits, measured).findings


def test_attention_of_all_is_the_mean_and_not_all_is_trained(monkeypatch, untrained):
    monkeypatch.setitem(digits.SETTINGS, "quick", TINY)
    measured = measure(digits, seeds=3)
    assert 0 < measured.unevenness.sel(even=PUBLISHED.name).max() < 0.2
    accuracy = measured.accuracy.squeeze(("set", "shots"))
    assert accuracy.sel(learner=["-a", MEAN.name]).isnull().all()
    assert accuracy.sel(learner=PUBLISHED.name).notnull().all()
    assert (accuracy.sel(learner="1-NN") > 40).all()
