"""Graphs that are drawn at random, and what can be told of them."""

import numpy as np

from isinglass.data import block_model, block_model_signal, planted_anomalies

N, F = 1200, 300


def is_simple(edges):
    codes = edges[0] * N + edges[1]
    back = edges[1] * N + edges[0]
    loops = (edges[0] == edges[1]).any()
    return not loops and set(codes) == set(back) and len(set(codes)) == len(codes)


def test_edges_and_features_of_the_block_model_carry_their_signals():
    graph = block_model(N, F, (2.0, 6.0), rng=np.random.default_rng(0))
    assert is_simple(graph.edges)
    assert abs(graph.edges.shape[1] / N - 10) < 0.6
    a, b = graph.labels[graph.edges]
    assert abs((a == b).mean() - 0.5 * (1 + 2 / 10**0.5)) < 0.03
    # How near the leading direction comes to the groups is known of a spiked matrix:
    # 1 − γ(1 + μ)/(μ(μ + γ)) (Benaych-Georges & Nadakuditi 2012).
    left = np.linalg.svd(graph.features, full_matrices=False)[0][:, 0]
    overlap = np.corrcoef(left, graph.labels)[0, 1] ** 2
    assert abs(overlap - (1 - 4 * 7 / (6 * 10))) < 0.1
    assert block_model_signal(N, F, (2.0, 6.0)) == 4 + 36 * F / N


def test_below_the_threshold_features_say_nothing():
    graph = block_model(N, F, (0.0, 0.5), rng=np.random.default_rng(0))
    assert block_model_signal(N, F, (0.0, 0.5)) < 1
    left = np.linalg.svd(graph.features, full_matrices=False)[0][:, 0]
    assert abs(np.corrcoef(left, graph.labels)[0, 1]) < 0.2


def test_anomalies_link_where_no_community_is():
    graph = planted_anomalies(N, 8, 0.05, 1.0, rng=np.random.default_rng(0))
    assert is_simple(graph.edges)
    assert graph.labels.sum() == 60
    # Their features are those of others; what gives them away is that their
    # neighbours' differ.
    distance = np.linalg.norm(
        graph.features[graph.edges[0]] - graph.features[graph.edges[1]], axis=1
    )
    mean = np.bincount(graph.edges[0], distance) / np.bincount(graph.edges[0])
    odd = graph.labels == 1
    assert mean[odd].mean() > mean[~odd].mean() + 0.5
    spread = graph.features[odd].std(), graph.features[~odd].std()
    assert abs(spread[0] - spread[1]) < 0.15
