"""Graphs of nodes with features, drawn at random, of which is known what can be told.

`block_model` draws the contextual stochastic block model, whose groups can be told
better than by chance if and only if λ² + μ²/γ > 1; `planted_anomalies` hides nodes of
other habits among those of a graph.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import as_generator, check_in, check_whole


class NodeGraph(NamedTuple):
    """Nodes with features and labels, and undirected edges between them.

    Attributes:
        features: (N, F).
        edges: (2, E), each edge in both directions, no self loops, none twice.
        labels: (N,), from 0 on.
    """

    features: Float[np.ndarray, "n f"]
    edges: Int[np.ndarray, "two e"]
    labels: Int[np.ndarray, "n"]


def block_model(
    nodes: int,
    features: int,
    signals: tuple[float, float],
    degree: float = 10.0,
    *,
    rng: np.random.Generator,
) -> NodeGraph:
    """Draw a contextual stochastic block model of two groups.

    With v_i = ±1 at random, u ~ N(0, I/F) and z ~ N(0, I),

        P(edge ij) = (d + λ √d v_i v_j) / N,    x_i = √(μ/N) v_i u + z_i/√F .

    With γ = N/F, as N grows, groups can be told if and only if λ² + μ²/γ > 1.

    Args:
        nodes: N, at least 2.
        features: F.
        signals: λ of the edges, with |λ| ≤ √d, and μ ≥ 0 of the features.
        degree: d, the mean number of edges of a node, positive and less than N/2.
        rng: Random numbers.

    Returns:
        Labels are 0 and 1 for v = −1 and 1.

    Raises:
        ValueError: If a number is out of range.

    Source: Deshpande, Montanari, Mossel & Sen 2018.
    """
    check_whole(2, nodes=nodes)
    check_whole(features=features)
    edge_signal, feature_signal = _two("signals", signals)
    check_in(f"(0, {nodes / 2})", degree=degree)
    check_in("[0, inf)", signals=feature_signal)
    rng = as_generator("rng", rng)
    if edge_signal**2 > degree:
        raise ValueError(
            f"signals must have λ² of at most the degree, {degree}, got {edge_signal}"
        )
    labels = rng.integers(0, 2, nodes)
    signs = 2 * labels - 1
    direction = rng.normal(size=features) / features**0.5
    noise = rng.normal(size=(nodes, features)) / features**0.5
    x = (feature_signal / nodes) ** 0.5 * signs[:, None] * direction + noise
    shift = edge_signal * degree**0.5
    pairs = _pairs(labels, (degree + shift) / nodes, (degree - shift) / nodes, rng)
    return NodeGraph(x, pairs, labels)


def block_model_signal(
    nodes: int, features: int, signals: tuple[float, float]
) -> float:
    """Compute λ² + μ²/γ, γ = N/F, of `block_model`: groups can be told above 1.

    Raises:
        ValueError: If a number is out of range.
    """
    check_whole(2, nodes=nodes)
    check_whole(features=features)
    edge_signal, feature_signal = _two("signals", signals)
    return edge_signal**2 + feature_signal**2 * features / nodes


def planted_anomalies(
    nodes: int,
    features: int,
    share: float = 0.05,
    camouflage: float = 0.8,
    degree: float = 10.0,
    *,
    rng: np.random.Generator,
) -> NodeGraph:
    """Draw a graph of five communities, and nodes in it that belong to none.

    A normal node has the features of its community, plus noise, and most edges within
    it. An anomaly has those of some community too (its own features say little), but
    its edges go anywhere: to community after community, and to other anomalies with a
    share of 1 − `camouflage`.

    Args:
        nodes: N, at least 20.
        features: F.
        share: Of anomalies, in (0, 0.5).
        camouflage: Share of an anomaly's edges that go to normal nodes, in [0, 1]: the
            larger it is, the less neighbours give it away.
        degree: Mean number of edges that a node draws, positive and less than N/2.
        rng: Random numbers.

    Returns:
        Labels are 1 for anomalies.

    Raises:
        ValueError: If a number is out of range.
    """
    check_whole(20, nodes=nodes)
    check_whole(features=features)
    check_in("(0, 0.5)", share=share)
    check_in("[0, 1]", camouflage=camouflage)
    check_in(f"(0, {nodes / 2})", degree=degree)
    rng = as_generator("rng", rng)
    communities = 5
    labels = np.zeros(nodes, int)
    labels[rng.choice(nodes, max(1, round(share * nodes)), replace=False)] = 1
    community = rng.integers(0, communities, nodes)
    centres = rng.normal(size=(communities, features))
    x = centres[community] + rng.normal(size=(nodes, features))
    odd, normal = np.flatnonzero(labels), np.flatnonzero(labels == 0)
    own = [normal[community[normal] == c] for c in range(communities)]
    own = [members if len(members) else normal for members in own]
    sources, targets = [], []
    for node in range(nodes):
        number = max(1, rng.poisson(degree / 2))
        if labels[node]:
            hidden = rng.random(number) < camouflage
            ends = np.where(hidden, rng.choice(normal, number), rng.choice(odd, number))
        else:
            within = rng.random(number) < 0.9
            members = own[community[node]]
            ends = np.where(
                within, rng.choice(members, number), rng.choice(normal, number)
            )
        sources.append(np.full(number, node))
        targets.append(ends)
    edges = _both_ways(np.stack([np.concatenate(sources), np.concatenate(targets)]))
    return NodeGraph(x, edges, labels)


def _pairs(
    labels: np.ndarray, within: float, between: float, rng: np.random.Generator
) -> np.ndarray:
    """Edges drawn among pairs of alike and of unlike nodes, in O(E)."""
    groups = [np.flatnonzero(labels == label) for label in (0, 1)]
    parts = []
    for a, b, chance in (
        (groups[0], groups[0], within),
        (groups[1], groups[1], within),
        (groups[0], groups[1], between),
    ):
        same = a is b
        count = len(a) * (len(a) - 1) // 2 if same else len(a) * len(b)
        number = rng.binomial(count, min(max(chance, 0), 1)) if count else 0
        places = rng.choice(count, number, replace=False) if number else []
        places = np.asarray(places, int)
        if same:  # the pair of a place in the lower triangle
            i = ((1 + np.sqrt(1 + 8 * places.astype(float))) / 2).astype(int)
            i -= i * (i - 1) // 2 > places  # where the root was rounded up
            parts.append(np.stack([a[i], a[places - i * (i - 1) // 2]]))
        else:
            parts.append(np.stack([a[places // len(b)], b[places % len(b)]]))
    return _both_ways(np.concatenate(parts, axis=1))


def _both_ways(ends: np.ndarray) -> np.ndarray:
    """Each edge once in each direction, without self loops."""
    ends = ends[:, ends[0] != ends[1]]
    both = np.concatenate([ends, ends[::-1]], axis=1)
    return np.unique(both, axis=1)


def _two(name: str, values: object) -> tuple[float, float]:
    pair = list(values) if isinstance(values, tuple | list) else []
    if len(pair) != 2:
        raise ValueError(f"{name} must be two numbers, got {values!r}")
    for value in pair:
        check_in("(-inf, inf)", **{name: value})
    return float(pair[0]), float(pair[1])
