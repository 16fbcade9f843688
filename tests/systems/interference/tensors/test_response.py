"""The response of a mean-field tensor (Eq. 6): closed forms, limits, and oracles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass import dynamics
from isinglass.energy import ising_force
from isinglass.systems.interference import (
    attended_neighbours,
    free_energy,
    hysteresis,
    loop_area,
    mean_field_solutions,
    spinodal,
    switching,
)

# The design's table, to its printed digits: x, μ_s, h_s, μ₁, βA, βq, Δs.
TABLE = np.array(
    [
        [1.05, 0.218218, 0.007345, 0.423917, 0.010610921, 0.074062, -0.068756],
        [1.2, 0.408248, 0.056391, 0.733840, 0.144772790, 0.287516, -0.215130],
        [1.5, 0.577350, 0.207546, 0.919704, 0.695614742, 0.695100, -0.347292],
        [2, 0.707107, 0.532840, 0.986784, 1.999149318, 1.376314, -0.376740],
        [3, 0.816497, 1.303274, 0.999633, 5.122007343, 2.865815, -0.304812],
    ]
)
COUPLINGS = TABLE[:, 0]
law = settings(max_examples=60, deadline=None)  # the first example compiles
couplings = st.floats(0, 50, allow_subnormal=False)  # XLA takes subnormals for 0
fields = st.floats(-60, 60, allow_subnormal=False)


def test_the_table_to_its_printed_digits():
    ours = [*spinodal(COUPLINGS), loop_area(COUPLINGS), *switching(COUPLINGS)]

    digits = [6, 6, 6, 9, 6, 6]
    for column, values, places in zip(TABLE[:, 1:].T, ours, digits, strict=True):
        np.testing.assert_allclose(values, column, rtol=0, atol=0.51 * 10.0**-places)


@given(couplings, fields)
@law
def test_every_solution_solves_and_there_are_as_many_as_there_should_be(x, h):
    roots = np.array(mean_field_solutions(x, h))

    present = roots[~np.isnan(roots)]
    assert np.all(np.abs(present - np.tanh(x * present + h)) <= 1e-14 * (1 + x))
    limit = spinodal(x).field if x > 1 else 0.0
    inside = x > 1 and abs(h) <= limit
    assert len(present) == (3 if inside else 1)
    assert np.all(np.diff(present) >= 0)
    if not inside:
        assert np.isnan(roots[1])
        assert np.isfinite(roots[2]) == (h >= 0 if x <= 1 else h > limit)


@given(couplings, fields)
@law
def test_turning_the_field_round_turns_the_solutions_round(x, h):
    lower, middle, upper = mean_field_solutions(x, h)

    if x > 1 or h != 0:  # at h = 0 the single solution of x ≤ 1 is called upper
        turned = [-root for root in mean_field_solutions(x, -h)]
        np.testing.assert_allclose(turned, [upper, middle, lower], atol=1e-15)


def bisected(x, h, low, high):
    """The root of u − x tanh u = h in long double, where the function has one."""
    low, high = (
        np.longdouble(end) + np.zeros_like(x, np.longdouble) for end in (low, high)
    )
    x, h = np.longdouble(x), np.longdouble(h)
    rising = high - x * np.tanh(high) > low - x * np.tanh(low)
    for _ in range(80):
        middle = (low + high) / 2
        above = (middle - x * np.tanh(middle) > h) == rising
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.tanh((low + high) / 2)


def test_error_down_to_1e_8_from_the_spinodal():
    x, away = (
        side.ravel()
        for side in np.meshgrid(
            [1.001, 1.05, 1.5, 3, 5, 40], 10.0 ** np.arange(-8, 0.1)
        )
    )
    field = np.asarray(spinodal(x).field)
    h = np.where(away < field, field - away, field / 2)
    lower, middle, upper = mean_field_solutions(x, h)

    place = np.arctanh(spinodal(x).mean_field)
    # The lower two by symmetry, at the opposite field.
    assert np.abs(lower + bisected(x, -h, place, x + h)).max() < 1e-11
    assert np.abs(middle + bisected(x, -h, 0.0, place)).max() < 1e-11
    assert np.abs(upper - bisected(x, h, place, x + h)).max() < 1e-11


def test_at_the_spinodal_two_solutions_coincide_and_above_they_are_gone():
    end = spinodal(1.5)
    at = mean_field_solutions(1.5, end.field)
    beyond = mean_field_solutions(1.5, np.nextafter(end.field, 1))

    # A double root is known to the square root of the rounding.
    np.testing.assert_allclose([at.lower, at.middle], -end.mean_field, atol=3e-8)
    assert at.upper == pytest.approx(end.landing, abs=1e-13)
    assert np.isnan([beyond.lower, beyond.middle]).all()


def test_without_a_spinodal():
    assert np.isnan(spinodal(0.5)).all()
    assert spinodal(1) == (0, 0, 0)
    assert loop_area(0.5) == loop_area(1) == 0
    assert switching(1) == (0, 0)


def test_limits_of_weak_and_strong_coupling():
    step = 1e-4
    end = spinodal(1 + step)
    assert end.field / (2 / 3 * step**1.5) == pytest.approx(1, abs=2e-4)
    assert end.landing / (2 * end.mean_field) == pytest.approx(1, abs=2e-4)
    assert loop_area(1 + step) / (4.5 * step**2) == pytest.approx(0.99988, abs=1e-5)
    for x, ratio in ((10.0, 0.99916), (100.0, 0.999994)):
        assert loop_area(x) / (4 * spinodal(x).field) == pytest.approx(ratio, abs=6e-6)


@pytest.mark.parametrize("x", [1.05, 1.5, 3.0])
def test_the_area_is_that_of_the_loop(x):
    nodes, weights = np.polynomial.legendre.leggauss(60)
    angle = np.pi / 2 * nodes  # h = h_s sin(angle) straightens the ends of the branches
    field = spinodal(x).field
    lower, _, upper = mean_field_solutions(x, field * np.sin(angle))

    area = np.pi / 2 * weights @ ((upper - lower) * field * np.cos(angle))
    assert area == pytest.approx(loop_area(x), rel=1e-11)


@given(st.floats(1.001, 50))
@law
def test_second_law_of_every_jump(x):
    heat, entropy_change = switching(x)

    assert entropy_change < 0 < heat
    assert heat + entropy_change == pytest.approx(loop_area(x) / 2, rel=1e-9, abs=1e-15)


def test_heat_and_entropy_are_those_of_the_states_before_and_after():
    x, (before, h, after) = 1.5, spinodal(1.5)

    def entropy(m):
        p = (1 + m) / 2
        return -p * np.log(p) - (1 - p) * np.log(1 - p)

    drop = free_energy(-before, x, h) - free_energy(after, x, h)
    assert drop == pytest.approx(loop_area(x) / 2, rel=1e-12)
    assert switching(x).entropy_change == pytest.approx(
        entropy(after) - entropy(before)
    )


@given(st.floats(0, 4), st.floats(-2, 2))
@law
def test_free_energy_is_flat_at_every_solution(x, h):
    for root in mean_field_solutions(x, h):
        if abs(root) < 0.999:  # NaN is not
            step = 1e-4 * (1 - abs(root))
            rise = free_energy(root + step, x, h) - free_energy(root - step, x, h)
            assert abs(rise / (2 * step)) < 1e-5
    assert free_energy(1, x, h) == pytest.approx(np.log(2) - x / 2 - h)


def test_derivatives_are_those_of_differences():
    def quantities(x, h):
        roots = mean_field_solutions(x, h)
        extra = (
            spinodal(x).field,
            spinodal(x).landing,
            loop_area(x),
            switching(x).heat,
        )
        return jnp.stack([*roots, *extra])

    step = 1e-6
    with jax.enable_x64(True):
        rates = jax.jit(jax.jacfwd(quantities, (0, 1)))(1.5, 0.1)
        changes = [
            quantities(1.5 + dx, 0.1 + dh) - quantities(1.5 - dx, 0.1 - dh)
            for dx, dh in ((step, 0), (0, step))
        ]
    slopes = np.array(changes) / (2 * step)
    np.testing.assert_allclose(np.array(rates), slopes, rtol=1e-7, atol=1e-8)


def test_derivatives_are_zero_where_there_is_no_solution():
    def lower_or_nothing(h):
        return jnp.nan_to_num(mean_field_solutions(1.5, h).lower)

    rates = jax.vmap(jax.grad(lower_or_nothing))(jnp.array([0.0, 1.0]))
    m0 = -0.8585596
    expected = (1 - m0**2) / (1 - 1.5 * (1 - m0**2))
    np.testing.assert_allclose(rates, [expected, 0], rtol=1e-5)


def test_a_slow_sweep_is_that_of_an_iteration():
    path = np.concatenate(
        [np.linspace(a, b, 21) for a, b in ((0, 0.3), (0.3, -0.4), (-0.4, 0.1))]
    )
    ours = hysteresis([0.8, 1.5], path[:, None])

    m, slow = np.full(2, -0.5), []
    for h in path:
        for _ in range(400):
            m = np.tanh(np.array([0.8, 1.5]) * m + h)
        slow.append(m)
    np.testing.assert_allclose(ours, slow, atol=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=12), st.sampled_from([-1, 1]))
@law
def test_a_tensor_remembers_the_last_field_that_was_strong_enough(path, start):
    path = [*path, *[0.0] * (13 - len(path))]  # of one length: one program
    limit, bit = float(spinodal(1.5).field), start
    for h in path:
        bit = 1 if h > limit else -1 if h < -limit else bit

    assert hysteresis(1.5, path, start)[-1] == pytest.approx(
        bit * 0.8585596366, abs=1e-9
    )
    assert hysteresis(0.9, path, start)[-1] == pytest.approx(0, abs=1e-12)


def test_as_a_map_it_has_the_hysteresis_that_dynamics_sees():
    fields = np.linspace(-0.4, 0.4, 17)
    measure = dynamics.Measure(transient=300, steps=10, extensions=0, exponents=0)
    both = dynamics.continuation(
        lambda m, parameters: jnp.tanh(1.5 * m + parameters["field"]),
        np.array([-0.9]),
        {},
        {"field": fields},
        measure,
    )
    (interval,) = dynamics.hysteresis(both)

    limit, spacing = spinodal(1.5).field, fields[1] - fields[0]
    assert interval.high == pytest.approx(limit, abs=spacing)
    assert interval.low == pytest.approx(-limit, abs=spacing)


def test_the_energy_as_it_is_printed_has_twice_the_coupling():
    dipoles, beta, coupling = np.ones((5, 1), np.float32), 0.7, 0.4
    beside = len(dipoles) - 1
    mean_field = mean_field_solutions(2 * beta * coupling * beside, 0.3 * beta).upper

    force = ising_force(
        mean_field * dipoles, np.full(1, 0.3, np.float32), coupling=coupling
    )
    np.testing.assert_allclose(np.tanh(beta * force), mean_field, rtol=1e-6)


def test_neighbours_of_the_published_program():
    np.testing.assert_allclose(
        attended_neighbours([0.8, 0.9, 1]), [0.7782, 1.1163, 1.5], atol=5e-5
    )


@pytest.mark.parametrize(
    "number", [1.5, np.float32(1.5), [1.5], np.array([[1.5]]), jnp.array(1.5)]
)
def test_numbers_as_people_have_them(number):
    upper = mean_field_solutions(number, 0).upper
    assert np.shape(upper) == np.shape(number)
    np.testing.assert_allclose(upper, 0.8585596366, atol=1e-9)
    assert upper.dtype == np.float64


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (mean_field_solutions, (-0.1, 0), "coupling must not be negative"),
        (mean_field_solutions, (1, np.nan), "field must be finite"),
        (mean_field_solutions, (np.inf, 0), "coupling must be finite"),
        (mean_field_solutions, ("x", 0), "coupling must hold real numbers"),
        (mean_field_solutions, (1, 1j), "field must hold real numbers"),
        (
            mean_field_solutions,
            ([1, 2], [1, 2, 3]),
            "coupling and field must have shapes",
        ),
        (hysteresis, (1.5, 0.1), "fields must have an axis of steps"),
        (hysteresis, (1.5, [0.1], 0), "start must be -1 or 1, got 0"),
        (hysteresis, ([1, 2, 3], [[0, 1]]), "must have shapes that fit"),
        (free_energy, (1.01, 1, 0), "mean_field must be from -1 to 1"),
        (loop_area, (-1,), "coupling must not be negative"),
        (attended_neighbours, (1.2,), "active_share must be from 0 to 1"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(function, arguments, message):
    with pytest.raises(ValueError, match=message):
        function(*arguments)
