"""Tables in the place of perceptrons: told from numbers made up."""

from typing import Any

import equinox as eqx
import jax
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import parts, rows_of, tell
from isinglass.experiments.lookup import transformer
from isinglass.experiments.lookup.transformer import FROZEN, MLP, NAMES, NONE, TABLES
from isinglass.reproduce.verdicts import Verdict


@pytest.fixture
def measured() -> xr.Dataset:
    rng = np.random.default_rng(0)
    attrs = {"units": "%", "valid_range": [0, 100]}
    axes = {"arm": list(NAMES), "seed": range(6)}
    accuracy, fitted = (
        xr.DataArray(rng.uniform(90, 91, (len(NAMES), 6)), axes, attrs=attrs)
        for _ in range(2)
    )
    accuracy.loc[NONE] -= 5
    kinds = ["multiplications", "additions", "comparisons", "look_ups"]
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "learned": fitted,
            "rate": ("arm", np.full(len(NAMES), 0.01)),
            "lost": ("arm", np.zeros(len(NAMES))),
            "operations": xr.DataArray(
                rng.integers(1, 9, (len(NAMES), 4)).astype(float),
                {"arm": list(NAMES), "kind": kinds},
            ),
            "share": 55.609899534427816,
            "tested": 1000,
        },
        attrs={"resolution": "default", "seeds": 6, "seed": 0},
    )


def test_the_share_of_multiplications_is_reproduced(measured):
    row = rows_of(tell(transformer, measured))["Perceptrons' multiplications"]
    assert row.paper == 55
    assert row.verdict is Verdict.IN_INTERVAL


def test_whether_perceptrons_are_of_use_comes_first(measured):
    text = tell(transformer, measured).findings
    assert "They are, so that one can ask" in text
    assert "we cannot tell trained tables from random ones" in text
    measured.accuracy.loc[FROZEN] -= 5
    assert "of use to train them" in tell(transformer, measured).findings
    measured.accuracy.loc[MLP] = measured.accuracy.sel(arm=NONE).values
    measured.accuracy.loc[TABLES] -= 9
    text = tell(transformer, measured).findings
    assert "what takes their place says nothing" in text


def test_accuracies_and_differences_are_drawn(measured, sketches):
    assert parts(tell(transformer, measured)) == [""]


def test_arms_differ_in_mixers_alone():
    options = transformer.SETTINGS["default"]
    arms: Any = {name: transformer.arm_of(name, options) for name in NAMES}
    assert arms[TABLES].frozen is None
    assert arms[FROZEN].frozen is not None
    net = eqx.filter_eval_shape(arms[FROZEN].new, jax.random.key(0))
    frozen = arms[FROZEN].frozen(net)  # as `LaneTask` takes it: arrays in one tuple
    assert [leaf.shape for leaf in frozen] == [(128, 16)] * 2
    mixers = [options.config(m).operations() for m in ("mlp", "lookup", "none")]
    assert len({count.attention for count in mixers}) == 1
    assert mixers[1].mixer.multiplications == 0
