"""Spectrum, autocorrelation and section, against their definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isinglass.dynamics.signals import autocorrelation, poincare, power_spectrum

law = settings(max_examples=30, deadline=None, derandomize=True, database=None)
signals = arrays(
    float, st.tuples(st.integers(2, 40), st.integers(1, 3)), elements=st.floats(-9, 9)
)


@law
@given(x=signals)
def test_parseval(x):
    frequency, power = power_spectrum(x)
    assert frequency[0] == 0
    assert frequency[-1] <= 0.5
    np.testing.assert_allclose(
        power.sum(axis=0) * frequency[1], x.var(axis=0), atol=1e-12
    )


@law
@given(x=signals)
def test_the_axis_of_time_is_free(x):
    np.testing.assert_array_equal(
        power_spectrum(x.T, axis=1).power, power_spectrum(x).power.T
    )
    np.testing.assert_array_equal(
        autocorrelation(x.T, 1, axis=-1), autocorrelation(x, 1).T
    )


def test_a_sinusoid_is_a_peak_of_its_power():
    time = np.arange(1000)
    x = 5.0 + 3.0 * np.sin(2 * np.pi * 0.123 * time)
    frequency, power = power_spectrum(x)
    peak = power.argmax()
    assert frequency[peak] == pytest.approx(0.123)
    assert power[peak] * frequency[1] == pytest.approx(3.0**2 / 2)
    assert np.delete(power, peak).max() < 1e-20 * power[peak]


def test_a_window_keeps_a_peak_from_leaking():
    x = np.sin(2 * np.pi * 0.12345 * np.arange(1000))
    far = slice(300, 400)
    plain, tapered = power_spectrum(x).power, power_spectrum(x, window="hann").power
    assert tapered[far].max() < 1e-6 * plain[far].min()


def test_segments_bring_the_noise_down():
    x = np.random.default_rng(0).standard_normal(4096)
    spread = {}
    for segments in (1, 3, 15):
        inner = power_spectrum(x, segments=segments).power[1:-1]
        assert inner.mean() == pytest.approx(
            2.0, rel=0.1
        )  # one-sided density of unit noise
        spread[segments] = inner.std()
    assert spread[15] < 0.5 * spread[1]


def test_segments_overlap_by_half_and_keep_slow_motion():
    x = np.random.default_rng(0).standard_normal(40).cumsum()
    y = x - x.mean()
    parts = [
        np.abs(np.fft.rfft(y[start : start + 20])) ** 2 / 20 for start in (0, 10, 20)
    ]
    expected = np.mean(parts, axis=0)
    expected[1:-1] *= 2  # one side stands for both
    np.testing.assert_allclose(power_spectrum(x, segments=3).power, expected)


@law
@given(x=arrays(float, st.integers(2, 40), elements=st.floats(-9, 9)), data=st.data())
def test_autocorrelation_is_its_definition(x, data):
    lags = data.draw(st.integers(0, x.size - 1))
    y = x - x.mean()
    full = np.correlate(y, y, "full")[x.size - 1 :][: lags + 1]
    correlation = autocorrelation(x, lags)
    if np.ptp(x) < 1e-12:
        return
    np.testing.assert_allclose(correlation, full / (y @ y), atol=1e-9)
    terms = x.size - np.arange(lags + 1)
    unbiased = autocorrelation(x, lags, unbiased=True)
    np.testing.assert_allclose(unbiased, full / terms / y.var(), atol=1e-9 * x.size)


def test_a_repeating_signal_correlates_wholly_with_itself():
    x = np.tile([1.0, -1.0, 0.5, 3.0], 250)
    correlation = autocorrelation(x, 8, unbiased=True)
    np.testing.assert_allclose(correlation[[0, 4, 8]], 1.0, atol=1e-2)
    np.testing.assert_allclose(autocorrelation(x, 500)[500], 0.5, atol=1e-2)


def test_a_constant_has_no_autocorrelation():
    x = np.stack([np.full(50, 0.1), np.random.default_rng(0).random(50)], axis=1)
    correlation = autocorrelation(x, 3)
    assert np.isnan(correlation[:, 0]).all()
    assert np.isfinite(correlation[:, 1]).all()


def circle(rows=400, per_turn=25.3):
    turns = 2 * np.pi * np.arange(rows) / per_turn + 0.1
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)


def test_crossings_of_a_circle_lie_on_it_a_half_turn_apart():
    times, points = poincare(circle(), 1)
    np.testing.assert_allclose(points[:, 1], 0.0, atol=1e-15)
    np.testing.assert_allclose(np.abs(points[:, 0]), 1.0, atol=0.01)
    np.testing.assert_allclose(np.diff(times), 25.3 / 2, atol=0.05)


def test_directions_split_the_crossings():
    up = poincare(circle(), 1, direction="up")
    down = poincare(circle(), 1, direction="down")
    both = poincare(circle(), 1)
    assert (up.points[:, 0] > 0).all()
    assert (down.points[:, 0] < 0).all()
    np.testing.assert_array_equal(
        np.sort(np.concatenate([up.times, down.times])), both.times
    )


def test_interpolation_is_linear_and_exact_on_a_line():
    line = np.stack([np.arange(5.0), 10 - 2 * np.arange(5.0)], axis=1)
    times, points = poincare(line, 0, 2.25)
    assert times.tolist() == [2.25]
    assert points.tolist() == [[2.25, 5.5]]


def test_a_row_on_the_level_counts_once_each_way():
    through = np.array([[-1.0], [0.0], [1.0]])
    touching = np.array([[-1.0], [0.0], [-1.0]])
    assert poincare(through, 0).times.tolist() == [1.0]
    assert poincare(touching, 0, direction="up").times.tolist() == [1.0]
    assert poincare(touching, 0, direction="down").times.tolist() == [1.0]


def test_with_a_tolerance_rows_are_kept_as_they_are():
    rows = np.array([[0.0, 1.0], [5.0, 1.002], [7.0, 0.9995], [9.0, 3.0]])
    times, points = poincare(rows, 1, 1.0, tolerance=1e-3)
    assert times.tolist() == [0.0, 2.0]
    np.testing.assert_array_equal(points, rows[[0, 2]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power_spectrum([1.0, np.nan]), "x must be finite"),
        (lambda: power_spectrum([1.0, 2j]), "x must hold real numbers"),
        (lambda: power_spectrum(["a", "b"]), "x must hold real numbers"),
        (lambda: power_spectrum([1.0]), "x must have at least 2 steps, got 1"),
        (lambda: power_spectrum([1.0, 2.0], axis=1), "axis must be one of 1, got 1"),
        (
            lambda: power_spectrum([1.0, 2.0], segments=0),
            "segments must be at least 1, got 0",
        ),
        (lambda: power_spectrum([1.0, 2.0], segments=9), "segments must leave 2 steps"),
        (
            lambda: power_spectrum([1.0, 2.0], window="door"),
            "window must be a name .*'door'",
        ),
        (lambda: autocorrelation([1.0, 2.0], 2), "lags must be from 0 to 1 .* got 2"),
        (lambda: autocorrelation([1.0, 2.0], -1), "lags must be from 0 to 1 .* got -1"),
        (lambda: poincare([1.0, 2.0], 0), "trajectory must be"),
        (lambda: poincare([[1.0], [np.inf]], 0), "trajectory must be finite"),
        (lambda: poincare([[1.0]], 1), "component must be one of 1 columns, got 1"),
        (lambda: poincare([[1.0]], 0, np.nan), "level must be finite"),
        (
            lambda: poincare([[1.0]], 0, direction="left"),  # pyright: ignore
            "direction must be .*'left'",
        ),
        (lambda: poincare([[1.0]], 0, tolerance=-1.0), "tolerance must be finite"),
        (
            lambda: poincare([[1.0]], 0, tolerance=1.0, direction="up"),
            "direction must be left",
        ),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
