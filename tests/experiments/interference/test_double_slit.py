import numpy as np

from helpers.experiments import rows_of, tell
from isinglass.experiments.interference import double_slit


def test_it_is_learned_under_the_noise_of_the_paper(measured):
    rows = rows_of(tell(double_slit, measured(double_slit)))

    assert rows["accuracy after training, ±π/12 once per wave"].ours > 95
    assert rows["accuracy before training, ±π/12 once per wave"].ours < 75


def test_only_the_programs_noise_is_compared_with_the_papers_number(measured):
    rows = rows_of(tell(double_slit, measured(double_slit)))
    after = {name: row for name, row in rows.items() if "after training" in name}

    assert all(row.paper == double_slit.PAPER for row in after.values())
    compared = [name for name, row in after.items() if row.verdict != "not comparable"]
    assert compared == ["accuracy after training, the program's noise"]


def test_a_trained_target_has_more_energy_from_waves_of_its_own_kind(measured):
    energy = measured(double_slit).energy.sel(trained=True).sum("time")

    assert np.argmax(energy.values, axis=1).tolist() == [0, 1]
