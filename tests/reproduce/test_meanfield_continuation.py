"""The continuation experiment at a few values: what theory fixes, and what counts as hysteresis."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from isinglass.reproduce import mean_field_cycle as cycle
from isinglass.reproduce import mean_field_paper as paper
from isinglass.reproduce import meanfield_continuation as experiment
from isinglass.reproduce.meanfield_continuation import Resolution, compared, crossings
from isinglass.reproduce.registry import Context

TINY = Resolution(values=10, transient=400, steps=600)
CHAOS = 3


@pytest.fixture(scope="module")
def branches():
    values = np.linspace(0.9, 1.35, TINY.values)
    return experiment.measure(Context(seeds=2), "range", values, TINY)


def test_below_the_onset_both_ways_end_on_the_forced_cycle_with_its_exponent(branches):
    below = branches.found.sel(beta=slice(0.9, 1.2))

    assert (below["period"] == cycle.period()).all()
    assert not branches.bistable[:, branches.beta < 1.2].any()
    for beta in below["beta"].values:
        expected = cycle.exponents(paper.parameters(beta))[0]
        leading = below["exponents"].sel(beta=beta).isel(exponent=0)
        np.testing.assert_allclose(leading, expected, atol=5e-3)


def test_above_the_onset_nothing_stays_on_the_forced_cycle(branches):
    above = branches.found.sel(beta=slice(1.29, None))

    assert (above["period"] != cycle.period()).all()
    assert (above["exponents"].isel(exponent=0) > -1e-2).any()


def test_it_has_rows_and_a_figure(branches):
    rows, figure = experiment._rows(branches), experiment._figure(branches)

    assert len({row.quantity for row in rows}) == len(rows)
    assert figure.name == "meanfield-continuation"
    assert "β in [0.9, 1.35]" in figure.caption
    assert f"{len(branches.beta)} values" in experiment._findings([branches])


def sweep(beta: Any, up: Any, down: Any, period: Any = 0) -> xr.Dataset:
    """A continuation with one start whose orbits rest at one number, to a little scatter."""
    rng = np.random.default_rng(0)
    levels = np.stack([np.broadcast_to(way, beta.shape) for way in (up, down)])
    points = levels[:, None, :, None, None] + 1e-6 * rng.standard_normal((2, 1, len(beta), 40, 3))
    shape = points.shape[:3]
    over = ("direction", "start", "beta")
    return xr.Dataset(
        {
            "points": ((*over, "point", "component"), points),
            "kind": (over, np.full(shape, CHAOS)),
            "period": (over, np.broadcast_to(period, shape)),
        },
        coords={"direction": ["up", "down"], "beta": beta},
    )


BETA = np.linspace(1.0, 2.0, 11)


def test_hysteresis_is_where_the_directions_differ():
    jump = np.where((BETA > 1.55) & (BETA < 1.85), 1.0, 0.0)
    branches = compared("range", sweep(BETA, jump, 0.0), onset=1.2, reach=0.01)

    np.testing.assert_allclose(BETA[branches.bistable[0]], [1.6, 1.7, 1.8])
    assert experiment._widest(branches, 0) == pytest.approx(0.3)
    assert experiment._delays(branches) == [0.0]


def test_what_has_not_settled_next_to_the_onset_is_not_hysteresis():
    jump = np.where((BETA > 1.15) & (BETA < 1.55), 1.0, 0.0)
    branches = compared("range", sweep(BETA, jump, 0.0), onset=1.2, reach=0.15)

    np.testing.assert_allclose(BETA[branches.bistable[0]], [1.4, 1.5])


def test_an_orbit_that_still_sits_on_the_unstable_cycle_is_late_and_not_hysteresis():
    jump = np.where((BETA > 1.25) & (BETA < 1.55), 1.0, 0.0)
    on_cycle = np.where(BETA < 1.45, 4, 0)
    branches = compared("range", sweep(BETA, jump, 0.0, on_cycle), onset=1.2, reach=0.01)

    np.testing.assert_allclose(BETA[branches.bistable[0]], [1.5])
    assert experiment._delays(branches) == [pytest.approx(0.2)]


def test_crossings_are_where_a_circle_rises_through_zero():
    angle = np.arange(0.05, 12, 0.1)
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)

    found = crossings(circle[None])

    rising = found[np.isfinite(found)]
    assert len(rising) == 1  # at 2π; π and 3π fall
    np.testing.assert_allclose(rising, 1.0, atol=2e-3)
