"""Nodes of a citation graph of the user's: DIFFormer, controls, label spreading."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from sklearn.linear_model import LogisticRegression

from isinglass import plot
from isinglass.data.graph_folders import random_splits
from isinglass.data.node_graphs import NodeGraph, block_model
from isinglass.experiments.diffusion.setting import (
    BARE,
    CONVOLVED,
    MEAN,
    NONE,
    PERCENT,
    PUBLISHED,
    REPORT,
    ROWS,
    SEARCH,
    SIGMOID,
    Arm,
    Draws,
    Problem,
    Training,
    learned,
    sides_of,
)
from isinglass.plot import COLOURS, INK, subplots
from isinglass.reproduce import Context, Figure, Ledger, inputs
from isinglass.reproduce.paired import less
from isinglass.systems.diffusion import Graph

ALONG, ROWED, SQUARED, MEANT = (
    arm.along_graph() for arm in (PUBLISHED, ROWS, SIGMOID, MEAN)
)
ARMS = (ALONG, ROWED, SQUARED, MEANT, CONVOLVED, BARE, NONE)
SPREADING, LINEAR, OF_NEIGHBOURS = PEERS = (
    "label spreading",
    "LR on features",
    "LR on neighbours' means, too",
)
CHOICES = {
    SPREADING: (0.5, 0.8, 0.9, 0.99),  # α, how far labels spread
    LINEAR: (0.1, 1.0, 10.0, 100.0),  # C
    OF_NEIGHBOURS: (0.1, 1.0, 10.0, 100.0),
}
LEARNERS = (*(arm.name for arm in ARMS), *PEERS)
SPREADS = 100  # iterations, after which α of 0.99 has come to 1/e
# As others have taken them from the paper: means of five random splits of Cora.
CORA = {ALONG.name: 85.9, SQUARED.name: 84.1, CONVOLVED.name: 81.5}
PER_CLASS, VALIDATION = 20, 500  # labels to learn from and to choose by, of planetoid
NARROW = Training(32, lanes=2)


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        training: How.
        arms: Which.
        nodes: Of the graph that is drawn where the user names none.
    """

    training: Training = NARROW
    arms: tuple[Arm, ...] = ARMS
    nodes: int = 800


SETTINGS = {
    "quick": Setting(
        Training(16, epochs=60, rates=(0.01, 0.03), searches=1, lanes=2, every=10),
        (ALONG, SQUARED, MEANT, CONVOLVED),
        nodes=300,
    ),
    "default": Setting(),
    # The model of Cora: with the program's rate among those that are tried.
    "full": Setting(
        Training(64, layers=8, epochs=500, rates=(0.001, 0.003, 0.01), lanes=2)
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all learners on the same random splits; NaN of what was not trained.

    `rate` is the learning rate, α or C that was chosen on splits that are not reported.
    """
    options = SETTINGS[context.resolution]
    path, graph = context.path(inputs.citations), context.read(inputs.citations)
    if graph is None:
        graph = drawn(options.nodes, context.rng("graph"))
    problem = _problem(context, options.training.searches, graph)
    accuracy = context.table(**PERCENT, learner=LEARNERS, seed=context.seeds)
    chosen = context.table(learner=LEARNERS)
    for (arm,) in context.cases(options.arms, what="models"):
        (outcome,) = learned(context, problem, arm, options.training, [None]).values()
        accuracy.loc[arm.name] = outcome.accuracy
        chosen.loc[arm.name] = outcome.rate
    for (peer,) in context.cases(PEERS, what="peers"):
        best, values = _of_peer(peer, problem)
        accuracy.loc[peer] = values
        chosen.loc[peer] = best
    first, draws = problem.places[None, REPORT, context.seeds[0]], problem.draws
    parts = {"training": draws.training, "validation": draws.validation}
    sizes = {name: int(part[first].sum()) for name, part in parts.items()}
    return xr.Dataset({"accuracy": accuracy, "rate": chosen}).assign_attrs(
        graph="" if path is None else path.name,
        nodes=len(graph.labels),
        features=graph.features.shape[1],
        edges=graph.edges.shape[1] // 2,
        classes=problem.classes,
        test=int(draws.test[first].sum()),
        **sizes,
    )


def drawn(nodes: int, rng: np.random.Generator) -> NodeGraph:
    """A graph of two groups that features and edges tell alike, well above threshold.

    Features are of variance 1 but for what tells the groups.
    """
    width = nodes // 10
    signals = 2.0**0.5, (2.0 * nodes / width) ** 0.5
    graph = block_model(nodes, width, signals, rng=rng)
    return graph._replace(features=graph.features * width**0.5)


def parts_of(labels: np.ndarray) -> tuple[int, int, int]:
    """How many nodes of a class to learn from, to choose by, and to test on.

    The first two as planetoid's where there are enough; else half of the smallest class
    at most, and a third of what is left to choose by. All others are tested on.
    """
    counts = np.bincount(labels)
    per_class = min(PER_CLASS, int(counts.min()) // 2)
    rest = len(labels) - per_class * len(counts)
    validation = min(VALIDATION, rest // 3)
    return per_class, validation, rest - validation


def _problem(context: Context, searches: int, graph: NodeGraph) -> Problem:
    """Random splits of the graph, to search on and to report."""
    count, places, masks = len(graph.labels), {}, []
    for purpose, seeds in ((SEARCH, range(searches)), (REPORT, context.seeds)):
        for seed in seeds:
            rng = context.rng(f"split to {purpose}", seed)
            split = random_splits(graph.labels, *parts_of(graph.labels), rng=rng)
            places[None, purpose, seed] = len(masks)
            masks.append([np.isin(np.arange(count), part) for part in split[:2]])
    training, validation = np.moveaxis(np.array(masks), 1, 0)
    features = graph.features
    if features.min() >= 0:  # counts of words, of which the program takes the shares
        features = features / np.maximum(features.sum(1, keepdims=True), 1)
    draws = Draws(
        jnp.asarray(features, jnp.float32),
        jnp.broadcast_to(jnp.asarray(graph.labels, jnp.int32), training.shape),
        jnp.asarray(training),
        jnp.asarray(validation),
        Graph(graph.edges, count),
    )
    return Problem("citations", draws, int(graph.labels.max()) + 1, places)


def _of_peer(peer: str, problem: Problem) -> tuple[float, list[float]]:
    """The choice, and accuracy in % on each reported split."""
    draws = problem.draws
    labels, features = np.asarray(draws.labels[0]), np.asarray(draws.features)
    if peer == OF_NEIGHBOURS:
        near = draws.graph.convolve(draws.features)
        both = near, draws.graph.convolve(near)
        features = np.concatenate([features, *map(np.asarray, both)], axis=1)

    def answers(choice: float, place: int) -> np.ndarray:
        training = np.asarray(draws.training[place])
        if peer == SPREADING:
            clamped = np.eye(problem.classes)[labels] * training[:, None]
            return spread(draws.graph, clamped, choice).argmax(-1)
        model = LogisticRegression(C=choice, max_iter=1000)
        return model.fit(features[training], labels[training]).predict(features)

    def right(choice: float, place: int, masks: np.ndarray) -> float:
        correct = answers(choice, place) == labels
        return 100 * float(correct[masks[place]].mean())

    validation, test = np.asarray(draws.validation), draws.test
    searched = problem.of(None, SEARCH).values()
    scores = [
        sum(right(choice, place, validation) for place in searched)
        for choice in CHOICES[peer]
    ]
    best = CHOICES[peer][int(np.argmax(scores))]
    reported = problem.of(None, REPORT).values()
    return best, [right(best, place, test) for place in reported]


def spread(graph: Graph, clamped: np.ndarray, alpha: float) -> np.ndarray:
    """Let labels spread along edges: F ← α Ã F + (1 − α) Y (Zhou et al. 2004).

    Args:
        graph: With Ã = D^{−½}(A + I)D^{−½}.
        clamped: Y, (n, classes): 1 where a label is known.
        alpha: In (0, 1).
    """
    labels = jnp.asarray(clamped, jnp.float32)
    flow = labels
    for _ in range(SPREADS):
        flow = alpha * graph.convolve(flow) + (1 - alpha) * labels
    return np.asarray(flow)


def _learners(measured: xr.Dataset) -> list[str]:
    """Those that were trained at this resolution."""
    done = measured.accuracy.notnull().any("seed")
    return [str(name) for name in measured.learner.values[done.values]]


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies, those of Cora beside the paper's, and paired differences to GCN."""
    name, full = measured.graph, measured.resolution == "full"
    paper: dict[str, float] = {}
    because = "The paper's graphs are Cora, CiteSeer and PubMed: --citations DIR"
    if name.lower() == "cora":
        paper = CORA if full else {}
        because = "The paper's model has eight layers of 64 features: --full"
    ledger = ledger.using(because=because)
    for learner in _learners(measured):
        values = measured.accuracy.sel(learner=learner)
        row = f"Accuracy: {learner}"
        if learner in paper:
            ledger.mean(row, values, paper[learner])
        else:
            ledger.ours_alone(row, values)
    for learner, points in _differences(measured).items():
        ledger.ours_alone(f"Less GCN, same splits: {learner}", points)


def _differences(measured: xr.Dataset) -> dict[str, xr.DataArray]:
    others = [name for name in _learners(measured) if name != CONVOLVED.name]
    return {
        name: less(measured.accuracy, "learner", name, CONVOLVED.name)
        for name in others
    }


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy of all learners, and paired differences to GCN."""
    figure, (left, right) = subplots(1, 2, width=10.5, height=4.2, sharey=True)
    names = _learners(measured)
    accuracy = measured.accuracy.sel(learner=names)
    less = xr.zeros_like(accuracy).assign_attrs(valid_range=(-100, 100))
    for name, points in _differences(measured).items():
        less.loc[name] = points
    less = less.where(less.learner != CONVOLVED.name)
    plot.rows(accuracy, left, by="learner")
    plot.rows(less, right, by="learner", colours=COLOURS[1:2])
    right.axvline(0, color=INK, linewidth=1)
    left.set(xlabel="accuracy in %", title="Nodes without labels")
    right.set(xlabel="points", title="Less GCN, same splits")
    yield Figure(
        figure,
        "A dot is a random split, the bar the mean of the splits with its 95 % "
        "confidence interval. Learning rates and strengths were chosen on other "
        "splits.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What is ahead, and what flow between all pairs adds to that along edges."""

    def against(learner: str, of: str) -> Any:
        names = _learners(measured)
        if learner not in names or of not in names:
            return None
        return less(measured.accuracy, "learner", learner, of)

    accuracy = measured.accuracy.sel(learner=_learners(measured))
    pairs = {
        "-s less GCN": against(ALONG.name, CONVOLVED.name),
        "-a less GCN": against(SQUARED.name, CONVOLVED.name),
        "-s less the mean": against(ALONG.name, MEANT.name),
        "-s less the graph alone (S = 0)": against(ALONG.name, BARE.name),
        "-s with rows normed less the mean": against(ROWED.name, MEANT.name),
        "-s less label spreading": against(ALONG.name, SPREADING),
        "GCN less logistic regression on neighbours' means": against(
            CONVOLVED.name, OF_NEIGHBOURS
        ),
    }
    return {
        "graph": measured.attrs,
        "seeds": measured.sizes["seed"],
        "options": SETTINGS[measured.resolution],
        "accuracy": {name: accuracy.sel(learner=name) for name in _learners(measured)},
        "best": str(accuracy.mean("seed").idxmax("learner").values),
        "pairs": {name: values for name, values in pairs.items() if values is not None},
        "side": lambda values: next(
            side
            for side in ("ahead of", "behind", "level with")
            if sides_of({0: values}, side)
        ),
    }
