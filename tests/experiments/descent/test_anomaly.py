"""Nodes that hide and whole graphs: splits, scores, and what is told."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import f1_score

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.data import NodeGraph
from isinglass.experiments.descent import anomaly as experiment
from isinglass.experiments.descent import anomaly_folds as folds
from isinglass.experiments.descent import anomaly_nodes as nodes
from isinglass.experiments.descent.anomaly import LEARNERS, Setting
from isinglass.experiments.descent.anomaly_folds import FoldSetting, rewired
from isinglass.experiments.descent.anomaly_nodes import NodeSetting, Split
from isinglass.reproduce import inputs
from isinglass.systems.descent import EnergyTransformerConfig, NodeEnergyTransformer

TOY = Setting(
    NodeSetting(100, 4, rates=(0.01, 0.1), searches=2),
    FoldSetting(8, 2, parts=(8, 6), searches=1),
)


def fake_nodes(context, name, graphs, rates, steps, setting):
    """Scores that are right where there are steps, if the first rate was chosen."""
    scores = graphs.labels if steps else 0 * graphs.labels
    values = np.arange(len(rates) * len(scores)).reshape(len(rates), -1)
    assert "search" in name or rates == [0.01]
    return np.stack([scores] * len(rates)), values


def fake_folds(context, name, pool, rates, setting):
    """All of the graphs trained on, and half of the others, if at the second rate."""
    assert "search" in name or rates == [0.01]
    count = len(pool.members["training"])
    return np.stack(
        [np.tile([100.0 * rate / 0.01, 50.0], (count, 1)) for rate in rates]
    )


@pytest.fixture
def folder(tmp_path):
    """Forty graphs of three nodes, of two classes, of which one has no third edge."""
    place = tmp_path / "TOY"
    place.mkdir()
    ends, owner, labels = [], [], []
    for graph in range(40):
        first = 3 * graph + 1
        pairs = [(0, 1), (1, 2), (0, 2)][: 2 + graph % 2]
        ends += [f"{first + a}, {first + b}" for a, b in pairs]
        owner += [f"{graph + 1}"] * 3
        labels.append(f"{graph % 2}")
    (place / "TOY_A.txt").write_text("\n".join(ends))
    (place / "TOY_graph_indicator.txt").write_text("\n".join(owner))
    (place / "TOY_graph_labels.txt").write_text("\n".join(labels))
    return place


def test_a_split_parts_all_nodes_and_both_classes():
    split = nodes.draw_split(np.random.default_rng(0), NodeSetting(200, 4))
    masks = np.stack(split[1:])
    assert (masks.sum(0) == 1).all()
    assert masks.sum(1).tolist() == [80, 40, 80]
    assert [int(split.graph.labels[mask].sum()) for mask in masks] == [4, 2, 4]


def test_edges_are_swapped_and_degrees_stay():
    rng = np.random.default_rng(0)
    for swaps in (0.0, 0.5, 5.0):
        there = rewired(rng, 12, swaps).astype(int)
        assert (there == there.T).all()
        assert (there.sum(0) == 4).all()
        triangles = np.trace(np.linalg.matrix_power(there, 3)) / 6
        assert (triangles == 12) == (swaps == 0)


def test_the_threshold_is_that_of_the_nodes_to_choose_on():
    labels = np.array([0, 0, 1, 1, 0, 0, 1, 0])
    scores = np.array([0.1, 0.2, 0.8, 0.9, 0.0, 0.6, 0.7, 0.4])
    chosen = np.arange(8) < 4
    graph = NodeGraph(np.zeros((8, 1)), np.zeros((2, 0), int), labels)
    split = Split(graph, ~chosen & chosen, chosen, ~chosen)
    expected = 100 * f1_score(labels[4:], scores[4:] > 0.5, average="macro")
    assert nodes.macro_f1(split, scores) == pytest.approx(expected)
    assert nodes.area_under(split, scores) == 100


def test_neighbours_are_averaged():
    edges = np.array([[0, 0, 1, 2], [1, 2, 0, 0]])
    graph = NodeGraph(np.array([[1.0], [2], [4], [8]]), edges, np.zeros(4, int))
    np.testing.assert_array_equal(nodes.neighbour_mean(graph).T, [[3, 1, 1, 0]])


def test_a_folder_that_is_no_set_of_graphs_is_refused_at_once(folder, tmp_path):
    record = inputs.graphs.check(folder, {})
    assert record is not None
    assert record.description == "TOY"
    assert inputs.graphs.check(None, {}) is None
    with pytest.raises(inputs.InputError, match=r"--graphs .*must hold one NAME_A.txt"):
        inputs.graphs.check(tmp_path, {})
    (folder / "TOY_graph_labels.txt").write_text("\n".join(["7"] * 40))
    with pytest.raises(inputs.InputError, match="got 40 of 1"):
        inputs.graphs.check(folder, {})


def test_without_a_read_out_nothing_is_known(monkeypatch):
    split = nodes.draw_split(np.random.default_rng(0), TOY.nodes)
    graphs = nodes.Graphs(*map(jnp.asarray, nodes.stacked([split, split])))
    model = NodeEnergyTransformer(
        EnergyTransformerConfig(4, 1, 2, 4), 4, key=jax.random.key(0)
    )
    model = nodes.OnGraph(model, jnp.asarray(1), 0)
    assert 0 < nodes.validation_area(model, graphs) < 1
    blind = eqx.tree_at(lambda m: m.model.readout, model, 0 * model.model.readout)
    loss = nodes.training_loss(blind, graphs, None)
    assert loss == pytest.approx(np.log(2))
    assert nodes.validation_area(blind, graphs) == 1  # none is above another


def test_it_measures_tells_and_reads_the_graphs_of_a_user(monkeypatch, folder):
    monkeypatch.setitem(experiment.SETTINGS, "quick", TOY)
    monkeypatch.setattr(nodes, "train", fake_nodes)
    monkeypatch.setattr(folds, "train", fake_folds)
    measured = measure(experiment, seeds=2, graphs=folder)
    assert (measured.area.sel(learner=list(experiment.MODELS[:2])) == 100).all()
    assert (measured.area.sel(learner=experiment.MODELS[2]) == 50).all()
    # Whether there are three edges is told by counts.
    others = measured.users.sel(graph_learner="logistic regression on counts")
    assert (others == 100).all()
    outcome = tell(experiment, measured)
    assert len(rows_of(outcome)) == 2 * len(LEARNERS) + 2 * 4
    assert parts(outcome) == ["", "graphs"]
    assert "a gap of 50" in outcome.findings
    assert "shows the first number and not the second" in outcome.findings
    assert "TOY: 100" in outcome.findings
    assert "cannot be compared" in outcome.findings
