"""What can be known of the block model's groups: belief propagation beside AMP.

Of N nodes with labels v_i = ±1, edges drawn with probability (d + λ√d v_i v_j)/N, and
features √F x_i = √(μ/N) v_i u + z_i with u, z Gaussian. Messages m_{i→j} = tanh h_{i→j}
along edges, and approximate message passing (AMP) for u,

    h_{i→j} = h⁰_i + b_i − (λ√d/N) Σ_k m_k + Σ_{k∈∂i∖j} artanh((λ/√d) m_{k→i})
    û = σ (√(μ/N) Bᵀm − (μ/N) Σ_k (1 − m_k²) û′),     1/σ = 1 + (μ/N) Σ_k m_k²
    b = √(μ/N) B û − (μ F/N) σ m

with B = √F x and û′ the estimate before; h⁰ is ±∞ for labels that are there. As N
grows, nothing is conjectured to be right more often. Without labels it is no better
than chance below the threshold λ² + μ² F/N = 1.

Source: Deshpande, Montanari, Mossel & Sen 2018, arXiv 1807.08479; with labels Duranthon
& Zdeborová 2023, arXiv 2306.07948. Derived here anew from the model.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass.data.node_graphs import NodeGraph

STEPS, NEAR = 300, 1e-6
CERTAIN = 1 - 1e-12


class Signals(NamedTuple):
    """How the graph was drawn.

    Attributes:
        edges: λ.
        features: μ.
        degree: d.
    """

    edges: float
    features: float
    degree: float


class Beliefs(NamedTuple):
    """What can be known of the labels.

    Attributes:
        mean: E[v_i], (N,), in [−1, 1]; ±1 where the label is there.
        steps: Steps taken.
        is_fixed: Whether the last of them changed nothing any more.
    """

    mean: Float[np.ndarray, "n"]
    steps: int
    is_fixed: bool


def beliefs(
    graph: NodeGraph,
    signals: Signals,
    labels: Int[np.ndarray, "n"],
    rng: np.random.Generator,
) -> Beliefs:
    """Compute E[v_i | graph, features, labels] by message passing.

    Args:
        graph: Of the block model.
        signals: λ, μ and d that it was drawn with; λ = 0 leaves the edges out, μ = 0
            the features.
        labels: v of the nodes whose label is there, ±1, and 0 of the others.
        rng: Of the first messages, which are near 0.
    """
    count, width = graph.features.shape
    sources, targets = graph.edges
    back = np.lexsort((sources, targets))  # of each edge, the one that goes back
    pull = signals.edges / signals.degree**0.5
    data, gain = graph.features * width**0.5, (signals.features / count) ** 0.5
    there = labels != 0
    mean = np.where(there, labels, 0.01 * rng.normal(size=count))
    messages, direction = mean[sources], np.zeros(width)
    for step in range(1, STEPS + 1):
        scale = 1 / (1 + gain**2 * (mean**2).sum())
        memory = gain**2 * (1 - mean**2).sum() * direction
        direction = scale * (gain * (mean @ data) - memory)
        field = gain * (data @ direction) - gain**2 * width * scale * mean
        field -= signals.edges * signals.degree**0.5 * mean.mean()
        pulls = np.arctanh(np.clip(pull * messages, -CERTAIN, CERTAIN))
        field += np.bincount(targets, pulls, count)
        before, mean = mean, np.where(there, labels, np.tanh(field))
        # What a neighbour said is not said back to it.
        sent = np.tanh(field[sources] - pulls[back])
        messages = np.where(there[sources], labels[sources], sent)
        if np.abs(mean - before).max() < NEAR:
            return Beliefs(mean, step, True)
    return Beliefs(mean, STEPS, False)
