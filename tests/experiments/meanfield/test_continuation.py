"""The continuation experiment at a few values: what theory fixes, and what counts as hysteresis."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

from isinglass.experiments.meanfield import continuation as experiment
from isinglass.experiments.meanfield import cycle
from isinglass.experiments.meanfield import setting as paper
from isinglass.experiments.meanfield.continuation import Resolution, compared, crossings
from isinglass.reproduce.experiment import Context
from isinglass.reproduce.ledger import Verdict

TINY = Resolution(values=10, transient=400, steps=600)
CYCLE, TORUS, CHAOS, UNDECIDED = 1, 2, 3, 5


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
    assert all(0 <= row.low <= row.high <= 100 for row in rows if row.unit == "%")
    assert all(row.n == 2 for row in rows)  # starts, never cells


def test_the_full_resolution_says_that_its_steps_are_not_the_published_ones(branches):
    assert "4,000 + 4,000 steps" in experiment._findings([branches], full=True)
    assert "4,000 + 4,000 steps" not in experiment._findings([branches])


def sweep(
    beta: Any, up: Any, down: Any, period: Any = (0, 0), level: Any = (0, 0)
) -> xr.Dataset:
    """A continuation with one start, of these kinds and periods, whose orbits rest at a level."""

    def ways(pair: Any, dtype: type = int) -> np.ndarray:
        return np.stack([np.broadcast_to(way, beta.shape) for way in pair])[
            :, None
        ].astype(dtype)

    over = ("direction", "start", "beta")
    points = np.broadcast_to(
        ways(level, float)[..., None, None], (2, 1, len(beta), 40, 3)
    )
    return xr.Dataset(
        {
            "points": ((*over, "point", "component"), points),
            "kind": (over, ways((up, down))),
            "period": (over, ways(period)),
        },
        coords={"direction": ["up", "down"], "beta": beta},
    )


BETA = np.linspace(1.0, 2.0, 11)


def between(low, high, inside, outside):
    return np.where((low < BETA) & (high > BETA), inside, outside)


def hysteresis_at(branches):
    return BETA[branches.bistable[0]].round(6).tolist()


def test_hysteresis_is_where_the_directions_differ_in_kind():
    kinds = between(1.55, 1.85, TORUS, CHAOS)
    branches = compared("range", sweep(BETA, kinds, CHAOS), onset=1.2, reach=0.01)

    assert hysteresis_at(branches) == [1.6, 1.7, 1.8]
    assert experiment._widest(branches.bistable[0], BETA) == pytest.approx(0.3)
    assert experiment._delays(branches) == [0.0]


def test_fewer_than_three_neighbours_are_no_hysteresis_and_the_claim_can_fail():
    kinds = np.where(np.isin(BETA.round(6), [1.4, 1.5, 1.7, 1.9]), TORUS, CHAOS)
    branches = compared("range", sweep(BETA, kinds, CHAOS), onset=1.2, reach=0.01)

    assert hysteresis_at(branches) == []
    (claim,) = [
        row for row in experiment._rows(branches) if "neighbouring" in row.quantity
    ]
    assert claim.verdict is Verdict.DIFFERS


@pytest.mark.parametrize(
    "kinds", [(UNDECIDED, CHAOS), (CHAOS, UNDECIDED), (CHAOS, CHAOS)]
)
def test_undecided_kinds_and_clouds_of_one_kind_are_no_hysteresis(kinds):
    level = (between(1.35, 1.95, 1.0, 0.0), 0.0)
    branches = compared(
        "range", sweep(BETA, *kinds, level=level), onset=1.2, reach=0.01
    )

    assert hysteresis_at(branches) == []
    assert branches.decided.all() == (UNDECIDED not in kinds)


def test_cycles_of_other_period_or_place_are_hysteresis():
    periods, level = (
        (between(1.35, 1.65, 10, 5), 5),
        (between(1.65, 1.95, 1.0, 0.0), 0.0),
    )
    found = sweep(BETA, CYCLE, CYCLE, periods, level)
    branches = compared("range", found, onset=1.2, reach=0.01)

    assert hysteresis_at(branches) == [1.4, 1.5, 1.6, 1.7, 1.8, 1.9]


def test_what_has_not_settled_next_to_the_onset_is_not_hysteresis():
    kinds = between(1.15, 1.65, TORUS, CHAOS)
    branches = compared("range", sweep(BETA, kinds, CHAOS), onset=1.2, reach=0.15)

    assert hysteresis_at(branches) == [1.4, 1.5, 1.6]


def test_an_orbit_that_still_sits_on_the_unstable_cycle_is_late_and_not_hysteresis():
    kinds, period = between(0.0, 1.45, CYCLE, TORUS), between(0.0, 1.45, 4, 0)
    found = sweep(BETA, kinds, between(1.0, 1.75, CHAOS, TORUS), (period, 0))
    branches = compared("range", found, onset=1.2, reach=0.01)

    late = (BETA > 1.2) & (BETA < 1.45)
    np.testing.assert_array_equal(branches.late[0], late)
    assert not branches.bistable[0][late].any()
    assert hysteresis_at(branches) == [1.5, 1.6, 1.7]
    assert experiment._delays(branches) == [pytest.approx(0.2)]


def test_crossings_are_where_a_circle_rises_through_zero():
    angle = np.arange(0.05, 12, 0.1)
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)

    found = crossings(circle[None])

    rising = found[np.isfinite(found)]
    assert len(rising) == 1  # at 2π; π and 3π fall
    np.testing.assert_allclose(rising, 1.0, atol=2e-3)
