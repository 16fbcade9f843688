"""The language model of characters: equal parameters, and what is told."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import rows_of, tell
from isinglass.experiments.relative import text
from isinglass.experiments.relative.text import BEYOND, PLACES, TRAINED


def test_arms_have_equal_parameters():
    sizes = text.Sizes()
    numbers = [
        text.parameters(arm, sizes, text.equal_hidden(arm, sizes)) for arm in text.ARMS
    ]
    assert np.ptp(numbers) < 0.005 * max(numbers)


@pytest.fixture
def measured() -> xr.Dataset:
    axes = {"arm": list(text.NAMES), "places": list(PLACES), "seed": range(5)}
    noise = np.random.default_rng(0).normal(scale=0.01, size=(5, 2, 5))
    bits = xr.DataArray(3 + noise, axes, attrs={"units": "bits"})
    bits.loc[{"places": BEYOND}] += 0.5
    rates = bits.isel(places=0, seed=0, drop=True)
    return xr.Dataset(
        {"bits": bits, "rate": rates, "parameters": rates * 1000},
        attrs={"resolution": "default", "seeds": 5, "seed": 0},
    )


def test_it_is_told(measured):
    outcome = tell(text, measured)
    rows = rows_of(outcome)
    more = rows["RPE + c, beyond less trained"].ours
    assert more == pytest.approx(0.5, abs=0.03)
    assert "So c adds nothing that can be told here" in outcome.findings
    measured.bits.loc["RPE + c", TRAINED] -= 0.5
    outcome = tell(text, measured)
    assert "So c helps here" in outcome.findings
    assert rows_of(outcome)["RPE + c, as trained, less RPE"].ours < -0.4
    assert len(outcome.figures) == 1
