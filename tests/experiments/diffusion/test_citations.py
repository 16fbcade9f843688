"""A citation graph of the user's: its splits, its peers, and what is told."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from helpers.experiments import measure, parts, rows_of, tell
from isinglass.data import read_citations
from isinglass.experiments.diffusion import citations as experiment
from isinglass.experiments.diffusion.citations import (
    ALONG,
    CONVOLVED,
    CORA,
    LEARNERS,
    PEERS,
    SPREADING,
    Setting,
)
from isinglass.experiments.diffusion.setting import REPORT, Outcome, Training
from isinglass.reproduce import inputs
from isinglass.systems.diffusion import Graph

TINY = Setting(Training(4, 1, 20, (1e-6, 0.1), 1, 2, 10), (ALONG, CONVOLVED), nodes=80)


@pytest.fixture
def folder(tmp_path):
    """Three classes of papers that cite their own, and whose words say as much."""
    rng, place = np.random.default_rng(0), tmp_path / "Cora"
    place.mkdir()
    labels = np.arange(90) % 3
    words = rng.random((90, 12)) < 0.1 + 0.4 * (np.arange(12) % 3 == labels[:, None])
    lines = [
        " ".join([f"paper{i}", *map(str, row.astype(int)), f"topic{label}"])
        for i, (row, label) in enumerate(zip(words, labels, strict=True))
    ]
    (place / "cora.content").write_text("\n".join(lines))
    others = [(i, 3 * rng.integers(30) + i % 3) for i in range(90) for _ in range(3)]
    cites = [f"paper{a} paper{b}" for a, b in others]
    (place / "cora.cites").write_text("\n".join(cites))
    return place


def test_there_are_as_many_labels_as_in_planetoid_or_as_many_as_there_can_be():
    cora = np.repeat(np.arange(7), [818, 426, 418, 351, 298, 217, 180])
    assert experiment.parts_of(cora) == (20, 500, 2068)
    assert experiment.parts_of(np.arange(90) % 3) == (15, 15, 30)
    per_class, validation, test = experiment.parts_of(np.arange(12) % 2)
    assert (per_class, validation, test) == (3, 2, 4)


def test_labels_spread_along_edges_and_no_farther():
    edges = np.array([[0, 1, 1, 2, 3, 4], [1, 0, 2, 1, 4, 3]])
    clamped = np.zeros((5, 2))
    clamped[0, 0], clamped[3, 1] = 1, 1
    spread = experiment.spread(Graph(edges, 5), clamped, 0.9)
    assert spread.argmax(-1).tolist() == [0, 0, 0, 1, 1]
    assert (spread[:3, 1] == 0).all()
    # The fixed point solves (1 − αÃ) F = (1 − α) Y.
    flow = np.asarray(Graph(edges, 5).convolve(jnp.asarray(spread)))
    np.testing.assert_allclose(spread - 0.9 * flow, 0.1 * clamped, atol=1e-4)


def test_a_folder_that_is_no_citation_graph_is_refused_at_once(folder, tmp_path):
    record = inputs.citations.check(folder, {})
    assert record is not None
    assert record.description == "Cora"
    assert inputs.citations.check(None, {}) is None
    with pytest.raises(inputs.InputError, match=r"--citations .*must hold NAME"):
        inputs.citations.check(tmp_path, {})
    lines = (folder / "cora.content").read_text().split("\n")
    (folder / "cora.content").write_text("\n".join(lines[:7]))
    with pytest.raises(inputs.InputError, match="of 6 nodes each at least, got 3 of 2"):
        inputs.citations.check(folder, {})


def test_it_measures_tells_and_reads_the_graph_of_a_user(monkeypatch, folder):
    monkeypatch.setitem(experiment.SETTINGS, "quick", TINY)
    measured = measure(experiment, seeds=2, citations=folder)
    assert measured.attrs["graph"] == "Cora"
    assert (measured.nodes, measured.classes, measured.training) == (90, 3, 45)
    assert measured.edges == read_citations(folder).edges.shape[1] // 2
    trained = [arm.name for arm in TINY.arms]
    accuracy = measured.accuracy.mean("seed")
    assert (accuracy.sel(learner=[CONVOLVED.name, SPREADING]) > 80).all()
    assert (measured.rate.sel(learner=trained) == 0.1).all()
    outcome = tell(experiment, measured)
    names = [*trained, *PEERS]
    assert len(rows_of(outcome)) == 2 * len(names) - 1
    assert "Cora: 90 nodes of 3 classes" in outcome.findings
    assert "numbers of either kind do not compare" in outcome.findings
    assert parts(outcome) == [""]
    assert all(row.paper is None for row in outcome.rows)


def test_cora_is_compared_where_the_model_is_the_papers(monkeypatch, folder):
    monkeypatch.setitem(experiment.SETTINGS, "full", TINY)
    measured = measure(experiment, seeds=2, resolution="full", citations=folder)
    rows = rows_of(tell(experiment, measured))
    assert rows[f"Accuracy: {ALONG.name}"].paper == CORA[ALONG.name]
    assert rows[f"Accuracy: {SPREADING}"].paper is None


def test_without_a_folder_a_graph_is_drawn(monkeypatch):
    def untrained(context, problem, arm, training, cases):
        count = len(problem.of(cases[0], REPORT))
        nothing: Any = None
        return {cases[0]: Outcome(0.1, nothing, np.full(count, 50.0))}

    monkeypatch.setattr(experiment, "learned", untrained)
    monkeypatch.setitem(experiment.SETTINGS, "quick", TINY)
    measured = measure(experiment, seeds=2)
    assert measured.attrs["graph"] == ""
    assert measured.nodes == 80
    assert set(measured.learner.values) == set(LEARNERS)
    findings = tell(experiment, measured).findings
    assert "the graph is a generated one: two groups of 80 nodes" in findings
    assert "Cora, CiteSeer and PubMed cannot be compared" in findings
