"""Where sources and targets stand, and which durations are long enough."""

import numpy as np
import pytest

from isinglass.systems.interference import Geometry, corners


def test_the_papers_stage():
    stage = corners((9, 9), 4)
    np.testing.assert_array_equal(stage.targets, [(-5, -5), (5, -5), (5, 5), (-5, 5)])
    np.testing.assert_array_equal(
        stage.sources, [(i - 4, j - 4) for i in range(9) for j in range(9)]
    )
    assert stage.distances[0, 0] == 2
    assert stage.distances[9 * 8 + 8, 0] == 18
    assert stage.distances[9 * 2 + 7, 1] == (5 - (2 - 4)) + ((7 - 4) + 5)


def test_four_targets_take_the_corners_of_any_picture():
    np.testing.assert_array_equal(
        corners((1, 3), 4).targets, [(-1, -2), (1, -2), (1, 2), (-1, 2)]
    )


@pytest.mark.parametrize("n_targets", [1, 2, 3, 5, 10])
def test_targets_are_evenly_spaced_on_the_frame(n_targets):
    targets = np.asarray(corners((3, 3), n_targets).targets)
    np.testing.assert_array_equal(np.abs(targets).max(axis=1), 2)
    np.testing.assert_array_equal(targets[0], (-2, -2))
    x, y = targets.T
    # Arc length from (−2, −2), down the first axis first.
    arc = np.where(
        y == -2, x + 2, np.where(x == 2, y + 6, np.where(y == 2, 10 - x, 14 - y))
    )
    np.testing.assert_allclose(arc, 16 * np.arange(n_targets) / n_targets)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_manhattan_distance_in_every_dimension(k):
    rng = np.random.default_rng(k)
    sources, targets = rng.normal(size=(4, k)), rng.normal(size=(3, k))
    expected = [[np.abs(s - t).sum() for t in targets] for s in sources]
    np.testing.assert_allclose(Geometry(sources, targets).distances, expected)


def test_metric_and_speed():
    stage = Geometry([[0, 0]], [[3, 4]], "euclidean", speed=2)
    np.testing.assert_allclose(stage.flight_times, [[2.5]])
    np.testing.assert_array_equal(
        stage.reachable(5), [[[False, False, False, True, True]]]
    )
    own = Geometry([[0.0]], [[3.0]], lambda a, b: float(abs(a - b)[0] * 2))
    np.testing.assert_array_equal(own.distances, [[6]])


def test_rounding_does_not_make_a_route_longer():
    # 0.3 / 0.1 is 3 and a little less, 0.7 / 0.1 a little less than 7, 0.6 / 0.2 a
    # little more.
    stage = Geometry([[0.0]], [[0.1 + 0.2]], speed=0.1)
    assert stage.flight_times[0, 0] > 3
    np.testing.assert_array_equal(stage.reachable(4), [[[False, False, False, True]]])


def test_later_changes_of_the_callers_array_do_not_reach_the_geometry():
    sources = np.zeros((1, 1))
    stage = Geometry(sources, [[1.0]])
    sources[:] = 7
    np.testing.assert_array_equal(stage.sources, [[0]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0], [[1.0]]), r"sources must hold one position .* got shape \(1,\)"),
        (
            ([[0.0]], [[1.0] * 4]),
            r"targets must hold one position .* got shape \(1, 4\)",
        ),
        (([], [[1.0]]), "sources must hold one position"),
        (([[0.0]], [[1.0, 2.0]]), "same space: got 1 and 2"),
        (([[0.0]], [[np.nan]]), "targets must be finite"),
        (([[np.inf]], [[0.0]]), "sources must be finite"),
        (([["a"]], [[0.0]]), "sources must hold real numbers"),
        (([[1j]], [[0.0]]), "sources must hold real numbers: complex"),
        (([[0.0]], [[1.0]], "up"), "metric 'up' is not one that scipy's cdist takes"),
        (
            ([[0.0, 0.0]], [[1.0, 1.0]], "cosine"),
            "distance that is negative or not finite",
        ),
        (
            ([[0.0]], [[1.0]], lambda a, b: -1.0),
            "distance that is negative or not finite",
        ),
        (
            ([[0.0]], [[1.0]], "cityblock", 0),
            "speed must be positive and finite, got 0",
        ),
        (([[0.0]], [[1.0]], "cityblock", -1.0), "speed must be positive and finite"),
        (([[0.0]], [[1.0]], "cityblock", np.nan), "speed must be positive and finite"),
        (([[0.0]], [[1.0]], "cityblock", np.inf), "speed must be positive and finite"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Geometry(*arguments)


def test_a_deaf_target_is_refused():
    stage = Geometry([[0.0]], [[1.0], [4.5]])
    stage.reachable(6)
    with pytest.raises(ValueError, match=r"n_durations=5 is too short.* at least 6"):
        stage.reachable(5)


@pytest.mark.parametrize(("grid", "n_targets"), [((0, 1), 1), ((1, 0), 1), ((1, 1), 0)])
def test_an_empty_stage_is_refused(grid, n_targets):
    with pytest.raises(ValueError, match="must be at least 1, got 0"):
        corners(grid, n_targets)
