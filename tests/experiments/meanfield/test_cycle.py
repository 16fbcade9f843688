import numpy as np
import pytest
from scipy.optimize import brentq

from isinglass.experiments.meanfield import cycle
from isinglass.experiments.meanfield import setting as paper
from isinglass.systems.meanfield import Features


def linear_growth(beta: float) -> float:
    """Largest |z| of A(t+1) = (1/4) Σ B A(t−τ), B = β C^v σ: around A = 0 if ε = 0."""
    features = Features.paper()
    roots = [
        np.roots([1, *4 * [-eigenvalue / 4]])
        for eigenvalue in beta
        * np.linalg.eigvals(features.semantic[1] @ features.signs)
    ]
    return float(np.abs(np.concatenate(roots)).max())


@pytest.mark.parametrize("gamma", [1.0, paper.GAMMA])
def test_without_positional_bits_the_onset_is_that_of_the_linear_map(gamma):
    expected = brentq(lambda beta: linear_growth(beta) - 1, 1.0, 2.0, xtol=1e-13)

    onset = cycle.onset(gamma, 0.0)

    assert onset is not None
    assert onset.value == pytest.approx(expected, abs=1e-9)


def test_without_positional_bits_the_leading_exponent_is_that_of_the_linear_map():
    exponents = cycle.exponents(paper.parameters(1.1, epsilon=0.0))

    assert exponents[0] == pytest.approx(np.log(linear_growth(1.1)), abs=1e-10)
    assert (np.diff(exponents) <= 1e-12).all()


def test_the_leading_multiplier_leaves_the_unit_circle_at_the_onset():
    onset = cycle.onset()
    assert onset is not None

    at, below, above = (
        cycle.multipliers(paper.parameters(onset.value + step))
        for step in (0.0, -1e-3, 1e-3)
    )

    assert abs(at[0]) == pytest.approx(1, abs=1e-9)
    assert abs(np.angle(at[0])) == pytest.approx(onset.angle, abs=1e-7)
    assert abs(below[0]) < 1 < abs(above[0])


def test_where_positional_bits_are_all_there_is_the_cycle_stays_stable():
    assert cycle.onset(paper.GAMMA, 1.0) is None


@pytest.mark.parametrize("gamma", [1.0, 2.0])
def test_a_cycle_smaller_than_what_cancels_in_it_is_followed_too(gamma):
    onset = cycle.onset(gamma, paper.EPSILON)

    assert onset is not None
    assert onset.value == pytest.approx(1.246, abs=1e-3)
