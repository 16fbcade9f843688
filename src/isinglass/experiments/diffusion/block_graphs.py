"""Graphs of the block model with labels to learn from, as the experiments draw them."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from isinglass.data.graph_folders import random_splits
from isinglass.data.node_graphs import NodeGraph, block_model
from isinglass.experiments.diffusion.belief_propagation import Signals
from isinglass.experiments.diffusion.setting import REPORT, SEARCH, Draws, Problem
from isinglass.reproduce import Context
from isinglass.systems.diffusion import Graph

DEGREE, CLASSES = 10.0, 2
ROUND = 4096  # edges are filled up to a multiple of it


@dataclass(frozen=True)
class Ensemble:
    """What graphs are drawn.

    Attributes:
        nodes: N.
        features: F; γ = N/F.
        per_class: Labels of a group to learn from.
        validation: Labels to choose by; all others are tested on.
    """

    nodes: int = 2000
    features: int = 200
    per_class: int = 50
    validation: int = 200

    def signals(self, signal: float) -> Signals:
        """λ and μ with λ² = μ²/γ, half of the signal each."""
        ratio = self.nodes / self.features
        return Signals((signal / 2) ** 0.5, (ratio * signal / 2) ** 0.5, DEGREE)

    def draw(self, signal: float, rng: np.random.Generator) -> NodeGraph:
        """A graph."""
        edges, features, degree = self.signals(signal)
        return block_model(
            self.nodes, self.features, (edges, features), degree, rng=rng
        )

    def masks(self, labels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Which nodes are learned from, and which chosen by."""
        test = self.nodes - CLASSES * self.per_class - self.validation
        split = random_splits(labels, self.per_class, self.validation, test, rng=rng)
        return [np.isin(np.arange(self.nodes), part) for part in split[:2]]


def problem(
    context: Context, ensemble: Ensemble, signal: float, searches: int
) -> tuple[Problem, list[NodeGraph]]:
    """Graphs of one signal, to search on and to report, and the draws as they were."""
    purposes = [
        *((SEARCH, seed) for seed in range(searches)),
        *((REPORT, seed) for seed in context.seeds),
    ]
    # The same random numbers at every signal.
    graphs = [
        ensemble.draw(signal, context.rng(f"graph to {purpose}", seed))
        for purpose, seed in purposes
    ]
    masks = [
        ensemble.masks(graph.labels, context.rng(f"split to {purpose}", seed))
        for (purpose, seed), graph in zip(purposes, graphs, strict=True)
    ]
    training, validation = np.moveaxis(np.array(masks), 1, 0)
    # Of variance 1 but for the signal.
    features = np.stack([graph.features for graph in graphs]) * ensemble.features**0.5
    draws = Draws(
        jnp.asarray(features, jnp.float32),
        jnp.asarray(np.stack([graph.labels for graph in graphs]), jnp.int32),
        jnp.asarray(training),
        jnp.asarray(validation),
        stacked([Graph(graph.edges, ensemble.nodes) for graph in graphs]),
    )
    places = {(signal, *key): place for place, key in enumerate(purposes)}
    return Problem(f"signal {signal:g}", draws, CLASSES, places), graphs


def stacked(graphs: list[Graph]) -> Graph:
    """Graphs of as many nodes along a first axis, filled up with edges of weight 0."""
    # To a round number, so that graphs of other draws need no other program.
    most = ROUND * -(-max(len(graph.weights) for graph in graphs) // ROUND)

    def filled(graph: Graph) -> Graph:
        arrays = graph.sources, graph.targets, graph.weights
        longer = tuple(jnp.pad(x, (0, most - len(x))) for x in arrays)
        return eqx.tree_at(lambda g: (g.sources, g.targets, g.weights), graph, longer)

    return jax.tree.map(lambda *xs: jnp.stack(xs), *map(filled, graphs))
