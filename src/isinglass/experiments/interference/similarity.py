"""Table 2 of Tang 2020: signals that arrive together are alike at their own target."""

import itertools
from collections.abc import Iterator

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.interference.setting import (
    CLASSES,
    EXAMPLES,
    classifier,
    example_pictures,
    load_task,
    training_set,
)
from isinglass.plot import INK, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger

STABLE = slice(19, 25)  # t in [19, 24]: every source has reached every target
PAPER = np.array(
    [
        [0.2971, 0.1876, 0.0914, 0.1559],
        [0.1551, 0.4441, 0.1507, 0.1130],
        [0.0833, 0.1168, 0.1912, 0.0534],
        [0.0951, 0.1608, 0.1258, 0.2409],
    ]
)


def measure(context: Context) -> xr.Dataset:
    """Expected similarity at every learner for every digit, by training."""
    task = load_task(context)
    similarity = context.table(learner=CLASSES, digit=CLASSES, seed=context.seeds)
    for (seed,) in context.cases(context.seeds, what="trainings"):
        model = classifier(context, seed).fit(*training_set(context, task, seed))
        examples = example_pictures(context, task, seed)
        for digit, pictures in zip(CLASSES, examples, strict=True):
            stable = model.expected_similarity(pictures)[..., STABLE]
            similarity.loc[:, digit, seed] = stable.mean(axis=(0, 2))
    return xr.Dataset({"similarity": similarity})


def own_is_largest(similarity: xr.DataArray) -> xr.DataArray:
    """Whether its own digit has the largest similarity, by learner and seed."""
    return similarity.idxmax("digit") == similarity.learner


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The paper's cells, and its claim that the diagonal is the largest."""
    cells, table = itertools.product(CLASSES, CLASSES), ledger.using(table="Similarity")
    for (learner, digit), paper in zip(cells, PAPER.flat, strict=True):
        samples = measured.similarity.sel(learner=learner, digit=digit)
        cell = Cell(f"learner {learner}", f"digit {digit}")
        table.one_run(cell, samples, float(paper))
    ledger = ledger.using(table="Trainings in which the diagonal is the largest")
    holds = own_is_largest(measured.similarity)
    n = holds.sizes["seed"]
    ledger.claim(
        "all four learners have the largest similarity for their own digit",
        int(holds.all("learner").sum()),
        n,
    )
    for learner in CLASSES:
        statement = f"learner {learner}: own digit has the largest similarity"
        ledger.claim(statement, int(holds.sel(learner=learner).sum()), n)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """The paper's table and ours."""
    ours = measured.similarity.mean("seed").values
    top = max(PAPER.max(), ours.max())
    figure, panels = subplots(1, 2, width=8.5, height=3.8)
    titles = ("Paper, one training", "Ours, mean")
    for panel, title, values in zip(panels, titles, (PAPER, ours), strict=True):
        plot.picture(values, panel, vmin=0, vmax=top, cmap="Blues")
        for (i, j), value in np.ndenumerate(values):
            colour = "white" if value > 0.6 * top else INK
            weight = "bold" if values[i].argmax() == j else "normal"
            style = {"ha": "center", "va": "center", "color": colour, "weight": weight}
            panel.text(j, i, f"{value:.3f}", **style)
        panel.set_xticks(range(4), [f"digit {digit}" for digit in CLASSES])
        panel.set_yticks(range(4), [f"learner {digit}" for digit in CLASSES])
        panel.tick_params(length=0)
        panel.grid(visible=False)
        panel.spines[:].set_visible(False)
        panel.set_title(title)
    figure.colorbar(
        panels[0].images[0], ax=panels, label="expected similarity", shrink=0.8
    )
    yield Figure(
        figure,
        "Expected similarity of two signals that arrive together at a learner while a "
        "digit is shown and the target's field is withdrawn, averaged over the stable "
        f"steps 19 to 24 and {EXAMPLES} pictures per cell. Right: mean of "
        f"{measured.sizes['seed']} trainings. Bold: largest of its row.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Where the diagonal is the largest."""
    return {"largest": own_is_largest(measured.similarity)}
