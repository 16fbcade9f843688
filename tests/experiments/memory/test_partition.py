"""The partition function in the experiment: checks, verdicts, what is told of it."""

import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.memory import partition as experiment
from isinglass.experiments.memory.partition import Setting

TINY = Setting((1, 2, 128), 5, 120)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(experiment.SETTINGS, "quick", TINY)
        return measure(experiment)


@pytest.fixture(scope="module")
def outcome(measured):
    return tell(experiment, measured)


def test_the_least_value_is_one_at_one(measured):
    assert measured.best_z == pytest.approx(1, abs=1e-6)
    assert measured.least_entropy == pytest.approx(1, abs=1e-6)


def test_each_form_is_the_integral_that_it_is_said_to_be(measured):
    assert measured.error.max() < 1e-12
    assert measured.bounded.all()
    # In one dimension e^{−|y|} is the smaller where |y| < 1.
    assert measured.printed[0, 0] < measured.exact[0, 0]


def test_verdicts(outcome):
    verdicts = {name: row.verdict.value for name, row in rows_of(outcome).items()}

    assert verdicts["n and r at which the printed form is the integral"] == "differs"
    assert verdicts["n and r at which e^{−r} V_n(r) ≤ Z_i, as printed"] == "differs"
    assert verdicts["least log Z + 1/Z"] == "in our interval"
    assert verdicts["Z at which log Z + 1/Z is least"] == "in our interval"
    assert verdicts["2 √(n/2πe), n = 1,024"] == "in our interval"


def test_figures_and_findings(outcome):
    assert parts(outcome) == ["", "size"]
    assert "80,000 balls have Z = 1 at 8.210" in outcome.findings
    assert "10^10 tokens at n = 256" in outcome.findings
    assert "that part of Proposition 4 holds" in outcome.findings
    assert (
        "log Z is −53 at the radius √(n/2πe), so that 1/Z is e^53" in outcome.findings
    )


def test_size_over_data_squared_rises_first(measured, outcome):
    ratio = measured.log10_ratio

    assert ratio.idxmax() == 9
    assert (
        f"rises from 10^−{-float(ratio[0]):.1f} at n = 2 to "
        f"10^−{-float(ratio.max()):.1f} at n = 9" in outcome.findings
    )
    assert "then falls to 10^−507 at n = 10,000" in outcome.findings


def test_widths_that_have_the_papers_ratio_are_named(measured):
    has_ratio = np.isin(measured.n, [64, 256])
    outcome = tell(experiment, measured.assign(has_ratio=("n", has_ratio)))

    assert "has the paper's 8.4e-10 to 8.8e-10 at n = 64, 256: no" in outcome.findings
