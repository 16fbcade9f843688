"""Similarity, arrival time and entropy where the answer is known."""

import numpy as np
import pytest

from isinglass.systems.interference import (
    InterferenceClassifier,
    arrival_entropy,
    arrival_times,
    expected_similarity,
)

TWO = np.ones((2, 1, 1))  # Two signals arrive at one target at one time.


@pytest.mark.parametrize("angle", [0.0, 1.0, np.pi / 2, np.pi])
def test_similarity_of_two_signals(angle):
    dipoles = np.array([[[1.0, 0.0], [np.cos(angle), np.sin(angle)]]])
    # (1 + 1 + 2 cos)/4: a signal also meets its own kind.
    expected = (1 + np.cos(angle)) / 2
    np.testing.assert_allclose(
        expected_similarity(dipoles, TWO), [[[expected]]], atol=1e-15
    )


def test_similarity_weighs_by_share_and_ignores_the_total():
    dipoles = np.eye(2)[None]
    similarity = expected_similarity(dipoles, np.array([[[3.0]], [[1.0]]]) * 1e-200)
    np.testing.assert_allclose(similarity, [[[10 / 16]]])


def test_similarity_is_undefined_while_nothing_arrives():
    similarity = expected_similarity(
        np.eye(2)[None], np.array([[[0.0, 1.0]], [[0.0, 1.0]]])
    )
    np.testing.assert_array_equal(np.isnan(similarity), [[[True, False]]])


def test_similarity_against_the_double_sum():
    rng = np.random.default_rng(0)
    x, p = rng.normal(size=(2, 4, 3)), rng.random((4, 2, 5))
    for n, c, t in np.ndindex(2, 2, 5):
        q = p[:, c, t] / p[:, c, t].sum()
        expected = sum(
            q[i] * q[j] * x[n, i] @ x[n, j] for i in range(4) for j in range(4)
        )
        assert expected_similarity(x, p)[n, c, t] == pytest.approx(expected)


def test_arrival_time_of_a_single_duration():
    routes = np.eye(5)[[[3, 4]]]  # One source: policy 0 sends with 3, policy 1 with 4.
    times = arrival_times(routes, np.ones((1, 2, 5), dtype=bool))
    np.testing.assert_array_equal(times, [[3, 4], [3, 4]])


def test_arrival_time_counts_only_what_arrives():
    routes = np.full((2, 2, 4), 0.25)
    far = np.array([[[True] * 4, [False, False, True, True]]] * 2)
    np.testing.assert_allclose(arrival_times(routes, far), [[1.5, 1.5], [2.5, 2.5]])


def test_arrival_time_is_undefined_where_nothing_arrives():
    times = arrival_times(np.array([[[1.0, 0.0]]]), np.array([[[False, True]]]))
    assert np.isnan(times).all()


def test_entropy():
    similar = np.array([[True, False], [False, True], [True, True], [False, False]])
    arriving = np.zeros((2, 1, 4))
    arriving[0, 0], arriving[1, 0, 2] = (
        0.01,
        0.04,
    )  # One spreads evenly, one arrives at once.
    entropy = arrival_entropy(similar, arriving)[:, 0]
    both = -3 * 0.125 * np.log(0.125) - 0.625 * np.log(0.625)
    np.testing.assert_allclose(entropy, [np.log(4), 0, both, np.nan], atol=1e-15)
    assert not np.signbit(entropy[1])


def test_the_models_methods_are_these_functions(draw):
    X, y = draw(0, 12)
    model = InterferenceClassifier(n_durations=8, patch_size=3, random_state=0)
    model.fit(X, y)
    routes, reachable = model.route_probabilities_, model.geometry_.reachable(8)
    dipoles, arriving = model._map(X, model._dipoles), np.where(reachable, routes, 0)
    similar = dipoles[..., 1:].sum(axis=-1) / 3 >= 0.7
    np.testing.assert_array_equal(
        model.expected_similarity(X), expected_similarity(dipoles, arriving)
    )
    np.testing.assert_array_equal(
        model.arrival_entropy(X), arrival_entropy(similar, arriving)
    )
    np.testing.assert_array_equal(
        model.arrival_times(), arrival_times(routes, reachable)
    )
