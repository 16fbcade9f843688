import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isinglass._common.intervals import (
    mean_interval,
    quantile_interval,
    single_draw_half_width,
    wilson_interval,
)


def test_mean_interval_of_a_textbook_sample():
    # t(0.975, 4) = 2.776445; s = sqrt(2.5)
    mean, low, high = mean_interval([1, 2, 3, 4, 5])
    assert mean == 3
    assert high - mean == pytest.approx(2.776445 * np.sqrt(2.5 / 5), rel=1e-6)
    assert mean - low == pytest.approx(high - mean)


def test_one_sample_has_no_width():
    assert mean_interval([2.5]) == mean_interval(2.5) == (2.5, 2.5, 2.5)


def test_it_covers_the_true_mean_in_95_of_100_experiments():
    rng = np.random.default_rng(0)
    intervals = [mean_interval(rng.normal(7, 2, 6)) for _ in range(2000)]
    covered = np.mean([low <= 7 <= high for _, low, high in intervals])
    assert covered == pytest.approx(0.95, abs=0.015)


RANGES = {"percent": (0.0, 100.0), "norm": (0.0, np.inf), "loss": (-np.inf, 0.0)}


@pytest.mark.parametrize("valid_range", RANGES.values(), ids=RANGES)
@given(data=st.data())
def test_an_interval_stays_in_the_range_and_holds_the_mean(valid_range, data):
    low, high = np.clip(valid_range, -1e3, 1e3)
    samples = data.draw(st.lists(st.floats(low, high), min_size=1, max_size=8))
    interval = mean_interval(samples, valid_range)
    slack = 1e-9 * max(map(abs, samples))
    assert valid_range[0] <= interval.low <= interval.mean + slack
    assert interval.mean - slack <= interval.high <= valid_range[1]


def test_far_from_the_ends_a_range_changes_nothing():
    samples = [49.9, 50.0, 50.2]
    ranged = mean_interval(samples, (0, 100))
    assert ranged == pytest.approx(mean_interval(samples), rel=1e-4)


def test_near_an_end_it_covers_better_than_a_clipped_interval():
    shares = np.random.default_rng(2).beta(0.525, 4.725, (2000, 5))  # mean 0.1
    ranged, plain = (
        [mean_interval(runs, valid_range) for runs in shares]
        for valid_range in ((0, 1), ())
    )
    covered, clipped = (
        np.mean([low <= 0.1 <= high for _, low, high in intervals])
        for intervals in (ranged, plain)
    )
    assert covered == pytest.approx(0.927, abs=0.02)
    assert clipped < covered - 0.04


@pytest.mark.parametrize("sample", [-0.1, 100.1])
def test_what_cannot_be_is_refused(sample):
    with pytest.raises(ValueError, match="valid range 0 to 100, got"):
        mean_interval([50.0, sample], (0, 100))


def test_a_single_draw_falls_within_its_half_width_in_95_of_100_cases():
    rng = np.random.default_rng(1)
    draws = [(rng.normal(size=8), rng.normal()) for _ in range(2000)]
    held = [
        abs(one - many.mean()) <= single_draw_half_width(many) for many, one in draws
    ]
    assert np.mean(held) == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize("samples", [[], [[1.0, 2.0]], [1.0, np.nan], [np.inf]])
@pytest.mark.parametrize("function", [mean_interval, single_draw_half_width])
def test_samples_that_mean_nothing_are_refused(function, samples):
    with pytest.raises(ValueError, match="samples must"):
        function(samples)


def test_a_spread_needs_two_samples():
    with pytest.raises(ValueError, match="at least two"):
        single_draw_half_width([1.0])


def test_wilson_interval_of_a_textbook_count():
    # 8 of 10: Wilson 1927 gives [0.490, 0.943]
    share, low, high = wilson_interval(8, 10)
    assert (share, low, high) == (
        0.8,
        pytest.approx(0.4902, abs=1e-4),
        pytest.approx(0.9433, abs=1e-4),
    )


@given(st.integers(1, 10_000), st.data())
def test_wilson_interval_holds_the_share_within_0_and_1(n, data):
    successes = data.draw(st.integers(0, n))
    share, low, high = wilson_interval(successes, n)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


@pytest.mark.parametrize("n", [1, 7, 100, 12345])
def test_all_or_nothing_reaches_the_end_exactly(n):
    assert wilson_interval(n, n).high == 1
    assert wilson_interval(0, n).low == 0


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(successes, n):
    with pytest.raises(ValueError, match="must"):
        wilson_interval(successes, n)


def test_the_interval_of_a_median_holds_it_in_95_of_100_experiments():
    rng = np.random.default_rng(0)
    intervals = [quantile_interval(rng.exponential(1, 60), 0.5) for _ in range(2000)]
    covered = np.mean([low <= np.log(2) <= high for _, low, high in intervals])
    assert 0.95 <= covered < 0.98  # order statistics cover a little more


def test_a_quantile_may_lie_beyond_what_was_measured():
    samples = [*range(1, 60), *[np.inf] * 40]
    assert quantile_interval(samples, 0.5).mean == 50
    assert quantile_interval(samples, 0.3).high < np.inf
    assert quantile_interval(samples, 0.5).high == np.inf
    assert quantile_interval(samples, 0.9).mean == np.inf
