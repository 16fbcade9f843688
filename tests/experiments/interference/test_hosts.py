import pytest

from helpers.experiments import rows_of, tell
from isinglass.experiments.interference import hosts


def test_signals_arrive_with_the_pulse_and_two_in_antiphase_teach_nothing(measured):
    views = tell(hosts, measured(hosts))
    rows = rows_of(views)
    constant, pulse = (
        rows[f"{host}, K=5: entropy with the host"].ours
        for host in ("constant", "pulse at 20")
    )

    for step in (12, 20):
        name = "trainings (K = 5 and 10) in which most similar signals arrive at step"
        assert rows[f"pulse at {step}: {name} {step}"].ours == 100
    assert constant == pytest.approx(2.79, abs=0.05)
    assert pulse < 1.8
    assert rows["sources that learned from two equal hosts in antiphase"].ours == 0
    assert "at step 20 under a pulse there in 100 % of trainings" in views.findings
