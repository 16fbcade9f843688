"""What counts as hysteresis of a continuation, and what does not."""

import numpy as np
import pytest
import xarray as xr

from isinglass.experiments.meanfield import continuation
from isinglass.experiments.meanfield.branches import (
    crossings,
    cycles_apart,
    delays,
    hysteresis,
    widest,
)
from isinglass.reproduce import Ledger, Verdict

CYCLE, TORUS, CHAOS, UNDECIDED = 1, 2, 3, 5
BETA = np.linspace(1.0, 2.0, 11)


def between(low, high, inside, outside):
    return np.where((low < BETA) & (high > BETA), inside, outside)


def branches(up, down, period=(0, 0), level=(0, 0), reach=0.01):
    """Kinds and periods of both ways, from one start, whose orbits rest at a level."""

    def ways(pair, dtype: type = int):
        both = [np.broadcast_to(way, BETA.shape) for way in pair]
        return np.stack(both)[:, None].astype(dtype)

    order = ("direction", "start", "value")
    clouds = ways(level, float)[..., None, None]
    clouds = np.broadcast_to(clouds, (2, 1, len(BETA), 40, 3))
    span = xr.Dataset(
        {"kind": (order, ways((up, down))), "period": (order, ways(period))},
        {"direction": ["up", "down"]},
    )
    apart = (order[1:], cycles_apart(span, clouds))
    return span.assign(apart=apart, beta=("value", BETA), onset=1.2, reach=reach)


def bistable_at(span):
    return BETA[hysteresis(span).bistable[0]].round(6).tolist()


def test_hysteresis_is_where_the_directions_differ_in_kind():
    span = branches(between(1.55, 1.85, TORUS, CHAOS), CHAOS)
    flags = hysteresis(span)

    assert bistable_at(span) == [1.6, 1.7, 1.8]
    assert widest(flags.bistable.values[0], BETA) == pytest.approx(0.3)
    assert delays(span, flags.late) == [0.0]


def test_fewer_than_three_neighbours_are_no_hysteresis_and_the_claim_can_fail():
    kinds = np.where(np.isin(BETA.round(6), [1.4, 1.5, 1.7, 1.9]), TORUS, CHAOS)
    span = branches(kinds, CHAOS)
    ledger = Ledger("meanfield-continuation", "continuation diagrams")
    continuation.compare_span(span, ledger)

    assert bistable_at(span) == []
    (claim,) = [row for row in ledger.rows if "neighbouring" in row.quantity]
    assert (claim.ours, claim.verdict) == (0, Verdict.TOO_FEW)  # of one start


@pytest.mark.parametrize(
    "kinds", [(UNDECIDED, CHAOS), (CHAOS, UNDECIDED), (CHAOS, CHAOS)]
)
def test_undecided_kinds_and_clouds_of_one_kind_are_no_hysteresis(kinds):
    span = branches(*kinds, level=(between(1.35, 1.95, 1.0, 0.0), 0.0))

    assert bistable_at(span) == []
    assert hysteresis(span).decided.all() == (UNDECIDED not in kinds)


def test_cycles_of_other_period_or_place_are_hysteresis():
    periods = (between(1.35, 1.65, 10, 5), 5)
    level = (between(1.65, 1.95, 1.0, 0.0), 0.0)
    span = branches(CYCLE, CYCLE, periods, level)

    assert bistable_at(span) == [1.4, 1.5, 1.6, 1.7, 1.8, 1.9]


def test_what_has_not_settled_next_to_the_onset_is_not_hysteresis():
    span = branches(between(1.15, 1.65, TORUS, CHAOS), CHAOS, reach=0.15)

    assert bistable_at(span) == [1.4, 1.5, 1.6]


def test_an_orbit_that_still_sits_on_the_unstable_cycle_is_late_and_not_hysteresis():
    kinds, period = between(0.0, 1.45, CYCLE, TORUS), between(0.0, 1.45, 4, 0)
    span = branches(kinds, between(1.0, 1.75, CHAOS, TORUS), (period, 0))
    flags = hysteresis(span)

    late = (BETA > 1.2) & (BETA < 1.45)
    np.testing.assert_array_equal(flags.late[0], late)
    assert not flags.bistable[0][late].any()
    assert bistable_at(span) == [1.5, 1.6, 1.7]
    assert delays(span, flags.late) == [pytest.approx(0.2)]


def test_crossings_are_where_a_circle_rises_through_zero():
    angle = np.arange(0.05, 12, 0.1)
    circle = np.stack([np.cos(angle), np.sin(angle), 0 * angle], axis=-1)

    # Once, at 2π: at π and 3π it falls.
    np.testing.assert_allclose(crossings(circle[None]), [[1.0]], atol=2e-3)
