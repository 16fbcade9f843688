"""Basins and hysteresis of maps where both are known."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from isinglass.dynamics import (
    DelayState,
    Kind,
    Measure,
    Resolution,
    basins,
    cloud_distance,
    flow,
    hysteresis,
)
from isinglass.dynamics.textbook import cubic, delayed_logistic, henon, logistic

law = settings(max_examples=30, deadline=None, derandomize=True, database=None)
R = 1.5
H_C = 2 * ((R - 1) / 3) ** 1.5


def test_two_wells_part_where_they_must():
    """x → 1.5 x − x³: (0, √1.5) flows to √0.5, its mirror image to −√0.5.

    Beyond √2.5 all diverges.
    """
    starts = np.linspace(-1.7, 1.7, 341)[:, None]
    reached = basins(
        cubic, jnp.asarray(starts), {"r": R, "h": 0.0}, Measure(steps=200), lanes=100
    )
    x = starts[:, 0]
    ends = np.array([first.points[0, 0] for first in reached.attractors])
    label = {sign: int(np.argmin(np.abs(ends - sign * 0.5**0.5))) for sign in (-1, 1)}
    inside = (np.abs(x) < np.sqrt(R)) & (np.abs(x) > 1e-9)
    for sign in (-1, 1):
        mine = inside & (np.sign(x) == sign)
        assert (reached.labels[mine] == label[sign]).all()
        assert reached.attractors[label[sign]].points[0, 0] == pytest.approx(
            sign * 0.5**0.5
        )
    assert (reached.labels[np.abs(x) > np.sqrt(R + 1)] == -1).all()
    assert (reached.kinds[np.abs(x) > np.sqrt(R + 1)] == Kind.DIVERGED).all()
    within = np.abs(x) < np.sqrt(R + 1) - 0.005
    assert (reached.labels[within & (np.abs(x) > 1e-9)] >= 0).all()
    # 0 is fixed and repels: whoever starts there stays, and is no attractor's.
    np.testing.assert_array_equal(np.flatnonzero(reached.labels == -3), [170])
    (origin,) = reached.unstable
    assert origin.multipliers == pytest.approx([R])
    assert origin.leading_exponent == pytest.approx(np.log(R))
    assert origin.share == pytest.approx(1 / 341)


def test_shares_are_those_of_the_labels():
    starts = jnp.linspace(0.05, 1.15, 7)
    reached = basins(
        cubic,
        jnp.concatenate([starts, -starts[:3]]),
        {"r": R, "h": 0.0},
        Measure(steps=100),
    )
    assert [first.share for first in reached.attractors] == [0.7, 0.3]
    assert [first.kind for first in reached.attractors] == [Kind.FIXED_POINT] * 2
    np.testing.assert_array_equal(reached.labels, [0] * 7 + [1] * 3)


def test_batches_do_not_show():
    starts = jnp.linspace(-1.5, 1.5, 11)
    whole = basins(cubic, starts, {"r": R, "h": 0.1}, Measure(steps=100))
    parts = basins(cubic, starts, {"r": R, "h": 0.1}, Measure(steps=100), lanes=4)
    np.testing.assert_array_equal(whole.labels, parts.labels)
    for first, second in zip(whole.attractors, parts.attractors, strict=True):
        np.testing.assert_array_equal(first.points, second.points)


def test_starts_at_other_phases_of_one_cycle_are_together():
    reached = basins(
        logistic, jnp.linspace(0.1, 0.9, 20), {"r": 3.5}, Measure(steps=300)
    )
    assert len(reached.attractors) == 1
    assert reached.attractors[0].period == 4
    assert reached.attractors[0].points.shape == (4, 1)


def test_chaos_from_any_start_is_one_attractor():
    starts = np.random.default_rng(0).uniform(-0.1, 0.1, (10, 2))
    reached = basins(henon, jnp.asarray(starts), {"a": 1.4, "b": 0.3})
    assert [first.kind for first in reached.attractors] == [Kind.CHAOTIC]
    assert (reached.labels == 0).all()


def test_a_saddle_is_reached_along_its_stable_manifold():
    """Two double wells: four attractors, four saddles and one repeller."""

    def step(x, parameters):
        return x + parameters["h"] * (x - x**3)

    axis = np.linspace(-2, 2, 9)
    starts = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    reached = basins(step, starts, {"h": 0.1}, Measure(steps=200))
    assert len(reached.attractors) == 4
    assert len(reached.unstable) == 5
    for k, unstable in enumerate(reached.unstable):
        x = unstable.points[0]
        expected = np.sort(1 + 0.1 * (1 - 3 * np.round(x) ** 2))[::-1]
        assert unstable.multipliers == pytest.approx(expected, rel=1e-6)
        here = (np.sign(starts) == np.round(x)).all(axis=1)
        np.testing.assert_array_equal(reached.labels == -3 - k, here)
        assert unstable.share == here.mean()
    for attractor in reached.attractors:
        assert attractor.multipliers == pytest.approx([0.8, 0.8], rel=1e-6)


def test_a_repelling_cycle_is_unstable_and_an_attracting_one_not():
    def step(x, parameters):
        return 3 * x**3 - 4 * x

    reached = basins(step, jnp.array([1.0, 0.0, -1.0]), {}, Measure(steps=40))
    assert reached.attractors == ()
    assert reached.labels.tolist() == [-3, -4, -3]
    assert [unstable.period for unstable in reached.unstable] == [2, 1]
    for unstable, multiplier in zip(reached.unstable, (25, -4), strict=True):
        assert unstable.multipliers == pytest.approx([multiplier])
    starts = jnp.array([0.3])
    settled = basins(logistic, starts, {"r": 3.5}, Measure(steps=200))
    (attractor,) = settled.attractors
    assert attractor.period == 4
    cycle_of_4 = np.prod(3.5 * (1 - 2 * attractor.points))
    assert abs(cycle_of_4) < 1
    assert attractor.multipliers == pytest.approx([cycle_of_4], rel=1e-6)


def test_chaos_within_a_subspace_that_repels_is_no_attractor():
    """A chaotic x beside a y that leaves 0, on which it stays if it starts there."""

    def step(x, parameters):
        return jnp.stack([logistic(x[0], {"r": 3.9}), cubic(x[1], parameters)])

    starts = np.stack([np.linspace(0.2, 0.4, 6), [0.0, 0.3, -0.3] * 2], axis=1)
    reached = basins(step, starts, {"r": R, "h": 0.0}, Measure(steps=300))
    assert reached.labels.tolist() == [-3, 0, 1] * 2
    assert [a.kind for a in reached.attractors + reached.unstable] == [Kind.CHAOTIC] * 3
    inward = basins(step, starts, {"r": 0.5, "h": 0.0}, Measure(steps=300))
    assert inward.labels.tolist() == [0] * 6
    assert inward.unstable == ()


def test_a_clock_does_not_hide_a_saddle():
    step = flow(lambda x, p, t: x - x**3 + 0 * t, 0.1, period=0.8)
    starts = step.start(np.array([[-0.5], [0.0], [0.5]]))
    starts = starts._replace(phase=jnp.zeros(3, jnp.int32))
    reached = basins(step, starts, {}, Measure(steps=200))
    assert reached.labels.tolist() == [0, -3, 1]
    assert reached.unstable[0].multipliers == pytest.approx([np.exp(0.8)], rel=1e-4)


scales = st.sampled_from([1e-12, 1e-3, 1.0, 40.0, 1e9])


def scaled_cubic(y, parameters):
    x = (y - parameters["b"]) / parameters["a"]
    return parameters["a"] * cubic(x, parameters) + parameters["b"]


@settings(max_examples=8, deadline=None, derandomize=True, database=None)
@given(scale=scales, shift=st.sampled_from([0.0, -3.0, 500.0]))
def test_basins_know_no_unit_and_no_origin(scale, shift):
    x = np.linspace(-1.7, 1.7, 18)[:, None]
    at = {"r": R, "h": 0.0, "a": scale, "b": scale * shift}
    reached = basins(scaled_cubic, scale * (x + shift), at, Measure(steps=200))
    expected = basins(cubic, x, {"r": R, "h": 0.0}, Measure(steps=200))
    np.testing.assert_array_equal(reached.labels, expected.labels)


def test_two_chaotic_bands_apart_are_two():
    """Two logistic maps' worth of chaos, told apart by a component that is constant."""

    def step(x, parameters):
        return jnp.stack([logistic(x[0], {"r": 3.9}), x[1]])

    starts = jnp.stack([jnp.linspace(0.2, 0.4, 6), jnp.array([0.0, 5.0] * 3)], axis=1)
    reached = basins(step, starts, {"unused": 0.0}, Measure(steps=300))
    assert reached.labels.tolist() == [0, 1] * 3


def test_a_small_attractor_within_a_large_one_is_another():
    def step(x, parameters):
        return jnp.stack([logistic(x[0], {"r": 3.9}), x[1]])

    def shown(x):
        return (x[:1] - 0.5) * x[1]

    starts = jnp.stack([jnp.linspace(0.2, 0.4, 6), jnp.array([1.0, 0.2] * 3)], axis=1)
    reached = basins(
        step, starts, {"unused": 0.0}, Measure(steps=300, observable=shown)
    )
    assert reached.labels.tolist() == [0, 1] * 3


def test_a_delay_map_starts_from_windows():
    starts = DelayState(jnp.linspace(0.3, 0.6, 10).reshape(5, 2, 1), jnp.asarray(0))
    reached = basins(delayed_logistic, starts, {"r": 1.8})
    assert reached.labels.tolist() == [0] * 5
    assert reached.attractors[0].points[0, 0] == pytest.approx(1 - 1 / 1.8)


def test_attractors_beyond_the_most_have_no_label():
    def frozen(x, parameters):
        return x

    reached = basins(
        frozen,
        jnp.arange(5.0),
        {"unused": 0.0},
        Measure(transient=0, steps=100),
        resolution=Resolution(attractors=3),
    )
    assert reached.labels.tolist() == [0, 1, 2, -2, -2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"states": jnp.array(1.0)}, "states must have n starts"),
        ({"states": jnp.zeros((0, 1))}, "states must have n starts"),
        ({"states": (jnp.zeros(2), jnp.zeros(3))}, "states must have n starts"),
        ({"states": jnp.array([0.0, jnp.nan])}, "states must be finite"),
        ({"parameters": {"r": jnp.nan, "h": 0.0}}, "parameters.* must be finite"),
        ({"lanes": 0}, "lanes must be at least 1, got 0"),
    ],
)
def test_bad_starts_are_refused_by_name(change, message):
    good = {"step": cubic, "states": jnp.zeros(2), "parameters": {"r": R, "h": 0.0}}
    with pytest.raises(ValueError, match=message):
        basins(**{**good, **change})


def test_windows_at_other_phases_are_refused():
    starts = DelayState(jnp.zeros((2, 2, 1)), jnp.arange(2))  # type: ignore
    with pytest.raises(ValueError, match="states must all be at the same phase"):
        basins(delayed_logistic, starts, {"r": 1.8})


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"closeness": 0.0}, "closeness must be positive and finite"),
        ({"attractors": 0}, "attractors must be at least 1, got 0"),
    ],
)
def test_a_resolution_that_cannot_be_is_refused(field, message):
    with pytest.raises(ValueError, match=message):
        Resolution(**field)


clouds = arrays(
    float, st.tuples(st.integers(1, 8), st.just(2)), elements=st.floats(-9, 9, width=32)
)


@law
@given(first=clouds, second=clouds, seed=st.integers(0, 99))
def test_the_distance_of_clouds_is_a_distance_of_sets(first, second, seed):
    distance = cloud_distance(first, second)
    shuffled = np.random.default_rng(seed).permutation(first)
    assert distance == pytest.approx(cloud_distance(shuffled, second), abs=1e-12)
    assert distance == cloud_distance(second, first)
    assert cloud_distance(first, shuffled) == 0
    gaps = np.linalg.norm(first[:, None] - second, axis=-1)
    expected = max(gaps.min(axis=0).mean(), gaps.min(axis=1).mean())
    assert distance == pytest.approx(expected, abs=1e-12)


def test_rows_of_nan_are_no_points():
    padded = np.array([[1.0, 2.0], [np.nan, np.nan]])
    empty = np.full((2, 2), np.nan)
    assert cloud_distance(padded, padded[:1]) == 0
    assert cloud_distance(empty, empty) == 0
    assert cloud_distance(empty, padded) == np.inf


@pytest.mark.parametrize("scale", [1e-11, 1e11])
def test_a_loop_knows_no_unit(scale):
    values = np.linspace(-0.2, 0.2, 41)
    up, down = swept(values, -0.5), swept(values[::-1], 0.9)
    (expected,) = hysteresis(up, down)
    (loop,) = hysteresis(scale * up, scale * down)
    assert (loop.low, loop.high) == (expected.low, expected.high)
    assert loop.gap == pytest.approx(scale * expected.gap)


def swept(values, start, *, r=R, rows=40):
    """A sweep of h by the definition: values start where those before them ended."""
    x, points = start, []
    for h in values:
        here = []
        for time in range(400 + rows):
            x = h + r * x - x**3
            if time >= 400:
                here.append([x])
        points.append(here)
    coordinates = {"h": values}
    return xr.DataArray(np.array(points), coordinates, ("h", "point", "component"))


def test_an_imperfect_pitchfork_has_its_loop():
    values = np.linspace(-0.2, 0.2, 201)
    up, down = swept(values, -0.5), swept(values[::-1], 0.9)
    (loop,) = hysteresis(up, down)
    spacing = values[1] - values[0]
    assert loop.low == pytest.approx(-H_C, abs=2 * spacing)
    assert loop.high == pytest.approx(H_C, abs=2 * spacing)
    widest = 2 * (R - 1) ** 0.5  # at h = 0
    assert loop.gap == pytest.approx(widest, rel=1e-9)


def test_a_dataset_serves_like_its_points():
    values = np.linspace(-0.2, 0.2, 41)
    up, down = swept(values, -0.5), swept(values[::-1], 0.9)
    assert hysteresis(up.to_dataset(name="points"), down) == hysteresis(up, down)
    assert hysteresis(up.transpose("component", "h", "point"), down) == hysteresis(
        up, down
    )


def test_both_directions_may_come_in_one_dataset():
    values = np.linspace(-0.2, 0.2, 41)
    up, down = swept(values, -0.5), swept(values[::-1], 0.9).sortby("h")
    both = xr.concat([up, down], xr.Variable("direction", ["up", "down"])).to_dataset(
        name="points"
    )
    assert hysteresis(both) == hysteresis(up, down)
    with pytest.raises(ValueError, match='up must hold the directions "up" and "down"'):
        hysteresis(both.isel(direction=[0]))


def test_without_memory_there_is_no_loop():
    values = np.linspace(-0.2, 0.2, 41)
    assert hysteresis(swept(values, -0.5, r=0.9), swept(values[::-1], 0.9, r=0.9)) == []


def test_chaos_and_cycles_of_other_phase_are_no_loop():
    rng = np.random.default_rng(0)
    chaos = rng.random((2, 20, 200, 2))
    chaos[:, :10] = np.array([[0.1, 0.9], [0.9, 0.1]] * 100)
    chaos[1, :10] = chaos[1, :10, ::-1]

    def diagram(points):
        return xr.DataArray(points, {"h": np.arange(20.0)}, ("h", "point", "component"))

    assert hysteresis(diagram(chaos[0]), diagram(chaos[1])) == []
    chaos[1, 15:17] += 0.5
    (loop,) = hysteresis(diagram(chaos[0]), diagram(chaos[1]))
    assert (loop.low, loop.high) == (15.0, 16.0)


def rotations(frequencies, phase, *, shift=0.0, rows=512):
    """Circles in the plane, gone round at these frequencies, turns per step."""
    angle = 2 * np.pi * (np.outer(frequencies, np.arange(rows)) + phase)
    points = np.stack([np.cos(angle) + shift, np.sin(angle)], axis=-1)
    return xr.DataArray(points, {"f": frequencies}, ("f", "point", "component"))


@pytest.mark.parametrize("resonance", [0, 1 / 2, 1 / 3, 2 / 5, 3 / 8, 5 / 13])
@pytest.mark.parametrize("second", [0.031, 0.217, 0.413])
def test_two_phases_of_one_rotation_near_resonance_are_no_loop(resonance, second):
    frequencies = resonance + np.geomspace(1e-7, 0.0317, 24)
    first, same = rotations(frequencies, 0.0), rotations(frequencies, second)

    assert hysteresis(first, same) == []
    if resonance not in (0, 1 / 2):
        assert (
            cloud_distance(first.values[0], same.values[0]) > 0.05
        )  # though they lie apart


def test_two_tori_beside_each_other_are_a_loop():
    frequencies = np.linspace(0.2813, 0.3017, 5)
    moved = rotations(frequencies, 0.3)
    moved[1:3] = rotations(frequencies[1:3], 0.3, shift=0.5)

    (loop,) = hysteresis(rotations(frequencies, 0.0), moved)

    assert (loop.low, loop.high) == (frequencies[1], frequencies[2])


def test_an_interval_has_as_many_values_as_asked_for():
    values = np.linspace(-0.2, 0.2, 41)
    up, down = swept(values, -0.5), swept(values[::-1], 0.9)
    (loop,) = hysteresis(up, down)
    count = round((loop.high - loop.low) / 0.01) + 1

    assert hysteresis(up, down, run=count) == [loop]
    assert hysteresis(up, down, run=count + 1) == []


def test_a_branch_without_points_differs_beyond_measure():
    values = np.linspace(-0.2, 0.2, 5)
    up = swept(values, -0.5, r=0.9)
    down = up.copy()
    down[2] = np.nan
    (loop,) = hysteresis(up, down)
    assert (loop.low, loop.high, loop.gap) == (values[2], values[2], np.inf)


def test_other_diagrams_are_refused():
    values = np.linspace(-0.2, 0.2, 5)
    up = swept(values, -0.5)
    with pytest.raises(ValueError, match="up and down must hold the same values"):
        hysteresis(up, up.isel(h=slice(3)))
    with pytest.raises(
        ValueError, match=r"down must have the dimensions .* got \('point'"
    ):
        hysteresis(up, up.isel(h=0))
    with pytest.raises(ValueError, match="tolerance must be finite"):
        hysteresis(up, up, tolerance=np.nan)
    with pytest.raises(ValueError, match="run must be at least 1, got 0"):
        hysteresis(up, up, run=0)
