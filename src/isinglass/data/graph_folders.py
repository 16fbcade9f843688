"""Graphs from folders of the user's: TU collections, and citation graphs in text.

`read_graphs` takes the text format of the TU collection (NAME_A.txt and more), and
`read_citations` that of Cora, CiteSeer and kin (NAME.content and NAME.cites). The files
``ind.NAME.x`` of planetoid are pickles, which run whatever code they hold when they are
read, and are refused: the same graphs are in the text format.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from isinglass._common.checks import as_generator, as_path, check_shapes, check_whole
from isinglass.data.node_graphs import NodeGraph


class GraphFileError(ValueError):
    """A folder or file of graphs is in another format, or damaged."""


class GraphSet(NamedTuple):
    """Graphs, each with a label.

    Attributes:
        graphs: Each a `NodeGraph`; labels of nodes are 0 where the set has none, and
            features are those of attributes, else one-hot labels, else a single 1.
        labels: Of the graphs, from 0 on, in the order of the file's numbers.
    """

    graphs: list[NodeGraph]
    labels: Int[np.ndarray, "k"]


class Splits(NamedTuple):
    """Places of nodes for training, validation and test: no node in two.

    Attributes:
        training: As many of each class.
        validation: To choose by.
        test: To tell at the end.
    """

    training: Int[np.ndarray, "a"]
    validation: Int[np.ndarray, "b"]
    test: Int[np.ndarray, "c"]


def read_graphs(folder: Any) -> GraphSet:
    """Read a folder of the TU collection, such as MUTAG.

    Its files are NAME_A.txt (an edge a line, nodes from 1 on), NAME_graph_indicator.txt
    (the graph of each node) and NAME_graph_labels.txt; NAME_node_labels.txt and
    NAME_node_attributes.txt if they are there. Edges count once in each direction, and
    self loops are left out.

    Args:
        folder: Path; the NAME is that of its only …_A.txt.

    Raises:
        TypeError: If it is no path.
        GraphFileError: If a file is missing or does not fit the others.
    """
    place = as_path("folder", folder)
    names = sorted(place.glob("*_A.txt")) if place.is_dir() else []
    if len(names) != 1:
        raise GraphFileError(
            f"folder must hold one NAME_A.txt of the TU collection, got {len(names)} "
            f"in {place}"
        )
    stem = names[0].name.removesuffix("_A.txt")
    paths = {p.name.removeprefix(f"{stem}_"): p for p in place.glob(f"{stem}_*.txt")}
    for required in ("graph_indicator.txt", "graph_labels.txt"):
        if required not in paths:
            raise GraphFileError(f"{place} has no {stem}_{required}")
    owner = _whole(paths["graph_indicator.txt"]).ravel()
    ends = _whole(names[0]).T
    labels = _whole(paths["graph_labels.txt"]).ravel()
    if ends.shape[0] != 2 or ends.min() < 1 or ends.max() > len(owner):
        raise GraphFileError(
            f"{names[0]} must hold two nodes of 1 to {len(owner)} a line"
        )
    if owner.min() < 1 or owner.max() > len(labels) or (np.diff(owner) < 0).any():
        raise GraphFileError(
            f"{paths['graph_indicator.txt']} must rise from 1 to {len(labels)}, the "
            "number of labels"
        )
    ends = ends - 1
    if (owner[ends[0]] != owner[ends[1]]).any():
        raise GraphFileError(f"{names[0]} has an edge between two graphs")
    features, node_labels = _of_nodes(paths, len(owner))
    return GraphSet(
        _split(owner - 1, ends, features, node_labels, len(labels)),
        np.unique(labels, return_inverse=True)[1],
    )


def read_citations(folder: Any) -> NodeGraph:
    """Read a citation graph, such as Cora, from NAME.content and NAME.cites.

    A line of the first is a name, features and a class; of the second, two names.
    Citations count as undirected; those of a name that has no line are left out, as are
    self loops and repetitions. Classes are numbered in the order of their names.

    Args:
        folder: Path of a folder with one of each.

    Raises:
        TypeError: If it is no path.
        GraphFileError: If files are missing or in another format, such as pickles.
    """
    place = as_path("folder", folder)
    contents = sorted(place.glob("*.content")) if place.is_dir() else []
    if len(contents) != 1 or not contents[0].with_suffix(".cites").is_file():
        hint = ""
        if place.is_dir() and list(place.glob("ind.*")):
            hint = (
                ": ind.NAME.x and kin are pickles, which run what code they hold; take "
                "the text format of the same graph"
            )
        raise GraphFileError(
            f"folder must hold NAME.content and NAME.cites, got {place}{hint}"
        )
    rows = [line.split() for line in _lines(contents[0])]
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 3:
        raise GraphFileError(
            f"{contents[0]} must have a name, features and a class in every line"
        )
    names = {row[0]: number for number, row in enumerate(rows)}
    if len(names) != len(rows):
        raise GraphFileError(f"{contents[0]} has a name twice")
    features = _numbers(contents[0], [row[1:-1] for row in rows])
    labels = np.unique([row[-1] for row in rows], return_inverse=True)[1]
    cites = contents[0].with_suffix(".cites")
    pairs = [line.split() for line in _lines(cites)]
    if any(len(pair) != 2 for pair in pairs):
        raise GraphFileError(f"{cites} must have two names in every line")
    ends = [(names[a], names[b]) for a, b in pairs if a in names and b in names]
    return NodeGraph(
        features, _undirected(np.array(ends, int).reshape(-1, 2).T), labels
    )


def random_splits(
    labels: Int[np.ndarray, "n"],
    per_class: int = 20,
    validation: int = 500,
    test: int = 1000,
    *,
    rng: np.random.Generator,
) -> Splits:
    """Draw nodes for training, as many of each class, for validation and for test.

    The published splits of planetoid are 20 a class, 500 and 1,000 at fixed places;
    DIFFormer's are drawn at random, so that its numbers and those of the fixed places
    do not compare.

    Raises:
        TypeError: If the labels are no array.
        ValueError: If a class has too few nodes, or all together are too few.
    """
    check_shapes(labels=(labels, "n"))
    check_whole(per_class=per_class, validation=validation, test=test)
    rng = as_generator("rng", rng)
    classes, counts = np.unique(labels, return_counts=True)
    if counts.min() < per_class:
        raise ValueError(
            f"per_class={per_class} is more than the {counts.min()} nodes of a class"
        )
    order = rng.permutation(len(labels))
    chosen = [order[labels[order] == label][:per_class] for label in classes]
    training = np.sort(np.concatenate(chosen))
    rest = order[~np.isin(order, training)]
    if len(rest) < validation + test:
        raise ValueError(
            f"validation and test must be at most {len(rest)} nodes, got "
            f"{validation} and {test}"
        )
    return Splits(training, rest[:validation], rest[validation : validation + test])


def _of_nodes(
    paths: dict[str, Path], count: int
) -> tuple[Float[np.ndarray, "n f"], Int[np.ndarray, "n"]]:
    labels = np.zeros(count, int)
    features = np.ones((count, 1))
    if "node_labels.txt" in paths:
        labels = _whole(paths["node_labels.txt"])[:, 0]
        labels = np.unique(labels, return_inverse=True)[1]
        features = np.eye(labels.max() + 1)[labels]
    if "node_attributes.txt" in paths:
        path = paths["node_attributes.txt"]
        features = _numbers(path, [line.split(",") for line in _lines(path)])
    if len(features) != count or len(labels) != count:
        raise GraphFileError(
            f"node labels and attributes must be of {count} nodes, got {len(labels)} "
            f"and {len(features)}"
        )
    return features, labels


def _split(
    owner: np.ndarray,
    ends: np.ndarray,
    features: np.ndarray,
    labels: np.ndarray,
    count: int,
) -> list[NodeGraph]:
    """The graphs one by one, with their nodes from 0 on."""
    first = np.searchsorted(owner, np.arange(count + 1))
    of_edge = owner[ends[0]]
    order = np.argsort(of_edge, kind="stable")
    cuts = np.searchsorted(of_edge[order], np.arange(count + 1))
    graphs = []
    for number in range(count):
        a, b = first[number : number + 2]
        if a == b:
            raise GraphFileError(f"graph {number + 1} has no node")
        inside = ends[:, order[cuts[number] : cuts[number + 1]]] - a
        graphs.append(NodeGraph(features[a:b], _undirected(inside), labels[a:b]))
    return graphs


def _undirected(ends: np.ndarray) -> np.ndarray:
    ends = ends[:, ends[0] != ends[1]]
    return np.unique(np.concatenate([ends, ends[::-1]], axis=1), axis=1)


def _lines(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise GraphFileError(f"{path} cannot be read as text: {error}") from None
    lines = [line for line in lines if line.strip()]
    if not lines:
        raise GraphFileError(f"{path} is empty")
    return lines


def _numbers(path: Path, rows: list[list[str]]) -> np.ndarray:
    try:
        values = np.array(rows, float)
    except ValueError as error:
        raise GraphFileError(f"{path} must hold rows of numbers: {error}") from None
    if values.ndim != 2 or not np.isfinite(values).all():
        raise GraphFileError(f"{path} must hold rows of finite numbers")
    return values


def _whole(path: Path) -> np.ndarray:
    values = _numbers(path, [line.split(",") for line in _lines(path)])
    if (values != np.round(values)).any():
        raise GraphFileError(f"{path} must hold whole numbers")
    return values.astype(int)
