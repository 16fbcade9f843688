"""Minima of energies, against what two patterns and a direct search say."""

import numpy as np
import pytest

from isinglass.energy import ModernHopfield, NearestNeighbour, nearest_neighbour_force
from isinglass.energy.minima import (
    critical_inverse_temperature,
    find_minima,
    turning_points,
)

LINE = np.array([[-2.0], [0.0], [1.0]])

pytestmark = pytest.mark.usefixtures("double_precision")


def test_two_patterns_merge_where_beta_times_their_squared_distance_is_two():
    patterns = np.array([[0.0, 0.0], [0.6, 0.8]])

    beta = critical_inverse_temperature(patterns, NearestNeighbour, low=1.93, high=2.06)

    assert beta == pytest.approx(2.0, rel=0.02)


def test_a_pattern_between_others_has_no_minimum_of_the_modern_energy_at_any_beta():
    assert np.isnan(critical_inverse_temperature(LINE, ModernHopfield))


def test_minima_are_where_a_direct_search_finds_them():
    x = np.linspace(-3, 2, 200_001)
    energy = -np.log(np.exp(-((x - LINE) ** 2)).sum(0))
    lowest = x[1:-1][(energy[1:-1] < energy[2:]) & (energy[1:-1] < energy[:-2])]

    minima = find_minima(LINE, NearestNeighbour(1.0), np.linspace(-3, 2, 9)[:, None])

    np.testing.assert_allclose(minima.places[:, 0], lowest, atol=3e-5)
    assert minima.is_own.tolist() == [True, False, False]  # 0 and 1 share one
    distance = abs(LINE[:, 0] - lowest[[0, 1, 1]])
    assert minima.distance == pytest.approx(distance, abs=3e-5)


def test_cold_minima_are_the_patterns_with_maxima_between_them():
    x = np.linspace(-3, 2, 501)
    force = np.asarray(nearest_neighbour_force(x[:, None], LINE, 30.0))[:, 0]

    minima, maxima = turning_points(x, force)

    np.testing.assert_allclose(minima, LINE[:, 0], atol=1e-3)
    np.testing.assert_allclose(maxima, [-1, 0.5], atol=0.01)
