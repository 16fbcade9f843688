"""Lyapunov spectra against known answers and exact laws."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.maps import COUPLED
from isinglass.dynamics import (
    Measure,
    PrecisionWarning,
    Sampling,
    kaplan_yorke_dimension,
    lyapunov_spectrum,
    trajectory,
)
from isinglass.dynamics.textbook import (
    ACCUMULATION,
    cubic,
    delayed_logistic,
    henon,
    linear,
    logistic,
    standard_map,
)

law = settings(max_examples=15, deadline=None, derandomize=True, database=None)
HENON = {"a": 1.4, "b": 0.3}


def spectrum_of_logistic(r, steps=2000, **options):
    measure = Measure(steps=steps, exponents=1, **options)
    return lyapunov_spectrum(logistic, jnp.array(0.3), {"r": r}, measure)


def test_the_logistic_map_at_4_has_ln_2():
    spectrum = spectrum_of_logistic(4.0, 100_000)
    assert spectrum.exponents[0] == pytest.approx(
        np.log(2), abs=4 * spectrum.standard_error[0]
    )
    assert spectrum.standard_error[0] < 3e-3


@pytest.mark.parametrize("r", [0.5, 1.5, 2.5, 2.9])
def test_a_fixed_point_has_its_multiplier(r):
    slope = r if r < 1 else 2 - r
    spectrum = spectrum_of_logistic(r)
    assert spectrum.exponents[0] == pytest.approx(np.log(abs(slope)), abs=1e-9)
    assert spectrum.standard_error[0] < 1e-9


@pytest.mark.parametrize("r", [3.1, 3.3, 3.4])
def test_a_2_cycle_has_its_multiplier(r):
    """The multiplier of the 2-cycle is 4 + 2 r − r²: 1 at r = 3 and −1 at 1 + √6."""
    expected = np.log(abs(4 + 2 * r - r**2)) / 2
    assert spectrum_of_logistic(r).exponents[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("r", [3.0, 1 + 6**0.5, ACCUMULATION])
def test_the_exponent_vanishes_at_every_doubling_and_where_they_accumulate(r):
    on_it = spectrum_of_logistic(r, 20_000, transient=20_000).exponents[0]
    before = spectrum_of_logistic(r - 0.01, 20_000).exponents[0]
    assert abs(on_it) < 2e-3
    assert before < 5 * -abs(on_it)


def test_chaos_begins_beyond_the_accumulation():
    assert spectrum_of_logistic(ACCUMULATION + 0.005, 20_000).exponents[0] > 0.01


@pytest.mark.parametrize(("r", "start"), [(2.0, 0.5), (1 + 5**0.5, 0.5), (2.0, 0.3)])
def test_a_superstable_orbit_contracts_beyond_measure(r, start):
    spectrum = lyapunov_spectrum(logistic, jnp.array(start), {"r": r}, 500)
    assert spectrum.exponents[0] < -15
    assert not np.isnan(spectrum.exponents[0])


def test_henon():
    spectrum = lyapunov_spectrum(henon, jnp.zeros(2), HENON, 50_000)
    np.testing.assert_allclose(
        spectrum.exponents, [0.4192, -1.6232], atol=4 * spectrum.standard_error[0]
    )
    assert spectrum.exponents.sum() == pytest.approx(np.log(0.3), abs=1e-9)
    assert spectrum.kaplan_yorke_dimension == pytest.approx(1.258, abs=0.005)
    assert spectrum.entropy_rate == spectrum.exponents[0]
    assert spectrum.unresolved.max() == 0


@law
@given(
    K=st.floats(0.0, 8.0),
    x=st.floats(0.1, 6.0),
    y=st.floats(-3.0, 3.0),
    m=st.sampled_from([1, 4]),
)
def test_symplectic_pairs_sum_to_zero(K, x, y, m):
    spectrum = lyapunov_spectrum(
        standard_map,
        jnp.array([x, y]),
        {"K": K},
        Measure(steps=400, exponents=None, qr_every=m),
    )
    assert spectrum.exponents.sum() == pytest.approx(0, abs=1e-9)


def test_the_chaotic_sea_of_the_standard_map():
    spectrum = lyapunov_spectrum(
        standard_map, jnp.array([1.0, 0.5]), {"K": 20.0}, 20_000
    )
    assert spectrum.exponents[0] == pytest.approx(np.log(10.0), abs=0.02)


def moduli(matrix):
    return np.sort(np.log(np.abs(np.linalg.eigvals(matrix))))[::-1]


def by_matrix(x, parameters):
    """A linear map by a parameter, so that one program serves every example."""
    return parameters["matrix"] @ x


@pytest.mark.parametrize("size", [1, 4])
@law
@given(seed=st.integers(0, 10**6))
def test_a_linear_map_has_the_moduli_of_its_eigenvalues(seed, size):
    """Of a matrix that is orthogonally similar to a triangular one of known ones."""
    rng = np.random.default_rng(seed)
    exponents = 1.0 - 0.7 * np.arange(size)
    triangle = np.triu(rng.standard_normal((size, size)), 1)
    np.fill_diagonal(triangle, rng.choice([-1, 1], size) * np.exp(exponents))
    q = np.linalg.qr(rng.standard_normal((size, size)))[0]
    parameters = {"matrix": q @ triangle @ q.T}
    spectrum = lyapunov_spectrum(
        by_matrix,
        jnp.zeros(size),
        parameters,
        Measure(transient=0, steps=400, exponents=None),
    )
    np.testing.assert_allclose(spectrum.exponents, exponents, atol=1e-2)
    assert (np.diff(spectrum.exponents) <= 0).all()


@pytest.mark.parametrize("count", [2, 3])
def test_the_leading_ones_are_the_first_of_all(count):
    matrix = np.triu(np.ones((4, 4)), 1) + np.diag([2.0, 1.0, 0.5, 0.25])
    measure = Measure(transient=0, steps=400, exponents=count)
    leading = lyapunov_spectrum(by_matrix, jnp.zeros(4), {"matrix": matrix}, measure)
    assert leading.exponents.shape == leading.standard_error.shape == (count,)
    np.testing.assert_allclose(
        leading.exponents, np.log([2.0, 1.0, 0.5])[:count], atol=1e-6
    )


def test_complex_eigenvalues_make_pairs():
    turn = 1.1 * np.array([[np.cos(1.0), -np.sin(1.0)], [np.sin(1.0), np.cos(1.0)]])
    skew = np.array([[2.0, 1.0], [0.0, 1.0]])
    matrix = np.zeros((3, 3))
    matrix[:2, :2] = skew @ turn @ np.linalg.inv(skew)
    matrix[2, 2] = -0.5
    spectrum = lyapunov_spectrum(
        linear(matrix),
        jnp.zeros(3),
        {},
        Measure(transient=0, steps=4000, exponents=None),
    )
    np.testing.assert_allclose(spectrum.exponents, moduli(matrix), atol=1e-3)


@pytest.mark.parametrize("m", [2, 4, 16])
@pytest.mark.parametrize("step", [henon, delayed_logistic], ids=["henon", "delay"])
def test_how_often_qr_is_done_does_not_matter(step, m):
    # No chaos, so that rounding, which is another in each program, does not part the
    # orbits.
    start, parameters = jnp.zeros(2), {"a": 1.0, "b": 0.3}
    if step is delayed_logistic:
        start, parameters = step.start(jnp.array([[0.5], [0.4]])), {"r": 2.1}
    every = lyapunov_spectrum(
        step, start, parameters, Measure(steps=1600, exponents=None, qr_every=1)
    )
    spectrum = lyapunov_spectrum(
        step, start, parameters, Measure(steps=1600, exponents=None, qr_every=m)
    )
    assert spectrum.qr_every == m
    assert spectrum.steps == every.steps == 1600
    np.testing.assert_allclose(spectrum.exponents, every.exponents, atol=2e-3)


def test_what_float64_cannot_resolve_is_reported():
    """Directions that part by e³ a step are e⁴⁸ apart after 16: too far for float64."""
    matrix = np.array([[np.exp(1.5), 1.0], [0.3, np.exp(-1.5)]])
    spectrum = lyapunov_spectrum(
        linear(matrix),
        jnp.zeros(2),
        {},
        Measure(steps=320, exponents=None, qr_every=16),
    )
    assert spectrum.unresolved.tolist() == [0.0, 1.0]
    automatic = lyapunov_spectrum(linear(matrix), jnp.zeros(2), {}, 320)
    assert automatic.unresolved.max() == 0
    np.testing.assert_allclose(automatic.exponents, moduli(matrix), atol=1e-6)


def coupled(a):
    """A delay map in two components over two steps with a clock of period 3.

    A cycle at a = 1, chaotic at a = 1.2.
    """
    start = COUPLED.start(jnp.array([[0.1, 0.2], [0.3, 0.05]]), phase=1)
    return COUPLED, start, {"a": a, "drive": 0.01}


def as_plain_step(delay):
    """The same map on a plain state, window and time, that shifts by hand."""

    def step(state, parameters):
        window, time = state
        value = delay.head(tuple(window), parameters, time % delay.period)
        return jnp.concatenate([value[None], window[:-1]]), time + 1

    return step


def test_a_delay_map_is_the_map_on_its_window():
    step, start, parameters = coupled(1.2)
    plain = (start.window, start.phase)
    rows = trajectory(step, start, parameters, 40)
    others = trajectory(as_plain_step(step), plain, parameters, 40)[0][:, 0]
    np.testing.assert_allclose(rows, others, rtol=1e-9, atol=1e-9)
    measure = Measure(steps=30_000, exponents=None, qr_every=2)
    fast = lyapunov_spectrum(step, start, parameters, measure)
    slow = lyapunov_spectrum(as_plain_step(step), plain, parameters, measure)
    assert fast.exponents.shape == (4,)
    assert fast.exponents[0] > 0.05
    error = 4 * np.hypot(fast.standard_error, slow.standard_error) + 1e-3
    assert (np.abs(fast.exponents - slow.exponents) < error).all()


def test_a_quasi_periodic_delay_map_to_many_digits():
    start = delayed_logistic.start(jnp.array([[0.5], [0.4]]))
    plain = (start.window, start.phase)
    fast = lyapunov_spectrum(delayed_logistic, start, {"r": 2.1}, 20_000)
    slow = lyapunov_spectrum(as_plain_step(delayed_logistic), plain, {"r": 2.1}, 20_000)
    np.testing.assert_allclose(fast.exponents, slow.exponents, atol=1e-4)
    assert fast.exponents[0] == pytest.approx(0, abs=1e-3)


def test_the_volume_of_a_delay_map_shrinks_by_its_last_block():
    """Σ λ = ⟨ln |det ∂head/∂(oldest value)|⟩: here ⟨ln |r x|⟩."""
    start = delayed_logistic.start(jnp.array([[0.5], [0.4]]))
    # Both means are over stretches of the orbit that begin at different times; at r =
    # 2.27 it is chaotic, and means of so many steps scatter by 0.02.
    for r, within in ((2.1, 1e-2), (2.27, 0.1)):
        spectrum = lyapunov_spectrum(delayed_logistic, start, {"r": r}, 10_000)
        orbit = trajectory(
            delayed_logistic, start, {"r": r}, Sampling(10_000, transient=1000)
        )
        expected = np.log(np.abs(r * orbit)).mean()
        assert spectrum.exponents.sum() == pytest.approx(expected, abs=within)
    step, start, parameters = coupled(1.2)
    measure = Measure(steps=3000, exponents=None, qr_every=2)
    spectrum = lyapunov_spectrum(step, start, parameters, measure)
    assert spectrum.exponents.sum() == pytest.approx(
        np.log(0.3 * 0.2), abs=1e-9
    )  # constant block


def seen_otherwise(y, parameters):
    return parameters["there"] @ henon(parameters["back"] @ y, parameters)


@law
@given(seed=st.integers(0, 10**6))
def test_a_linear_change_of_coordinates_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    there = np.linalg.qr(rng.standard_normal((2, 2)))[0] @ np.diag(
        [1.0, rng.uniform(0.3, 3.0)]
    )
    parameters = {"a": 1.0, "b": 0.3}  # periodic, so that both follow one orbit
    both_ways = {"there": there, "back": np.linalg.inv(there), **parameters}
    plain = lyapunov_spectrum(henon, jnp.zeros(2), parameters, 2000)
    others = lyapunov_spectrum(seen_otherwise, jnp.zeros(2), both_ways, 2000)
    np.testing.assert_allclose(others.exponents, plain.exponents, atol=5e-3)
    assert others.exponents.sum() == pytest.approx(np.log(0.3), abs=1e-9)


def side_by_side(state, parameters):
    """Three maps that know nothing of each other, and a clock."""
    return {
        "one": logistic(state["one"], {"r": 2.5}),
        "two": henon(state["two"], {"a": 1.0, "b": 0.3}),
        "three": logistic(state["three"], {"r": 4.0}),
        "time": state["time"] + 1,
    }


@pytest.mark.parametrize("k", [1, None])
def test_independent_maps_have_the_exponents_of_each(k):
    """Whichever comes first in the state, also if only the leading exponent counts."""
    starts = {"three": jnp.array(0.3), "one": jnp.array(0.3), "two": jnp.zeros(2)}
    parts = [
        lyapunov_spectrum(logistic, starts["one"], {"r": 2.5}, 4000),
        lyapunov_spectrum(henon, starts["two"], {"a": 1.0, "b": 0.3}, 4000),
    ]
    expected = np.sort(
        np.concatenate([[np.log(2)], *(part.exponents for part in parts)])
    )[::-1]
    state = {**starts, "time": jnp.array(0)}
    spectrum = lyapunov_spectrum(
        side_by_side, state, {}, Measure(steps=4000, exponents=k)
    )
    np.testing.assert_allclose(spectrum.exponents, expected[:k], atol=1e-2)


@pytest.mark.parametrize(
    "r", [3.8, 3.9]
)  # not 4, where growth averages out faster than chance
def test_the_standard_error_is_the_spread_of_independent_runs(r):
    starts = np.random.default_rng(1).uniform(0.1, 0.9, 40)
    runs = [
        lyapunov_spectrum(
            logistic,
            jnp.asarray(start),
            {"r": r},
            Measure(transient=200, steps=3000, exponents=None),
        )
        for start in starts
    ]
    spread = np.std([run.exponents[0] for run in runs], ddof=1)
    reported = np.sqrt(np.mean([run.standard_error[0] ** 2 for run in runs]))
    assert 0.5 < reported / spread < 2


def test_the_trace_ends_on_the_result():
    spectrum = spectrum_of_logistic(3.9, 1000)
    np.testing.assert_array_equal(spectrum.trace[-1], spectrum.exponents)
    assert spectrum.trace_steps[-1] == spectrum.steps == 1000
    assert (np.diff(spectrum.trace_steps) > 0).all()
    assert spectrum.trace.shape == (spectrum.trace_steps.size, 1)


@pytest.mark.parametrize(
    ("exponents", "dimension"),
    [
        ([-0.1, -0.5], 0.0),
        ([0.0, -0.5], 1.0),
        ([0.5, -1.0], 1.5),
        ([0.4192, -1.6232], 1.2583),
        ([0.9056, 0.0, -14.5723], 2.06215),  # Lorenz
        ([0.3, 0.1, -0.2, -0.4], 3.5),
        ([0.5, -np.inf], 1.0),
        ([0.5, 0.1], np.nan),
        ([np.nan, -1.0], np.nan),
    ],
)
def test_the_kaplan_yorke_dimension(exponents, dimension):
    spectrum = kaplan_yorke_dimension(np.array(exponents))
    assert spectrum == pytest.approx(dimension, abs=1e-4, nan_ok=True)


def test_single_precision_is_warned_of():
    with pytest.warns(PrecisionWarning, match="float32"):
        spectrum = spectrum_of_logistic(2.5, precision="float32")
    assert spectrum.exponents[0] == pytest.approx(np.log(0.5), abs=1e-4)


def test_an_orbit_that_diverges_has_no_exponents():
    with pytest.raises(FloatingPointError, match="left the finite numbers"):
        spectrum_of_logistic(5.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"steps": 0}, "steps must be"),
        ({"transient": -1}, "transient must be"),
        ({"exponents": 3}, r"exponents must be in \[1, 2\], got 3"),
        ({"exponents": 0}, r"exponents must be in \[1, 2\], got 0"),
        ({"exponents": -1}, "exponents must be at least 0"),
        ({"qr_every": 3}, "qr_every must be .* got 3"),
        ({"qr_every": "often"}, "qr_every must be .* got .?often"),
        ({"precision": "float16"}, "precision must be .* got 'float16'"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    good = {"step": henon, "state": jnp.zeros(2), "parameters": HENON}
    measure = {"steps": 3, "exponents": None} | {
        name: value for name, value in change.items() if name not in good
    }
    arguments = good | {name: value for name, value in change.items() if name in good}
    with pytest.raises(ValueError, match=message):
        lyapunov_spectrum(**arguments, measure=Measure(**measure))


@law
@given(r=st.floats(1.05, 1.6), x=st.floats(0.05, 1.0))
def test_the_exponent_of_a_fixed_point_is_that_of_its_slope(r, x):
    """x → r x − x³ settles on √(r − 1), where its slope is 3 − 2 r."""
    spectrum = lyapunov_spectrum(
        cubic,
        jnp.array(x),
        {"r": r, "h": 0.0},
        Measure(transient=3000, steps=200, exponents=None),
    )
    slope = abs(3 - 2 * r)
    if slope > 1e-3:
        assert spectrum.exponents[0] == pytest.approx(np.log(slope), rel=1e-6)
