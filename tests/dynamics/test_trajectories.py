"""Orbits, step by step."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.dynamics import (
    DelayMap,
    DelayState,
    Sampling,
    trajectory,
)
from isinglass.dynamics.textbook import delayed_logistic, henon, logistic

law = settings(max_examples=10, deadline=None, derandomize=True, database=None)
HENON = {"a": 1.4, "b": 0.3}


def by_matrix(x, parameters):
    """A linear map by a parameter, so that one program serves every example."""
    return parameters["matrix"] @ x


def by_hand(x, y, steps, a=1.4, b=0.3):
    rows = []
    for _ in range(steps):
        x, y = 1 - a * x * x + y, b * x
        rows.append((x, y))
    return np.array(rows)


def test_rows_are_the_steps_of_the_map():
    rows = trajectory(henon, jnp.zeros(2), HENON, 20)
    assert isinstance(rows, np.ndarray)
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows, by_hand(0.0, 0.0, 20), rtol=1e-12)


def test_the_observable_is_what_is_kept():
    whole = trajectory(henon, jnp.zeros(2), HENON, 9)
    shown = trajectory(
        henon,
        jnp.zeros(2),
        HENON,
        9,
        observable=lambda x: {"sum": x.sum(), "first": x[0]},
    )
    np.testing.assert_allclose(shown["sum"], whole.sum(axis=1), rtol=1e-15)
    np.testing.assert_array_equal(shown["first"], whole[:, 0])


def test_a_state_may_be_a_tree_with_whole_numbers():
    def step(state, parameters):
        return {"x": state["x"] * parameters["r"], "time": state["time"] + 1}

    state = {"x": jnp.ones((2, 3)), "time": jnp.array(5)}
    rows = trajectory(step, state, {"r": 2.0}, 4)
    np.testing.assert_array_equal(rows["time"], [6, 7, 8, 9])
    np.testing.assert_array_equal(rows["x"][:, 0, 0], [2, 4, 8, 16])
    assert rows["x"].shape == (4, 2, 3)


def test_a_delay_map_shows_its_newest_value():
    start = delayed_logistic.start(jnp.array([[0.5], [0.375]]))
    rows = trajectory(delayed_logistic, start, {"r": 2.1}, 30)
    x = [0.375, 0.5]
    for _ in range(30):
        x.append(2.1 * x[-1] * (1 - x[-2]))
    np.testing.assert_allclose(rows[:, 0], x[2:], rtol=1e-12)


def test_a_delay_map_keeps_time():
    """x(t+1) = x(t−2) + phase: three interleaved orbits grow by phases of their own."""
    step = DelayMap(
        lambda window, parameters, phase: window[2] + phase, length=3, period=4
    )
    start = step.start(jnp.zeros((3, 1)), phase=2)
    rows = trajectory(step, start, {"unused": 0.0}, 12)[:, 0]
    x = [0.0, 0.0, 0.0]
    for time in range(12):
        x.append(x[-3] + (2 + time) % 4)
    np.testing.assert_array_equal(rows, x[3:])


def test_the_window_holds_the_newest_first():
    start = delayed_logistic.start(jnp.array([[0.5], [0.375]]))
    states = trajectory(
        delayed_logistic, start, {"r": 2.1}, 6, observable=lambda state: state
    )
    assert isinstance(states, DelayState)
    np.testing.assert_array_equal(states.window[1:, 1], states.window[:-1, 0])


@law
@given(seed=st.integers(0, 10**6))
def test_a_linear_map_takes_powers(seed):
    matrix = np.random.default_rng(seed).standard_normal((3, 3))
    start = np.array([1.0, -2.0, 0.5])
    powers = trajectory(by_matrix, start, {"matrix": matrix}, 6)
    expected = [np.linalg.matrix_power(matrix, n) @ start for n in range(1, 7)]
    np.testing.assert_allclose(powers, expected, rtol=1e-10, atol=1e-10)


def test_an_orbit_that_diverges_is_shown_as_it_is():
    rows = trajectory(logistic, jnp.array(0.3), {"r": 5.0}, 50)
    assert not np.isfinite(rows[-1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"precision": "float16"}, "precision must be one of .*'float16'"),
        ({"state": ()}, "state must hold at least one array"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    good = {"step": henon, "state": jnp.zeros(2), "parameters": HENON, "steps": 3}
    with pytest.raises(ValueError, match=message):
        trajectory(**{**good, **change})


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"transient": -1}, "transient must be at least 0, got -1"),
        ({"stride": 0}, "stride must be at least 1, got 0"),
    ],
)
def test_a_sampling_that_cannot_be_is_refused(field, message):
    with pytest.raises(ValueError, match=message):
        Sampling(**{"steps": 3, **field})
