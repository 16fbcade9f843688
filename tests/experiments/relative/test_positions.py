"""Places and even tokens: the tasks, what is told, and tiny models of all arms."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from helpers.experiments import rows_of, tell
from isinglass.experiments.relative import positions
from isinglass.experiments.relative.positions import (
    ABSOLUTE,
    EQUAL,
    EVEN,
    RANDOM,
    RPE,
    TASKS,
    URPE,
)


@pytest.fixture
def measured() -> xr.Dataset:
    axes = {"arm": list(positions.NAMES), "task": list(TASKS), "seed": range(5)}
    noise = np.random.default_rng(0).normal(scale=0.1, size=(9, 3, 5))
    accuracy = xr.DataArray(6 + noise, axes, attrs={"units": "%"})
    accuracy.attrs["valid_range"] = [0, 100]
    accuracy.loc[[URPE.name, ABSOLUTE.name]] = 99.5 + noise[:2]
    accuracy.loc["causal RPE", TASKS[EVEN]] = np.nan
    everywhere = (50 + accuracy.sel(task=TASKS[EVEN], drop=True) / 2).assign_attrs(
        accuracy.attrs
    )
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "everywhere": everywhere,
            "rate": accuracy.mean("seed"),
        },
        attrs={"resolution": "default", "seeds": 5, "seed": 0},
    )


def test_tasks_are_the_published_ones():
    drawn = jnp.array([[3, 1, 4, 1, 5, 2]])
    tokens, targets = positions.task_of(drawn, EVEN, 9)
    np.testing.assert_array_equal(tokens, drawn)
    np.testing.assert_array_equal(targets, [[1, 1, 2, 9, 9, 9]])
    for case, first in ((RANDOM, drawn), (EQUAL, [[3] * 6])):
        tokens, targets = positions.task_of(drawn, case, 9)
        np.testing.assert_array_equal(tokens, first)
        np.testing.assert_array_equal(targets, [range(6)])


def test_it_is_told(measured):
    outcome = tell(positions, measured)
    rows = rows_of(outcome)
    of_urpe = measured.accuracy.sel(arm="URPE", task=TASKS[EVEN])
    ours = rows["URPE: even tokens, first half"].ours
    assert ours == pytest.approx(float(of_urpe.mean()), abs=0.05)
    assert rows["URPE solves even tokens (above 99 %)"].ours == 100
    assert "causal RPE: even tokens, first half" not in rows
    assert (
        "So it gives what absolute positions give, within 5 points" in outcome.findings
    )
    assert len(outcome.figures) == 1
    assert "tokens that differ are enough" not in outcome.findings
    measured.accuracy.loc["URPE", TASKS[EVEN]] = 60 + np.arange(5)
    measured.accuracy.loc["RoPE", TASKS[EVEN]] = 95
    outcome = tell(positions, measured)
    assert "behind absolute positions after 800 steps" in outcome.findings
    assert "by RoPE, with nothing outside" in outcome.findings
    solved = rows_of(outcome)["URPE solves even tokens (above 99 %)"]
    assert solved.ours == 0
    assert solved.verdict == "differs"
    assert RPE.name in outcome.findings


@pytest.mark.parametrize(
    ("accuracy", "sentence"),
    [
        ([99, 99, 99, 60, 99], "cannot be told apart, nor said to be alike"),
        ([95, 96, 97, 96, 95], "behind absolute positions after 800 steps"),
    ],
)
def test_beside_absolute_positions_the_interval_decides(measured, accuracy, sentence):
    measured.accuracy.loc["URPE", TASKS[EVEN]] = accuracy
    assert sentence in tell(positions, measured).findings


def test_rates_that_were_not_searched_are_not_called_chosen(measured):
    assert "chosen on other seeds" in tell(positions, measured).findings
    measured.attrs["resolution"] = "quick"
    findings = tell(positions, measured).findings
    assert "chosen" not in findings
    assert "one rate for all, 0.01, that was not searched" in findings
