"""The kinds of attractors, on orbits whose kind is known."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isinglass.dynamics import Kind, Measure, attractor, classify
from isinglass.dynamics.textbook import ACCUMULATION, delayed_logistic, henon, logistic

law = settings(max_examples=20, deadline=None, derandomize=True, database=None)


def logistic_orbits(r, *, transient=2000, steps=1000, rows=200, start=0.3):
    """Last rows, and exponents by the definition, of the logistic map at each r."""
    r = np.atleast_1d(np.asarray(r, float))
    x, total, tail = np.full(r.size, start), np.zeros(r.size), []
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for time in range(transient + steps):
            total += np.log(np.abs(r * (1 - 2 * x))) * (time >= transient)
            x = r * x * (1 - x)
            tail.append(x[None])
    return np.array(tail[-rows:]), (total / steps)[:, None]


def classified(tail, exponents, *, error=0.0, steps=1000, **options):
    return classify(tail, exponents, np.full(exponents.shape, error), steps, **options)


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
    tail, exponents = logistic_orbits([3.1, 5.0, 4.0, 2.0, ACCUMULATION])
    together = classified(tail, exponents)
    for cell in range(5):
        alone = classified(tail[..., [cell]], exponents[[cell]])
        for all_cells, one_cell in zip(together, alone, strict=True):
            assert all_cells[cell] == one_cell[0]


def rotation(angle, rows=200):
    turns = angle * np.arange(rows)
    return np.stack([np.cos(turns), np.sin(turns)], axis=1)[..., None]


def test_an_irrational_rotation_is_quasi_periodic_and_a_rational_one_periodic():
    zero = np.zeros((1, 1))
    kind, period, confidence = classified(rotation(np.sqrt(2)), zero)
    assert (kind[0], period[0]) == (Kind.QUASI_PERIODIC, 0)
    assert confidence[0] == pytest.approx(0.9973, abs=1e-4)
    kind, period, _ = classified(rotation(2 * np.pi * 3 / 7), zero)
    assert (kind[0], period[0]) == (Kind.PERIODIC, 7)


@law
@given(numerator=st.integers(1, 40), denominator=st.integers(1, 40))
def test_the_period_found_is_the_smallest(numerator, denominator):
    kind, period, _ = classified(
        rotation(2 * np.pi * numerator / denominator), np.zeros((1, 1)), max_period=40
    )
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


def test_the_tolerance_is_relative_above_size_1_and_absolute_below():
    wobble = np.where(np.arange(100) % 2, 0.5, 0.0)[:, None, None]
    minus = np.full((1, 1), -1.0)
    for size in (1.0, 1000.0):
        orbit = size + 1e-9 * size * wobble
        kind, _, confidence = classified(orbit, minus, tolerance=1e-9)
        assert kind[0] == Kind.FIXED_POINT
        assert confidence[0] == pytest.approx(0.75, abs=1e-3)
        assert classified(orbit, minus, tolerance=1e-10)[0][0] == Kind.PERIODIC
    assert classified(1e-9 * wobble, minus, tolerance=1e-9)[0][0] == Kind.FIXED_POINT


def test_confidence_of_chaos_follows_the_exponent():
    orbit = np.random.default_rng(0).random((200, 1, 4))
    floor = 3 * 0.01 + 10 / 1000
    exponents = np.array(
        [[floor * 1.0001], [floor * 2], [floor * 0.9999], [-2 * floor]]
    )
    kind, _, confidence = classified(orbit, exponents, error=0.01)
    expected = [Kind.CHAOTIC, Kind.CHAOTIC, Kind.QUASI_PERIODIC, Kind.UNDECIDED]
    assert kind.tolist() == expected
    np.testing.assert_allclose(confidence, [0.5, 0.99865, 0.5, 0.0], atol=1e-3)


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
        tail, exponents = logistic_orbits(r, transient=transient)
        kind, _, confidence = classified(tail, exponents)
        assert set(kind) <= {Kind.FIXED_POINT, Kind.PERIODIC, Kind.UNDECIDED}
        assert Kind.UNDECIDED in kind
        assert (confidence[kind == Kind.UNDECIDED] == 0).all()


def test_tori_are_not_taken_for_slow_convergence():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 500)
    orbits = np.concatenate([rotation(angle) for angle in angles], axis=-1)
    kind, _, _ = classified(orbits, np.zeros((500, 1)))
    assert np.mean(kind == Kind.QUASI_PERIODIC) > 0.97


def test_without_exponents_only_what_recurs_is_decided():
    tail, _ = logistic_orbits([2.0, 3.1, 4.0, 5.0])
    kind, period, confidence = classify(tail, None, None, 1000)
    assert kind.tolist() == [
        Kind.FIXED_POINT,
        Kind.PERIODIC,
        Kind.UNDECIDED,
        Kind.DIVERGED,
    ]
    assert period.tolist() == [1, 2, 0, 0]
    np.testing.assert_allclose(confidence, [1, 1, 0, 1])


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


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1.1e12])
def test_one_value_out_of_bounds_means_diverged(bad):
    tail = np.zeros((10, 2, 2))
    tail[3, 1, 0] = bad
    kind, period, confidence = classified(tail, np.full((2, 1), np.nan))
    assert kind.tolist() == [Kind.DIVERGED, Kind.FIXED_POINT]
    assert period.tolist() == [0, 1]
    assert confidence[0] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tail": np.zeros((1, 1, 2))}, "tail must hold at least 2 rows, got 1"),
        ({"error": None}, "exponents and error must be given together"),
        (
            {"exponents": np.zeros((2, 0)), "error": np.zeros((2, 0))},
            "exponents must hold",
        ),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"max_period": 0}, "max_period must be at least 1, got 0"),
        ({"tolerance": np.nan}, "tolerance must be finite"),
        ({"tolerance": -1.0}, "tolerance must be finite and not negative, got -1.0"),
    ],
)
def test_bad_input_is_refused_by_name(change, message):
    good = {
        "tail": np.zeros((4, 1, 2)),
        "exponents": np.zeros((2, 1)),
        "error": np.zeros((2, 1)),
    }
    with pytest.raises(ValueError, match=message):
        classify(**{**good, "steps": 10, **change})


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


def test_growth_that_wanders_is_not_called_a_torus():
    """Orbits alike but for the error of λ₁: a torus' batch means do not differ so."""
    angle = np.arange(256)[:, None, None] * np.full(2, (5**0.5 - 1) * np.pi)
    exponents = np.full((2, 1), 1e-3)
    error = np.array([[5e-3], [5e-2]])
    kind, _, _ = classify(np.sin(angle), exponents, error, steps=1000)
    assert list(kind) == [Kind.QUASI_PERIODIC, Kind.UNDECIDED]
