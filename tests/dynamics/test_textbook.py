"""The maps are what their docstrings say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.dynamics.textbook import (
    ACCUMULATION,
    cubic,
    delayed_logistic,
    henon,
    linear,
    logistic,
    standard_map,
)

law = settings(max_examples=20, deadline=None, derandomize=True, database=None)
unit = st.floats(-1, 1)

pytestmark = pytest.mark.usefixtures("double_precision")


@jax.jit
def jacobian_of_henon(x, parameters):
    return jax.jacfwd(henon)(x, parameters)


@jax.jit
def standard_with_jacobian(x, parameters):
    return standard_map(x, parameters), jax.jacfwd(standard_map)(x, parameters)


def iterate(step, state, parameters, steps):
    run = jax.jit(
        lambda x: jax.lax.fori_loop(0, steps, lambda _, y: step(y, parameters), x)
    )
    return np.asarray(run(jnp.asarray(state, jnp.float64)))


@law
@given(x=unit, y=unit, a=unit, b=unit)
def test_henon_contracts_areas_by_b(x, y, a, b):
    jacobian = jacobian_of_henon(np.array([x, y]), {"a": a, "b": b})
    assert np.linalg.det(jacobian) == pytest.approx(-b, abs=1e-15)


@law
@given(x=st.floats(0, 6), y=unit, K=st.floats(0, 10))
def test_the_standard_map_is_symplectic_and_stays_on_its_torus(x, y, K):
    (theta, momentum), jacobian = standard_with_jacobian(np.array([x, y]), {"K": K})
    assert np.linalg.det(jacobian) == pytest.approx(1, abs=1e-12)
    assert 0 <= theta <= 2 * np.pi
    assert -np.pi <= momentum <= np.pi
    expected = np.exp(
        1j * (x + y + K * np.sin(x))
    )  # on the circle, whichever turn it is in
    assert np.exp(1j * float(theta)) == pytest.approx(expected, abs=1e-12)


def test_the_logistic_map_has_its_fixed_point_and_cycles():
    assert iterate(logistic, 0.3, {"r": 2.8}, 1000) == pytest.approx(
        1 - 1 / 2.8, abs=1e-12
    )
    on_critical_point = iterate(logistic, 0.5, {"r": 1 + np.sqrt(5)}, 2)
    assert on_critical_point == pytest.approx(0.5, abs=1e-14)
    r = 3.83  # in the window of period 3, just above 1 + √8
    cycle = iterate(logistic, 0.5, {"r": r}, 3000)
    assert iterate(logistic, cycle, {"r": r}, 3) == pytest.approx(cycle, abs=1e-12)
    assert abs(iterate(logistic, cycle, {"r": r}, 1) - cycle) > 0.1


def test_the_doublings_accumulate_where_it_says():
    """Superstable 2ⁿ-cycles close in on r∞ by Feigenbaum's δ each time."""

    def superstable(period, near):
        def miss(r):
            x = 0.5
            for _ in range(period):
                x = r * x * (1 - x)
            return x - 0.5

        r, slope = near, 1e-7
        for _ in range(60):  # Newton's method
            r -= miss(r) * 2 * slope / (miss(r + slope) - miss(r - slope))
        return r

    rs = [2.0, 1 + np.sqrt(5)]
    for n in range(2, 8):
        rs.append(superstable(2**n, rs[-1] + (rs[-1] - rs[-2]) / 4.669201609))
    distances = ACCUMULATION - np.array(rs)
    assert distances[-2] / distances[-1] == pytest.approx(4.669201609, abs=2e-3)


def test_the_cubic_map_has_two_branches_that_merge_at_h_c():
    r = 1.5
    h_c = 2 * ((r - 1) / 3) ** 1.5
    start = np.array([-0.6, 0.6])
    both = iterate(cubic, start, {"r": r, "h": 0.0}, 500)
    np.testing.assert_allclose(both, [-np.sqrt(r - 1), np.sqrt(r - 1)], atol=1e-12)
    below = iterate(cubic, start, {"r": r, "h": h_c * 0.99}, 5000)
    above = iterate(cubic, start, {"r": r, "h": h_c * 1.01}, 5000)
    assert below[0] < 0 < below[1]
    assert above[0] == pytest.approx(above[1], abs=1e-12)


def test_a_linear_map_multiplies_by_its_matrix():
    matrix = [[1.0, 2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(
        linear(matrix)(jnp.array([1.0, -1.0]), {}), [-1.0, -1.0]
    )


@pytest.mark.parametrize("matrix", [[1.0], [[1.0, 2.0]], [[np.nan]], np.zeros((0, 0))])
def test_a_matrix_that_is_none_is_refused(matrix):
    with pytest.raises(ValueError, match="matrix must be"):
        linear(matrix)


@law
@given(x=unit, y=unit, r=st.floats(0, 3))
def test_the_delayed_logistic_map_looks_one_step_back(x, y, r):
    state = delayed_logistic.start(jnp.array([[x], [y]]))
    after = delayed_logistic(state, {"r": r})
    # XLA flushes numbers below 1e-307 to zero.
    np.testing.assert_allclose(
        after.window, [[r * x * (1 - y)], [x]], rtol=1e-15, atol=1e-300
    )


def test_the_delayed_logistic_map_turns_by_60_degrees_where_its_circle_is_born():
    def flat(window):
        return delayed_logistic(delayed_logistic.start(window), {"r": 2.0}).window[:, 0]

    jacobian = jax.jacfwd(flat)(jnp.full((2, 1), 0.5))[..., 0]
    eigenvalues = np.linalg.eigvals(np.asarray(jacobian))
    np.testing.assert_allclose(
        np.sort_complex(eigenvalues), np.exp([-1j * np.pi / 3, 1j * np.pi / 3])
    )
