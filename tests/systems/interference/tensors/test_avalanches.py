"""Avalanches of tensors that all act on all, their exact laws, and exponents."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from isinglass.systems.interference import (
    borel,
    borel_mixture,
    branching_ratio,
    duration_distribution,
    fit_exponent,
    regulated_avalanches,
    reset_avalanches,
    reset_sizes,
    size_density,
    sweep_avalanches,
)

CRITICAL = np.sqrt(2 / np.pi)
law = settings(max_examples=30, deadline=None)


def fits(values, probabilities, first=1):
    """The p-value of counts in fixed bins: values of their own, and the rest as one."""
    counts = np.bincount(np.asarray(values, int) - first)
    bins = len(probabilities)
    observed = np.append(counts[:bins], counts[bins:].sum())
    expected = np.append(probabilities, 1 - np.sum(probabilities)) * counts.sum()
    return chisquare(observed, expected).pvalue


def one_by_one(thresholds, coupling):
    """The definition: raise the field to the next tensor, and let all follow."""
    n, up = len(thresholds), np.zeros(len(thresholds), bool)
    sizes, durations, fields = [], [], []
    while not up.all():
        field = (thresholds - coupling * (2 * up.sum() - n) / n)[~up].min()
        new = ~up & (thresholds <= field + coupling * (2 * up.sum() - n) / n + 1e-12)
        size, generations = 0, -1
        while new.any():
            up |= new
            size, generations = size + new.sum(), generations + 1
            new = ~up & (thresholds <= field + coupling * (2 * up.sum() - n) / n)
        sizes, durations = [*sizes, size], [*durations, generations]
        fields.append(field)
    return fields, sizes, durations


@given(
    st.lists(st.floats(-3, 3), min_size=1, max_size=40, unique=True),
    st.floats(0, 2),
)
@law
def test_a_sweep_is_what_the_definition_says(thresholds, coupling):
    # On a grid that a coupling does not meet by accident: rounding decides nothing.
    x = np.round(thresholds, 3) + np.linspace(0, 1e-4, len(thresholds)) * np.pi
    avalanches = sweep_avalanches(x, coupling, durations=True)

    fields, sizes, durations = one_by_one(x, coupling)
    np.testing.assert_allclose(avalanches.field, fields, atol=1e-9)
    assert avalanches.size.tolist() == sizes
    assert avalanches.duration.tolist() == durations


def test_without_coupling_all_switch_alone():
    assert sweep_avalanches([3, 1, 2], 0).size.tolist() == [1, 1, 1]
    assert sweep_avalanches([3, 1, 2], 0).field.tolist() == [1, 2, 3]


@pytest.mark.parametrize("n", [0.5, 0.8, 0.95])
def test_even_thresholds_have_borels_sizes_and_durations(n):
    tensors = 400_000
    x = np.random.default_rng(7).uniform(-1 / n, 1 / n, tensors)
    avalanches = sweep_avalanches(x, 1.0, durations=True)

    estimate = branching_ratio(avalanches.size)
    assert abs(estimate.value - n) < 4 * estimate.error
    assert abs(len(avalanches) / tensors - (1 - n)) < 0.003
    assert fits(avalanches.size, borel(np.arange(1, 20), n)) > 1e-3
    lasting = duration_distribution(np.arange(12), n)
    assert fits(avalanches.duration, lasting, first=0) > 1e-3


def test_a_branching_ratio_wrong_by_one_percent_is_refused():
    x = np.random.default_rng(7).uniform(-2, 2, 2_000_000)
    sizes = sweep_avalanches(x, 1.0).size
    assert fits(sizes, borel(np.arange(1, 20), 0.5)) > 1e-3
    for wrong in (0.495, 0.505):
        assert fits(sizes, borel(np.arange(1, 20), wrong)) < 2e-4


@given(st.floats(0, 0.95))
@law
def test_laws_are_normalised_with_their_means(n):
    s = np.arange(1, 40_000)
    p = borel(s, n)
    assert p.sum() == pytest.approx(1, abs=1e-9)
    assert s @ p == pytest.approx(1 / (1 - n), rel=1e-6)
    assert duration_distribution(range(2000), n).sum() == pytest.approx(1, abs=1e-9)


@given(st.integers(1, 200), st.floats(0, 0.999))
@law
def test_relays_that_reset_have_a_law_at_every_size(n, alpha):
    p = reset_sizes(n, alpha)
    assert p.sum() == pytest.approx(1, abs=1e-11)
    mean = n / (n - (n - 1) * alpha)
    assert np.arange(1, n + 1) @ p == pytest.approx(mean, rel=1e-9)


def test_relays_that_reset_obey_it():
    sizes = reset_avalanches(50, 0.7, 20_000, random_state=3)
    assert fits(sizes, reset_sizes(50, 0.7)[:15]) > 1e-3
    assert fits(sizes, reset_sizes(50, 0.67)[:15]) < 1e-3


def test_gaussian_thresholds_at_the_critical_width():
    s = np.arange(1, 20_000)
    total = size_density(s, CRITICAL).sum()
    assert total == pytest.approx(1 - 1 / np.sqrt(2), abs=1e-5)
    assert size_density(s, 1.0, 0.5).sum() == pytest.approx(1 - 0.5 / np.sqrt(np.pi))

    low, high = size_density([99_000, 101_000], CRITICAL)
    assert np.log(low / high) / np.log(101 / 99) == pytest.approx(2.2498, abs=2e-4)

    tensors = 200_000
    x = np.random.default_rng(5).normal(0, CRITICAL, tensors)
    counts = np.bincount(sweep_avalanches(x, 1.0).size)[1:6] / tensors
    np.testing.assert_allclose(counts, size_density(range(1, 6), CRITICAL), rtol=0.06)


def test_evenly_spread_branching_ratios_have_the_exponent_two():
    nodes, weights = np.polynomial.legendre.leggauss(400)
    s = np.array([1, 2, 7, 50])
    average = sum(
        w / 2 * borel(s, (1 + x) / 2) for x, w in zip(nodes, weights, strict=True)
    )
    np.testing.assert_allclose(borel_mixture(s), average, rtol=1e-8)
    assert borel_mixture(10**6) * 2e12 == pytest.approx(1, abs=1e-3)


def test_the_mean_size_of_a_regulated_run_is_its_target():
    run = regulated_avalanches(4000, 1e-3, random_state=1)
    assert run.branching_ratio.min() > 0  # never cut off: then the law is exact
    size, before = run.size[-1], run.branching_ratio[-1]
    change = before + 1e-3 * (1 - size / 100) - run.branching_ratio[0]
    assert run.size.mean() == pytest.approx(
        100 * (1 - change / (1e-3 * 4000)), rel=1e-9
    )


def test_an_exponent_comes_with_its_alternative():
    rng = np.random.default_rng(2)
    s = np.arange(1, 1001)
    power = rng.choice(s, 20_000, p=s**-1.5 / np.sum(s**-1.5))
    fit = fit_exponent(power, 1, 1000)
    assert abs(fit.exponent - 1.5) < 4 * fit.error
    assert fit.truncated.p_value > 1e-3
    assert fit.count == 20_000

    weights = s**-1.5 * np.exp(-0.01 * s)
    cut = fit_exponent(rng.choice(s, 20_000, p=weights / weights.sum()), 1, 1000)
    assert cut.exponent > 1.6  # a plain power law is steeper than what was drawn
    assert cut.truncated.p_value < 1e-6
    assert abs(cut.truncated.exponent - 1.5) < 4 * cut.truncated.exponent_error
    assert abs(cut.truncated.rate - 0.01) < 4 * cut.truncated.rate_error


@pytest.mark.filterwarnings("ignore:Fitted parameters:UserWarning")
@pytest.mark.parametrize("ratio", [0.9, 0.99])
def test_exponents_with_a_cut_off_are_those_of_powerlaw(ratio):
    powerlaw = pytest.importorskip("powerlaw")
    s = np.arange(1, 100_001)
    law = borel(s, ratio)
    sizes = np.random.default_rng(0).choice(s, 20_000, p=law / law.sum())
    ours = fit_exponent(sizes, 1, int(sizes.max())).truncated
    theirs = powerlaw.Fit(sizes, discrete=True, xmin=1, verbose=False)
    alpha = theirs.truncated_power_law.parameter1
    rate = theirs.truncated_power_law.parameter2

    # It sums to infinity, we to the largest size: where sizes are cut off, the same.
    assert abs(ours.exponent - alpha) < 0.2 * ours.exponent_error
    assert abs(ours.rate - rate) < 0.2 * ours.rate_error


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (
            sweep_avalanches,
            ([1, 2], -0.1),
            "coupling must not be negative",
        ),
        (sweep_avalanches, ([], 1), "thresholds must be one or more numbers"),
        (sweep_avalanches, ([np.nan], 1), "thresholds must be finite"),
        (borel, (0, 0.5), "sizes must be whole numbers of at least 1"),
        (borel, (1, 1.01), "branching_ratio must be from 0 to 1"),
        (duration_distribution, (-1, 0.5), "durations must be whole numbers"),
        (size_density, (1, 0.5), "width must be at least"),
        (reset_sizes, (10, 1.0), "alpha must be from 0 to below 1"),
        (branching_ratio, ([],), "sizes must be one or more"),
        (fit_exponent, ([1, 2, 3], 5, 5), "largest must exceed smallest"),
        (fit_exponent, ([1, 2, 30], 1, 10), "sizes must hold three different ones"),
        (regulated_avalanches, (10, -1), "gain must not be negative"),
        (reset_avalanches, (10, 0.5, 0), "count must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
