"""Graphs whose best accuracy is known: DIFFormer, controls, message passing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from sklearn.linear_model import LogisticRegression

from isinglass import plot
from isinglass.data.node_graphs import NodeGraph
from isinglass.experiments.diffusion import block_graphs
from isinglass.experiments.diffusion.belief_propagation import Signals, beliefs
from isinglass.experiments.diffusion.block_graphs import Ensemble
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
from isinglass.plot import COLOURS, INK, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.paired import less

ALONG, ROWED, MEANT = (arm.along_graph() for arm in (PUBLISHED, ROWS, MEAN))
ARMS = (ALONG, ROWED, MEANT, CONVOLVED, BARE, NONE)
SQUARED = SIGMOID.along_graph()
BEST, BEST_OF_FEATURES, BEST_OF_EDGES = BOUNDS = (
    "message passing",
    "message passing, features",
    "message passing, edges",
)
LINEAR, OF_NEIGHBOURS = PEERS = ("LR on features", "LR on neighbours' means, too")
STRENGTHS = (0.0003, 0.003, 0.03, 0.3)  # C
BESIDE_MEAN = (ALONG.name, ROWED.name, CONVOLVED.name, BARE.name)
LINES = {
    BEST: (INK, "-"),
    BEST_OF_FEATURES: (INK, ":"),
    ALONG.name: (COLOURS[0], "-"),
    ROWED.name: (COLOURS[3], "-"),
    MEANT.name: (COLOURS[5], "--"),
    CONVOLVED.name: (COLOURS[1], "-"),
    BARE.name: (COLOURS[6], "-"),
    NONE.name: (COLOURS[4], "-"),
    OF_NEIGHBOURS: (COLOURS[2], "-"),
    LINEAR: (MUTED, "--"),
}
LEARNERS = (*(arm.name for arm in (*ARMS, SQUARED)), *PEERS, *BOUNDS)
EXPECTED = "what it expects"


GRAPHS, NARROW = Ensemble(), Training(16, lanes=2)


@dataclass(frozen=True)
class Setting:
    """What is drawn and learned.

    Attributes:
        signals: λ² + μ²/γ, half of which are the edges'.
        ensemble: What graphs.
        training: How.
        arms: Which.
    """

    signals: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    ensemble: Ensemble = GRAPHS
    training: Training = NARROW
    arms: tuple[Arm, ...] = ARMS


ROUGH = Training(16, epochs=60, rates=(0.01, 0.03), searches=1, lanes=2, every=10)
SETTINGS = {
    "quick": Setting(
        (1.0, 4.0),
        Ensemble(400, 40, 20, 60),
        ROUGH,
        (ALONG, MEANT, CONVOLVED, BARE),
    ),
    "default": Setting(),
    "full": Setting(arms=(*ARMS, SQUARED)),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all learners on the same graphs and labels, and of message passing.

    `expected` is the accuracy that message passing expects of itself, and `fixed`
    whether its last step changed nothing.
    """
    options = SETTINGS[context.resolution]
    axes = {"signal": options.signals, "seed": context.seeds}
    accuracy = context.table(**PERCENT, learner=LEARNERS, **axes)
    expected = context.table(**PERCENT, **axes)
    fixed = context.table(**axes)
    chosen = context.table(learner=LEARNERS, signal=options.signals)
    for (signal,) in context.cases(options.signals, what="signals"):
        searches = options.training.searches
        problem, graphs = block_graphs.problem(
            context, options.ensemble, signal, searches
        )
        for arm in options.arms:
            (outcome,) = learned(
                context, problem, arm, options.training, [signal]
            ).values()
            accuracy.loc[arm.name, signal] = outcome.accuracy
            chosen.loc[arm.name, signal] = outcome.rate
        for peer in PEERS:
            best, values = _of_peer(peer, problem, signal)
            accuracy.loc[peer, signal] = values
            chosen.loc[peer, signal] = best
        for seed, place in problem.of(signal, REPORT).items():
            rng = context.rng("messages", seed)
            draw = problem.draws.at(place)
            signals = options.ensemble.signals(signal)
            best = _best(signals, graphs[place], draw, rng)
            for name in BOUNDS:
                accuracy.loc[name, signal, seed] = best[name].accuracy
            expected.loc[signal, seed] = best[BEST].expected
            fixed.loc[signal, seed] = best[BEST].is_fixed
    return xr.Dataset(
        {"accuracy": accuracy, "rate": chosen, "expected": expected, "fixed": fixed}
    )


def _of_peer(peer: str, problem: Problem, signal: float) -> tuple[float, list[float]]:
    """The C that is chosen, and accuracy in % on each reported graph."""
    draws = problem.draws
    validation, test = np.asarray(draws.validation), draws.test

    def right(strength: float, place: int, mask: np.ndarray) -> float:
        draw = draws.at(place)
        labels, features = np.asarray(draw.labels), np.asarray(draw.features)
        if peer == OF_NEIGHBOURS:
            near = draw.graph.convolve(draw.features)
            farther = draw.graph.convolve(near)
            features = np.concatenate([features, near, farther], axis=1)
        training = np.asarray(draw.training)
        model = LogisticRegression(C=strength, max_iter=1000)
        model.fit(features[training], labels[training])
        return 100 * float(np.mean(model.predict(features[mask]) == labels[mask]))

    searched = problem.of(signal, SEARCH).values()
    scores = [
        sum(right(c, place, validation[place]) for place in searched) for c in STRENGTHS
    ]
    best = STRENGTHS[int(np.argmax(scores))]
    reported = problem.of(signal, REPORT).values()
    return best, [right(best, place, test[place]) for place in reported]


class Passing(NamedTuple):
    """What message passing came to: `accuracy` in %, that which it `expected`."""

    accuracy: float
    expected: float
    is_fixed: bool


def _best(
    drawn: Signals, graph: NodeGraph, draw: Draws, rng: np.random.Generator
) -> dict[str, Passing]:
    """Message passing of all there is, and of either part of it."""
    signs, test = 2 * graph.labels - 1, draw.test
    labels = np.where(np.asarray(draw.training), signs, 0)
    outcomes = {}
    for name, signals in (
        (BEST, drawn),
        (BEST_OF_FEATURES, drawn._replace(edges=0.0)),
        (BEST_OF_EDGES, drawn._replace(features=0.0)),
    ):
        mean, _, is_fixed = beliefs(graph, signals, labels, rng)
        right = (np.sign(mean) == signs)[test].mean()
        sure = (1 + np.abs(mean[test])).mean() / 2
        outcomes[name] = Passing(100 * float(right), 100 * float(sure), is_fixed)
    return outcomes


def _learners(measured: xr.Dataset) -> list[str]:
    """Those that were trained at this resolution."""
    done = measured.accuracy.notnull().any(("signal", "seed"))
    return [str(name) for name in measured.learner.values[done.values]]


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies, what is left to the best, and differences to the mean."""
    ledger = ledger.using(because="The paper has no data whose best accuracy is known")
    names = _learners(measured)
    tables = {
        "Accuracy": (names, lambda name: measured.accuracy.sel(learner=name)),
        "Less message passing, same graphs": (
            [name for name in names if name not in BOUNDS],
            lambda name: less(measured.accuracy, "learner", name, BEST),
        ),
        "Less the mean with the graph": (
            [name for name in names if name in BESIDE_MEAN],
            lambda name: less(measured.accuracy, "learner", name, MEANT.name),
        ),
    }
    for title, (learners, values) in tables.items():
        for name in learners:
            for signal in measured.signal.values:
                cell = Cell(name, f"{signal:g}", f"{title}: {name}, {signal:g}")
                ledger.using(table=title).ours_alone(
                    cell, values(name).sel(signal=signal)
                )
    for signal in measured.signal.values:
        cell = Cell(EXPECTED, f"{signal:g}", f"message passing, {EXPECTED}, {signal:g}")
        ledger.using(table="Accuracy").ours_alone(
            cell, measured.expected.sel(signal=signal)
        )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy by signal, and paired differences to the mean with the graph."""
    figure, (left, right) = subplots(1, 2, width=10.5, height=3.9)
    _curves(left, measured)
    _differences(right, measured)
    handles = left.get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=3)
    yield Figure(
        figure,
        "Left: accuracy on nodes without labels; the line at 1 is where groups can "
        "first be told without any label. Bands and bars are 95 % confidence intervals "
        "of the mean over graphs, dots graphs.",
    )


def _curves(panel: Any, measured: xr.Dataset) -> None:
    for name in _learners(measured):
        if name in LINES:
            colour, style = LINES[name]
            plot.band(
                measured.accuracy.sel(learner=name),
                panel,
                along="signal",
                colours=[colour],
                linestyle=style,
                marker="o",
                markersize=3.5,
                label=name,
            )
    panel.axvline(1, color=MUTED, linewidth=1)
    panel.set(
        xlabel="signal λ² + μ²/γ",
        ylabel="accuracy in %",
        title="Beside what can be known",
    )


def _differences(panel: Any, measured: xr.Dataset) -> None:
    names = [name for name in _learners(measured) if name in BESIDE_MEAN]
    parts = [less(measured.accuracy, "learner", name, MEANT.name) for name in names]
    points = xr.concat(parts, xr.DataArray(names, dims="learner", name="learner"))
    signals = [f"{signal:g}" for signal in measured.signal.values]
    plot.columns(
        points.assign_coords(signal=signals),
        panel,
        by="signal",
        hue="learner",
        colours=[LINES[name][0] for name in names],
    )
    panel.axhline(0, color=INK, linewidth=1)
    panel.set(xlabel="signal", ylabel="points", title="More than the mean + graph")


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """How far each is from the best, and paired differences."""
    signals = [float(signal) for signal in measured.signal.values]

    def against(learner: str, of: str) -> dict[float, Any]:
        points = less(measured.accuracy, "learner", learner, of)
        if points.isnull().any():  # not trained at this resolution
            return {}
        return {signal: points.sel(signal=signal) for signal in signals}

    trained = [n for n in _learners(measured) if n not in (*BOUNDS, *PEERS)]
    nearest = measured.accuracy.sel(learner=trained).mean("seed").idxmax("learner")
    return {
        "signals": signals,
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
        "best": BEST,
        "nearest": {
            signal: (name, against(name, BEST)[signal])
            for signal in signals
            for name in [str(nearest.sel(signal=signal).values)]
        },
        "published": against(ALONG.name, MEANT.name),
        "rows": against(ROWED.name, MEANT.name),
        "bare": against(BARE.name, MEANT.name),
        "convolved": against(CONVOLVED.name, MEANT.name),
        "linear": against(OF_NEIGHBOURS, CONVOLVED.name),
        "alone": against(NONE.name, BEST_OF_FEATURES),
        "sides_of": sides_of,
        "gap": measured.accuracy.sel(learner=BEST) - measured.expected,
        "unfixed": int((measured.fixed == 0).sum()),
    }
