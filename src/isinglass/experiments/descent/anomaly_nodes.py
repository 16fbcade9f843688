"""Nodes that hide: a generated graph, honest splits, the model and its peers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from isinglass.data import NodeGraph, planted_anomalies
from isinglass.reproduce import Context, following
from isinglass.systems.descent import EnergyTransformerConfig, NodeEnergyTransformer
from isinglass.training import LaneRecipe, LaneTask, train_lanes
from isinglass.training.lanes import each_lane

# Shares of nodes to learn from and to choose on; the rest is tested on.
TRAINING, VALIDATION = 0.4, 0.2
STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)  # C of logistic regression


@dataclass(frozen=True)
class NodeSetting:
    """Graphs, and how models are trained on them.

    Attributes:
        nodes: N.
        features: F.
        camouflage: Share of an anomaly's edges that go to normal nodes.
        shape: Of the block.
        rates: Learning rates to choose from.
        searches: Graphs to choose them on, none of them reported.
        recipe: How to train; the record of the largest validation area counts.
    """

    nodes: int = 2000
    features: int = 16
    camouflage: float = 0.8
    shape: EnergyTransformerConfig = EnergyTransformerConfig(  # noqa: RUF009
        32, 2, 8, 64, step_size=1.0
    )
    rates: Sequence[float] = (0.001, 0.003, 0.01)
    searches: int = 3
    recipe: LaneRecipe = LaneRecipe(  # noqa: RUF009
        120, weight_decay=0.01, every=10, best=True
    )


class Split(NamedTuple):
    """A graph whose nodes are parted: which are to learn from, to choose on, to test.

    Attributes:
        graph: Its features have mean 0 and variance 1 over all nodes.
        training, validation, test: Of each node, whether it is of that part.
    """

    graph: NodeGraph
    training: Bool[np.ndarray, "n"]
    validation: Bool[np.ndarray, "n"]
    test: Bool[np.ndarray, "n"]


class Graphs(NamedTuple):
    """Several graphs of as many nodes, stacked; links are filled up with −1.

    Attributes:
        features: (g, N, F).
        links: (g, 2, E).
        labels: (g, N).
        training, validation: (g, N).
    """

    features: Any
    links: Any
    labels: Any
    training: Any
    validation: Any


def draw_split(rng: np.random.Generator, setting: NodeSetting) -> Split:
    """A graph, and parts of its nodes with as large a share of anomalies in each."""
    graph = planted_anomalies(
        setting.nodes, setting.features, camouflage=setting.camouflage, rng=rng
    )
    x = graph.features
    graph = graph._replace(features=(x - x.mean(0)) / x.std(0))
    place = np.empty(setting.nodes)
    for label in (0, 1):
        members = np.flatnonzero(graph.labels == label)
        place[members] = (rng.permutation(len(members)) + 0.5) / len(members)
    learned = place < TRAINING
    chosen = ~learned & (place < TRAINING + VALIDATION)
    return Split(graph, learned, chosen, ~learned & ~chosen)


def stacked(splits: Sequence[Split]) -> Graphs:
    """What models are trained on."""
    most = max(split.graph.edges.shape[1] for split in splits)
    links = [
        np.pad(
            split.graph.edges,
            ((0, 0), (0, most - split.graph.edges.shape[1])),
            constant_values=-1,
        )
        for split in splits
    ]
    return Graphs(
        np.stack([split.graph.features for split in splits]).astype(np.float32),
        np.stack(links).astype(np.int32),
        np.stack([split.graph.labels for split in splits]).astype(np.int32),
        np.stack([split.training for split in splits]),
        np.stack([split.validation for split in splits]),
    )


class OnGraph(eqx.Module):
    """A model of one of several graphs.

    Attributes:
        model: It.
        number: Which graph is its own.
        steps: Down its energy; 0 leaves what is encoded as it is.
    """

    model: NodeEnergyTransformer
    number: Int[Array, ""]
    steps: int = eqx.field(static=True)

    def logits(self, graphs: Graphs) -> Float[Array, "n 2"]:
        """Of the nodes of its graph."""
        features, links = graphs.features[self.number], graphs.links[self.number]
        if self.steps:
            return self.model(features, links, self.steps)
        start = features @ self.model.encode
        return jnp.concatenate([start, start], axis=-1) @ self.model.readout

    def margins(self, graphs: Graphs) -> Float[Array, "n"]:
        """By how much each node is rather an anomaly, in logits."""
        logits = self.logits(graphs)
        return logits[:, 1] - logits[:, 0]

    def by_class(self, graphs: Graphs, among: Bool[Array, "g n"]) -> list[Array]:
        """Which nodes of a part are normal, and which are not, (n,) each."""
        labels, part = graphs.labels[self.number], among[self.number]
        return [part & (labels == label) for label in (0, 1)]


def training_loss(model: OnGraph, graphs: Graphs, key: Any) -> Float[Array, ""]:
    """Cross-entropy of all nodes to learn from; both classes weigh the same."""
    del key
    logs = jax.nn.log_softmax(model.logits(graphs), axis=-1).T
    normal, odd = model.by_class(graphs, graphs.training)
    means = [
        (log * part).sum() / part.sum()
        for log, part in zip(logs, (normal, odd), strict=True)
    ]
    return -(means[0] + means[1]) / 2


def validation_area(model: OnGraph, graphs: Graphs) -> Float[Array, ""]:
    """1 less the area under the curve, on the nodes to choose on."""
    margin = model.margins(graphs)
    normal, odd = model.by_class(graphs, graphs.validation)
    pairs = odd[:, None] & normal
    return 1 - ((margin[:, None] > margin) & pairs).sum() / pairs.sum()


@eqx.filter_jit
def _margins(models: OnGraph, graphs: Graphs) -> Float[Array, "g n"]:
    return each_lane(lambda model: model.margins(graphs), models)


def train(
    context: Context,
    name: str,
    graphs: Graphs,
    rates: Sequence[float],
    steps: int,
    setting: NodeSetting,
) -> tuple[np.ndarray, np.ndarray]:
    """Train a model of every graph with every rate.

    Returns:
        Scores of all nodes, (rates, g, N), and least validation values, (rates, g).
    """
    count, lanes = len(graphs.labels), len(rates) * len(graphs.labels)
    numbers = jnp.tile(jnp.arange(count, dtype=jnp.int32), len(rates))
    keys = jax.random.split(jax.random.key(context.seed_of(name)), (2, lanes))

    @eqx.filter_vmap
    def start(key: Any, number: Any) -> OnGraph:
        model = NodeEnergyTransformer(setting.shape, setting.features, key=key)
        return OnGraph(model, number, steps)

    task = LaneTask(
        training_loss, graphs, validation_area, plan={"name": name, "steps": steps}
    )
    with following(context, name, name) as runtime:
        trained = train_lanes(
            start(keys[0], numbers),
            task,
            setting.recipe,
            learning_rates=np.repeat(rates, count),
            keys=keys[1],
            runtime=runtime,
        )
    scores = np.asarray(_margins(trained.models, graphs))
    values = trained.metrics.validation.min("step").values
    shape = len(rates), count
    return scores.reshape(*shape, -1), values.reshape(shape)


# -- peers -----------------------------------------------------------------------------


def neighbour_mean(graph: NodeGraph) -> Float[np.ndarray, "n f"]:
    """Mean features of the neighbours; 0 of a node without any."""
    total = np.zeros_like(graph.features)
    np.add.at(total, graph.edges[0], graph.features[graph.edges[1]])
    degree = np.bincount(graph.edges[0], minlength=len(total))
    return total / np.maximum(degree, 1)[:, None]


def own(graph: NodeGraph) -> np.ndarray:
    """The features of a node."""
    return graph.features


def beside(graph: NodeGraph) -> np.ndarray:
    """Features, and the mean of the neighbours'."""
    return np.hstack([graph.features, neighbour_mean(graph)])


def apart(graph: NodeGraph) -> np.ndarray:
    """Both, and the squares of what is between them."""
    mean = neighbour_mean(graph)
    return np.hstack([graph.features, mean, (graph.features - mean) ** 2])


View = Callable[[NodeGraph], np.ndarray]


def regression_scores(split: Split, view: View, strength: float) -> np.ndarray:
    """Scores of logistic regression, in which both classes weigh the same."""
    x, labels = view(split.graph), split.graph.labels
    peer = LogisticRegression(C=strength, class_weight="balanced", max_iter=2000)
    peer.fit(x[split.training], labels[split.training])
    return peer.decision_function(x)


def forest_scores(split: Split, view: View, seed: int) -> np.ndarray:
    """Scores of an isolation forest, which sees no labels."""
    x = view(split.graph)
    forest = IsolationForest(random_state=seed).fit(x[split.training])
    return -forest.score_samples(x)


def best_strength(splits: Sequence[Split], view: View) -> float:
    """C of the largest area under the curve on nodes to choose on."""

    def area(strength: float) -> float:
        return sum(
            area_under(split, regression_scores(split, view, strength), "validation")
            for split in splits
        )

    return max(STRENGTHS, key=area)


# -- how well --------------------------------------------------------------------------


def area_under(split: Split, scores: np.ndarray, part: str = "test") -> float:
    """Area under the curve of true against false alarms, in percent."""
    members = getattr(split, part)
    return 100 * float(roc_auc_score(split.graph.labels[members], scores[members]))


def macro_f1(split: Split, scores: np.ndarray) -> float:
    """Mean F1 of both classes on test nodes, in percent.

    A node is an anomaly above the threshold that is best on the nodes to choose on.
    """
    labels = split.graph.labels == 1
    chosen = np.sort(scores[split.validation])
    middles = (chosen[1:] + chosen[:-1]) / 2
    thresholds = np.concatenate([[-np.inf], middles, [np.inf]])
    values = _f1(labels[split.validation], scores[split.validation], thresholds)
    best = thresholds[values.argmax()]
    return 100 * float(_f1(labels[split.test], scores[split.test], np.array([best]))[0])


def _f1(labels: np.ndarray, scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    alarms = scores[None] > thresholds[:, None]
    wrong = (alarms != labels).sum(1)
    right = (alarms & labels).sum(1), (~alarms & ~labels).sum(1)
    normal, odd = (2 * r / np.maximum(2 * r + wrong, 1) for r in right)
    return (normal + odd) / 2
