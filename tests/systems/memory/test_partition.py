import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import erf, gammainc, gammaincc, gammaln, logsumexp

from isinglass.systems.memory import (
    ball_partition_bounds,
    claimed_cross_entropy,
    critical_radius,
    log_ball_partition,
    log_ball_volume,
    log_partition,
    log_partition_misprinted,
    parameters_against_data,
    unit_volume_radius,
    unit_volume_radius_asymptote,
)
from isinglass.systems.memory._incomplete_gamma import log_lower_gamma

many = settings(max_examples=200, deadline=None)
dimensions = st.integers(1, 1_000_000)
shares = st.floats(1e-3, 3.0)  # of √(n/2), where the integrand is greatest


def by_quadrature(radius, n, power=2):
    """log of the integral of e^{−tᵖ} over the ball, as one over its shells."""
    peak = min(radius, math.sqrt((n - 1) / 2) if power == 2 else n - 1.0)
    top = (n - 1) * math.log(peak) - peak**power if peak else 0.0

    def shell(t):
        return math.exp((n - 1) * math.log(t) - t**power - top) if t else float(n == 1)

    value, _ = quad(
        shell, 0, radius, points=[max(peak - 3, 0), peak], epsrel=1e-11, limit=200
    )
    surface = math.log(2) + n / 2 * math.log(math.pi) - math.lgamma(n / 2)
    return surface + top + math.log(value)


# -- the incomplete gamma function -----------------------------------------------------


@many
@given(st.floats(0.5, 5e5), st.floats(-4.4, 6))
def test_log_gamma_is_scipys_where_that_holds(a, deviations):
    x = max(a + deviations * math.sqrt(a), 0.01 * a)
    lower, upper = gammainc(a, x), gammaincc(a, x)
    expected = math.log1p(-upper) if lower > 0.5 else math.log(lower)
    assert log_lower_gamma(a, x) == pytest.approx(expected, rel=1e-11)


@many
@given(st.floats(1, 300), st.floats(0.02, 1))
def test_series_joins_scipy(a, share):
    """Both have P between its last 280 decades and the end of the series."""
    x = share * (a - 4.5 * math.sqrt(a))
    assume(x > 0 and gammainc(a, x) > 1e-270)
    assert log_lower_gamma(a, x) == pytest.approx(math.log(gammainc(a, x)), rel=1e-11)


@many
@given(st.integers(1, 60), st.floats(1e-200, 40))
def test_whole_orders_are_poisson_tails(a, x):
    """P(a, x) = e⁻ˣ Σ_{k ≥ a} xᵏ/k!, the chance of a Poisson number of at least a."""
    k = np.arange(a, a + 400)
    tail = logsumexp(k * math.log(x) - gammaln(k + 1)) - x
    assert log_lower_gamma(a, x) == pytest.approx(tail, rel=1e-12, abs=1e-12)


@many
@given(st.floats(1, 5e5), st.floats(0.01, 2))
def test_recurrence_of_the_order(a, share):
    """P(a, x) = P(a + 1, x) + xᵃe⁻ˣ/Γ(a + 1), far below what a double holds."""
    x = share * a
    term = a * math.log(x) - x - gammaln(a + 1)
    right = np.logaddexp(log_lower_gamma(a + 1, x), term)
    assert log_lower_gamma(a, x) == pytest.approx(right, rel=1e-9, abs=1e-8)


# -- the partition function ------------------------------------------------------------


@pytest.mark.parametrize("radius", [1e-300, 1e-9, 0.3, 1.0, 5.0])
def test_closed_forms_in_few_dimensions(radius):
    assert log_ball_partition(radius, 1) == pytest.approx(
        math.log(math.sqrt(math.pi) * erf(radius)), rel=1e-13
    )
    if radius < 1e-100:
        volume = math.log(math.pi) + 2 * math.log(radius)
        assert log_ball_partition(radius, 2) == pytest.approx(volume)
        return
    assert log_ball_partition(radius, 2) == pytest.approx(
        math.log(math.pi * -math.expm1(-(radius**2))), rel=1e-13
    )
    poisson = -math.expm1(-(radius**2)) - radius**2 * math.exp(-(radius**2))
    if radius > 0.1:
        assert log_ball_partition(radius, 4) == pytest.approx(
            math.log(math.pi**2 * poisson), rel=1e-12
        )


@pytest.mark.parametrize(
    ("n", "radius"), [(3, 0.7), (10, 2.0), (64, 3.0), (513, 9.0), (2000, 40)]
)
def test_the_integral_itself_says_which_form_is_right(n, radius):
    assert log_ball_partition(radius, n) == pytest.approx(
        by_quadrature(radius, n), abs=1e-8
    )
    wrong = log_partition_misprinted([radius], n)
    assert wrong == pytest.approx(by_quadrature(radius, n, power=1), abs=1e-8)
    assert abs(wrong - log_ball_partition(radius, n)) > 0.1


@many
@given(dimensions, shares)
def test_bounds(n, share):
    radius = share * math.sqrt(n / 2)
    value = log_ball_partition(radius, n)
    lower, upper = ball_partition_bounds(radius, n)
    slack = 1e-13 * n + 1e-12
    assert lower - slack <= value <= upper + slack
    assert value <= n / 2 * math.log(math.pi) + slack  # the whole space


def test_the_papers_lower_bound_fails():
    radius, n = 3.0, 10
    assert log_ball_partition(radius, n) < log_ball_volume(radius, n) - radius


@many
@given(dimensions, shares)
def test_small_balls_have_their_volume_as_weight(n, share):
    """Z_i = V_n(r) (1 − n r²/(n + 2) + O(r⁴))."""
    radius = 1e-3 * share
    ratio = log_ball_partition(radius, n) - log_ball_volume(radius, n)
    expected = -n * radius**2 / (n + 2)
    rounding = 2e-15 * n * (2 - math.log(radius)) + 1e-12
    assert ratio == pytest.approx(expected, rel=1e-4, abs=rounding)


@given(st.integers(1, 1_000), st.lists(st.floats(0.01, 30), min_size=1, max_size=8))
def test_balls_add_up(n, radii):
    parts = logsumexp([log_ball_partition(r, n) for r in radii])
    assert log_partition(radii, n) == pytest.approx(parts, rel=1e-12)
    assert log_partition([*radii, 0.0], n) == pytest.approx(parts, rel=1e-12)


@many
@given(st.floats(-700, 700))
def test_the_claimed_cross_entropy_is_least_at_one(log_z):
    value = claimed_cross_entropy(log_z)
    assert value >= 1
    if abs(log_z) > 1e-6:
        assert value > claimed_cross_entropy(0.0) == 1
    assert claimed_cross_entropy(-800.0) == np.inf


# -- radii -----------------------------------------------------------------------------


@many
@given(dimensions)
def test_unit_volume(n):
    radius = unit_volume_radius(n)
    assert log_ball_volume(radius, n) == pytest.approx(
        0, abs=1e-14 * n * max(1, math.log(n))
    )
    ratio = float(np.log(radius / unit_volume_radius_asymptote(n)))
    stirling = math.log(math.pi * n) / (2 * n)
    assert stirling < ratio < stirling + 1 / (6 * n**2) * 1.0001 + 1e-14


def test_unit_volume_in_few_dimensions():
    expected = [0.5, 1 / math.sqrt(math.pi), (3 / (4 * math.pi)) ** (1 / 3)]
    np.testing.assert_allclose(unit_volume_radius([1, 2, 3]), expected, rtol=1e-14)
    assert 2 * unit_volume_radius_asymptote(1_024) == pytest.approx(15.49, abs=0.005)


@many
@given(dimensions, st.floats(0, 690))
def test_critical_radius_makes_one(n, log_count):
    count = math.exp(log_count)
    radius = critical_radius(count, n)
    rounding = 1e-14 * n * max(1, math.log(n)) + 1e-12
    assert log_ball_partition(radius, n) + log_count == pytest.approx(0, abs=rounding)


def test_critical_radius_in_two_dimensions():
    """N π (1 − e^{−r²}) = 1."""
    counts = np.array([1, 2, 1_000])
    expected = np.sqrt(-np.log1p(-1 / (math.pi * counts)))
    np.testing.assert_allclose(critical_radius(counts, 2), expected, rtol=1e-14)


def test_parameters_against_data():
    widths = np.array([128, 256, 512, 1_024, 4_096])
    curve = parameters_against_data(widths, layers=2, tokens_per_pattern=10)
    np.testing.assert_allclose(curve.parameters, 24 * widths**2)
    log_weights = [
        log_partition(np.full(1, r), int(n))
        for n, r in zip(widths, curve.radius, strict=True)
    ]
    np.testing.assert_allclose(curve.log_patterns, -np.array(log_weights))
    np.testing.assert_allclose(curve.log_data, curve.log_patterns + math.log(10))
    np.testing.assert_allclose(
        np.log(curve.parameters), math.log(8.6e-10) + 2 * curve.claimed_log_data
    )
    # One pattern more for each e-fold: log d → n/2πe + ½ log πn + log(1 − 1/πe).
    limit = widths / (2 * math.pi * math.e) + np.log(math.pi * widths) / 2
    np.testing.assert_allclose(
        curve.log_patterns, limit + math.log1p(-1 / (math.pi * math.e)), atol=0.02
    )
    same = parameters_against_data(widths, unit_volume_radius_asymptote(widths))
    np.testing.assert_array_equal(same.log_patterns, curve.log_patterns)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_ball_volume(-1.0, 3), "radius must be at least 0"),
        (lambda: log_ball_partition(np.nan, 3), "radius must be finite"),
        (lambda: log_ball_partition(1.0, 2.5), "n must be a whole number"),
        (lambda: unit_volume_radius(0), "n must be a whole number"),
        (lambda: log_partition([], 3), "one ball at least"),
        (lambda: log_partition_misprinted([[1.0]], 3), "one ball at least"),
        (lambda: claimed_cross_entropy(np.inf), "log_z must be finite"),
        (lambda: critical_radius(0.5, 3), "count must be at least 1"),
        (lambda: parameters_against_data([8], layers=0), "layers must be positive"),
        (lambda: parameters_against_data([8], 0.0), "radius must be positive"),
        (
            lambda: parameters_against_data([8, 9, 10], [1.0, 2.0]),
            "radius must be one .* of 3 ",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_radius_zero_is_no_ball():
    assert log_ball_partition(0.0, 5) == log_ball_volume(0.0, 5) == -np.inf
