"""Minima of the energies of Fig. 1, against what two patterns and a direct search say."""

import jax
import numpy as np
import pytest

from isinglass.experiments.memory import landscapes as experiment
from isinglass.experiments.memory import setting as memory_paper
from isinglass.experiments.memory.landscapes import MODERN, NEAREST, Resolution
from isinglass.reproduce.experiment import Context

TINY = Resolution(21, 301, 12)


@pytest.fixture(autouse=True)
def _doubles():
    with jax.enable_x64(True):
        yield


def test_two_patterns_merge_where_beta_times_their_squared_distance_is_two():
    patterns = np.array([[0.0, 0.0], [0.6, 0.8]])

    assert experiment.critical_beta(patterns, NEAREST) == pytest.approx(2.0, rel=0.02)


def test_a_pattern_between_others_has_no_minimum_of_the_modern_energy_at_any_beta():
    line = np.array(memory_paper.FIG_1["1-D"])

    assert np.isnan(experiment.critical_beta(line, MODERN))


def test_minima_are_where_a_direct_search_finds_them():
    line = np.array(memory_paper.FIG_1["1-D"])
    x = np.linspace(-3, 2, 200_001)
    energy = -np.log(np.exp(-((x - line) ** 2)).sum(0))
    lowest = x[1:-1][(energy[1:-1] < energy[2:]) & (energy[1:-1] < energy[:-2])]

    found = experiment.minima(
        line, experiment.landscape(NEAREST), np.linspace(-3, 2, 9)[:, None]
    )

    np.testing.assert_allclose(found.found[:, 0], lowest, atol=3e-5)
    assert found.own.tolist() == [True, False, False]  # 0 and 1 share one
    assert found.distance == pytest.approx(
        abs(line[:, 0] - lowest[[0, 1, 1]]), abs=3e-5
    )


def test_branches_end_at_the_patterns():
    line = np.array(memory_paper.FIG_1["1-D"])
    branches = experiment.follow_minima(line, TINY)
    last = branches["minima"][branches["minima"][:, 0] > 29.9, 1]
    between = branches["maxima"][branches["maxima"][:, 0] > 29.9, 1]

    np.testing.assert_allclose(last, line[:, 0], atol=1e-3)
    np.testing.assert_allclose(between, [-1, 0.5], atol=0.01)


def test_a_tiny_run_from_end_to_end(monkeypatch):
    monkeypatch.setattr(experiment, "QUICK", TINY)
    outcome = experiment.run(Context(seeds=3, quick=True))
    rows = {row.quantity: row for row in outcome.rows}

    assert len(rows) == len(outcome.rows)
    assert rows["2-D: minima, nearest neighbour, β = 1"].ours == 3
    assert rows["1-D: minima, nearest neighbour, β = 1"].ours == 2
    assert all(
        r.verdict == "reproduced" for r in outcome.rows if r.source == "Proposition 1"
    )
    assert "0.0 and 1.0 share one minimum" in outcome.findings
    assert "Of 3 random sets" in outcome.findings
    names = [figure.name for figure in outcome.figures]
    assert names == ["memory-landscapes-2d", "memory-landscapes-1d"]
