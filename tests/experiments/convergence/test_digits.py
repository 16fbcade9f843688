"""Digits by one layer of attention: told from numbers made up, and a tiny run."""

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.convergence import digits
from isinglass.experiments.convergence.digits import (
    ARMS,
    HALF,
    INVERSE,
    PEERS,
    UNIFORM,
    Setting,
)
from isinglass.experiments.convergence.digits_models import Training
from isinglass.reproduce import Verdict

NAMES, SEEDS = [arm.name for arm in ARMS], range(6)
TINY = Setting(
    (6,), 100, 30, 40, Training(8, 4, 10, (0.01, 1e9), searches=1, every=2), (HALF,)
)


@pytest.fixture
def measured() -> xr.Dataset:
    """All are as good, and 1/d_m leaves attention uniform."""
    rng = np.random.default_rng(0)
    axes = {"arm": NAMES, "width": [64, 512]}
    draws = {**axes, "seed": SEEDS}

    def table(low: float, high: float, **axes) -> xr.DataArray:
        shape = [len(values) for values in axes.values()]
        return xr.DataArray(rng.uniform(low, high, shape), axes, list(axes))

    percent = {"units": "%", "valid_range": [0, 100]}
    distance = table(0.4, 0.5, **draws)
    distance.loc[INVERSE.name] = 0.01
    distance.loc[UNIFORM.name] = np.nan
    return xr.Dataset(
        {
            "accuracy": table(80, 82, **draws).assign_attrs(percent),
            "loss": table(0.1, 0.2, **draws, step=[75, 750]),
            "distance": distance,
            "rate_chosen": table(0.01, 0.01, **axes),
            "failed": 0 * table(0, 1, **axes, rate=[0.01, 0.1]),
            "peers": table(88, 90, peer=list(PEERS), seed=SEEDS).assign_attrs(percent),
            "strength": table(1, 1, peer=list(PEERS)),
        },
        attrs={"resolution": "default", "seeds": 6, "seed": 0},
    )


def test_claims_get_verdicts_by_how_often_they_hold(measured):
    uniform = "d_m = 512: 1/d_m ends at uniform attention (below 0.05)"
    faster = "d_m = 512: d_m^(−1/2) ends at a smaller loss than 1/d_m"
    outcome = tell(digits, measured)
    assert rows_of(outcome)[uniform].verdict == Verdict.IN_INTERVAL
    assert "So it does leave it uniform" in outcome.findings
    assert "No training of the searches diverged" in outcome.findings
    assert len(parts(outcome)) == 1
    measured.distance.loc[INVERSE.name] = 0.2
    measured.loss.loc[HALF.name] = 1
    measured.failed.loc[HALF.name, 64, 0.1] = 2
    outcome = tell(digits, measured)
    rows = rows_of(outcome)
    assert rows[uniform].verdict == rows[faster].verdict == Verdict.DIFFERS
    assert "does leave uniform under training" in outcome.findings
    assert f"2 at 0.1 ({HALF.name}, d_m = 64)" in outcome.findings


def test_a_tiny_run_is_whole_and_takes_no_rate_that_diverges(monkeypatch):
    monkeypatch.setitem(digits.SETTINGS, "quick", TINY)
    measured = measure(digits, seeds=2)
    assert measured.rate_chosen.item() == 0.01
    assert measured.failed.values.ravel().tolist() == [0, 1]
    assert measured.loss.notnull().all()
    assert ((measured.distance > 0) & (measured.distance < 0.94)).all()
    assert (measured.peers.sel(peer="logistic regression") > 40).all()
    assert measured.accuracy.notnull().all()
