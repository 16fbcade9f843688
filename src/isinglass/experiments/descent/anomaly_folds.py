"""Whole graphs of two ensembles: right on graphs trained on, and on others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from sklearn.linear_model import LogisticRegression

from isinglass.data import GraphSet
from isinglass.reproduce import Context, following
from isinglass.systems.descent import EnergyTransformerConfig, GraphEnergyTransformer
from isinglass.training import LaneRecipe, LaneTask, train_lanes
from isinglass.training.lanes import each_lane

PARTS = ("training", "test")
REGULAR = 4  # neighbours of every node


@dataclass(frozen=True)
class FoldSetting:
    """Graphs, and how models are trained on them.

    Attributes:
        nodes: Of a graph.
        features: Kinds of nodes, drawn at random: they say nothing of the class.
        swaps: Of the ends of two edges, for each edge, by class.
        parts: Graphs to learn from and to test on.
        shape: Of the blocks.
        batch: Graphs a step.
        rates: Learning rates to choose from: by accuracy on graphs trained on, as the
            authors' notebooks, which hold out none, must.
        searches: Sets of graphs to choose them on, none of them reported.
        recipe: How to train, to the end.
        largest: Graphs of more nodes are left out of a folder of the user's.
    """

    nodes: int = 16
    features: int = 4
    swaps: tuple[float, float] = (0.3, 4.0)
    parts: tuple[int, int] = (100, 200)
    shape: EnergyTransformerConfig = EnergyTransformerConfig(  # noqa: RUF009
        16, 2, 8, 32, mixed_heads=True
    )
    batch: int = 32
    rates: Sequence[float] = (0.003, 0.01)
    searches: int = 2
    recipe: LaneRecipe = LaneRecipe(300, every=100)  # noqa: RUF009
    largest: int = 64


class Pool(NamedTuple):
    """Graphs, and which of them are whose.

    Attributes:
        nodes: Features, (G, n, F); of graphs of fewer nodes filled up with 0.
        edges: (G, n, n, 1), 0 for none.
        labels: (G,).
        members: Of each model the graphs of each of `PARTS`.
    """

    nodes: Float[Array, "g n f"]
    edges: Float[Array, "g n n one"]
    labels: Int[Array, "g"]
    members: dict[str, Int[Array, "lanes k"]]


def draw_pool(rngs: Sequence[np.random.Generator], setting: FoldSetting) -> Pool:
    """Draw graphs anew for each model, as many of either class in each part."""
    count = sum(setting.parts)
    labels = np.tile(np.arange(count) % 2, len(rngs))
    edges, kinds = [], []
    for rng in rngs:
        swaps = [setting.swaps[number % 2] for number in range(count)]
        edges += [rewired(rng, setting.nodes, swap) for swap in swaps]
        kinds.append(rng.integers(0, setting.features, (count, setting.nodes)))
    ends = np.cumsum((0, *setting.parts))
    members = {
        part: np.arange(first, last) + count * np.arange(len(rngs))[:, None]
        for part, first, last in zip(PARTS, ends, ends[1:], strict=False)
    }
    nodes = np.eye(setting.features)[np.concatenate(kinds)]
    return _pool(nodes, np.stack(edges)[..., None], labels, members)


def users_pool(
    graphs: GraphSet, rngs: Sequence[np.random.Generator], setting: FoldSetting
) -> Pool:
    """Part a set of the user's anew for each model: 90 and 10 %.

    Graphs of too many nodes are left out.
    """
    small = [
        number
        for number, graph in enumerate(graphs.graphs)
        if len(graph.labels) <= setting.largest
    ]
    most = max(len(graphs.graphs[number].labels) for number in small)
    features = graphs.graphs[0].features.shape[1]
    nodes = np.zeros((len(small), most, features))
    edges = np.zeros((len(small), most, most, 1))
    for place, number in enumerate(small):
        graph = graphs.graphs[number]
        nodes[place, : len(graph.labels)] = graph.features
        edges[place, graph.edges[0], graph.edges[1]] = 1
    order = np.stack([rng.permutation(len(small)) for rng in rngs])
    parts = np.split(order, [round(0.9 * len(small))], axis=1)
    members = dict(zip(PARTS, parts, strict=True))
    return _pool(nodes, edges, graphs.labels[small], members)


def _pool(nodes: Any, edges: Any, labels: Any, members: Any) -> Pool:
    return Pool(
        jnp.asarray(nodes, jnp.float32),
        jnp.asarray(edges, jnp.float32),
        jnp.asarray(labels, jnp.int32),
        {part: jnp.asarray(places, jnp.int32) for part, places in members.items()},
    )


def rewired(rng: np.random.Generator, nodes: int, swaps: float) -> np.ndarray:
    """A ring, each node linked to its two next on either side, with edges swapped.

    Two edges ab, cd become ad, cb where neither is there: all degrees stay 4, and
    triangles are lost. Nodes are numbered at random.

    Returns:
        Which are linked, (n, n).
    """
    there = np.zeros((nodes, nodes), bool)
    ring = np.arange(nodes)
    for shift in range(1, REGULAR // 2 + 1):
        there[ring, (ring + shift) % nodes] = True
    there |= there.T
    ends = np.argwhere(np.triu(there))
    for _ in range(round(swaps * len(ends))):
        first, second = rng.choice(len(ends), 2, replace=False)
        (a, b), (c, d) = ends[first], ends[second][:: rng.choice([-1, 1])]
        if len({a, b, c, d}) < 4 or there[a, d] or there[c, b]:
            continue
        there[[a, b, c, d], [b, a, d, c]] = False
        there[[a, d, c, b], [d, a, b, c]] = True
        ends[first], ends[second] = (a, d), (c, b)
    order = rng.permutation(nodes)
    return there[np.ix_(order, order)]


class OnPool(eqx.Module):
    """A model of some of the graphs.

    Attributes:
        model: It.
        lane: Which members are its own.
        batch: Graphs that it learns from in a step.
    """

    model: GraphEnergyTransformer
    lane: Int[Array, ""]
    batch: int = eqx.field(static=True)

    def logits(self, pool: Pool, places: Any, key: Any = None) -> Array:
        """Of graphs, with the noise of a key."""
        return self.model(pool.nodes[places], pool.edges[places], key=key)


def training_loss(model: OnPool, pool: Pool, key: Any) -> Float[Array, ""]:
    """Cross-entropy of graphs to learn from, with noise as published."""
    draw, noise = jax.random.split(key)
    members = pool.members["training"][model.lane]
    places = jax.random.choice(draw, members, (model.batch,))
    return _cross_entropy(model.logits(pool, places, noise), pool.labels[places])


def _cross_entropy(logits: Array, labels: Array) -> Float[Array, ""]:
    logs = jax.nn.log_softmax(logits, axis=-1)
    return -jnp.take_along_axis(logs, labels[:, None], axis=-1).mean()


@eqx.filter_jit
def _accuracies(models: OnPool, pool: Pool) -> Float[Array, "lanes parts"]:
    def of_model(model: OnPool) -> Array:
        shares = []
        for part in PARTS:
            places = pool.members[part][model.lane]
            right = model.logits(pool, places).argmax(-1) == pool.labels[places]
            shares.append(right.mean())
        return jnp.stack(shares)

    return each_lane(of_model, models)


def train(
    context: Context,
    name: str,
    pool: Pool,
    rates: Sequence[float],
    setting: FoldSetting,
) -> Float[np.ndarray, "rates models parts"]:
    """Train a model of every set of members with every rate.

    Returns:
        Accuracy in percent on each of `PARTS`, (rates, models, parts).
    """
    count = len(pool.members["training"])
    lanes = len(rates) * count
    keys = jax.random.split(jax.random.key(context.seed_of(name)), (2, lanes))
    numbers = jnp.tile(jnp.arange(count, dtype=jnp.int32), len(rates))
    sizes = pool.nodes.shape[-1], 1, int(pool.labels.max()) + 1

    @eqx.filter_vmap
    def start(key: Any, number: Any) -> OnPool:
        model = GraphEnergyTransformer(setting.shape, sizes, key=key)
        return OnPool(model, number, setting.batch)

    task = LaneTask(training_loss, pool, plan={"name": name})
    with following(context, name, name) as runtime:
        trained = train_lanes(
            start(keys[0], numbers),
            task,
            setting.recipe,
            learning_rates=np.repeat(rates, count),
            keys=keys[1],
            runtime=runtime,
        )
    accuracy = 100 * np.asarray(_accuracies(trained.models, pool))
    return accuracy.reshape(len(rates), count, -1)


def counted(pool: Pool, lane: int) -> Float[np.ndarray, " parts"]:
    """Accuracy of logistic regression on counts: nodes, edges, triangles, features."""
    edges = np.asarray(pool.edges[..., 0] != 0, float)
    nodes = np.asarray(pool.nodes)
    x = np.column_stack(
        [
            edges.any(-1).sum(-1),
            edges.sum((1, 2)) / 2,
            np.einsum("gij,gjk,gki->g", edges, edges, edges, optimize=True) / 6,
            nodes.sum(1),
        ]
    )
    x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-9)
    labels = np.asarray(pool.labels)
    places = {part: np.asarray(pool.members[part][lane]) for part in PARTS}
    learned = places["training"]
    peer = LogisticRegression(max_iter=2000).fit(x[learned], labels[learned])
    return np.array([100 * peer.score(x[at], labels[at]) for at in places.values()])
