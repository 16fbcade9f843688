"""The continuation experiment at a few values: what theory fixes, and its views."""

import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.meanfield import continuation, cycle
from isinglass.experiments.meanfield.branches import hysteresis
from isinglass.experiments.meanfield.continuation import Setting
from isinglass.experiments.meanfield.setting import parameters

TINY = Setting(values=10, transient=400, steps=600)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(continuation.SETTINGS, "quick", TINY)
        patch.setattr(continuation, "SPANS", {"range": (0.9, 1.35)})
        yield measure(continuation, seeds=2)


def test_below_the_onset_both_ways_end_on_the_forced_cycle_with_its_exponent(measured):
    span = measured.sel(span="range")
    is_below = (span.beta < 1.2).values
    below = span.isel(value=is_below)

    assert (below.period == cycle.period()).all()
    assert not hysteresis(span).bistable[:, is_below].any()
    for index, beta in enumerate(below.beta.values):
        expected = cycle.exponents(parameters(beta))[0]
        np.testing.assert_allclose(below.leading[..., index], expected, atol=5e-3)


def test_above_the_onset_nothing_stays_on_the_forced_cycle(measured):
    span = measured.sel(span="range")
    above = span.isel(value=(span.beta > 1.29).values)

    assert (above.period != cycle.period()).all()
    assert (above.leading > -1e-2).any()


def test_it_has_rows_and_a_figure(measured):
    views = tell(continuation, measured)
    rows = rows_of(views).values()

    assert parts(views) == [""]
    assert "β in [0.9, 1.35]" in views.figures[0].caption
    assert "10 values" in views.findings
    assert all(0 <= row.low <= row.high <= 100 for row in rows if row.unit == "%")
    assert all(row.n == 2 for row in rows)  # starts, never cells


@pytest.mark.parametrize("resolution", ["quick", "full"])
def test_the_full_resolution_says_that_its_steps_are_not_the_published_ones(
    measured, resolution
):
    findings = tell(continuation, measured.assign_attrs(resolution=resolution)).findings

    assert ("4,000 + 4,000 steps" in findings) == (resolution == "full")
