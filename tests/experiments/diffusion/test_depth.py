"""Accuracy by depth: what is told, and what the layers of a tiny model do."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.diffusion import depth
from isinglass.experiments.diffusion.block_graphs import Ensemble
from isinglass.experiments.diffusion.setting import MEAN, Training

TINY = Training(4, 1, 4, (0.01,), 1, 2, 2)


@pytest.fixture
def measured() -> xr.Dataset:
    rng, seed = np.random.default_rng(0), range(3)
    axes = {"learner": list(depth.NAMES), "depth": [1, 2, 4], "seed": seed}
    accuracy = xr.DataArray(70 + rng.normal(size=(len(depth.NAMES), 3, 3)), axes)
    accuracy[:, 2] -= 10
    layers = {"learner": list(depth.NAMES), "layer": range(5), "seed": seed}
    falling = xr.DataArray(np.linspace(5, 1, 5), {"layer": range(5)}, ["layer"])
    course = falling.expand_dims(learner=list(depth.NAMES), seed=seed)
    course = course.transpose(*layers)
    energy = course.where(course.layer > 0)
    return xr.Dataset(
        {
            "accuracy": accuracy.assign_attrs(units="%", valid_range=[0, 100]),
            "rate": accuracy.mean("seed"),
            "cosine": course / 5,
            "roughness": course / 5,
            "energy": energy,
            "penalty": energy.copy(),
        },
        attrs={"resolution": "default", "seeds": 3, "seed": 0},
    )


def test_it_is_told(measured):
    outcome = tell(depth, measured)
    rows = rows_of(outcome)
    accuracy = measured.accuracy.sel(learner="mean")
    lost = (accuracy.sel(depth=4) - accuracy.sel(depth=1)).mean()
    assert rows["mean, 4 layers: less depth 1"].ours == pytest.approx(float(lost))
    assert rows["mean, 4 layers: layers that raise E"].ours == 0
    assert "So it falls in all layers" in outcome.findings
    assert len(outcome.figures) == 1
    measured.energy[0, 3, 0] = 9  # then down again: a rise of three steps
    row = rows_of(tell(depth, measured))[
        "-s as published + graph, 4 layers: layers that raise E"
    ]
    assert row.ours == pytest.approx(100 / 9)
    assert "are no descent" in tell(depth, measured).findings


def test_the_mean_of_all_makes_instances_alike(monkeypatch, untrained):
    tiny = depth.Setting((2,), 4.0, Ensemble(60, 6, 5, 10), TINY, (MEAN,))
    monkeypatch.setitem(depth.SETTINGS, "quick", tiny)
    measured = measure(depth, seeds=2)
    part = measured.sel(learner=MEAN.name)
    assert part.cosine[2].min() > part.cosine[1].max()
    assert part.energy.isnull().all("seed").values.tolist() == [True, False, False]
    assert (part.penalty <= part.energy).sum() == 4
    assert part.accuracy.notnull().all()
