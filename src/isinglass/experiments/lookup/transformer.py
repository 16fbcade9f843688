"""A transformer with perceptrons, tables, frozen tables, or nothing after attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import xarray as xr
from jaxtyping import PRNGKeyArray

from isinglass import plot
from isinglass.experiments.lookup.learning import (
    PERCENT,
    Arm,
    Training,
    learned,
)
from isinglass.experiments.lookup.transformer_tasks import (
    INVERTED,
    TASKS,
    Task,
    task_of,
)
from isinglass.plot import subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.grids import at_an_edge
from isinglass.reproduce.paired import less, side
from isinglass.systems.lookup import (
    LookupMixerConfig,
    LookupTransformer,
    LookupTransformerConfig,
    count_operations,
)

MLP, TABLES, FROZEN, NONE = NAMES = (
    "perceptrons",
    "tables",
    "tables frozen at random",
    "nothing",
)
SHARE = 55  # % of all multiplications, of the abstract
CLOSE = "the paper says approximately, and gives two digits"


@dataclass(frozen=True)
class Setting:
    """What is trained.

    Attributes:
        width: D.
        blocks: Of the model.
        tables: Of a block.
        arity: n, bits of a table.
        bits: z, thresholds of a feature.
        training: How.
        tasks: What is learned.
        arms: What follows attention.
    """

    width: int = 32
    blocks: int = 1
    tables: int = 192
    arity: int = 6
    bits: int = 4
    training: Training = field(
        default_factory=lambda: Training(
            batch=32, steps=800, rates=(0.001, 0.003, 0.01, 0.03)
        )
    )
    tasks: tuple[str, ...] = TASKS
    arms: tuple[str, ...] = NAMES

    def config(self, name: str, task: Task) -> LookupTransformerConfig:
        """Of a transformer of an arm."""
        tables = LookupMixerConfig(self.width, self.tables, self.arity, self.bits)
        *_, patches, values = task.pictures.inputs.shape
        return LookupTransformerConfig(
            patches,
            values,
            task.classes,
            width=self.width,
            blocks=self.blocks,
            mixer={MLP: "mlp", NONE: "none"}.get(name, "lookup"),
            hidden=4 * self.width,
            tables=tables,
        )


SETTINGS = {
    "quick": Setting(
        16,
        tables=32,
        arity=4,
        bits=3,
        training=Training(1000, 500, 60, 32, rates=(0.01,)),
        tasks=(INVERTED,),
        arms=(MLP, TABLES, NONE),
    ),
    "default": Setting(),
    "full": Setting(
        blocks=2,
        training=Training(batch=32, steps=3000, rates=(0.001, 0.003, 0.01, 0.03)),
    ),
}


def new_transformer(
    key: PRNGKeyArray, config: LookupTransformerConfig
) -> LookupTransformer:
    """A transformer as it is before training."""
    return LookupTransformer(config, key=key)


def tables_of(net: LookupTransformer) -> Any:
    """What stays at random in the control."""
    return tuple(mixer.layer.tables for mixer in net.mixers)  # pyright: ignore


def arm_of(name: str, task: str, config: LookupTransformerConfig) -> Arm:
    """What is trained by its name."""
    new = partial(new_transformer, config=config)
    return Arm(f"{task}, {name}", new, tables_of if name == FROZEN else None)


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all arms on what is tested, and what each does for one input.

    `operations` are counted, by kind; `share` is that of perceptrons in all
    multiplications of I-ViT-T, in %; each `rate` was chosen of those within `limits`.
    """
    options = SETTINGS[context.resolution]
    by_arm: dict[str, Any] = {"task": options.tasks, "arm": options.arms}
    accuracy, fitted = (
        context.table(**PERCENT, **by_arm, seed=context.seeds) for _ in range(2)
    )
    rate, lost = (context.table(**by_arm) for _ in range(2))
    limits = context.table(**by_arm, bound=("least", "largest"))
    kinds = ("multiplications", "additions", "comparisons", "look_ups")
    operations = context.table(**by_arm, kind=kinds)
    tested = context.table(task=options.tasks)
    tasks = {name: task_of(name, context, options.training) for name in options.tasks}
    for place, name in context.cases(options.tasks, options.arms, what="models"):
        task = tasks[place]
        config = options.config(name, task)
        arm = arm_of(name, place, config)
        data = task.pictures, options.training
        outcome = learned(context, arm, task.problem, data)
        accuracy.loc[place, name] = outcome.accuracy
        fitted.loc[place, name] = outcome.learned
        rate.loc[place, name] = outcome.rate
        limits.loc[place, name] = list(outcome.limits[0])
        lost.loc[place, name] = outcome.lost
        operations.loc[place, name] = list(config.operations().total)
        tested.loc[place] = len(task.problem.test)
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "learned": fitted,
            "rate": rate,
            "limits": limits,
            "lost": lost,
            "operations": operations,
            "share": 100 * count_operations().mixer_share,
            "tested": tested,
        }
    )


# -- views -----------------------------------------------------------------------------

PAIRS = (
    (MLP, NONE),
    (TABLES, NONE),
    (TABLES, MLP),
    (TABLES, FROZEN),
    (FROZEN, NONE),
)


def differences(measured: xr.Dataset) -> dict[tuple[str, str], xr.DataArray]:
    """Paired differences on one task in points, perceptrons less nothing first."""
    arms = set(map(str, measured.arm.values))
    return {
        pair: less(measured.accuracy, "arm", *pair)
        for pair in PAIRS
        if set(pair) <= arms
    }


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The share of multiplications, accuracies, differences and operations."""
    cell = Cell("perceptrons of I-ViT-T", "share", "Perceptrons' multiplications")
    ledger.using(table="Multiplications", unit="%").exact(
        cell, float(measured.share), SHARE, tolerance=1.0, because=CLOSE
    )
    ledger = ledger.using(
        because="The paper's numbers are of CIFAR-10 and a pretrained model, and it "
        "has no such controls"
    )
    for task in map(str, measured.task.values):
        part = measured.sel(task=task)
        for (first, second), points in differences(part).items():
            name = f"{first} less {second}"
            cell = Cell(name, task, f"{name}, {task}")
            ledger.using(table="Differences").ours_alone(cell, points)
        for name in map(str, measured.arm.values):
            for column, runs in (("test", part.accuracy), ("training", part.learned)):
                cell = Cell(name, f"{task}, {column}", f"{task}, {column}, {name}")
                runs = runs.sel(arm=name)
                ledger.using(table="Accuracy").ours_alone(cell, runs)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracies above, paired differences below, a column a task."""
    tasks = list(map(str, measured.task.values))
    pairs = [differences(measured.sel(task=task)) for task in tasks]
    rows = measured.sizes["arm"], len(pairs[0])
    figure, panels = subplots(
        2,
        len(tasks),
        width=4.2 * len(tasks) + 2.2,
        height=0.36 * sum(rows) + 2,
        squeeze=False,
        sharey="row",
        gridspec_kw={"height_ratios": rows},
    )
    for column, task in enumerate(tasks):
        top, bottom = panels[:, column]
        plot.rows(measured.accuracy.sel(task=task, drop=True), top, by="arm")
        top.set(title=task, xlabel="accuracy in %")
        labels = [f"{first} less {second}" for first, second in pairs[column]]
        joined = xr.concat(list(pairs[column].values()), dim="pair")
        joined = joined.assign_coords(pair=labels).drop_vars("task", errors="ignore")
        joined.attrs = {"units": "points"}
        plot.rows(joined, bottom, by="pair")
        bottom.axvline(0, color="0.5", linewidth=1, linestyle="--")
        bottom.set(xlabel="difference in points")
    yield Figure(
        figure,
        "Above: accuracy on what no model learned from, by what follows attention. "
        "Below: paired differences. A dot is a repetition (other inputs to learn from, "
        "weights and batches), the bar the mean with its 95 % confidence interval.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Whether perceptrons are of use, and whether tables are, on each task."""
    options = SETTINGS[measured.resolution]
    tasks = list(map(str, measured.task.values))
    return {
        "tasks": {task: _views_of(measured.sel(task=task)) for task in tasks},
        "side": side,
        "share": float(measured.share),
        "lost": int(measured.lost.sum()),
        "options": options,
        "inverted": INVERTED,
        "seeds": measured.sizes["seed"],
    }


def _views_of(measured: xr.Dataset) -> dict[str, Any]:
    """What there is to say of one task."""
    names = list(map(str, measured.arm.values))
    pairs = differences(measured)
    rates = {name: float(measured.rate.sel(arm=name)) for name in names}
    ends = at_an_edge(measured.rate, measured.limits)
    counts = measured.operations.sel(kind="multiplications")
    return {
        "differences": pairs,
        "useful": pairs[MLP, NONE],
        "tables": pairs[TABLES, NONE],
        "behind": pairs[TABLES, MLP],
        "trained": pairs.get((TABLES, FROZEN)),
        "accuracy": {name: measured.accuracy.sel(arm=name) for name in names},
        "learned": {name: measured.learned.sel(arm=name) for name in names},
        "rates": rates,
        "edges": [str(name) for name in measured.arm.values[ends]],
        "multiplications": {name: int(counts.sel(arm=name)) for name in names},
        "tested": int(measured.tested),
    }
