"""Cycles, their multipliers and onsets of instability, against known answers."""

import numpy as np
import pytest

from isinglass.dynamics import (
    DelayMap,
    DelayState,
    cycle,
    fixed_points,
    follow_cycle,
    lyapunov_spectrum,
    onset,
    textbook,
)

DELAYED = DelayState(np.full((2, 1), 0.4), np.zeros((), np.int32))


@pytest.mark.parametrize("period", [1, 2, 5])
def test_every_cycle_of_the_logistic_map_at_r_4_has_the_multiplier_two_to_its_period(
    period,
):
    # x = sin²θ doubles θ: the cycle that θ = π/(2^k + 1) is on.
    start = np.array([np.sin(np.pi / (2**period + 1)) ** 2 + 1e-4])

    cycle_at_4 = cycle(textbook.logistic, start, {"r": 4.0}, period)

    np.testing.assert_allclose(np.abs(cycle_at_4.multipliers), 2.0**period, rtol=1e-9)
    assert cycle_at_4.exponents == pytest.approx([np.log(2)], rel=1e-9)
    assert cycle_at_4.state == pytest.approx(start - 1e-4, abs=1e-12)


def test_the_cycle_of_a_henon_map_repels_in_one_direction_and_contracts_areas():
    parameters = {"a": 1.4, "b": 0.3}

    fixed = cycle(textbook.henon, np.array([0.6, 0.2]), parameters)

    x = (-0.7 + np.sqrt(0.7**2 + 4 * 1.4)) / (2 * 1.4)
    np.testing.assert_allclose(fixed.state, [x, 0.3 * x], rtol=1e-12)
    roots = np.roots([1, 2 * 1.4 * x, -0.3])
    np.testing.assert_allclose(
        np.sort(np.real(fixed.multipliers)), np.sort(roots), rtol=1e-9
    )
    assert abs(fixed.multipliers[0]) > 1 > abs(fixed.multipliers[1])


def test_exponents_of_a_cycle_are_those_of_a_long_orbit():
    fixed = cycle(textbook.delayed_logistic, DELAYED, {"r": 1.8})
    orbit = lyapunov_spectrum(textbook.delayed_logistic, DELAYED, {"r": 1.8}, 2000)

    np.testing.assert_allclose(fixed.exponents, np.log(0.8) / 2, rtol=1e-9)
    np.testing.assert_allclose(orbit.exponents, fixed.exponents, atol=2e-3)


@pytest.mark.parametrize("unit", [1e-10, 1e13])
def test_cycles_and_fixed_points_know_no_unit(unit):
    def step(x, parameters):
        return unit * textbook.cubic(x / unit, parameters)

    at = {"r": 1.5, "h": 0.01}
    here = cycle(step, np.array([0.6 * unit]), at)
    there = cycle(textbook.cubic, np.array([0.6]), at)
    np.testing.assert_allclose(here.state, unit * there.state, rtol=1e-12)
    np.testing.assert_allclose(here.multipliers, there.multipliers, rtol=1e-12)
    starts = unit * np.array([[[0.6]], [[-0.6]]])
    points = fixed_points(step, starts, at)
    assert points.converged.all()
    np.testing.assert_allclose(points.point[0, 0], here.state, rtol=1e-8)


def test_a_superstable_cycle_has_an_exponent_of_minus_infinity():
    assert cycle(textbook.logistic, np.array([0.4]), {"r": 2.0}).exponents == [-np.inf]


def test_a_state_may_be_a_tree_and_hold_whole_numbers():
    def step(state, parameters):
        return {"x": parameters["a"] * state["x"] + state["n"], "n": state["n"]}

    start = {"x": np.zeros((2, 2)), "n": np.array(3)}

    fixed = cycle(step, start, {"a": 0.5}, 2)

    np.testing.assert_allclose(fixed.state["x"], 6.0)
    assert fixed.state["n"] == 3
    np.testing.assert_allclose(fixed.multipliers, 0.25)


def test_a_cycle_followed_along_a_parameter_stays_on_its_branch():
    rates = np.linspace(2.8, 3.4, 7)

    branch = follow_cycle(textbook.logistic, np.array([0.6]), {}, {"r": rates})

    np.testing.assert_allclose(
        [fixed.state[0] for fixed in branch], 1 - 1 / rates, rtol=1e-12
    )
    np.testing.assert_allclose(
        [fixed.multipliers[0] for fixed in branch], 2 - rates, rtol=1e-9
    )


def test_a_cycle_that_ends_in_a_fold_is_lost_beyond_it():
    """Fixed points of x → x + h + x² are ±√(−h); there are none for h > 0."""

    def fold(x, parameters):
        return x + parameters["h"] + x**2

    branch = follow_cycle(fold, np.array([-1.0]), {}, {"h": [-1.0, -0.5, -0.1]})
    assert branch[-1].state == pytest.approx(-np.sqrt(0.1), abs=1e-12)
    with pytest.raises(FloatingPointError, match=r"no cycle of 1 steps at .*'h': 0.3"):
        follow_cycle(fold, np.array([-1.0]), {}, {"h": [-1.0, -0.1, 0.3]})


@pytest.mark.parametrize(
    ("period", "start", "rates", "value"),
    [
        (1, 0.6, np.linspace(2.5, 3.5, 11), 3.0),
        (2, 0.8, np.linspace(3.1, 3.5, 9), 1 + np.sqrt(6)),
    ],
)
def test_the_logistic_map_doubles_its_periods_where_it_is_known_to(
    period, start, rates, value
):
    doubling = onset(textbook.logistic, np.array([start]), {}, {"r": rates}, period)

    assert doubling is not None
    assert doubling.value == pytest.approx(value, abs=1e-10)
    assert doubling.angle == pytest.approx(np.pi, abs=1e-6)


def test_the_delayed_logistic_map_gives_birth_to_a_circle_that_turns_by_60_degrees():
    circle = onset(
        textbook.delayed_logistic, DELAYED, {}, {"r": np.linspace(1.5, 2.4, 10)}
    )

    assert circle is not None
    assert circle.value == pytest.approx(2, abs=1e-10)
    assert circle.angle == pytest.approx(np.pi / 3, abs=1e-9)


def test_a_cycle_that_stays_stable_has_no_onset():
    rates = np.linspace(2.0, 2.9, 4)

    assert onset(textbook.logistic, np.array([0.6]), {}, {"r": rates}) is None


def clocked(window, parameters, phase):
    return parameters["a"] * window[0] + (phase == 0)


CLOCKED = DelayMap(clocked, length=1, period=3)


def test_a_cycle_of_a_clocked_map_goes_round_with_its_clock():
    start = CLOCKED.start(np.zeros((1, 1)))

    forced = cycle(CLOCKED, start, {"a": 0.5}, 3)

    # x = a³ x + a²
    np.testing.assert_allclose(forced.state.window, [[0.25 / (1 - 0.125)]])
    assert forced.state.phase == 0
    np.testing.assert_allclose(forced.multipliers, 0.125)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (textbook.logistic, np.array([0.6]), {"r": 2.5}, 0),
            "period must be at least 1",
        ),
        ((textbook.logistic, np.array([np.nan]), {"r": 2.5}), "state must be finite"),
        ((textbook.logistic, np.array([0.6]), {"r": np.inf}), "parameters.* finite"),
        ((CLOCKED, CLOCKED.start(np.zeros((1, 1))), {"a": 0.5}, 2), "multiple of 3"),
    ],
)
def test_what_cannot_be_a_cycle_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cycle(*arguments)


def test_a_state_whose_whole_numbers_move_on_is_refused():
    def counting(state, parameters):
        return {"x": 0.5 * state["x"], "n": state["n"] + 1}

    with pytest.raises(ValueError, match="same whole numbers after 1 steps"):
        cycle(counting, {"x": np.ones(1), "n": np.array(0)}, {})


def test_a_map_without_cycles_or_with_nothing_but_cycles_has_none_to_find():
    def shift(x, parameters):
        return x + parameters["c"]

    for amount in (1.0, 0.0):
        with pytest.raises(FloatingPointError, match="found no cycle of 1 steps"):
            cycle(shift, np.zeros(2), {"c": amount})


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        ({}, "name one parameter"),
        ({"r": [2.0], "s": [1.0]}, "name one parameter"),
        ({"r": []}, "must be finite"),
        ({"r": [[2.0]]}, "must be of shape"),
        ({"r": [2.0, np.nan]}, "must be finite"),
        ({"r": [3.2, 3.3]}, "begin where the cycle is stable, got 3.2"),
    ],
)
def test_what_an_onset_cannot_be_looked_for_along_is_refused(vary, message):
    with pytest.raises(ValueError, match=message):
        onset(textbook.logistic, np.array([0.6]), {}, vary)


def test_searches_from_several_starts_end_on_all_fixed_points():
    starts = np.array([[[-0.8]], [[0.1]], [[0.8]]])

    points = fixed_points(textbook.cubic, starts, {"r": 1.5, "h": 0.0})

    root = np.sqrt(0.5)
    assert points.converged.all()
    np.testing.assert_allclose(points.point[:, 0, 0], [-root, 0, root], atol=1e-8)
    np.testing.assert_allclose(points.spectral_radius, [0, 1.5, 0], atol=1e-6)
