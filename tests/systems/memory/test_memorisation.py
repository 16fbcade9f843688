"""How much is known by heart: the data, the search for D*, and the fit of its law."""

import numpy as np
import pytest

from isinglass.systems.memory.memorisation import (
    bootstrap_exponent,
    growth_exponent,
    random_source,
    search_memory,
)

SIZES = np.array([1_000.0, 2_500.0, 7_000.0])


@pytest.mark.parametrize("crossing", [3.1, 27.0, 100.0, 950.0])
def test_the_search_finds_the_crossing_wherever_it_is(crossing):
    search = search_memory(
        lambda count: 2 * (1 + np.log(count / crossing)), [23, 35, 52], 2.0
    )

    assert (np.diff(search.sequences) > 0).all()
    assert search.crossing == pytest.approx(crossing, rel=1e-9)


@pytest.mark.parametrize("loss", [0.0, 4.0])
def test_a_loss_that_never_crosses_is_an_error(loss):
    with pytest.raises(RuntimeError, match=r"of 1000 parameters does not cross 2\.00"):
        search_memory(lambda _: loss, [23, 35, 52], 2.0, "a model of 1000 parameters")


def test_keys_differ_and_do_not_count():
    source = random_source(500, vocabulary=64, key=3, counted=13, seed=3)
    batch = source.take(source.every())

    assert len(np.unique(batch.targets[:, :3], axis=0)) == 500
    assert batch.weights.sum(axis=0).tolist() == [0] * 3 + [500] * 13
    counts = np.bincount(batch.targets[:, 3:].ravel(), minlength=64)
    # χ² at 63 degrees of freedom: 6 standard deviations are 130.
    expected = 500 * 13 / 64
    assert ((counts - expected) ** 2 / expected).sum() < 130


@pytest.mark.parametrize("power", [1.0, 1.5, 2.0])
def test_the_fit_recovers_an_exact_law(power):
    data = 3 * SIZES ** (1 / power)
    seeds = np.repeat(data[:, None], 2, axis=1)

    assert growth_exponent(data, SIZES) == pytest.approx(power)
    interval = bootstrap_exponent(seeds, SIZES, seed=0)
    assert interval == pytest.approx((power, power))


def test_the_bootstrap_is_as_wide_as_the_seeds_differ():
    noise = np.exp(0.1 * np.random.default_rng(0).standard_normal((3, 2)))
    data = 3 * SIZES[:, None] * noise
    low, high = bootstrap_exponent(data, SIZES, seed=0)

    assert 0 < high - low < 0.5
    mean = np.exp(np.log(data).mean(axis=1))
    assert low <= growth_exponent(mean, SIZES) <= high
