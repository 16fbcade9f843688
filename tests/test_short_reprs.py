"""What is made of many numbers says what it is in a few lines, not all of them."""

import numpy as np
import pytest

from isinglass.dynamics import basins, lyapunov_spectrum, textbook
from isinglass.systems.interference import RelayNetwork, sweep_avalanches
from isinglass.systems.meanfield import Features, MeanField

LINE = 88


def spectrum():
    start, parameters = np.array([0.1, 0.1]), {"a": 1.4, "b": 0.3}
    return lyapunov_spectrum(textbook.henon, start, parameters, 100)


def two_basins():
    starts = np.array([[-0.5], [0.5]])
    return basins(lambda x, _: np.float64(1.5) * x - x**3, starts, {})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Features.paper, "3 patterns, 2 positional bits"),
        (lambda: MeanField(Features.paper()), "MeanField(features=Features(3 patterns"),
        (spectrum, "of 100 steps"),
        (two_basins, "by 50.0% of the starts"),
        (lambda: sweep_avalanches([0, 0.1, 0.2], 1.0), "Avalanches(1, largest 3)"),
        (lambda: RelayNetwork(np.zeros((3, 3))), "RelayNetwork(3 tensors, 0 routes)"),
    ],
)
def test_a_repr_is_short_and_says_what_it_is(make, words):
    text = repr(make())
    assert words in text
    assert "array(" not in text
    assert max(map(len, text.splitlines())) <= LINE
    assert len(text.splitlines()) <= 4
