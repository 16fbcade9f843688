"""Measuring many orbits side by side: their numbers, padding, sections, refusals."""

import jax.numpy as jnp
import numpy as np
import pytest

from isinglass.dynamics import (
    DelayMap,
    DelayState,
    Kind,
    Measure,
    Sampling,
    Section,
    trajectory,
)
from isinglass.dynamics.cells import measure_cells
from isinglass.dynamics.variables import dimension

LN2 = np.log(2.0)


def logistic(x, parameters):
    return parameters["r"] * x * (1 - x)


def henon(x, parameters):
    return jnp.stack([1 - parameters["a"] * x[0] ** 2 + x[1], 0.3 * x[0]])


def henon_head(window, parameters, phase):
    """Hénon's map as x(t+1) = 1 − a x(t)² + 0.3 x(t−1)."""
    return 1 - parameters["a"] * window[0] ** 2 + 0.3 * window[1]


def forced_head(window, parameters, phase):
    """A contracting delay map driven with period 3, no multiple of its length 2."""
    drive = jnp.asarray([1.0, 0.0, -1.0], window[0].dtype)[phase % 3]
    return parameters["a"] * (window[0] - 0.5 * window[1]) + drive


def logistic_cells(values, measure):
    cells = len(values)
    return measure_cells(
        logistic, np.full((1, cells), 0.3), {"r": np.asarray(values)}, measure
    )


def test_every_cell_is_the_orbit_alone():
    values = [2.8, 3.2, 3.5]
    result = logistic_cells(values, Measure(transient=100, steps=50, points=20))
    for cell, r in enumerate(values):
        alone = trajectory(
            logistic, np.array([0.3]), {"r": r}, Sampling(20, transient=130)
        )
        np.testing.assert_allclose(result["points"][cell], alone, rtol=1e-12)
    assert result["points"].shape == (3, 20, 1)
    assert (result["point_count"] == 20).all()


def test_final_state_continues_the_orbit():
    first = logistic_cells([3.2, 3.9], Measure(transient=0, steps=64, points=64))
    state = first["final_state"].T
    second = measure_cells(
        logistic,
        state,
        {"r": np.array([3.2, 3.9])},
        Measure(transient=0, steps=64, points=64),
    )
    whole = logistic_cells([3.2, 3.9], Measure(transient=0, steps=128, points=128))
    pieces = np.concatenate([first["points"], second["points"]], axis=1)
    np.testing.assert_array_equal(pieces, whole["points"])


def test_kinds_and_exponents_of_the_logistic_map():
    measure = Measure(transient=1000, steps=8000, exponents=1)
    result = logistic_cells([2.5, 3.2, 3.5, 4.0, 5.0], measure)
    assert list(result["kind"]) == [
        Kind.FIXED_POINT,
        Kind.PERIODIC,
        Kind.PERIODIC,
        Kind.CHAOTIC,
        Kind.DIVERGED,
    ]
    assert list(result["period"]) == [1, 2, 4, 0, 0]
    # |f'| = |2 − r| at the fixed point.
    np.testing.assert_allclose(result["exponents"][0], np.log(0.5), rtol=1e-6)
    assert (
        abs(result["exponents"][3, 0] - LN2) < 5 * result["exponent_error"][3, 0] < 0.02
    )
    assert np.isnan(result["exponents"][4]).all()


@pytest.mark.parametrize("qr_every", [8, "auto"])
def test_a_delay_map_is_the_plain_map(qr_every):
    a = np.array([1.0, 1.4])
    measure = Measure(1000, 20_000, exponents=None, qr_every=qr_every, points=0)
    plain = measure_cells(henon, np.full((2, 2), 0.1), {"a": a}, measure)
    delayed = DelayMap(henon_head, 2)
    start = DelayState(np.full((2, 1, 2), 0.1), np.array(0))
    delay = measure_cells(delayed, start, {"a": a}, measure)
    sums = delay["exponents"].sum(axis=1)
    np.testing.assert_allclose(
        sums, np.log(0.3), rtol=1e-9
    )  # the Jacobian's determinant is const
    assert (
        np.abs(plain["exponents"] - delay["exponents"])
        <= 5 * np.maximum(plain["exponent_error"], 1e-4)
    ).all()
    assert plain["kind"][1] == delay["kind"][1] == Kind.CHAOTIC


@pytest.mark.parametrize("phase", [0, 1, 2])
def test_a_forced_delay_map_keeps_its_phase(phase):
    forced = DelayMap(forced_head, length=2, period=3)
    start = DelayState(np.full((2, 1, 1), 0.1), np.array(phase))
    measure = Measure(transient=6, steps=12, points=12)
    cells = measure_cells(forced, start, {"a": np.array([0.5])}, measure)
    alone = trajectory(
        forced,
        DelayState(np.full((2, 1), 0.1), np.array(phase)),
        {"a": 0.5},
        Sampling(12, transient=6),
    )
    np.testing.assert_allclose(cells["points"][0], alone, rtol=1e-13)
    assert cells["final_state"].phase == phase  # 18 steps are whole periods


def test_a_long_delay_carries_its_phase():
    """Too long to unroll whole periods: the phase is then data, not a constant."""

    def head(window, parameters, phase):
        drive = jnp.asarray(np.arange(5.0), window[0].dtype)[phase % 5]
        return parameters["a"] * window[10] + drive

    long = DelayMap(head, length=11, period=5)
    start = DelayState(np.arange(11.0)[:, None, None], np.array(3))
    cells = measure_cells(
        long, start, {"a": np.array([0.5])}, Measure(0, 40, points=16)
    )
    alone = trajectory(
        long,
        DelayState(np.arange(11.0)[:, None], np.array(3)),
        {"a": 0.5},
        Sampling(16, transient=24),
    )
    np.testing.assert_allclose(cells["points"][0], alone, rtol=1e-13)
    cells = measure_cells(long, start, {"a": np.array([0.5])}, Measure(0, 880, None))
    # x(t+1) = a x(t−10) + drive: all eleven exponents are ln(a)/11.
    np.testing.assert_allclose(cells["exponents"], np.log(0.5) / 11, rtol=1e-9)


def test_section_keeps_points_near_the_plane_in_order():
    section = Section(component=0, level=0.5, tolerance=0.05)
    measure = Measure(
        transient=10, steps=3000, points=30, section=section, max_period=4
    )
    result = logistic_cells([3.9, 2.5], measure)
    orbit = trajectory(
        logistic, np.array([0.3]), {"r": 3.9}, Sampling(200, transient=10)
    )[:, 0]
    near = orbit[np.abs(orbit - 0.5) <= 0.05]
    early = min(
        len(near), 4
    )  # chaos: only the first few are the same orbit to rounding
    np.testing.assert_allclose(result["points"][0, :early, 0], near[:early], rtol=1e-6)
    assert result["point_count"][0] == 30
    assert result["point_count"][1] == 0  # the fixed point 0.6 is not on it
    assert np.isnan(result["points"][1]).all()
    near_plane = result["points"][0, :, 0]
    assert (np.abs(near_plane - 0.5) <= 0.05).all()


def test_superstable_exponents_are_minus_infinity():
    result = logistic_cells([0.0], Measure(transient=0, steps=100, exponents=1))
    assert result["exponents"][0, 0] == -np.inf
    assert result["kind"][0] == Kind.FIXED_POINT


def test_a_direction_below_rounding_is_told():
    def squash(x, parameters):
        return jnp.stack([parameters["a"] * x[0], 1e-20 * x[1] + x[0]])

    measure = Measure(transient=0, steps=64, exponents=None, qr_every=1)
    result = measure_cells(squash, np.ones((2, 1)), {"a": np.array([0.9])}, measure)
    np.testing.assert_allclose(result["exponents"][0, 0], np.log(0.9), rtol=1e-6)
    assert list(result["unresolved"][0]) == [0.0, 1.0]


def test_the_same_input_gives_the_same_bits():
    values, measure = np.linspace(3.5, 4.0, 16), Measure(100, 500, exponents=1)
    first, second = logistic_cells(values, measure), logistic_cells(values, measure)
    for name in ("points", "exponents", "exponent_error", "final_state"):
        np.testing.assert_array_equal(first[name], second[name])


def test_ticks_rise_to_one():
    shares: list[float] = []
    measure_cells(
        logistic,
        np.full((1, 2), 0.3),
        {"r": np.full(2, 3.7)},
        Measure(500, 5000),
        shares.append,
    )
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_single_precision_computes_in_single_precision():
    result = logistic_cells([3.7], Measure(10, 100, exponents=1, precision="float32"))
    assert result["points"].dtype == np.float32
    assert result["exponents"].dtype == np.float32


def test_dimension_counts_real_numbers():
    assert dimension({"x": np.zeros((2, 3)), "n": np.int32(4)}) == 6


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"transient": -1}, "transient"),
        ({"steps": 0}, "steps"),
        ({"exponents": -1}, "exponents"),
        ({"qr_every": 3}, "qr_every"),
        ({"qr_every": "often"}, "qr_every"),
        ({"points": -1}, "points"),
        ({"max_period": 0}, "max_period"),
        ({"tolerance": float("nan")}, "tolerance"),
        ({"precision": "float16"}, "precision"),
    ],
)
def test_measure_refuses(change, named):
    with pytest.raises(ValueError, match=named):
        Measure(**change)


@pytest.mark.parametrize(
    ("section", "named"),
    [
        ({"component": -1, "tolerance": 0.1}, "component"),
        ({"component": 0, "level": float("inf"), "tolerance": 0.1}, "level"),
        ({"component": 0, "tolerance": 0.0}, "tolerance"),
    ],
)
def test_section_refuses(section, named):
    with pytest.raises(ValueError, match=named):
        Section(**section)


def test_more_exponents_than_dimensions_are_refused():
    with pytest.raises(ValueError, match="exponents must be at most 1"):
        logistic_cells([3.7], Measure(exponents=2))


def test_section_of_a_component_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="component must be less than 1"):
        logistic_cells(
            [3.7], Measure(10, 10, section=Section(component=1, tolerance=1e-3))
        )


@pytest.mark.parametrize("bad", [{"length": 0}, {"length": 2, "period": 0}])
def test_delay_map_refuses(bad):
    with pytest.raises(ValueError, match="must be at least 1"):
        DelayMap(henon_head, **bad)


def test_delay_map_refuses_a_window_of_another_length():
    with pytest.raises(ValueError, match="window must hold 2 values"):
        DelayMap(henon_head, 2).start(jnp.zeros((3, 1)))


def test_the_interval_that_was_chosen_is_told():
    calm = measure_cells(
        henon,
        np.full((2, 1), 0.1),
        {"a": np.array([1.4])},
        Measure(100, 400, exponents=2),
    )
    assert list(calm["qr_every"]) == [4]

    def squash(x, parameters):
        return jnp.stack([parameters["a"] * x[0], 1e-9 * x[1]])

    wild = measure_cells(
        squash, np.ones((2, 1)), {"a": np.array([0.9])}, Measure(100, 400, exponents=2)
    )
    assert list(wild["qr_every"]) == [1]
    np.testing.assert_allclose(wild["exponents"][0], np.log([0.9, 1e-9]), rtol=1e-6)


def test_a_long_period_does_not_unroll_without_end():
    """Seven steps a block: QR every 2 of them, for every 4 would unroll 28."""
    seven = DelayMap(
        lambda window, parameters, phase: parameters["a"] * window[6], length=7
    )
    start = DelayState(np.ones((7, 1, 1)), np.array(0))
    result = measure_cells(
        seven, start, {"a": np.array([0.5])}, Measure(0, 140, exponents=1)
    )
    assert result["qr_every"][0] == 2
    np.testing.assert_allclose(result["exponents"], np.log(0.5) / 7, rtol=1e-6)
