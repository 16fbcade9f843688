"""Folders of graphs in the formats of TU and of citation graphs."""

import numpy as np
import pytest

from isinglass.data import GraphFileError, random_splits, read_citations, read_graphs

TU = {
    "A": "1, 2\n2, 1\n2, 2\n3, 4\n4, 5\n",  # a loop; edges of one direction
    "graph_indicator": "1\n1\n2\n2\n2\n",
    "graph_labels": "-1\n1\n",
    "node_labels": "0\n2\n0\n2\n2\n",
}


def write(folder, files, name="T"):
    for part, text in files.items():
        (folder / f"{name}_{part}.txt").write_text(text)


def test_a_folder_of_the_tu_collection_is_read(tmp_path):
    write(tmp_path, TU)
    graphs, labels = read_graphs(tmp_path)
    np.testing.assert_array_equal(labels, [0, 1])
    np.testing.assert_array_equal(graphs[0].edges, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(graphs[1].edges, [[0, 1, 1, 2], [1, 0, 2, 1]])
    np.testing.assert_array_equal(graphs[1].labels, [0, 1, 1])
    np.testing.assert_array_equal(graphs[1].features, [[1, 0], [0, 1], [0, 1]])
    write(tmp_path, {"node_attributes": "0.5, 1\n" * 5})
    assert read_graphs(tmp_path).graphs[0].features.shape == (2, 2)


@pytest.mark.parametrize(
    ("part", "text", "words"),
    [
        ("A", "1, 3\n", "edge between two graphs"),
        ("A", "0, 1\n", "two nodes of 1 to 5"),
        ("A", "1 2 x\n", "rows of numbers"),
        ("graph_indicator", "1\n1\n2\n2\n3\n", "must rise from 1 to 2"),
        ("graph_labels", "", "is empty"),
        ("node_labels", "1\n", "must be of 5 nodes"),
        ("node_labels", "1.5\n" * 5, "whole numbers"),
        ("node_attributes", "nan\n" * 5, "finite"),
    ],
)
def test_files_that_do_not_fit_are_refused_by_name(tmp_path, part, text, words):
    write(tmp_path, TU | {part: text})
    with pytest.raises(GraphFileError, match=words):
        read_graphs(tmp_path)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(GraphFileError, match=r"folder must hold one NAME_A\.txt"):
        read_graphs(tmp_path)
    with pytest.raises(GraphFileError, match=r"NAME\.content and NAME\.cites"):
        read_citations(tmp_path)
    (tmp_path / "ind.cora.x").write_bytes(b"\x80\x02")
    with pytest.raises(GraphFileError, match="are pickles"):
        read_citations(tmp_path)
    write(tmp_path, {"A": TU["A"]})
    with pytest.raises(GraphFileError, match="has no T_graph_indicator"):
        read_graphs(tmp_path)


def test_a_citation_graph_is_read(tmp_path):
    (tmp_path / "cora.content").write_text(
        "p1 0 1 Theory\np2 1 1 Cases\np9 0 0 Theory\n"
    )
    (tmp_path / "cora.cites").write_text("p1 p2\np2 p1\np9 p9\np1 elsewhere\n")
    graph = read_citations(tmp_path)
    np.testing.assert_array_equal(graph.edges, [[0, 1], [1, 0]])
    np.testing.assert_array_equal(graph.labels, [1, 0, 1])
    np.testing.assert_array_equal(graph.features[0], [0, 1])


def test_splits_share_no_node_and_are_even():
    labels = np.arange(200) % 4
    parts = random_splits(labels, 5, 30, 50, rng=np.random.default_rng(0))
    assert [len(part) for part in parts] == [20, 30, 50]
    assert len(set(np.concatenate(parts))) == 100
    assert (np.bincount(labels[parts.training]) == 5).all()
    with pytest.raises(ValueError, match="per_class=60 is more than the 50"):
        random_splits(labels, 60, rng=np.random.default_rng(0))
