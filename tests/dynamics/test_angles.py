"""Angles: whether a map wraps them, and where, is no matter to what is said of it."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.dynamics import (
    Kind,
    Measure,
    Run,
    Section,
    attractor,
    autocorrelation,
    basins,
    bifurcation,
    cloud_distance,
    continuation,
    cycle,
    fixed_points,
    flow,
    follow_cycle,
    hysteresis,
    onset,
    poincare,
    power_spectrum,
    resume,
)
from isinglass.dynamics.angles import as_angles, embedded, offset, wrapped
from isinglass.dynamics.textbook import standard_map

TURN = 2 * np.pi
GOLDEN = (np.sqrt(5) - 1) / 2
law = settings(max_examples=25, deadline=None, derandomize=True, database=None)


def rotation(x, parameters):
    """x → x + 2πΩ, not wrapped."""
    return x + TURN * parameters["omega"]


def wrapped_rotation(x, parameters):
    return jnp.mod(rotation(x, parameters), TURN)


def unwrapped_standard(x, parameters):
    momentum = x[1] + parameters["K"] * jnp.sin(x[0])
    return jnp.stack([x[0] + momentum, momentum])


def pendulum(u, parameters):
    """A damped, driven pendulum, of which fast turns and rest are both stable."""
    torque = parameters["torque"] - jnp.sin(u[0]) - parameters["friction"] * u[1]
    return jnp.stack([u[1], torque])


@law
@given(
    x=st.floats(-1e3, 1e3),
    turns=st.integers(-20, 20),
    period=st.sampled_from([1.0, 360.0, TURN]),
)
def test_turns_do_not_show_on_the_circle(x, turns, period):
    rows = np.array([[x, 7.0], [x + turns * period, 7.0]])
    angles = as_angles({0: period})
    first, second = embedded(rows, angles)
    np.testing.assert_allclose(first, second, atol=1e-9 * period)
    assert first[2] == 7.0
    shown = wrapped(rows, angles)
    assert ((shown[:, 0] >= 0) & (shown[:, 0] < period)).all()
    assert np.abs(offset(np.diff(shown[:, 0]), period)) < 1e-9 * period
    assert np.abs(offset(np.diff(rows[:, 0]), period)) < 1e-9 * period


def test_a_small_turn_is_as_long_as_on_the_line():
    rows = embedded(np.array([[1.0], [1.001]]), ((0, 360.0),))
    assert np.linalg.norm(rows[1] - rows[0]) == pytest.approx(0.001, rel=1e-6)


@pytest.mark.parametrize("step", [rotation, wrapped_rotation])
@pytest.mark.parametrize(
    ("omega", "kind", "period"),
    [
        (GOLDEN, Kind.QUASI_PERIODIC, 0),
        (3 / 8, Kind.PERIODIC, 8),
        (0.0, Kind.FIXED_POINT, 1),
        (2.0, Kind.FIXED_POINT, 1),
    ],
)
def test_a_rotation_is_what_its_number_says(step, omega, kind, period):
    measure = Measure(angles={0: TURN})
    there = attractor(step, np.array([0.3]), {"omega": omega}, measure)
    assert (there.kind, there.period) == (kind, period)
    assert ((there.points >= 0) & (there.points < TURN)).all()
    diagram = bifurcation(
        step, np.array([0.3]), {}, {"omega": [omega, 1.25]}, measure=measure
    )
    assert diagram["period"].values.tolist() == [period, 4]


@pytest.mark.parametrize("start", [[3.0, 0.0], [np.pi, 0.0], [1.0, 3.9]])
def test_the_standard_map_may_wrap_or_not(start):
    measure = Measure(angles={0: TURN, 1: TURN}, steps=2000)
    at = {"K": 0.3}  # where hardly any chaos is
    first, second = (
        attractor(step, np.array(start), at, measure)
        for step in (standard_map, unwrapped_standard)
    )
    assert first.kind == second.kind
    assert first.period == second.period
    assert first.leading_exponent == pytest.approx(second.leading_exponent, abs=2e-3)


def test_a_pendulum_has_two_basins_whether_it_turns_or_rests():
    step, at = flow(pendulum, 0.1), {"torque": 0.5, "friction": 0.25}
    starts = np.array([[0.0, 0.0], [TURN, 0.0], [1.0, 6.0], [-3.0, 5.0]])
    reached = basins(
        step, starts, at, Measure(transient=2000, steps=600, angles={0: TURN})
    )
    assert reached.labels.tolist() == [0, 0, 1, 1]
    rest = reached.attractors[0]
    assert rest.points[0] == pytest.approx([np.arcsin(0.5), 0], abs=1e-9)
    assert rest.multipliers is not None
    assert np.abs(rest.multipliers).max() < 1


def test_a_saddle_on_the_circle_has_its_multipliers():
    def step(x, parameters):
        off = x - jnp.round(x)  # from 0, which repels; a half attracts
        return x + 1 + 0.25 * off * (1 - 4 * off**2)

    starts = np.array([[0.0], [0.1], [-0.1]])
    reached = basins(step, starts, {}, Measure(steps=100, angles={0: 1.0}))
    assert reached.labels.tolist() == [-3, 0, 0]
    assert reached.unstable[0].multipliers == pytest.approx([1.25])
    assert reached.attractors[0].points[0, 0] == pytest.approx(0.5)


def test_a_loop_is_none_where_only_turns_differ(tmp_path):
    measure = Measure(steps=60, points=20, angles={0: TURN})
    run = Run(direction="both", store=tmp_path / "loop")
    vary = {"omega": np.linspace(0.1, 0.2, 5)}

    def locked(x, parameters):
        return x + TURN * parameters["omega"] - 1.6 * jnp.sin(x)

    both = continuation(locked, np.array([0.3]), {}, vary, measure, run)
    assert hysteresis(both) == []
    shifted = both["points"].sel(direction="down") + 3 * TURN
    up = both["points"].sel(direction="up")
    assert hysteresis(up, shifted, angles={0: TURN}) == []
    assert len(hysteresis(up, shifted, angles={})) == 1
    again = resume(tmp_path / "loop", locked, np.array([0.3]))
    xr.testing.assert_identical(again, both)


def test_a_section_is_crossed_in_every_turn():
    measure = Measure(
        transient=0,
        steps=800,
        points=500,
        angles={0: TURN},
        section=Section(0, 0.0, tolerance=1e-6),
    )
    diagram = bifurcation(
        rotation, np.array([0.0]), {}, {"omega": [1 / 8, 0.3]}, measure
    )
    assert diagram["point_count"].values.tolist() == [100, 80]


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_crossings_of_an_angle(is_wrapped):
    times = np.arange(200.0)
    x = 0.3 * times + 1.0
    rows = np.stack([np.mod(x, TURN) if is_wrapped else x, times], axis=1)
    crossings = poincare(rows, 0, 0.5, angles={0: TURN}, direction="up")
    turns = np.arange(1, 1 + len(crossings.times))
    expected = (0.5 + TURN * turns - 1.0) / 0.3
    assert expected[-1] + TURN / 0.3 > 199
    np.testing.assert_allclose(crossings.times, expected, rtol=1e-12)
    np.testing.assert_allclose(crossings.points[:, 0], 0.5, atol=1e-9)
    np.testing.assert_allclose(crossings.points[:, 1], expected, rtol=1e-12)
    assert not len(poincare(rows, 0, 0.5, angles={0: TURN}, direction="down").times)
    back = poincare(rows[::-1], 0, 0.5, angles={0: TURN}, direction="down")
    np.testing.assert_allclose(199 - back.times[::-1], expected, rtol=1e-9)
    near = poincare(rows, 0, 0.5, angles={0: TURN}, tolerance=0.1)
    gaps = np.abs(offset(x - 0.5, TURN))
    np.testing.assert_array_equal(near.times, np.flatnonzero(gaps <= 0.1))


def test_signals_of_an_angle_are_those_of_its_point():
    x = TURN * 0.15 * np.arange(400)
    for angle in (x, np.mod(x, TURN)):
        spectrum = power_spectrum(angle, period=TURN)
        assert spectrum.frequency[np.argmax(spectrum.power)] == pytest.approx(0.15)
        correlation = autocorrelation(angle, 40, period=TURN, unbiased=True)
        lags = TURN * 0.15 * np.arange(41)
        np.testing.assert_allclose(correlation, np.cos(lags), atol=1e-9)


@pytest.mark.parametrize(
    ("angles", "message"),
    [
        ({0: 0.0}, r"angles\[0\] must be"),
        ({-1: 1.0}, "angles' component must be at least 0"),
        ({0.5: 1.0}, "angles' component must be a whole"),
        ([(0, 1.0), (0, 2.0)], "angles must name each component once"),
        (3, "angles must map components to periods"),
        ([1, 2], "angles must map components to periods"),
    ],
)
def test_what_are_no_angles_is_refused(angles, message):
    with pytest.raises(ValueError, match=message):
        as_angles(angles)


def test_an_angle_beyond_the_observable_is_refused():
    with pytest.raises(ValueError, match="angles must name components below 1"):
        bifurcation(
            rotation, np.array([0.3]), {}, {"omega": [0.1]}, Measure(angles={1: TURN})
        )
    with pytest.raises(ValueError, match="angles must name components below 1"):
        attractor(rotation, np.array([0.3]), {"omega": 0.1}, Measure(angles={1: TURN}))
    with pytest.raises(ValueError, match="angles must name components below 2"):
        poincare(np.zeros((3, 2)), 0, angles={2: 1.0})


def kicked(x, parameters):
    """The standard map with friction, of which no component is wrapped."""
    momentum = parameters["b"] * x[1] + parameters["K"] * jnp.sin(x[0])
    return jnp.stack([x[0] + momentum, momentum])


def wrapped_kicked(x, parameters):
    return jnp.mod(kicked(x, parameters), TURN)


@pytest.mark.parametrize("step", [kicked, wrapped_kicked])
def test_a_state_that_turns_once_a_step_is_a_fixed_point(step):
    """Where K sin x = 2π and b = 1: Chirikov's accelerator mode, which repels here."""
    at, circles = {"K": 8.0, "b": 1.0}, {0: TURN, 1: TURN}
    x = np.pi - np.arcsin(TURN / 8)
    start = np.array([x + 5 * TURN + 0.01, -0.01])
    there = cycle(step, start, at, angles=circles)
    assert np.abs(offset(there.state - [x, 0], TURN)).max() < 1e-12
    assert ((there.state >= 0) & (there.state < TURN)).all()
    trace = 2 + 8 * np.cos(x)  # and their product is 1
    np.testing.assert_allclose(there.multipliers.sum(), trace, rtol=1e-9)

    def rows(z, parameters):
        return step(z[0], parameters)[None]

    points = fixed_points(rows, start[None, None], at, steps=20, angles=circles)
    assert points.converged.all()
    assert np.abs(offset(points.point[0, 0] - [x, 0], TURN)).max() < 1e-9


def test_a_turning_cycle_is_followed_to_where_it_ends():
    def turning(x, parameters):
        return x + TURN / 3 + parameters["K"] * jnp.sin(3 * x)

    branch = follow_cycle(
        turning, np.array([0.1]), {}, {"K": [0.1, 0.2]}, 3, angles={0: TURN}
    )
    for fixed, strength in zip(branch, (0.1, 0.2), strict=True):
        assert fixed.multipliers == pytest.approx([(1 + 3 * strength) ** 3])
    there = onset(
        turning, np.array([1.0]), {}, {"K": [0.5, 0.6, 0.7]}, 3, angles={0: TURN}
    )
    assert there is not None
    assert (there.value, there.angle) == pytest.approx((2 / 3, np.pi))


def test_points_on_either_side_of_the_turn_are_near():
    first, second = np.array([[0.01, 3.0]]), np.array([[TURN - 0.01, 3.0]])
    assert cloud_distance(first, second) > 6
    near = cloud_distance(first, second, angles={0: TURN})
    assert near == pytest.approx(2 * np.sin(0.01))


@pytest.mark.parametrize(
    ("function", "start"), [(cycle, np.ones(1)), (fixed_points, np.ones((1, 1, 1)))]
)
def test_cycles_have_the_angles_that_their_state_has(function, start):
    with pytest.raises(ValueError, match="components below 1"):
        function(rotation, start, {"omega": 0.5}, angles={1: TURN})
