"""The phase diagrams at a few cells: what linear stability fixes, and the bookkeeping."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from isinglass.experiments.meanfield import cycle
from isinglass.experiments.meanfield import phase as experiment
from isinglass.experiments.meanfield.phase import Plane, Resolution
from isinglass.reproduce.experiment import Context

TINY = Resolution(betas=11, others=4, transient=600, steps=1200, every=1)


@pytest.fixture(scope="module")
def measured():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "LANES", 44)
        patch.setattr(experiment, "ONSETS", 3)
        context = Context(seeds=2, quick=True)
        yield experiment.measure(context, "gamma", "γ", np.geomspace(1, 100, 4), TINY)


def test_left_of_the_line_all_is_the_forced_cycle_and_right_of_it_nothing(measured):
    for gamma, onset in measured.line:
        row = measured.found.sel(gamma=gamma)
        left, right = (
            row.sel(beta=slice(0, onset - 0.25)),
            row.sel(beta=slice(onset + 0.1, None)),
        )
        assert (left["period"] == cycle.period()).all()
        assert (left["exponents"] < 0).all()
        assert not np.isin(right["period"].values, [1, 2, 4]).any()


def test_it_has_rows_a_figure_and_findings(measured):
    rows, figure = experiment._rows(measured), experiment._figure(measured)

    assert len({row.quantity for row in rows}) == len(rows)
    assert figure.name == "meanfield-phase-gamma"
    assert "β × γ, 11 × 4 cells" in figure.caption
    assert "β × γ, 11 × 4 cells" in experiment._findings([measured])
    assert "20,000 + 20,000 steps" in experiment._findings([measured], full=True)
    assert all(0 <= row.low <= row.high <= 100 for row in rows if row.unit == "%")
    assert max(row.n for row in rows) == 2  # starts, never cells


def plane(periods, line, kinds: Any = 1, starts=()):
    periods = np.asarray(periods)
    over = ("gamma", "beta")
    beta, gamma = (
        1.0 + 0.1 * np.arange(periods.shape[1]),
        np.arange(1.0, len(periods) + 1),
    )
    found = xr.Dataset(
        {
            "period": (over, periods),
            "kind": (over, np.broadcast_to(kinds, periods.shape)),
        },
        coords={"gamma": gamma, "beta": beta},
    )
    others = (found.assign(kind=(over, np.asarray(kind))) for kind in starts)
    return Plane("gamma", "γ", found, (found, *others), np.stack([gamma, line], axis=1))


def test_a_row_agrees_with_the_line_to_one_spacing():
    found = plane([[4, 4, 4, 0, 0]] * 3 + [[4] * 5], line=[1.25, 1.35, 1.05, 1.2])

    assert experiment.agrees_with_line(found).tolist() == [True, True, False, False]


def test_a_line_that_does_not_exist_is_left_out():
    found = plane([[4, 0]] * 2, line=[np.nan, 1.05])

    assert experiment.agrees_with_line(found).tolist() == [True]


def test_the_line_may_run_anywhere_through_undecided_cells():
    kinds = [[1, 1, 5, 5, 2]] * 3
    found = plane([[4, 4, 0, 0, 0]] * 3, line=[1.15, 1.35, 1.65], kinds=kinds)

    np.testing.assert_allclose(experiment.distance_to_line(found), [0.5, 0, -2.5])
    assert experiment.not_settled(found).tolist() == [False, True, True]


def test_undecided_cells_before_the_line_are_not_settled_and_no_second_attractor():
    found = plane([[4, 0, 4, 4, 0]], line=[1.35], kinds=[[1, 5, 1, 1, 2]])

    told = experiment._onset_story(found)

    assert "not settled" in told
    assert "side by side" not in told


def test_a_decided_kind_before_the_line_is_a_second_attractor():
    found = plane([[4, 0, 0, 0, 0]], line=[1.35], kinds=[[1, 3, 3, 3, 3]])

    assert "side by side" in experiment._onset_story(found)


def test_a_quasi_periodic_cell_before_the_line_is_not_settled():
    found = plane([[4, 0, 0, 0, 0]], line=[1.35], kinds=[[1, 2, 2, 2, 3]])

    told = experiment._onset_story(found)

    assert "not settled" in told
    assert "side by side" not in told


def test_an_onset_that_does_not_exist_is_not_a_number():
    assert np.isnan(experiment.onset("epsilon", 1.0))
    assert experiment.onset("epsilon", 0.02) == pytest.approx(1.243445, abs=1e-6)
