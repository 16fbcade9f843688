"""The program's density matrices: what is measured, and what is told of it."""

import pytest

from helpers.experiments import measure, rows_of, tell
from isinglass.experiments.paths import quapi
from isinglass.reproduce.verdicts import Verdict


@pytest.fixture(scope="module")
def measured():
    return measure(quapi)


def test_the_program_is_met_and_a_trace_is_no_meter(measured):
    outcome = tell(quapi, measured)
    rows = rows_of(outcome)
    for name in ("1 to 7", "8 to 60"):
        row = rows[f"largest difference of ρ to the program's, steps {name}"]
        assert row.verdict is Verdict.IN_INTERVAL
    row = rows["ratio of errors beside hierarchical equations, δ to δ/2"]
    assert row.verdict is Verdict.IN_INTERVAL
    assert (measured.trace < measured.cut / 5).all()
    assert measured.markov.max() > 0.1
    assert "within 1e−07" in outcome.findings


def test_a_chain_that_is_off_is_told_as_off(measured):
    off = measured.copy(deep=True)
    off.error[:] += 0.01
    outcome = tell(quapi, off)
    row = rows_of(outcome)["largest difference of ρ to the program's, steps 1 to 7"]
    assert row.verdict is Verdict.DIFFERS
    assert "more than 1e−07" in outcome.findings
    assert len(outcome.figures) == 1
