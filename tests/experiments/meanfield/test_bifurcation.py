"""The bifurcation experiment at a few values: what theory fixes, and the counting."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.dynamics import Kind, Sampling, trajectory
from isinglass.experiments.meanfield import bifurcation
from isinglass.experiments.meanfield.bifurcation import Setting
from isinglass.experiments.meanfield.onset import extrapolated_onset
from isinglass.experiments.meanfield.setting import mean_field, parameters, start
from isinglass.reproduce import Context, Ledger, Resolution, Verdict

# As many cells and steps as in the phase diagrams' tests: one compiled program serves
# both.
TINY = Setting(values=44, transient=600, steps=1200, every=1, points=20, exponents=1)


@pytest.fixture(autouse=True, scope="module")
def _tiny():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(bifurcation.SETTINGS, "quick", TINY)
        patch.setattr(bifurcation, "LANES", 44)
        yield


@pytest.fixture(scope="module")
def measured():
    return measure(bifurcation, seeds=2)


@pytest.fixture(scope="module")
def views(measured):
    return tell(bifurcation, measured)


def row(views, start):
    (match,) = [row for row in views.rows if row.quantity.startswith(start)]
    return match


def test_it_has_rows_a_figure_of_each_range_and_findings(views):
    assert parts(views) == ["", "zoom"]
    assert len(rows_of(views)) == 16
    assert "1.243445" in views.findings


def test_the_sweep_finds_the_onset_and_the_exponents_that_eigenvalues_give(views):
    onset = row(views, "β at which the forced cycle")
    error = row(views, "largest error of any exponent")

    assert onset.ours == pytest.approx(1.24344, abs=0.01)
    assert error.ours < 5e-3


def test_all_three_kinds_of_attractor_occur(views):
    for claim in (row for row in views.rows if "attractors occur" in row.quantity):
        assert (claim.ours, claim.verdict) == (100, Verdict.TOO_FEW)  # of two starts


def test_a_stored_sweep_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(bifurcation, "SPANS", {"range": (0.5, 1.1)})
    context = Context(seeds=range(1), resolution=Resolution.QUICK, workspace=tmp_path)

    first = bifurcation.measure_span(context, "range")
    again = bifurcation.measure_span(context, "range")

    xr.testing.assert_identical(first, again)
    assert (first["period"] == 4).all()
    assert (tmp_path / "range" / "results.zarr").is_dir()


def sweep(beta, kinds, period: Any = 0, leading: Any = 0.0):
    """A range from several starts of these kinds, all with one λ₁."""
    shape = np.shape(kinds)
    return xr.Dataset(
        {
            "beta": ("value", np.asarray(beta, float)),
            "start_beta": ("thin", np.asarray(beta, float)),
            "start_kind": (("start", "thin"), kinds),
            "start_period": (("start", "thin"), np.broadcast_to(period, shape)),
            "start_leading": (("start", "thin"), np.broadcast_to(leading, shape)),
        }
    )


def test_the_onset_is_extrapolated_from_the_last_values_on_the_forced_cycle():
    beta = np.array([1.0, 1.1, 1.2, 1.3])
    diagram = xr.Dataset(
        {
            "beta": ("value", beta),
            "period": ("value", [4, 4, 4, 0]),
            "exponents": (("value", "exponent"), 0.3 * (beta - 1.25)[:, None]),
        }
    )

    assert extrapolated_onset(diagram) == pytest.approx(1.25, abs=1e-12)


def test_percentages_have_one_sample_for_each_start():
    kinds = [[1, 1, 3, 3], [1, 3, 3, 5], [1, 1, 3, 3]]
    ledger = Ledger("meanfield-bifurcation", "bifurcation diagrams")
    bifurcation.compare_span(sweep([1, 2, 3, 4], kinds), ledger)
    rows = {row.quantity: row for row in ledger.rows}

    elsewhere = rows["values where a random start ends elsewhere, β in [1, 4]"]
    assert (elsewhere.n, elsewhere.ours) == (2, 12.5)
    assert 0 < elsewhere.low < elsewhere.ours
    assert "25, 0 %" in elsewhere.rule
    assert rows["values with a periodic attractor, β in [1, 4]"].n == 3
    assert rows["lowest chaotic β, β in [1, 4]"].ours == pytest.approx(8 / 3)


@pytest.mark.parametrize("lost", [0, 1])
def test_the_caption_says_where_exponents_are_upper_bounds(measured, lost):
    last = xr.DataArray(np.arange(TINY.values) == TINY.values - 1, dims="value")
    views = tell(
        bifurcation, measured.assign(unresolved=measured.unresolved * 0 + lost * last)
    )

    assert all(
        ("upper bounds" in figure.caption) == bool(lost) for figure in views.figures
    )


def test_only_one_round_of_a_cycle_is_drawn():
    points = np.arange(6.0).reshape(2, 3)

    np.testing.assert_array_equal(
        bifurcation.one_round(points, np.array([1, 3])),
        [[np.nan, np.nan, 2], [3, 4, 5]],
    )


def test_a_cycle_that_only_the_run_on_found_is_drawn_without_its_transient(monkeypatch):
    # At β = 1.27 the paper's start wanders for more than a thousand steps.
    monkeypatch.setitem(bifurcation.SETTINGS, "quick", TINY._replace(transient=200))
    paper = xr.Dataset(
        {
            "kind": ("beta", [Kind.PERIODIC, Kind.CHAOTIC]),
            "transient_steps": ("beta", [1000, 200]),
            "measured_steps": ("beta", [4800, 1200]),
            "points": (("beta", "point", "component"), np.full((2, 20, 3), 9.0)),
        },
        {"beta": [1.27, 1.4]},
    )
    context = Context(seeds=range(1), resolution=Resolution.QUICK)

    cycle, chaos = bifurcation.drawn_points(context, "zoom", paper)

    at = parameters(1.27)
    state = start(at)
    orbit = trajectory(mean_field().map, state, at, Sampling(28, 40_000))[:, 0]
    np.testing.assert_allclose(np.sort(cycle)[:28], np.sort(orbit), atol=1e-9)
    assert np.isnan(np.sort(cycle)[28:]).all()
    assert (chaos[:20] == 9).all()
