"""The kinds of attractors, on orbits whose kind is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.dynamics import Kind, Measure, attractor, classify
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.textbook import ACCUMULATION, delayed_logistic, henon, logistic

law = settings(max_examples=20, deadline=None, derandomize=True, database=None)


def logistic_orbits(r, *, transient=2000, steps=1000, start=0.3):
    """Orbits, and exponents by the definition, of the logistic map at each r."""
    r = np.atleast_1d(np.asarray(r, float))
    x, total, orbit = np.full(r.size, start), np.zeros(r.size), []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for time in range(transient + steps):
            total += np.log(np.abs(r * (1 - 2 * x))) * (time >= transient)
            x = r * x * (1 - x)
            orbit.append(x[None])
    return np.array(orbit[transient:]), (total / steps)[:, None]


def classified(orbit, exponents, *, error=0.0, **options):
    return classify(orbit, exponents, np.full(exponents.shape, error), **options)


@pytest.mark.parametrize(
    ("r", "kind", "period"),
    [
        (0.5, Kind.FIXED_POINT, 1),
        (2.0, Kind.FIXED_POINT, 1),
        (2.9, Kind.FIXED_POINT, 1),
        (3.1, Kind.PERIODIC, 2),
        (1 + 5**0.5, Kind.PERIODIC, 2),
        (3.5, Kind.PERIODIC, 4),
        (3.55, Kind.PERIODIC, 8),
        (3.5685, Kind.PERIODIC, 16),
        (3.83, Kind.PERIODIC, 3),
        (3.845, Kind.PERIODIC, 6),
        (3.7, Kind.CHAOTIC, 0),
        (4.0, Kind.CHAOTIC, 0),
        (5.0, Kind.DIVERGED, 0),
    ],
)
def test_each_regime_of_the_logistic_map(r, kind, period):
    reached, cycle, confidence = classified(*logistic_orbits(r))
    assert (Kind(reached[0]), cycle[0]) == (kind, period)
    assert confidence[0] > 0.99
    assert (reached.dtype, cycle.dtype) == (np.int8, np.int32)


def test_cells_do_not_touch_each_other():
    orbit, exponents = logistic_orbits([3.1, 5.0, 4.0, 2.0, ACCUMULATION])
    together = classified(orbit, exponents)
    for cell in range(5):
        alone = classified(orbit[..., [cell]], exponents[[cell]])
        for all_cells, one_cell in zip(together, alone, strict=True):
            assert all_cells[cell] == pytest.approx(one_cell[0], abs=1e-6)


def rotation(angle, rows=1000):
    turns = angle * np.arange(rows)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)[..., None]


def test_an_irrational_rotation_is_quasi_periodic_and_a_rational_one_periodic():
    zero = np.zeros((1, 1))
    kind, period, confidence = classified(rotation(np.sqrt(2)), zero)
    assert (kind[0], period[0]) == (Kind.QUASI_PERIODIC, 0)
    assert confidence[0] == pytest.approx(0.9973, abs=1e-3)
    kind, period, _ = classified(rotation(2 * np.pi * 3 / 7), zero)
    assert (kind[0], period[0]) == (Kind.PERIODIC, 7)


@law
@given(numerator=st.integers(1, 40), denominator=st.integers(1, 40))
def test_the_period_found_is_the_smallest(numerator, denominator):
    turns = numerator * np.arange(1000) % denominator / denominator
    orbit = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], axis=1)
    kind, period, _ = classified(orbit[..., None], np.zeros((1, 1)), max_period=40)
    least = denominator // np.gcd(numerator, denominator)
    assert period[0] == least
    assert kind[0] == (Kind.FIXED_POINT if least == 1 else Kind.PERIODIC)


def test_a_period_beyond_the_longest_or_half_the_rows_is_not_seen():
    orbit, zero = rotation(2 * np.pi * 3 / 7), np.zeros((1, 1))
    assert classified(orbit, zero, max_period=7)[1][0] == 7
    assert classified(orbit, zero, max_period=6)[1][0] == 0
    assert classified(orbit[:14], zero)[1][0] == 7
    assert classified(orbit[:13], zero)[1][0] == 0


def test_every_component_must_recur():
    orbit = rotation(2 * np.pi / 5)
    still = np.zeros_like(orbit)
    slower = rotation(2 * np.pi / 10)
    both = np.concatenate([still, orbit, slower], axis=1)
    assert classified(both, np.zeros((1, 1)))[1][0] == 10


@law
@given(
    r=st.sampled_from([0.5, 2.9, 3.2, 3.5, 3.7, 3.83, 4.0, 5.0]),
    exponent=st.floats(-10, 10),
    shift=st.floats(-1e3, 1e3),
)
def test_neither_unit_nor_origin_changes_the_kind(r, exponent, shift):
    """x → a (x + b) over 20 decades of a, and b of a thousand times the extent."""
    orbit, exponents = logistic_orbits(r)
    with np.errstate(invalid="ignore"):
        other = 10.0**exponent * (orbit + shift)
    kind, period, confidence = classified(orbit, exponents)
    changed = classified(other, exponents)
    assert (kind[0], period[0]) == (changed[0][0], changed[1][0])
    assert confidence[0] == pytest.approx(changed[2][0])


@law
@given(
    exponent=st.floats(-10, 10), shift=st.floats(-1e3, 1e3), angle=st.floats(0.3, 0.7)
)
def test_neither_unit_nor_origin_changes_a_torus(exponent, shift, angle):
    orbit = rotation(2 * np.pi * (angle + 2**0.5 / 1000))
    kind, period, confidence = classified(orbit, np.zeros((1, 1)))
    changed = classified(10.0**exponent * (orbit + shift), np.zeros((1, 1)))
    assert (kind[0], period[0]) == (changed[0][0], changed[1][0])
    assert confidence[0] == pytest.approx(changed[2][0], abs=0.05)


def test_the_tolerance_is_a_share_of_the_extent():
    """A 2-cycle that turns into a 4-cycle where its halves are told apart."""
    halves = np.array([0.0, 1.0, 1e-6, 1.0])[np.arange(400) % 4][:, None, None]
    minus = np.full((1, 1), -1.0)
    for size in (1e-8, 1.0, 1e13):
        assert classified(size * halves, minus, tolerance=1e-9)[1][0] == 4
        assert classified(size * halves, minus, tolerance=1e-5)[1][0] == 2


def test_chaos_is_what_grows_and_a_torus_what_averages_out():
    noise = np.random.default_rng(0).random((1000, 1, 4))
    floor = 3 * 0.01 + 10 / 1000
    exponents = floor * np.array([[1.0001], [2], [0.9999], [-2]])
    kind, _, confidence = classified(noise, exponents, error=0.01)
    expected = [Kind.CHAOTIC, Kind.CHAOTIC, Kind.UNDECIDED, Kind.UNDECIDED]
    assert kind.tolist() == expected
    np.testing.assert_allclose(confidence, [0.5, 0.99865, 0.0, 0.0], atol=1e-3)
    turning = np.repeat(rotation(np.sqrt(2)), 3, axis=-1)
    exponents = floor * np.array([[1.01], [0.0], [-1.01]])
    kind, _, _ = classified(turning, exponents, error=0.01)
    assert kind.tolist() == [Kind.CHAOTIC, Kind.QUASI_PERIODIC, Kind.UNDECIDED]


def test_a_cycle_that_repels_is_reported_with_no_confidence():
    """x = 0 is fixed at r = 4, exactly, and its exponent is ln 4."""
    kind, period, confidence = classified(
        np.zeros((100, 1, 1)), np.full((1, 1), np.log(4))
    )
    assert (kind[0], period[0]) == (Kind.FIXED_POINT, 1)
    assert confidence[0] < 1e-9


def test_next_to_a_bifurcation_slow_convergence_is_not_taken_for_a_torus():
    r = np.linspace(2.98, 3.02, 401)
    for transient in (100, 3000):
        orbit, exponents = logistic_orbits(r, transient=transient)
        kind, period, confidence = classified(orbit, exponents)
        assert set(kind) <= {Kind.FIXED_POINT, Kind.PERIODIC, Kind.UNDECIDED}
        assert Kind.UNDECIDED in kind
        sure = confidence > 0.5
        assert (period[sure] == np.where(r[sure] < 3, 1, 2)).all()


def test_what_nears_a_cycle_all_along_is_that_cycle():
    time = np.arange(3000)
    for multiplier, period in ((0.99, 1), (-0.99, 1), (0.99, 3), (-0.99, 3)):
        orbit = 5 + np.cos(2 * np.pi * time / period) * (period > 1)
        orbit = (orbit + multiplier ** (time // period))[:, None, None]
        exponents = np.full((1, 1), np.log(0.99) / period)
        kind, cycle, confidence = classified(orbit, exponents)
        assert cycle[0] == period
        assert kind[0] == (Kind.PERIODIC if period > 1 else Kind.FIXED_POINT)
        assert confidence[0] > 0.95


def test_most_tori_of_a_thousand_steps_are_decided():
    angles = np.random.default_rng(0).uniform(0.1, np.pi, 300)
    orbits = np.concatenate([rotation(angle) for angle in angles], axis=-1)
    kind, _, _ = classified(orbits, np.zeros((300, 1)))
    assert set(kind) <= {Kind.QUASI_PERIODIC, Kind.UNDECIDED}
    assert np.mean(kind == Kind.QUASI_PERIODIC) > 0.8


def test_narrow_bands_of_chaos_are_no_torus():
    """Just above the accumulation, where averages have five digits at once."""
    r = ACCUMULATION + np.geomspace(1e-5, 1e-3, 200)
    orbit, exponents = logistic_orbits(r, transient=20_000)
    kind, _, confidence = classified(orbit, exponents, error=2e-3)
    assert np.mean((kind == Kind.QUASI_PERIODIC) & (confidence > 0.95)) <= 0.02


def test_without_exponents_chaos_is_not_decided():
    orbit, _ = logistic_orbits([2.0, 3.1, 4.0, 5.0])
    kind, period, confidence = classify(orbit, None, None)
    assert kind.tolist() == [
        Kind.FIXED_POINT,
        Kind.PERIODIC,
        Kind.UNDECIDED,
        Kind.DIVERGED,
    ]
    assert period.tolist() == [1, 2, 0, 0]
    np.testing.assert_allclose(confidence, [1, 1, 0, 1])
    assert classify(rotation(np.sqrt(2)), None, None)[0][0] == Kind.QUASI_PERIODIC


def test_a_missing_exponent_leaves_its_cell_undecided():
    orbit = np.random.default_rng(0).random((50, 1, 1))
    assert classified(orbit, np.full((1, 1), np.nan))[0][0] == Kind.UNDECIDED
    assert classified(orbit, np.ones((1, 1)), error=np.nan)[0][0] == Kind.UNDECIDED
    fixed = np.ones((50, 1, 1))
    assert classified(fixed, np.full((1, 1), -np.inf), error=np.nan)[2][0] == 1.0
    assert classified(fixed, np.full((1, 1), np.nan), error=np.nan)[2][0] == 1.0
    assert classified(fixed, np.full((1, 1), -0.1), error=np.nan)[2][0] == 0.0


def test_one_return_is_no_recurrence():
    orbit = np.random.default_rng(0).random((60, 1, 1))
    orbit[-1] = orbit[-2] = orbit[-8]
    assert classified(orbit, np.ones((1, 1)))[0][0] == Kind.CHAOTIC


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_means_diverged(bad):
    orbit = np.zeros((10, 2, 2))
    orbit[3, 1, 0] = bad
    kind, period, confidence = classified(orbit, np.full((2, 1), np.nan))
    assert kind.tolist() == [Kind.DIVERGED, Kind.FIXED_POINT]
    assert period.tolist() == [0, 1]
    assert confidence[0] == 1


def test_growth_without_end_is_divergence_and_a_drift_is_not():
    time = np.arange(1000)[:, None, None]
    grows = np.full((1, 1), 0.05)
    for origin in (0.0, 1e6):
        kind, _, _ = classified(origin + 1e-3 * np.exp(0.05 * time), grows)
        assert kind[0] == Kind.DIVERGED
    for drift in (2.4 * time, 1e14 + 1e3 * time, 0.1 * time**2.0):
        kind, _, _ = classified(drift + np.sin(time), np.zeros((1, 1)))
        assert kind[0] == Kind.UNDECIDED


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"orbit": np.zeros((1, 1, 2))}, "orbit must hold at least 2 rows, got 1"),
        ({"error": None}, "exponents and error must be given together"),
        (
            {"exponents": np.zeros((2, 0)), "error": np.zeros((2, 0))},
            "exponents must hold",
        ),
        ({"max_period": 0}, "max_period must be at least 1, got 0"),
        ({"tolerance": np.nan}, "tolerance must be finite"),
        ({"tolerance": -1.0}, "tolerance must be finite and at least 0, got -1.0"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    good = {
        "orbit": np.zeros((4, 1, 2)),
        "exponents": np.zeros((2, 1)),
        "error": np.zeros((2, 1)),
    }
    with pytest.raises(ValueError, match=message):
        classify(**{**good, **change})


@pytest.mark.parametrize(
    ("step", "start", "parameters", "kind", "period"),
    [
        (logistic, 0.3, {"r": 2.5}, Kind.FIXED_POINT, 1),
        (logistic, 0.3, {"r": 3.5}, Kind.PERIODIC, 4),
        (logistic, 0.3, {"r": 3.56925}, Kind.PERIODIC, 32),
        (logistic, 0.3, {"r": 3.9}, Kind.CHAOTIC, 0),
        (logistic, 0.3, {"r": 5.0}, Kind.DIVERGED, 0),
        (henon, [0.0, 0.0], {"a": 1.4, "b": 0.3}, Kind.CHAOTIC, 0),
        (henon, [0.0, 0.0], {"a": 1.0, "b": 0.3}, Kind.PERIODIC, 4),
        (delayed_logistic, [[0.5], [0.4]], {"r": 1.8}, Kind.FIXED_POINT, 1),
        (delayed_logistic, [[0.5], [0.4]], {"r": 2.1}, Kind.QUASI_PERIODIC, 0),
        (delayed_logistic, [[0.5], [0.4]], {"r": 2.27}, Kind.CHAOTIC, 0),
    ],
)
def test_the_attractor_of_a_map(step, start, parameters, kind, period):
    state = jnp.array(start)
    if step is delayed_logistic:
        state = step.start(state)
    reached = attractor(step, state, parameters, Measure(transient=2000, steps=4000))
    assert (reached.kind, reached.period) == (kind, period)
    assert reached.confidence > 0.95
    if period:
        assert reached.points.shape[0] == period
    if kind == Kind.DIVERGED:
        assert np.isnan(reached.leading_exponent)
    else:
        assert reached.standard_error >= 0


def test_it_is_the_last_steps_that_are_looked_at():
    reached = attractor(
        logistic, jnp.array(0.3), {"r": 2.9}, Measure(transient=0, steps=2000)
    )
    assert reached.kind == Kind.FIXED_POINT


def test_a_cycle_is_given_in_order_of_time():
    reached = attractor(logistic, jnp.array(0.3), {"r": 3.5})
    following = 3.5 * reached.points * (1 - reached.points)
    np.testing.assert_allclose(
        following, np.roll(reached.points, -1, axis=0), atol=1e-9
    )


def test_the_observable_is_what_must_recur():
    whole = attractor(logistic, jnp.array([0.3, 0.3]), {"r": jnp.array([3.9, 3.1])})
    part = attractor(
        logistic,
        jnp.array([0.3, 0.3]),
        {"r": jnp.array([3.9, 3.1])},
        Measure(observable=lambda x: x[1:]),
    )
    assert whole.kind == Kind.CHAOTIC
    assert (part.kind, part.period) == (Kind.PERIODIC, 2)


def test_kind_and_exponent_are_of_one_stretch():
    """r = 3.9902576, where chaos lasts for some hundred steps before the 5-cycle.

    The cycle's λ₁ is ln |f'(x₁) … f'(x₅)| / 5.
    """
    starts = np.random.default_rng(0).uniform(0.1, 0.9, (1, 32))
    at = {"r": np.full(32, 3.9902576)}
    cells = measure_cells(logistic, starts, at, Measure(0, 2000, exponents=1))
    period, exponents = cells["period"], cells["exponents"][:, 0]
    on_cycle = period == 5
    assert on_cycle.mean() > 0.8
    points = cells["points"][:, -5:, 0]
    slopes = np.log(np.abs(at["r"][:, None] * (1 - 2 * points))).mean(axis=1)
    np.testing.assert_allclose(exponents[on_cycle], slopes[on_cycle], atol=0.01)
    transient, measured = cells["transient_steps"], cells["measured_steps"]
    assert len(np.unique(transient)) > 5
    assert (transient + measured >= 2000).all()


def test_an_orbit_is_run_on_until_its_kind_is_certain():
    """Period 128 of Hénon's map, which 1,000 steps do not show."""
    at = {"a": 1.0580290145072535, "b": 0.3}
    short = attractor(henon, np.zeros(2), at, Measure(extensions=0))
    assert (short.kind, short.measured_steps) == (Kind.UNDECIDED, 1000)
    long = attractor(henon, np.zeros(2), at)
    assert (long.kind, long.period) == (Kind.PERIODIC, 128)
    assert long.measured_steps > 1000


def test_certain_answers_on_rotations_are_right():
    """A part of benchmarks/kinds.py; the truth is theory."""

    def turn(x, parameters):
        return x + parameters["omega"]

    rng = np.random.default_rng(7)
    divisor = rng.integers(2, 60, 40)
    part = np.array([rng.integers(1, q) for q in divisor])
    omega = np.concatenate([part / divisor, rng.uniform(0, 1, 40)])
    measure = Measure(100, 1000, exponents=1, points=0, angles={0: 1.0})
    cells = measure_cells(turn, np.full((1, 80), 0.1), {"omega": omega}, measure)
    rational, other = cells["period"][:40], cells["kind"][40:]
    np.testing.assert_array_equal(rational, divisor // np.gcd(part, divisor))
    assert set(other) <= {Kind.QUASI_PERIODIC, Kind.UNDECIDED}
    assert np.mean(cells["confidence"] >= 0.95) > 0.9


def test_no_unit_changes_the_attractor_of_a_map():
    def step(x, p):
        return p["r"] * x * (1 - x / p["K"])

    kinds = [
        attractor(step, jnp.array([0.3 * K]), {"r": r, "K": K}).kind
        for K in (1e-10, 1e13)
        for r in (2.8, 3.2, 4.0)
    ]
    assert kinds == 2 * [Kind.FIXED_POINT, Kind.PERIODIC, Kind.CHAOTIC]


def test_an_attractor_is_shown_in_a_few_lines():
    shown = repr(attractor(logistic, jnp.array(0.3), {"r": 3.5}))
    assert "PERIODIC, period=4, confidence=1.000" in shown
    assert len(shown.splitlines()) == 3
