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
    LOGISTIC,
    PEERS,
    UNIFORM,
    Setting,
)
from isinglass.experiments.convergence.digits_models import Training
from isinglass.reproduce import Context, Resolution, Verdict

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
    distance = table(0.4, 0.5, **draws, time=["start", "end"])
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
    assert "training does not take attention with 1/d_m away" in outcome.findings
    assert "No training of the searches diverged" in outcome.findings
    assert len(parts(outcome)) == 1
    measured.distance.loc[INVERSE.name] = 0.2  # from the start on
    text = tell(digits, measured).findings
    assert "training does not take attention with 1/d_m away" in text
    measured.distance.loc[INVERSE.name, 64, :, "end"] = 0.3
    measured.loss.loc[HALF.name] = 1
    measured.failed.loc[HALF.name, 64, 0.1] = 2
    outcome = tell(digits, measured)
    rows = rows_of(outcome)
    assert rows[uniform].verdict == rows[faster].verdict == Verdict.DIFFERS
    assert "from 0.2 [0.2, 0.2] to 0.3 [0.3, 0.3] (d_m = 64)" in outcome.findings
    departs = "away from uniform at d_m = 64, and at no other width here"
    assert departs in outcome.findings
    assert f"2 at 0.1 ({HALF.name}, d_m = 64)" in outcome.findings


def test_no_search_is_claimed_where_there_was_none(measured):
    assert "Is that due to training W_Q" in tell(digits, measured).findings
    arms = [HALF.name, INVERSE.name]  # and no control that it could be told beside
    quick = measured.sel(width=[64], arm=arms).assign_attrs(resolution="quick")
    text = tell(digits, quick).findings
    assert "Is that due to" not in text
    assert "a learning rate of 0.03, which was not searched" in text
    assert "on other draws" not in text
    assert "diverged" not in text


def test_a_tiny_run_is_whole_and_takes_no_rate_that_diverges(monkeypatch):
    monkeypatch.setitem(digits.SETTINGS, "quick", TINY)
    measured = measure(digits, seeds=2)
    assert measured.rate_chosen.item() == 0.01
    assert measured.failed.values.ravel().tolist() == [0, 1]
    assert measured.loss.notnull().all()
    assert ((measured.distance > 0) & (measured.distance < 0.94)).all()
    strengths = dict(zip(PEERS, measured.strength.values, strict=True))
    assert 1e-5 <= strengths.pop(LOGISTIC) <= 0.1
    assert all(1e-3 <= strength <= 10 for strength in strengths.values())
    assert (measured.peers.sel(peer="logistic regression") > 40).all()
    assert measured.accuracy.notnull().all()


def test_attention_is_measured_on_pictures_that_its_own_draw_did_not_learn(monkeypatch):
    """Each draw's, so that the order of draws changes nothing."""
    monkeypatch.setitem(digits.SETTINGS, "quick", TINY)
    looked_at = {}

    def distances(models, patches, tested):
        rows = zip(np.asarray(models.place), np.asarray(tested), strict=True)
        looked_at.update({int(place): set(row) for place, row in rows})
        return np.zeros(len(tested))

    monkeypatch.setattr(digits, "distances", distances)
    context = Context(seeds=range(3), resolution=Resolution("quick"))
    digits.measure(context)
    splits = digits._problem(context, TINY).reported
    assert looked_at == {n: set(split.test) for n, split in enumerate(splits)}
    assert all(looked_at[n].isdisjoint(s.learn) for n, s in enumerate(splits))
