"""Nodes that hide in a graph, and whole graphs: honest splits beside the authors'."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass._common.intervals import mean_interval
from isinglass.experiments.descent import anomaly_folds as folds
from isinglass.experiments.descent import anomaly_nodes as nodes
from isinglass.experiments.descent.anomaly_folds import PARTS, FoldSetting
from isinglass.experiments.descent.anomaly_nodes import NodeSetting
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs
from isinglass.training import LaneRecipe

PUBLISHED, DEEPER, NONE = MODELS = (
    "Energy Transformer, 1 step",
    "Energy Transformer, 4 steps",
    "the same, no step",
)
STEPS = dict(zip(MODELS, (1, 4, 0), strict=True))
REGRESSIONS = {
    "logistic regression: features": nodes.own,
    "logistic regression: and neighbours' mean": nodes.beside,
    "logistic regression: and distance to it": nodes.apart,
}
FOREST = "isolation forest: and neighbours' mean"
LEARNERS = (*MODELS, *REGRESSIONS, FOREST)
# Accuracies of the evaluation notebook, of graphs that its model was trained on.
NOTEBOOK = {
    "Mutagenicity": 98.7,
    "DD": 95.9,
    "FRANKENSTEIN": 99.9,
    "NCI1": 90.1,
    "NCI109": 90.5,
    "MUTAG": 96.6,
    "ENZYMES": 99.9,
    "PROTEINS": 90.4,
}
PERCENT = {"unit": "%", "valid_range": (0, 100)}
GRAPHS_LEARNER = ("Energy Transformer", "logistic regression on counts")


@dataclass(frozen=True)
class Setting:
    """Both halves: nodes of a graph, and whole graphs."""

    nodes: NodeSetting = field(default_factory=NodeSetting)
    folds: FoldSetting = field(default_factory=FoldSetting)


SETTINGS = {
    "default": Setting(),
    "quick": Setting(
        NodeSetting(
            nodes=400,
            rates=(0.003,),
            searches=1,
            recipe=LaneRecipe(60, weight_decay=0.01, every=20, best=True),
        ),
        FoldSetting(
            nodes=12,
            parts=(40, 40),
            rates=(0.01,),
            searches=1,
            recipe=LaneRecipe(100, every=100),
        ),
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Of nodes, areas under the curve and macro-F1 of all learners on the same graphs.

    Of whole graphs, accuracy on those trained on and on others; of a folder of the
    user's as well.
    """
    setting = SETTINGS[context.resolution]
    measured = xr.merge(
        [_nodes(context, setting.nodes), _generated(context, setting.folds)]
    )
    graphs = context.read(inputs.graphs)
    if graphs is None:
        return measured.assign_attrs(graphs="")
    # Which graphs are whose is drawn anew for each seed, and for the search.
    tuning, reported = _generators(context, "parts of the user's graphs", setting.folds)
    accuracy, _ = _folds(
        context,
        "graphs of the user",
        folds.users_pool(graphs, tuning, setting.folds),
        folds.users_pool(graphs, reported, setting.folds),
        setting.folds,
    )
    path = context.path(inputs.graphs)
    assert path is not None
    return measured.assign(users=accuracy).assign_attrs(graphs=path.name)


def _nodes(context: Context, setting: NodeSetting) -> xr.Dataset:
    splits, tuning = (
        [
            nodes.draw_split(context.rng(purpose, seed), setting)
            for (seed,) in context.cases(numbers, what=purpose)
        ]
        for purpose, numbers in (
            ("graphs", context.seeds),
            ("graphs to choose rates on", range(setting.searches)),
        )
    )
    area = context.table(**PERCENT, learner=LEARNERS, seed=context.seeds)
    f1, chosen = area.copy(), context.table(learner=LEARNERS)
    for learner, scores in _scores(context, splits, tuning, setting, chosen):
        pairs = list(zip(splits, scores, strict=True))
        area.loc[learner] = [nodes.area_under(*pair) for pair in pairs]
        f1.loc[learner] = [nodes.macro_f1(*pair) for pair in pairs]
    return xr.Dataset({"area": area, "f1": f1, "chosen": chosen})


def _scores(
    context: Context,
    splits: Sequence[nodes.Split],
    tuning: Sequence[nodes.Split],
    setting: NodeSetting,
    chosen: xr.DataArray,
) -> Iterator[tuple[str, Sequence[np.ndarray]]]:
    """Each learner's scores of all nodes; the rate or C that it chose is written."""
    graphs, others = nodes.stacked(splits), nodes.stacked(tuning)
    for model, steps in STEPS.items():
        name = f"nodes, {steps} steps"
        rate = setting.rates[0]
        if len(setting.rates) > 1:
            search = f"search for {name}"
            _, values = nodes.train(
                context, search, others, setting.rates, steps, setting
            )
            rate = setting.rates[int(values.mean(-1).argmin())]
        chosen.loc[model] = rate
        scores, _ = nodes.train(context, name, graphs, [rate], steps, setting)
        yield model, scores[0]
    for peer, view in REGRESSIONS.items():
        strength = nodes.best_strength(tuning, view)
        chosen.loc[peer] = strength
        yield peer, [nodes.regression_scores(s, view, strength) for s in splits]
    seeds = [context.seed_of("forest", seed) for seed in context.seeds]
    yield (
        FOREST,
        [
            nodes.forest_scores(split, nodes.beside, seed)
            for split, seed in zip(splits, seeds, strict=True)
        ],
    )


def _generated(context: Context, setting: FoldSetting) -> xr.Dataset:
    tuning, reported = _generators(context, "ensembles", setting)
    accuracy, rate = _folds(
        context,
        "graphs",
        folds.draw_pool(tuning, setting),
        folds.draw_pool(reported, setting),
        setting,
    )
    return xr.Dataset({"accuracy": accuracy, "graph_rate": rate})


def _generators(
    context: Context, purpose: str, setting: FoldSetting
) -> list[list[np.random.Generator]]:
    """Of the search, and of what is reported."""
    search = f"{purpose} to choose rates on"
    return [
        [context.rng(search, number) for number in range(setting.searches)],
        [context.rng(purpose, seed) for seed in context.seeds],
    ]


def _folds(
    context: Context,
    name: str,
    tuning: folds.Pool,
    reported: folds.Pool,
    setting: FoldSetting,
) -> tuple[xr.DataArray, float]:
    """Accuracy of the model and of regression on counts, and the rate chosen."""
    rate = setting.rates[0]
    if len(setting.rates) > 1:
        search = f"search for {name}"
        tried = folds.train(context, search, tuning, setting.rates, setting)
        rate = setting.rates[int(tried[..., 0].mean(-1).argmax())]
    trained = folds.train(context, name, reported, [rate], setting)[0]
    accuracy = context.table(
        **PERCENT, graph_learner=GRAPHS_LEARNER, seed=context.seeds, part=PARTS
    )
    accuracy[0] = trained
    accuracy[1] = [folds.counted(reported, lane) for lane in range(len(trained))]
    return accuracy, rate


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The tables are of graphs that we have not, and partly of a split that is none."""
    anomalies = ledger.using(
        source="anomaly detection",
        because="The published tables are of Yelp, Amazon, T-Finance and T-Social, "
        "which no package ships: they cannot be compared",
    )
    for name, column, values in (
        ("Anomalies: area under the curve", "area", measured.area),
        ("Anomalies: macro-F1", "macro-F1", measured.f1),
    ):
        for learner in LEARNERS:
            cell = Cell(learner, column, f"{column} of {learner}")
            anomalies.using(table=name).ours_alone(cell, values.sel(learner=learner))
    whole = ledger.using(
        source="graph classification",
        table="Graphs: accuracy",
        because="The published accuracies are of TU collections, which no package "
        "ships, and of graphs that the model was trained on: they cannot be compared",
    )
    _compare_graphs(measured.accuracy, "generated", whole)
    if measured.graphs:
        _compare_graphs(measured.users, measured.graphs, whole)


def _compare_graphs(accuracy: xr.DataArray, name: str, ledger: Ledger) -> None:
    for learner in GRAPHS_LEARNER:
        for part in PARTS:
            cell = Cell(f"{learner}, {name}", part, f"{name}, {learner}: {part} graphs")
            values = accuracy.sel(graph_learner=learner, part=part)
            paper = NOTEBOOK.get(name) if learner == GRAPHS_LEARNER[0] else None
            if paper is None:
                ledger.ours_alone(cell, values)
            else:
                ledger.other_setting(
                    cell,
                    values,
                    paper,
                    because="The notebook's is of graphs trained on",
                )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Learners of nodes beside each other, and graphs trained on beside others."""
    figure, panels = subplots(1, 2, width=10.5, height=3.6, sharey=True)
    for panel, values, label in (
        (panels[0], measured.area, "area under the curve, %"),
        (panels[1], measured.f1, "macro-F1, %"),
    ):
        plot.rows(values, panel, by="learner")
        panel.set(xlabel=label)
    yield Figure(
        figure,
        "Nodes that belong to no community of a generated graph, told from the others: "
        "on test nodes, a dot a graph, bars the 95 % confidence intervals of means. "
        "50 % is a guess on the left; the threshold on the right was chosen on "
        "validation nodes.",
    )
    sets = {"generated": measured.accuracy}
    if measured.graphs:
        sets[measured.graphs] = measured.users
    figure, panels = subplots(1, len(sets), width=5.5 * len(sets), height=3.4)
    for panel, (name, values) in zip(np.atleast_1d(panels), sets.items(), strict=True):
        values = values.assign_coords(part_label=("part", ["trained on", "others"]))
        plot.columns(values, panel, by="part", hue="graph_learner", colours=COLOURS)
        panel.set(title=f"{name} graphs", ylabel="accuracy, %")
        panel.legend()
    yield Figure(
        figure,
        "Accuracy on the graphs that a model was trained on and on others of the same "
        "kind; a dot is a seed.",
        part="graphs",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Differences to the published model on the same graphs, and the gap."""
    ours = measured.area.sel(learner=PUBLISHED)

    def ahead(learner: str, values: xr.DataArray) -> np.ndarray:
        """By how much the published model is ahead, graph by graph."""
        pair = values.sel(learner=PUBLISHED) - values.sel(learner=learner)
        return pair.values

    def sign(values: Any) -> int:
        """1 or −1 where the 95 % interval of the mean is beside 0, else 0."""
        _, low, high = mean_interval(np.asarray(values))
        return int(low > 0) - int(high < 0)

    accuracy = measured.accuracy.sel(graph_learner=GRAPHS_LEARNER[0])
    gap = accuracy.sel(part="training") - accuracy.sel(part="test")
    return {
        "learners": LEARNERS,
        "peers": (*REGRESSIONS, FOREST),
        "models": MODELS,
        "ours": ours,
        "ahead": ahead,
        "sign": sign,
        "gap": gap.values,
        "accuracy_of": accuracy,
        "counts": measured.accuracy.sel(graph_learner=GRAPHS_LEARNER[1]),
        "notebook": NOTEBOOK,
    }
