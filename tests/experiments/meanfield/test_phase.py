"""The phase diagrams at a few cells: what linear stability fixes, and bookkeeping."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from isinglass.experiments.meanfield import cycle
from isinglass.experiments.meanfield import phase as experiment
from isinglass.experiments.meanfield.phase import Setting
from isinglass.reproduce import Context, Ledger, Resolution
from isinglass.reproduce.views import text

TINY = Setting(betas=11, others=4, transient=600, steps=1200, every=1)


@pytest.fixture(scope="module")
def measured() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "LANES", 44)
        patch.setattr(experiment, "ONSETS", 3)
        patch.setitem(experiment.SETTINGS, "quick", TINY)
        gamma = experiment.AXES["gamma"]._replace(ends=(1.0, 100.0))
        patch.setattr(experiment, "AXES", {"gamma": gamma})
        context = Context(seeds=range(2), resolution=Resolution.QUICK)
        yield experiment.measure(context).assign_attrs(resolution="full")


def test_left_of_the_line_all_is_the_forced_cycle_and_right_of_it_nothing(measured):
    plane = measured.sel(plane="gamma")
    for place, onset in experiment.on_line(plane):
        row = plane.isel(other=place)
        left = row.sel(beta=slice(0, onset - 0.25))
        right = row.sel(beta=slice(onset + 0.1, None))
        assert (left.period == cycle.period()).all()
        assert (left.leading < 0).all()
        assert not np.isin(right.period.values, [1, 2, 4]).any()


def test_it_has_rows_a_figure_and_findings(measured):
    ledger = Ledger("toy", "phase diagrams")
    experiment.compare(measured, ledger)
    (figure,) = experiment.draw(measured)
    plane = experiment.tell_plane(measured.sel(plane="gamma"))

    assert len({row.quantity for row in ledger.rows}) == len(ledger.rows)
    assert figure.part == "gamma"
    assert "β × γ, 11 × 4 cells" in figure.caption
    assert (plane["betas"], plane["others"]) == (11, 4)
    percentages = [row for row in ledger.rows if row.unit == "%"]
    assert all(0 <= row.low <= row.high <= 100 for row in percentages)
    assert max(row.n for row in ledger.rows) == 2  # starts, never cells


def synthetic(periods: Any, onsets: Any, kinds: Any = 1) -> xr.Dataset:
    """A plane with these periods, of which every row has a value on the line."""
    periods = np.asarray(periods)
    over, thin = ("other", "beta"), ("start", "thin_other", "thin_beta")
    kinds = np.broadcast_to(kinds, periods.shape)
    return xr.Dataset(
        {
            "period": (over, periods),
            "kind": (over, kinds),
            "leading": (over, np.zeros(periods.shape)),
            "thin_period": (thin, periods[None]),
            "thin_kind": (thin, kinds[None]),
            "value": ("other", np.arange(1.0, len(periods) + 1)),
            "place": ("line", np.arange(len(periods))),
            "onset": ("line", onsets),
        },
        {"beta": 1.0 + 0.1 * np.arange(periods.shape[1]), "plane": "gamma"},
    )


def findings(plane: xr.Dataset) -> str:
    """What is told of a single plane."""
    measured = xr.concat(
        [plane, plane], xr.IndexVariable("plane", ["gamma", "epsilon"])
    )
    return text(experiment, measured.assign_attrs(resolution="full"))


def test_a_row_agrees_with_the_line_to_one_spacing():
    plane = synthetic([[4, 4, 4, 0, 0]] * 3 + [[4] * 5], [1.25, 1.35, 1.05, 1.2])

    assert experiment.agrees_with_line(plane).tolist() == [True, True, False, False]


def test_a_line_that_does_not_exist_is_left_out():
    plane = synthetic([[4, 0]] * 2, [np.nan, 1.05])

    assert experiment.agrees_with_line(plane).tolist() == [True]


def test_the_line_may_run_anywhere_through_undecided_cells():
    kinds = [[1, 1, 5, 5, 2]] * 3
    plane = synthetic([[4, 4, 0, 0, 0]] * 3, [1.15, 1.35, 1.65], kinds)

    np.testing.assert_allclose(experiment.distance_to_line(plane), [0.5, 0, -2.5])
    assert experiment.is_unsettled(plane).tolist() == [False, True, True]


def test_undecided_cells_before_the_line_are_not_settled_and_no_second_attractor():
    plane = synthetic([[4, 0, 4, 4, 0]], [1.35], [[1, 5, 1, 1, 2]])

    findings_text = findings(plane)

    assert "not settled" in findings_text
    assert "side by side" not in findings_text


def test_a_decided_kind_before_the_line_is_a_second_attractor():
    plane = synthetic([[4, 0, 0, 0, 0]], [1.35], [[1, 3, 3, 3, 3]])

    assert "side by side" in findings(plane)


def test_a_quasi_periodic_cell_before_the_line_is_not_settled():
    plane = synthetic([[4, 0, 0, 0, 0]], [1.35], [[1, 2, 2, 2, 3]])

    findings_text = findings(plane)

    assert "not settled" in findings_text
    assert "side by side" not in findings_text


def test_an_onset_that_does_not_exist_is_not_a_number():
    assert np.isnan(experiment.onset("epsilon", 1.0))
    assert experiment.onset("epsilon", 0.02) == pytest.approx(1.243445, abs=1e-6)


def test_the_full_resolution_says_how_long_its_orbits_are():
    plane = synthetic([[4, 4, 4, 0, 0]], [1.25])
    assert "20,000 + 20,000 steps" in findings(plane)
