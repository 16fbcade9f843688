"""Energies of Fig. 1 in a tiny run: minima, verdicts, and what is told of them."""

import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.energy import ModernHopfield
from isinglass.experiments.memory import landscapes as experiment
from isinglass.experiments.memory.landscapes import Setting


def critical(patterns, landscape, *, low, high):
    """In place of a search by halves, which `tests/energy/test_minima.py` tries."""
    assert (low, high) == experiment.BETAS
    is_none = landscape is ModernHopfield and patterns.shape[1] == 1
    return np.nan if is_none else 2.0


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", Setting(21, 301, 5))
        patch.setattr(experiment, "critical_inverse_temperature", critical)
        return measure(experiment, seeds=3)


@pytest.fixture(scope="module")
def outcome(measured):
    return tell(experiment, measured)


def test_minima_of_both_spaces(outcome):
    rows = rows_of(outcome)

    assert rows["2-D: minima, nearest neighbour, β = 1"].ours == 3
    assert rows["1-D: minima, nearest neighbour, β = 1"].ours == 2
    proven = [row for row in outcome.rows if row.source == "Proposition 1"]
    assert all(row.verdict == "in our interval" for row in proven)


def test_branches_end_at_the_patterns(measured):
    coldest = measured.isel(beta=-1)

    assert coldest.minima_by_beta.values == pytest.approx([-2, 0, 1], abs=1e-3)
    assert coldest.maxima_by_beta.values == pytest.approx([-1, 0.5], abs=0.01)


def test_figures_and_findings(outcome):
    assert parts(outcome) == ["2d", "1d"]
    assert "0.0 and 1.0 share one minimum" in outcome.findings
    assert "2 minima, at −1.957, 0.494; modern" in outcome.findings
    assert (
        "In the modern Hopfield energy −2.0 and 0.0 share one, and there is no β"
        in (outcome.findings)
    )
    assert "Of 3 random sets" in outcome.findings
    assert "circles are minima: 3 of E, 2 of the modern" in outcome.figures[0].caption


def test_patterns_that_merge_in_no_energy_are_not_said_to(measured):
    alike = measured.assign(is_own=measured.is_own | True)

    findings = tell(experiment, alike).findings

    assert findings.count("each pattern has a minimum of its own") == 2
    assert "share one" not in findings
