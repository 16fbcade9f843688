"""Maps of differential equations: exact solutions, orders, exponents in time."""

import math
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.dynamics import (
    Kind,
    Measure,
    Sampling,
    attractor,
    bifurcation,
    cycle,
    flow,
    lyapunov_spectrum,
    power_spectrum,
    trajectory,
)
from isinglass.dynamics.flows import METHODS
from isinglass.dynamics.textbook import duffing, lorenz, rossler

LORENZ = {"sigma": 10.0, "rho": 28.0, "beta": 8 / 3}
UEDA = {"alpha": 0.0, "beta": 1.0, "gamma": 7.5, "delta": 0.05, "omega": 1.0}
DRIFT = np.array([[-0.3, 2.0, 0.0], [-2.0, -0.3, 0.0], [0.5, 0.0, -1.5]])


def linear_field(x, parameters):
    return parameters["rate"] * (jnp.asarray(DRIFT, x.dtype) @ x)


def growth(x, parameters):
    return x * (1 - x) * (1 + x**2)


def driven(x, parameters, time):
    return parameters["k"] * (jnp.cos(time) - x)


def pair(state, parameters):
    """An oscillator whose state is a tree."""
    return {"x": state["v"], "v": -parameters["k"] * state["x"]}


def after_one(method, substeps):
    """x(2) of a growth from 0.1, by so many substeps."""
    step = flow(growth, 2.0, method=method, substeps=substeps)
    return trajectory(step, np.array([0.1]), {}, 1)[0, 0]


@pytest.mark.parametrize("method", METHODS)
def test_the_error_falls_with_the_order_of_the_method(method):
    order = METHODS[method].order
    exact = after_one("dopri5", 2000)
    coarse, fine = (abs(after_one(method, n) - exact) for n in (16, 32))
    assert np.log2(coarse / fine) == pytest.approx(order, abs=0.15)
    assert np.sum(METHODS[method].weights) == pytest.approx(1)


def test_substeps_are_steps():
    ones = trajectory(flow(growth, 0.05), np.array([0.5]), {}, Sampling(3, stride=6))
    sixes = trajectory(flow(growth, 0.3, substeps=6), np.array([0.5]), {}, 3)
    np.testing.assert_allclose(sixes, ones, rtol=1e-14)


def test_a_field_that_depends_on_time_has_a_clock():
    """x′ = k (cos t − x) ends on (k² cos t + k sin t)/(1 + k²)."""
    k, dt = 0.7, 2 * np.pi / 64
    step = flow(driven, dt, period=2 * np.pi, method="dopri5")
    orbit = trajectory(step, step.start(np.zeros(1), 5), {"k": k}, 64 * 12)
    time = dt * (np.arange(1, 65) + 5 + 64 * 11)
    exact = (k**2 * np.cos(time) + k * np.sin(time)) / (1 + k**2)
    np.testing.assert_allclose(orbit.state[-64:, 0], exact, atol=1e-7)
    np.testing.assert_array_equal(orbit.phase[-64:], np.arange(6, 70) % 64)
    response = attractor(step, step.start(np.zeros(1)), {"k": k}, Measure(steps=256))
    assert (response.kind, response.period) == (Kind.PERIODIC, 64)
    assert response.leading_exponent == pytest.approx(-k, abs=1e-6)
    around = cycle(step, step.start(np.zeros(1)), {"k": k}, 64)
    np.testing.assert_allclose(around.exponents, [-k], atol=1e-6)


def test_time_goes_on_where_it_does_not_repeat():
    step = flow(driven, 0.1, period=math.inf)
    orbit = trajectory(step, step.start(np.zeros(1), 70), {"k": 1.0}, 30)
    assert orbit.phase[-1] == 100


@settings(max_examples=5, deadline=None)
@given(rate=st.floats(0.2, 2.0))
def test_exponents_of_a_linear_field_are_its_eigenvalues(rate):
    dt = 0.05
    step = flow(linear_field, dt, method="dopri5")
    measure = Measure(transient=200, steps=2000, exponents=None)
    spectrum = lyapunov_spectrum(step, np.zeros(3), {"rate": rate}, measure)
    expected = np.sort(rate * np.linalg.eigvals(DRIFT).real)[::-1]
    # The two that are equal turn about each other; their swing ends as 1/T.
    slack = 3 / (2000 * dt)
    np.testing.assert_allclose(spectrum.exponents, expected, atol=slack)
    np.testing.assert_allclose(spectrum.exponents.sum(), expected.sum(), atol=1e-4)
    fixed = cycle(step, np.full(3, 0.1), {"rate": rate})
    np.testing.assert_allclose(fixed.exponents, expected, atol=1e-4)


def test_lorenzs_exponents_are_per_unit_of_time():
    sums = []
    for dt in (0.02, 0.01):
        measure = Measure(transient=1000, steps=round(200 / dt), exponents=None)
        spectrum = lyapunov_spectrum(flow(lorenz, dt), np.ones(3), LORENZ, measure)
        sums.append(abs(spectrum.exponents.sum() + 10 + 1 + 8 / 3))
        allowed = 4 * spectrum.standard_error + 0.01
        published = [0.9056, 0.0, -14.5723]
        assert (np.abs(spectrum.exponents - published) < allowed).all()
        assert spectrum.trace[-1] == pytest.approx(spectrum.exponents)
        assert spectrum.entropy_rate == pytest.approx(0.9056, abs=0.1)
        assert spectrum.kaplan_yorke_dimension == pytest.approx(2.062, abs=0.02)
    assert sums[1] < 2e-3
    assert sums[0] / sums[1] > 10  # rk4: 16


def test_a_sweep_of_a_flow_is_in_units_of_time():
    measure = Measure(transient=500, steps=2000, exponents=3, points=3)
    step, vary = flow(lorenz, 0.02), {"rho": [0.5, 10.0]}
    diagram = bifurcation(step, np.ones(3), LORENZ, vary, measure)
    assert diagram["exponents"].attrs["units"] == "nats per unit of time"
    assert diagram.attrs["map"] == "Flow of lorenz"
    assert diagram["kind"].values.tolist() == [Kind.FIXED_POINT] * 2
    np.testing.assert_allclose(diagram["exponents"].sum("exponent"), -13.667, atol=5e-3)
    alone = attractor(step, np.ones(3), LORENZ | {"rho": 0.5}, measure)
    leading = float(diagram["exponents"][0, 0])
    # −(σ + 1)/2 + √((σ + 1)²/4 − σ (1 − ρ)) at the origin
    assert leading == pytest.approx(-5.5 + np.sqrt(30.25 - 5), abs=1e-4)
    assert alone.leading_exponent == pytest.approx(leading, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "parameters", "dt", "published"),
    [
        (rossler, {"a": 0.2, "b": 0.2, "c": 5.7}, 0.02, [0.0714, 0.0, -5.3943]),
        (duffing, UEDA, 2 * np.pi / 200, [0.1034, 0.0, -0.1534]),
    ],
)
def test_published_exponents(field, parameters, dt, published):
    measure = Measure(transient=20_000, steps=2_000_000, exponents=None)
    start = np.array([1.0, 1.0, 0.0])
    spectrum = lyapunov_spectrum(flow(field, dt), start, parameters, measure)
    allowed = 4 * spectrum.standard_error + 1e-3
    assert (np.abs(spectrum.exponents - published) < allowed).all()


def test_duffings_exponents_sum_to_its_friction():
    measure = Measure(transient=500, steps=2000, exponents=None)
    start = np.array([1.0, 0.0, 0.0])
    spectrum = lyapunov_spectrum(flow(duffing, 0.02), start, UEDA, measure)
    assert spectrum.exponents.sum() == pytest.approx(-0.05, abs=1e-6)


def test_a_spectrum_knows_the_time_between_rows():
    step = flow(pair, 0.1, method="dopri5")
    start = {"x": np.ones(()), "v": np.zeros(())}
    orbit = trajectory(step, start, {"k": 4.0}, 4000)
    spectrum = power_spectrum(orbit["x"], dt=0.1)
    peak = spectrum.frequency[np.argmax(spectrum.power)]
    assert peak == pytest.approx(1 / np.pi, abs=1 / 400)
    total = spectrum.power.sum() * spectrum.frequency[1]
    assert total == pytest.approx(np.var(orbit["x"]), rel=1e-9)


def test_flows_of_the_same_field_are_equal_and_compile_once():
    assert flow(lorenz, 0.01) == flow(lorenz, 0.01)
    assert hash(flow(lorenz, 0.01)) == hash(flow(lorenz, 0.01))
    assert flow(lorenz, 0.01) != flow(lorenz, 0.02)


def test_a_flow_keeps_single_precision():
    step = flow(driven, 0.5, period=1.0)
    state = step.start(jnp.zeros(2, jnp.float32))
    after = jax.eval_shape(step, state, {"k": 1.0})
    assert after.state.dtype == jnp.float32


def test_a_flow_promotes_nothing_implicitly():
    step = flow(driven, 0.5, period=1.0, substeps=2)
    with jax.numpy_dtype_promotion("strict"):
        orbit = trajectory(step, step.start(np.zeros(1)), {"k": 1.0}, 3)
    assert orbit.phase.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (partial(flow, lorenz, 0.0), "dt must be"),
        (partial(flow, lorenz, math.nan), "dt must be"),
        (
            partial(flow, lorenz, 0.1, method="rk5"),  # pyright: ignore
            "method must be one of euler",
        ),
        (partial(flow, lorenz, 0.1, substeps=0), "substeps must be"),
        (partial(flow, driven, 0.1, period=1.05), "period must be a whole number"),
        (partial(flow, driven, 0.1, period=-1.0), "period must be"),
        (partial(flow, driven, 1e-300, period=1e17), "period must be at most 2,147,"),
        (
            partial(flow, driven, 1, period=1e264),
            "period must be at most 2,147,483,647",
        ),
        (partial(flow(driven, 1, period=np.inf).start, 0.0, 2**31), "step must be at"),
        (
            partial(flow(driven, 1, period=np.inf).start, 0.0, np.array([0, -(2**31)])),
            "step must be at most",
        ),
        (partial(flow(lorenz, 0.1).start, np.zeros(3)), "no period"),
    ],
)
def test_what_no_flow_can_be_made_of_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_clocks_of_many_states_are_an_array():
    states = flow(driven, 1, period=4).start(np.zeros((2, 1)), np.array([3, 10]))
    np.testing.assert_array_equal(states.phase, [3, 2])


def test_a_derivative_unlike_the_state_is_refused():
    def scalar(x, parameters):
        return x[0]

    message = re.escape("vector_field must return a derivative like the state")
    with pytest.raises(ValueError, match=message):
        trajectory(flow(scalar, 0.1), np.ones(3), {}, 1)
    with pytest.raises(ValueError, match="state must have a clock"):
        trajectory(flow(driven, 0.1, period=1.0), np.ones(3), {"k": 1.0}, 1)
