"""Table 1 of Tang 2020: few-shot accuracy on four digits, beside usual peers."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.interference.few_shot_training import (
    CELLS,
    PEERS,
    have_same_routes,
    hits,
    peers,
    share_undecided,
    trained,
    training_orders,
)
from isinglass.experiments.interference.setting import (
    CLASSES,
    answers,
    backpropagation,
    load_task,
)
from isinglass.plot import COLOURS, MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import ensemble_energies

K_1, K_5, K_10, LONG = COLUMNS = tuple(map(str, CELLS))  # LONG: ten epochs
PEER_CELLS = CELLS[:3]  # peers do not iterate over epochs
MOST_PEER_SEEDS = 20
PAPER = xr.DataArray(
    [
        [66.63, 83.50, 88.65, 86.99],
        [np.nan, 86.66, 82.48, 83.81],
        [38.41, 43.79, 35.04, 77.23],
        [np.nan, 53.28, 53.86, 79.99],
    ],
    {
        "classifier": ["Ours+SeqTrn", "Ours+MixTrn", "BP+SeqTrn", "BP+MixTrn"],
        "cell": list(COLUMNS),
    },
    ("classifier", "cell"),
)
# The one-shot numbers of the paper are means over "several" training sets; we read that
# as three.
SEVERAL = 3
# Table 1's cells against each other: what it says, and two methods and columns.
CONTRASTS = (
    ("ours − BP", ("Ours+SeqTrn", K_1), ("BP+SeqTrn", K_1)),
    ("ours − BP", ("Ours+MixTrn", K_5), ("BP+MixTrn", K_5)),
    ("ours − BP", ("Ours+MixTrn", K_10), ("BP+MixTrn", K_10)),
    ("ours − BP", ("Ours+MixTrn", LONG), ("BP+MixTrn", LONG)),
    ("ours, gain", ("Ours+SeqTrn", K_5), ("Ours+SeqTrn", K_1)),
    ("ours, gain", ("Ours+SeqTrn", K_10), ("Ours+SeqTrn", K_5)),
    ("ours, gain", ("Ours+SeqTrn", LONG), ("Ours+SeqTrn", K_5)),
)


def measure(context: Context) -> xr.Dataset:
    """Accuracy of every method of Table 1, and of peers, on the same draws.

    `accuracy` is NaN where a method was not tried. `is_same` is 1 where both training
    orders gave ours the same model, bit for bit, else 0. `undecided` is the share of
    sources that neither send nor are mute.
    """
    task = load_task(context)
    axes = {"cell": COLUMNS, "seed": context.seeds}
    classifiers = [*PAPER.classifier.values, *PEERS]
    accuracy = context.table(unit="%", classifier=classifiers, **axes)
    is_same, undecided = context.table(**axes), context.table(unit="%", **axes)
    labels = task.test.labels
    for (cell,) in context.cases(CELLS, what="interference"):
        models = {mix: trained(context, task, cell, mix=mix) for mix in (False, True)}
        for mix, method in ((False, "Ours+SeqTrn"), (True, "Ours+MixTrn")):
            guesses = answers(ensemble_energies(models[mix], task.test.images))
            accuracy.loc[method, str(cell)] = hits(guesses, labels)
        pairs = zip(models[False], models[True], strict=True)
        is_same.loc[str(cell)] = [have_same_routes(*pair) for pair in pairs]
        undecided.loc[str(cell)] = [share_undecided(model) for model in models[False]]
    for (cell,) in context.cases(CELLS, what="backpropagation"):
        for method, order in training_orders(context, cell).items():
            guesses = backpropagation(context, task, cell.k, order, order.shape[1:])
            accuracy.loc[method, str(cell)] = hits(guesses[0], labels)
    for (cell,) in context.cases(PEER_CELLS, what="peers"):
        for seed in context.seeds[:MOST_PEER_SEEDS]:
            shares = peers(context, task, cell, seed)
            accuracy.loc[list(PEERS), str(cell), seed] = shares
    return xr.Dataset(
        {"accuracy": accuracy, "is_same": is_same, "undecided": undecided}
    )


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Table 1, peers beside it, its cells against each other, and what explains it."""
    beside = ledger.using(
        source="beside Table 1", because="The paper reports no such peer."
    )
    accuracy, percent = measured.accuracy, {"unit": "%", "valid_range": (0, 100)}
    published = ledger.using(table="Accuracy", **percent)
    peers = beside.using(table="Accuracy of peers", **percent)
    ahead = beside.using(table="Ours less a peer, same draws", unit="points")
    for method in PAPER.classifier.values:
        for cell in COLUMNS:
            paper = float(PAPER.loc[method, cell])
            if np.isfinite(paper):
                # A published cell is one training set, or "several" of one picture.
                runs = SEVERAL if cell == K_1 else 1
                shares = accuracy.loc[method, cell]
                published.one_run(Cell(method, cell), shares, paper, runs=runs)
    for peer in PEERS:
        for cell in PEER_CELLS:
            shares = accuracy.loc[peer, str(cell)].dropna("seed")
            peers.ours_alone(Cell(peer, f"K={cell.k}"), shares)
    for peer in PEERS:
        for cell in map(str, PEER_CELLS):
            points = difference(accuracy, ("Ours+SeqTrn", cell), (peer, cell))
            name = f"ours − {peer}, {cell}"
            ahead.ours_alone(Cell(f"ours − {peer}", cell, name), points)
    compare_cells(accuracy, ledger)
    explain(measured, ledger)


def compare_cells(accuracy: xr.DataArray, ledger: Ledger) -> None:
    """What Table 1 says when its cells are set against each other, draw by draw."""
    because = "the paper sets one training set against another, we compare means"
    ledger = ledger.using(table="Cells set against each other")
    for what, left, right in CONTRASTS:
        change = left[1] if left[1] == right[1] else f"{right[1]} → {left[1]}"
        paper = round(float(PAPER.loc[left]) - float(PAPER.loc[right]), 2)
        points = difference(accuracy, left, right)
        ledger.mean(f"{what}, {change}", points, paper, because=because)


def explain(measured: xr.Dataset, ledger: Ledger) -> None:
    """Order cannot matter, and evidence saturates."""
    ledger.share(
        "models that are the same, bit for bit, in SeqTrn and MixTrn",
        int(measured.is_same.sum()),
        measured.is_same.size,
        because="In closed form training is a sum, so order cannot matter; the paper "
        "has two different numbers because it drew twice",
    )
    ledger = ledger.using(source="beside Table 1", table="Evidence", unit="%")
    for cell in COLUMNS:
        ledger.using(valid_range=(0, 100)).ours_alone(
            Cell("sources still undecided", cell),
            measured.undecided.sel(cell=cell),
            because="Our diagnostic; the paper has none like it.",
        )


def difference(
    accuracy: xr.DataArray, left: tuple[str, str], right: tuple[str, str]
) -> xr.DataArray:
    """Between two methods and columns on the same draws, in points."""
    points = (accuracy.loc[left] - accuracy.loc[right]).dropna("seed")
    return points.assign_attrs(units="points")


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Every training as a dot, a panel for each column of Table 1."""
    accuracy = measured.accuracy
    # A peer does not iterate over epochs: its K=5 numbers stand in both K=5 panels.
    accuracy = accuracy.fillna(accuracy.sel(cell=K_5, drop=True))
    names = accuracy.classifier.values
    colours = {"Ours": COLOURS[0], "BP+S": COLOURS[1], "BP+M": COLOURS[1]}
    figure, panels = subplots(1, 4, width=11, height=3.6, sharey=True, sharex=True)
    for panel, cell in zip(panels, COLUMNS, strict=True):
        plot.rows(
            accuracy.sel(cell=cell),
            panel,
            by="classifier",
            paper=PAPER.sel(cell=cell).reindex_like(accuracy.classifier),
            colours=[colours.get(name[:4], MUTED) for name in names],
        )
        panel.set(title=cell, xlabel="accuracy in %")
    yield Figure(
        figure,
        "Accuracy on four digits after K pictures of each. Every dot is one training "
        "set; the bar is the mean with its 95 % confidence interval; the diamond is "
        "the paper's value, one training set (a mean of several for K=1). Sequential "
        "and mixed training of ours are the same model. Peers do not iterate: their "
        "K=5 numbers stand in both panels.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Differences between cells, and the peers at K = 5."""
    accuracy = measured.accuracy
    ours = ("Ours+SeqTrn", K_5)
    at_five = {peer: accuracy.loc[peer, K_5].dropna("seed") for peer in PEERS}
    best = max(PEERS, key=lambda peer: float(at_five[peer].mean()))
    return {
        "ours": accuracy.sel(classifier="Ours+SeqTrn"),
        "five": K_5,
        "gain_by_pictures": difference(accuracy, ("Ours+SeqTrn", K_10), ours),
        "gain_by_epochs": difference(accuracy, ("Ours+SeqTrn", LONG), ours),
        "over_backpropagation": difference(
            accuracy, ("Ours+MixTrn", LONG), ("BP+MixTrn", LONG)
        ),
        "steps": CELLS[COLUMNS.index(K_5)].k * len(CLASSES),
        "peers": {peer[0].lower() + peer[1:]: at_five[peer] for peer in PEERS},
        "over_best_peer": difference(accuracy, ours, (best, K_5)),
    }
