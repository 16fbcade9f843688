"""How half points grow, against laws that are put in."""

import numpy as np
import pytest

from isinglass._common.intervals import Interval
from isinglass.energy import HalfPoint, KrotovHopfield, fixed_point_capacity
from isinglass.energy.capacity_growth import growth_law


def points(numbers, theory):
    """Half points with resamples that all are the number itself."""
    return [
        HalfPoint(n, Interval(m, m / 2, 2 * m), theory(n), np.full(9, m), 4)
        for n, m in numbers.items()
    ]


def test_a_known_power_is_recovered():
    def theory(n):
        return fixed_point_capacity(KrotovHopfield(3), n)

    law = growth_law(points({n: 3 * theory(n) for n in (16, 32, 64)}, theory), 2.0)

    assert law is not None
    assert law.mean == pytest.approx(2.0)
    assert (law.low, law.high) == pytest.approx((2.0, 2.0))


def test_a_known_exponential_is_recovered():
    numbers = {n: 2 ** (0.7 * n) for n in (8, 10, 14)}
    law = growth_law(points(numbers, lambda n: np.nan))

    assert law is not None
    assert law.mean == pytest.approx(0.7)


@pytest.mark.parametrize("outside", [0.0, np.inf])
def test_numbers_outside_of_what_was_tried_do_not_count(outside):
    assert growth_law(points({8: 30.0, 10: outside}, lambda n: np.nan)) is None
