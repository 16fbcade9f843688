import numpy as np
import pytest

from isinglass.experiments.meanfield import setting
from isinglass.reproduce import Context
from isinglass.systems.meanfield import Features, MeanField, gamma_of


def test_the_gain_is_that_of_the_published_program():
    assert setting.parameters(1.3) == {
        "beta": 1.3,
        "gamma": pytest.approx(gamma_of(2.2, 100, 3), rel=1e-15),
        "epsilon": 0.02,
    }


def test_the_start_is_the_first_output_pattern():
    parameters = setting.parameters(1.266)
    expected = MeanField(Features.paper()).start_from_pattern(parameters, 0, "o")

    start = setting.start(parameters)

    np.testing.assert_array_equal(start.window, expected.window)
    assert int(start.phase) == int(expected.phase)


def test_random_starts_do_not_depend_on_how_many_are_drawn_but_on_the_seed():
    context, other_seed = (Context(seeds=range(1), seed=seed) for seed in (0, 1))
    two, five = (setting.random_starts(context, count).window for count in (2, 5))
    other = setting.random_starts(other_seed, 2).window

    np.testing.assert_array_equal(two, five[:2])
    assert not np.isin(other, two).any()
    assert np.abs(five).max() <= 1
