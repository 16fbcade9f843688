"""Responses, avalanches and what they cost, as their experiments tell them."""

from types import ModuleType

import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.experiments.interference import (
    avalanches,
    regulated,
    relay,
    response,
    second_law,
)

SMALL = {
    avalanches: {"tensors": 30_000, "resets": 100},
    regulated: {"avalanches": 2500},
    relay: {"networks": 3, "pairs": (240, 240)},
    response: {"points": 2000, "steps": 41, "iterations": 200},
    second_law: {
        "spins": (10, 20),
        "work": (8, 5),
        "sweeps": (10, 100),
        "steps": (40, 80),
    },
}


@pytest.fixture(scope="module")
def views_of():
    """Small measurements of the experiments with their views, each made once."""
    views = {}

    def of(experiment: ModuleType):
        if experiment not in views:
            with pytest.MonkeyPatch.context() as patch:
                patch.setitem(experiment.SETTINGS, "quick", SMALL[experiment])
                views[experiment] = tell(experiment, measure(experiment, seeds=2))
        return views[experiment]

    return of


@pytest.mark.parametrize("experiment", SMALL, ids=lambda module: module.__name__)
def test_views_are_whole(experiment, views_of):
    views = views_of(experiment)
    assert rows_of(views)
    assert all(row.low <= row.ours <= row.high for row in views.rows)
    assert all(len(figure.caption) > 40 for figure in views.figures)
    assert len(views.findings) > 40


def test_the_response_is_exact_and_the_program_is_not(views_of):
    measured, rows = views_of(response).measured, rows_of(views_of(response))
    assert measured.residual < 1e-14
    assert measured.iteration < 1e-9
    assert rows["βn̄ above which the response jumps"].verdict == "in our interval"
    assert rows["critical field, βn̄ = 1.5"].verdict == "differs"
    areas = measured.table.sel(quantity="area")
    assert (abs(measured.iterated_area / areas - 1).sel(coupling=3) < 0.1).all()


def test_entropy_falls_in_one_tensor_always_and_in_networks_not(views_of):
    measured, rows = views_of(second_law).measured, rows_of(views_of(second_law))
    assert measured.jarzynski < 1e-12
    assert measured.crooks < 1e-10
    assert measured.least_production > 0
    assert rows["one tensor: its entropy falls in every jump"].ours == 100
    work, dissipated = (measured.loops.sel(number=n) for n in ("work", "dissipated"))
    assert abs(work - dissipated).max() < 1e-6
    assert (measured.entropy_change + measured.heat > 0).all()
    assert (measured.entropy_change > 0).any()


def test_sizes_and_durations_fit_their_laws(views_of):
    checks = views_of(avalanches).measured.numbers
    assert checks.sel(check=["right", "durations"]).min() > 1e-3
    assert (
        views_of(avalanches).measured.reset_numbers.sel(resetting="p_value").min()
        > 1e-3
    )
    numbers = views_of(avalanches).measured.gaussian_numbers
    largest = numbers.sel(gaussian="largest").mean("seed")
    assert largest[0] > 0.5 > 0.1 > largest[2]


def test_a_strong_regulation_is_steeper_and_the_control_without_is_not(views_of):
    exponents = views_of(regulated).measured.numbers.sel(number="exponent").mean("seed")
    assert exponents.sel(gain=0) < 1.65 < exponents.sel(gain=0.1)
    assert views_of(regulated).measured.fixed < 1.55
    assert views_of(regulated).measured.mixture == pytest.approx(2.0, abs=0.05)


def test_negative_routes_break_what_holds_without_them(views_of):
    views = views_of(relay)
    assert parts(views) == ["raster", "pairs"]
    laws = views.measured.laws.sel(law=["sizes", "return"]).mean("network")
    assert (laws.sel(kind="no negative routes") == 1).all()
    assert (laws.sel(kind="30 % negative") < 1).all()
    accuracy = views.measured.accuracy.mean("seed")
    assert accuracy.sel(reader="pairs that meet") > 80
    assert accuracy.sel(reader="single signals") < 70
