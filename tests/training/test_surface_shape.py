"""The shape of surfaces that are known."""

import numpy as np
import pytest

from isinglass.training.surface_shape import basins, bend, convex, funnel, minima, rise

SIDE = np.linspace(-1, 1, 21)
A, B = np.meshgrid(SIDE, SIDE, indexing="ij")
BOWL = A**2 + B**2
# Minima at a = 0 and, lower, at a = ±0.8; ridges between them at a = ±0.4.
WELLS = -np.cos(2 * np.pi * A / 0.8) - 0.1 * A**2 + B**2


def test_a_bowl_is_one_convex_funnel() -> None:
    assert funnel(BOWL).all()
    assert convex(BOWL).all()
    assert minima(BOWL) == 1
    assert (basins(BOWL) == 10 * 21 + 10).all()
    assert rise(BOWL, 1.0, 0.5) == pytest.approx(0.25, abs=0.02)
    assert bend(BOWL, 1.0) == pytest.approx(2)
    assert bend(WELLS, 1.0) > 10


def test_distances_are_in_units_of_the_extent() -> None:
    wide = 9 * BOWL  # the same bowl on a square of three times the side

    assert rise(wide, 3.0, 1.5) == pytest.approx(1.5**2, abs=0.2)
    assert bend(wide, 3.0) == pytest.approx(2)


def test_three_wells_are_told_apart() -> None:
    inside = funnel(WELLS)

    assert minima(WELLS) == 3
    assert inside[np.abs(A) < 0.35].all()
    assert not inside[np.abs(A) > 0.45].any()
    assert 0.3 < convex(WELLS).mean() < 0.7


def test_a_saddle_is_nowhere_convex() -> None:
    assert not convex(A**2 - B**2).any()
    assert not convex(-BOWL).any()


def test_descent_from_a_point_with_equal_neighbours_stays() -> None:
    assert minima(np.zeros((4, 4))) == 16
