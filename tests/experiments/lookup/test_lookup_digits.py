"""Digits by tables: told from numbers made up, and a tiny run."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.lookup import digits
from isinglass.experiments.lookup.digits import (
    BINARY,
    BOUNDS,
    CHOICES,
    FROZEN,
    HEATED,
    LEARNED_QUARTER,
    LONGER,
    PEERS,
    PLAIN,
    QUARTER,
    Trial,
    arm_of,
)
from isinglass.experiments.lookup.learning import Training
from isinglass.reproduce.verdicts import Verdict

TINY = replace(
    digits.SETTINGS["quick"],
    trials=(
        Trial(HEATED, (20, 10), 1),
        Trial(BINARY, (20, 10), 1, binary=True, as_in=HEATED, repetitions=1),
    ),
    training=Training(600, 500, batch=150, rates=(0.01, 0.03), further=0),
    peers=(),
)
NAMES = digits.SETTINGS["default"].names


@pytest.fixture
def measured() -> xr.Dataset:
    """Learned wires are ahead, frozen tables behind; all else is alike."""
    rng = np.random.default_rng(0)
    percent = {"units": "%", "valid_range": [0, 100]}

    def table(**axes):
        shape = tuple(len(values) for values in axes.values())
        return xr.DataArray(rng.uniform(80, 81, shape), axes, attrs=percent)

    accuracy = table(arm=list(NAMES), seed=range(6))
    accuracy.loc[LEARNED_QUARTER] += 5
    accuracy.loc[LEARNED_QUARTER][4:] = np.nan  # of fewer repetitions
    accuracy.loc[FROZEN] -= 5
    learned = accuracy.copy(data=rng.uniform(80, 81, accuracy.shape))
    rate = ("arm", np.where(np.array(NAMES) == PLAIN, 0.1, 0.01))
    roots = [trial.temperatures[1] for trial in digits.SETTINGS["default"].trials]
    axes = {"arm": list(NAMES), "choice": list(CHOICES), "bound": list(BOUNDS)}
    limits = xr.DataArray([[(0.003, 0.1), (0.1, 100)]] * len(NAMES), axes)
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "learned": learned.where(accuracy.notnull()),
            "peers": table(peer=list(PEERS), seed=range(6)),
            "strength": ("peer", [0.03, 1.0, np.nan]),
            "strengths": (("peer", "bound"), [[0.003, 1.0]] * 2 + [[np.nan] * 2]),
            "rate": rate,
            "temperature": ("arm", roots),
            "limits": limits,
            "lost": ("arm", np.zeros(len(NAMES))),
            "bits": 1053,
            "all_bits": 2352,
            "tested": 10_000,
        },
        attrs={"resolution": "default", "seeds": 6, "seed": 0},
    )


def test_the_programs_number_is_not_compared(measured):
    row = rows_of(tell(digits, measured))[f"Accuracy of {LONGER}"]
    assert (row.paper, row.n) == (98.46, 6)
    assert row.verdict is Verdict.NOT_COMPARABLE


def test_differences_are_paired_and_told(measured):
    outcome = tell(digits, measured)
    row = rows_of(outcome)[f"{LEARNED_QUARTER} less {QUARTER}"]
    arms = (measured.accuracy.sel(arm=name) for name in (LEARNED_QUARTER, QUARTER))
    points = np.subtract(*arms)[:4]
    assert (row.ours, row.n) == (pytest.approx(points.mean()), 4)
    text = " ".join(outcome.findings.split())
    assert f"({LEARNED_QUARTER} less {QUARTER}, 4 repetitions: ahead)" in text
    assert f"({HEATED} less {FROZEN}, 6 repetitions: ahead)" in text
    assert f"({HEATED} less {PLAIN}, 6 repetitions: no difference that we" in text


def test_what_chose_the_end_of_a_grid_is_told(measured):
    text = " ".join(tell(digits, measured).findings.split())
    assert f"was chosen by {PLAIN}; {PEERS[1]}: more may be better there" in text
    assert "all in all rates of 0.003 to 0.1" in text
    inside = measured.assign(rate=0.01 + 0 * measured.rate, strength=measured.rate[:3])
    inside = inside.assign(strength=("peer", [0.03, 0.1, np.nan]))
    assert digits.edges(inside) == []
    assert "No choice is the least or the largest" in tell(digits, inside).findings
    inside.limits.loc[BINARY, "temperature", "least"] = inside.temperature.sel(
        arm=BINARY
    )
    assert digits.edges(inside) == [BINARY]


def test_nothing_is_told_of_arms_that_were_not_trained(measured):
    few = measured.sel(arm=[HEATED, PLAIN], peer=[PEERS[0]], seed=[0, 1])
    text = tell(digits, few.assign_attrs(resolution="quick", seeds=2)).findings
    assert LONGER not in text
    assert "tutorial" not in text


def test_arms_and_peers_are_drawn(measured, sketches):
    assert parts(tell(digits, measured)) == [""]


def test_a_binary_network_has_as_many_bits_as_the_tables():
    trial = Trial(BINARY, (300, 150), binary=True)
    net = arm_of(trial, 1053).new(jax.random.key(0))
    stored = net.inner.size + net.outer.size
    assert stored == pytest.approx(450 * 64, rel=0.1)
    bits = jnp.asarray(np.random.default_rng(0).random((3, 1053)) < 0.5, jnp.float32)
    sums = np.asarray(net.logits(bits))
    assert (np.abs(sums) <= net.outer.shape[0]).all()
    np.testing.assert_array_equal(sums, np.rint(sums))


def test_a_tiny_run_measures_all_of_it(monkeypatch):
    monkeypatch.setitem(digits.SETTINGS, "quick", TINY)
    measured = measure(digits, seeds=2)
    first, second = measured.accuracy.values
    assert ((first >= 0) & (first <= 100)).all()
    np.testing.assert_array_equal(np.isnan(second), [False, True])
    assert set(np.unique(measured.rate)) <= {0.01, 0.03}
    assert len(np.unique(measured.temperature)) == 1
    assert measured.tested == 500
