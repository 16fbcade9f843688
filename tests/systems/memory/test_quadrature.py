"""Weights of balls by quadrature, against another in 1 and 2 dimensions."""

import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from isinglass.systems.memory.quadrature import log_ball_quadrature


@pytest.mark.parametrize("radius", [0.4, 2.0, 9.0])
@pytest.mark.parametrize("power", [1, 2])
def test_quadrature_in_one_and_two_dimensions(radius, power):
    line = quad(lambda y: np.exp(-(abs(y) ** power)), -radius, radius, points=[0.0])[0]
    disk = dblquad(lambda r, _: r * np.exp(-(r**power)), 0, 2 * np.pi, 0, radius)[0]

    for n, integral in ((1, line), (2, disk)):
        log_integral = log_ball_quadrature(radius, n, power)
        assert log_integral == pytest.approx(np.log(integral), abs=1e-10)
