import numpy as np
import pytest
import xarray as xr

from helpers.experiments import rows_of, tell
from isinglass.experiments.interference import entropy
from isinglass.experiments.interference.setting import CLASSES


def test_own_and_other_learners_are_told_apart():
    axes = {"learner": list(CLASSES), "digit": list(CLASSES)}
    before = xr.DataArray(np.arange(16.0).reshape(4, 4, 1), axes, [*axes, "seed"])
    falling = before * xr.DataArray(
        np.linspace(1, 0, len(entropy.PICTURES)), {"pictures": list(entropy.PICTURES)}
    )
    dataset = xr.Dataset({"entropy": falling, "in_time": falling.pictures * 0.0 + 60})
    dataset.attrs = {"resolution": "quick", "seeds": 1, "seed": 0}
    rows = rows_of(tell(entropy, dataset))

    for digit, own in zip(CLASSES, (0, 5, 10, 15), strict=True):
        fall = rows[f"learner {digit}, own digit: fall of the entropy"]
        assert fall.ours == own
    own = rows["mean over learners, own digit"]
    others = rows["mean over learners, other digits"]
    assert own.ours == 7.5
    assert others.ours == pytest.approx((120 - 30) / 12)


def test_it_falls_from_that_of_the_prior(measured):
    rows = rows_of(tell(entropy, measured(entropy)))
    course = [
        rows[f"entropy at the own learner after {pictures} pictures per class"].ours
        for pictures in entropy.PICTURES
    ]

    assert np.log(15) < course[0] < np.log(23)
    assert course[-1] < course[0] - 0.02
