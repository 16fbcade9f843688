"""The partition function in the experiment: its checks, its verdicts, and a tiny run."""

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from isinglass.experiments.memory import partition as experiment
from isinglass.experiments.memory.partition import Resolution
from isinglass.reproduce.experiment import Context

TINY = Resolution((1, 2, 128), np.array([0.3, 1.0, 3.0]), 20)


@pytest.fixture(scope="module")
def outcome():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "QUICK", TINY)
        yield experiment.run(Context(seeds=1, quick=True))


@pytest.mark.parametrize("radius", [0.4, 2.0, 9.0])
@pytest.mark.parametrize("power", [1, 2])
def test_quadrature_in_one_and_two_dimensions(radius, power):
    one = quad(lambda y: np.exp(-(abs(y) ** power)), -radius, radius, points=[0.0])[0]
    two = dblquad(lambda r, _: r * np.exp(-(r**power)), 0, 2 * np.pi, 0, radius)[0]

    assert experiment.quadrature(radius, 1, power) == pytest.approx(
        np.log(one), abs=1e-10
    )
    assert experiment.quadrature(radius, 2, power) == pytest.approx(
        np.log(two), abs=1e-10
    )


def test_the_least_value_is_one_at_one():
    assert experiment.minimum() == pytest.approx((1.0, 1.0), abs=1e-6)


def test_each_form_is_the_integral_that_it_is_said_to_be(monkeypatch):
    found = experiment.measure(Context(seeds=1), TINY)

    assert found.quadrature.max() < 1e-12
    assert found.exponential.max() < 1e-12
    assert found.lower.all()
    # In one dimension e^{−|y|} is the larger where |y| > 1 and the smaller where |y| <
    # 1.
    assert found.printed[0, 0] < found.exact[0, 0]


def test_verdicts(outcome):
    verdicts = {row.quantity: row.verdict.value for row in outcome.rows}

    assert len(verdicts) == len(outcome.rows)
    assert verdicts["n and r at which the printed form is the integral"] == "differs"
    assert verdicts["n and r at which e^{−r} V_n(r) ≤ Z_i, as printed"] == "differs"
    assert verdicts["least log Z + 1/Z"] == "reproduced"
    assert verdicts["Z at which log Z + 1/Z is least"] == "reproduced"
    assert verdicts["2 √(n/2πe), n = 1,024"] == "reproduced"


def test_figures_and_findings(outcome):
    names = [figure.name for figure in outcome.figures]

    assert names == ["memory-partition", "memory-partition-size"]
    assert "80,000 balls have Z = 1 at 8.210" in outcome.findings
    assert "10^10 tokens at n = 256" in outcome.findings
    assert "that part of Proposition 4 holds" in outcome.findings
    assert (
        "log Z is −53 at the radius √(n/2πe), so that 1/Z is e^53" in outcome.findings
    )


def test_size_over_data_squared_rises_first():
    from isinglass.systems.memory import parameters_against_data

    found = experiment.measure(Context(seeds=1), TINY._replace(widths=120))
    ratio = parameters_against_data(np.arange(2, 21))["log_ratio"].values / np.log(10)
    told = experiment._of_size(found)

    assert ratio.argmax() == 9 - 2
    assert (
        f"rises from 10^−{-ratio[0]:.1f} at n = 2 to 10^−{-ratio.max():.1f} at n = 9"
        in told
    )
    assert "then falls to 10^−507 at n = 10,000" in told
