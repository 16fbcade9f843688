"""A transformer of digits with perceptrons, tables, frozen tables, or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from isinglass import plot
from isinglass.data.patches import to_patches
from isinglass.experiments.lookup.learning import (
    PERCENT,
    Arm,
    Pictures,
    Problem,
    Training,
    learned,
    less,
    problem,
    side,
)
from isinglass.plot import subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.lookup import (
    LookupMixerConfig,
    LookupTransformer,
    LookupTransformerConfig,
    count_operations,
)

SIDE = 7  # of a patch
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
    """

    width: int = 32
    blocks: int = 2
    tables: int = 128
    arity: int = 4
    bits: int = 3
    training: Training = field(
        default_factory=lambda: Training(batch=32, rates=(0.003, 0.01))
    )

    def config(self, mixer: str) -> LookupTransformerConfig:
        """Of a transformer with a mixer."""
        tables = LookupMixerConfig(self.width, self.tables, self.arity, self.bits)
        return LookupTransformerConfig(
            (28 // SIDE) ** 2,
            SIDE**2,
            width=self.width,
            blocks=self.blocks,
            mixer=mixer,
            hidden=4 * self.width,
            tables=tables,
        )


SETTINGS = {
    "quick": Setting(16, 1, 32, training=Training(1000, 500, 60, 32, rates=(0.01,))),
    "default": Setting(),
}


def new_transformer(
    key: PRNGKeyArray, config: LookupTransformerConfig
) -> LookupTransformer:
    """A transformer as it is before training."""
    return LookupTransformer(config, key=key)


def tables_of(net: LookupTransformer) -> Any:
    """What stays at random in the control."""
    return tuple(mixer.layer.tables for mixer in net.mixers)  # pyright: ignore


def arm_of(name: str, options: Setting) -> Arm:
    """What is trained by its name."""
    mixer = {MLP: "mlp", NONE: "none"}.get(name, "lookup")
    new = partial(new_transformer, config=options.config(mixer))
    return Arm(name, new, tables_of if name == FROZEN else None)


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all arms on test pictures, and what each does for one picture.

    `operations` are counted, by kind; `share` is that of perceptrons in all
    multiplications of I-ViT-T, in %.
    """
    options = SETTINGS[context.resolution]
    task = problem(context, options.training)
    pictures = Pictures(_patches(task), jnp.asarray(task.labels, jnp.int32))
    axes = {"arm": NAMES, "seed": context.seeds}
    accuracy, fitted = (context.table(**PERCENT, **axes) for _ in range(2))
    rate, lost = (context.table(arm=NAMES) for _ in range(2))
    kinds = ("multiplications", "additions", "comparisons", "look_ups")
    operations = context.table(arm=NAMES, kind=kinds)
    for (name,) in context.cases(NAMES, what="arms"):
        arm = arm_of(name, options)
        outcome = learned(context, arm, task, (pictures, options.training))
        accuracy.loc[name], fitted.loc[name] = outcome.accuracy, outcome.learned
        rate.loc[name], lost.loc[name] = outcome.rate, outcome.lost
        config = arm.new.keywords["config"]  # pyright: ignore
        operations.loc[name] = list(config.operations().total)
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "learned": fitted,
            "rate": rate,
            "lost": lost,
            "operations": operations,
            "share": 100 * count_operations().mixer_share,
            "tested": len(task.test),
        }
    )


def _patches(task: Problem) -> Any:
    """Squares of pixels of mean 0 and variance 1 over what is learned from."""
    pixels = task.images.astype(np.float32)
    own = pixels[task.pool]
    return jnp.asarray(to_patches((pixels - own.mean()) / own.std(), (SIDE, SIDE)))


# -- views -----------------------------------------------------------------------------

PAIRS = ((MLP, NONE), (TABLES, NONE), (TABLES, MLP), (TABLES, FROZEN), (FROZEN, NONE))


def differences(measured: xr.Dataset) -> dict[tuple[str, str], xr.DataArray]:
    """Paired differences in points, perceptrons less nothing first."""
    return {pair: less(measured, *pair) for pair in PAIRS}


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
    for (first, second), points in differences(measured).items():
        name = f"{first} less {second}"
        cell = Cell(name, "points", name)
        ledger.using(table="Differences").ours_alone(cell, points)
    for name in NAMES:
        runs = measured.accuracy.sel(arm=name)
        cell = Cell(name, "test", f"Accuracy with {name}")
        ledger.using(table="Accuracy").ours_alone(cell, runs)
        cell = Cell(name, "training", f"Accuracy with {name} on training pictures")
        ledger.using(table="Accuracy").ours_alone(cell, measured.learned.sel(arm=name))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy beside multiplications, and differences."""
    figure, panels = subplots(1, 2, width=10.4, height=3.2)
    plot.rows(measured.accuracy, panels[0], by="arm")
    panels[0].set(xlabel="accuracy in %")
    pairs = differences(measured)
    labels = [f"{first} less {second}" for first, second in pairs]
    joined = xr.concat(list(pairs.values()), dim="pair").assign_coords(pair=labels)
    joined.attrs = {"units": "points"}
    plot.rows(joined, panels[1], by="pair")
    panels[1].axvline(0, color="0.5", linewidth=1, linestyle="--")
    panels[1].set(xlabel="difference in points")
    yield Figure(
        figure,
        "Left: accuracy on test digits of transformers that differ in what follows "
        "attention. Right: paired differences. A dot is a repetition (other pictures "
        "to learn from, weights and batches), the bar the mean with its 95 % "
        "confidence interval.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Whether perceptrons are of use, and whether tables are."""
    return {
        "differences": differences(measured),
        "side": side,
        "accuracy": {name: measured.accuracy.sel(arm=name) for name in NAMES},
        "learned": {name: measured.learned.sel(arm=name) for name in NAMES},
        "rates": {name: float(measured.rate.sel(arm=name)) for name in NAMES},
        "multiplications": {
            name: int(measured.operations.sel(arm=name, kind="multiplications"))
            for name in NAMES
        },
        "useful": less(measured, MLP, NONE),
        "tables": less(measured, TABLES, NONE),
        "trained": less(measured, TABLES, FROZEN),
        "share": float(measured.share),
        "tested": int(measured.tested),
        "lost": int(measured.lost.sum()),
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
    }
