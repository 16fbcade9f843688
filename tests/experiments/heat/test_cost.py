"""Time by the number of cells: what is told of it."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.heat import cost


@pytest.fixture
def measured() -> xr.Dataset:
    sizes = np.array([8, 16, 32, 64, 128])
    cells = sizes.astype(float) ** 2
    times = np.stack([cells**1.5, 40 * cells, np.where(sizes > 32, np.nan, cells**2)])
    seconds = np.repeat(times[..., None], 3, axis=-1) * [0.9, 1, 1.1]
    axes = {"way": list(cost.NAMES), "cells": sizes, "seed": range(3)}
    attributes = {"units": "ms", "valid_range": [0, np.inf]}
    return xr.Dataset(
        {"seconds": xr.DataArray(seconds, axes, attrs=attributes)},
        attrs={"resolution": "default", "seeds": 3, "seed": 0},
    )


def test_where_ways_cross_is_told(measured):
    outcome = tell(cost, measured)
    assert rows_of(outcome)["attention, 8 × 8"].ours == pytest.approx(64**2)
    assert "faster than products with a matrix from N = 64 on" in outcome.findings
    assert "from N = 8 on, the least that was timed" in outcome.findings
    assert "1.50 (products), 1.00 (Fourier), 2.00 (attention)" in outcome.findings
    measured.seconds.loc["Fourier"] *= 1e4
    measured.seconds.loc["products"] *= 100
    text = tell(cost, measured).findings
    assert "nowhere faster than products" in text
    assert "Attention is nowhere slower" in text


def test_all_ways_are_timed(monkeypatch):
    monkeypatch.setitem(cost.SETTINGS, "quick", cost.Setting((4, 8), 2, 4))
    seconds = measure(cost, seeds=2).seconds
    assert (seconds.sel(cells=4) > 0).all()
    assert seconds.sel(way="attention", cells=8).isnull().all()


def test_attention_is_a_mean_of_places():
    field = jnp.ones((1, 3, 3, 2))
    np.testing.assert_allclose(cost.attention(field), 1, rtol=1e-6)
