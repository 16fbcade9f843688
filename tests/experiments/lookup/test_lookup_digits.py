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
    FROZEN,
    HEATED,
    LARGE,
    LEARNED,
    NAMES,
    PEERS,
    PLAIN,
    arm_of,
)
from isinglass.experiments.lookup.learning import Training
from isinglass.reproduce.verdicts import Verdict

TINY = replace(
    digits.SETTINGS["quick"],
    tables=(20, 10),
    training=Training(600, 500, 4, 8, (0.01, 0.03), (2.0,)),
    arms=(HEATED, BINARY),
    peers=(),
)


@pytest.fixture
def measured() -> xr.Dataset:
    """Learned wires are ahead, frozen tables behind; all else is alike."""
    rng = np.random.default_rng(0)
    percent = {"units": "%", "valid_range": [0, 100]}

    def table(**axes):
        shape = tuple(len(values) for values in axes.values())
        return xr.DataArray(rng.uniform(80, 81, shape), axes, attrs=percent)

    accuracy = table(arm=list(NAMES), seed=range(6))
    accuracy.loc[LEARNED] += 5
    accuracy.loc[FROZEN] -= 5
    ones = ("arm", np.ones(len(NAMES)))
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "learned": table(arm=list(NAMES), seed=range(6)),
            "peers": table(peer=list(PEERS), seed=range(6)),
            "strength": ("peer", np.ones(len(PEERS))),
            "rate": ones,
            "temperature": ones,
            "lost": ("arm", np.zeros(len(NAMES))),
            "bits": 1053,
            "all_bits": 2352,
            "tested": 10_000,
        },
        attrs={"resolution": "default", "seeds": 6, "seed": 0},
    )


def test_the_programs_number_is_not_compared(measured):
    row = rows_of(tell(digits, measured))[f"Accuracy of {LARGE}"]
    assert (row.paper, row.n) == (98.46, 6)
    assert row.verdict is Verdict.NOT_COMPARABLE


def test_differences_are_paired_and_told(measured):
    outcome = tell(digits, measured)
    row = rows_of(outcome)[f"{LEARNED} less {HEATED}"]
    points = measured.accuracy.sel(arm=LEARNED) - measured.accuracy.sel(arm=HEATED)
    assert (row.ours, row.unit) == (pytest.approx(points.mean()), "points")
    text = outcome.findings
    assert f"({LEARNED} less {HEATED}: ahead)" in text
    assert f"({HEATED} less {FROZEN}: ahead)" in text
    assert f"({HEATED} less {PLAIN}: no difference that we can tell)" in text


def test_nothing_is_told_of_arms_that_were_not_trained(measured):
    few = measured.sel(arm=[HEATED, PLAIN], peer=[PEERS[0]], seed=[0, 1])
    text = tell(digits, few.assign_attrs(resolution="quick", seeds=2)).findings
    assert LARGE not in text
    assert "tutorial" not in text


def test_arms_and_peers_are_drawn(measured, sketches):
    assert parts(tell(digits, measured)) == [""]


def test_a_binary_network_has_as_many_bits_as_the_tables():
    net = arm_of(BINARY, digits.SETTINGS["default"], 1053).new(jax.random.key(0))
    stored = net.inner.size + net.outer.size
    assert stored == pytest.approx(450 * 64, rel=0.02)
    bits = jnp.asarray(np.random.default_rng(0).random((3, 1053)) < 0.5, jnp.float32)
    sums = np.asarray(net.logits(bits))
    assert (np.abs(sums) <= net.outer.shape[0]).all()
    np.testing.assert_array_equal(sums, np.rint(sums))


def test_a_tiny_run_measures_all_of_it(monkeypatch):
    monkeypatch.setitem(digits.SETTINGS, "quick", TINY)
    measured = measure(digits, seeds=2)
    assert ((measured.accuracy >= 0) & (measured.accuracy <= 100)).all()
    assert set(np.unique(measured.rate)) <= {0.01, 0.03}
    assert measured.tested == 500
