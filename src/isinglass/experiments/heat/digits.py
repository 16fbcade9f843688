"""MNIST in patches: conduction, controls, attention, with a convolution or without."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array

from isinglass import plot
from isinglass.experiments.heat.setting import (
    ATTENTION,
    PERCENT,
    Arm,
    Learner,
    Training,
    learned,
    problem,
)
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.paired import less
from isinglass.training.lanes import each_lane

MODES, NONE = Arm("k per mode", "modes"), Arm("no conduction", "none")
CONSTANT = Arm("k = 5", "constant")
ARMS = (
    MODES,
    Arm("k per channel", "channels"),
    CONSTANT,
    Arm("k per mode, graph", "modes", spectrum="graph"),
    Arm("free gains", "filter"),
    NONE,
    Arm("attention", ATTENTION),
)
WITH, WITHOUT = "with convolution", "no convolution"
SIDES = (WITH, WITHOUT)


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        training: How.
        arms: Which, each with and without the convolution.
    """

    training: Training
    arms: tuple[Arm, ...] = ARMS


SETTINGS = {
    "quick": Setting(
        Training(12, 1, 7, 500, 20, rates=(0.01,), lanes=2), (MODES, NONE)
    ),
    "default": Setting(Training()),
    "full": Setting(Training(48, 2, 4, steps=1200, rates=(0.003, 0.01, 0.03))),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy of all arms; widths √(2k) in cells and the share of k that is 0.

    `width` is the mean over modes, channels and blocks of trained models, NaN where
    there is no k; `still` the share of k that is exactly 0.
    """
    options = SETTINGS[context.resolution]
    names = [arm.name for arm in options.arms]
    axes = {"arm": names, "convolution": SIDES}
    accuracy = context.table(**PERCENT, **axes, seed=context.seeds)
    width = context.table(unit="cells", **axes, seed=context.seeds)
    still = context.table(**PERCENT, **axes, seed=context.seeds)
    rate = context.table(**axes)
    task = problem(context, options.training)
    for arm, side in context.cases(options.arms, SIDES, what="models"):
        own = arm if side == WITH else arm.without()
        outcome = learned(context, task, own, options.training)
        accuracy.loc[arm.name, side] = outcome.accuracy
        rate.loc[arm.name, side] = outcome.rate
        if arm.kind in ("modes", "channels"):
            wide, zero = _widths(outcome.models)
            width.loc[arm.name, side] = np.asarray(wide)
            still.loc[arm.name, side] = 100 * np.asarray(zero)
    parts = {"accuracy": accuracy, "width": width, "still": still, "rate": rate}
    return xr.Dataset(parts)


@eqx.filter_jit
def _widths(models: Learner) -> tuple[Array, Array]:
    """Mean √(2k), and the share of k that is 0, of each model."""

    def of_model(model: Learner) -> tuple[Array, Array]:
        k = [block.conduction.conductivities().ravel() for block in model.net.blocks]
        joined = jnp.concatenate(k)
        return jnp.sqrt(2 * joined).mean(), (joined == 0).mean()

    return each_lane(of_model, models)


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies, and what conduction, its choices and the convolution add."""
    because = "The paper's are of ImageNet, and have no such controls"
    ledger = ledger.using(because=because)
    for name in measured.arm.values:
        for side in SIDES:
            cell = Cell(name, side, f"accuracy: {name}, {side}")
            part = measured.sel(arm=name, convolution=side)
            ledger.using(table="Accuracy on MNIST").ours_alone(cell, part.accuracy)
            if part.width.notnull().all():
                for quantity, values in (
                    ("√(2k)", part.width),
                    ("k that is 0", part.still),
                ):
                    cell = Cell(
                        f"{name}, {side}", quantity, f"{quantity}: {name}, {side}"
                    )
                    ledger.using(table="What was learned").ours_alone(cell, values)
            if name != NONE.name:
                points = less(part_of(measured, side), "arm", name, NONE.name)
                cell = Cell(name, side, f"less no conduction: {name}, {side}")
                ledger.using(table="Less no conduction").ours_alone(cell, points)
    if CONSTANT.name in measured.arm.values:
        for side in SIDES:
            points = less(part_of(measured, side), "arm", MODES.name, CONSTANT.name)
            held = int((points > 0).sum())
            statement = f"k that is learned is right more often than k = 5, {side}"
            ledger.claim(statement, held, points.size)


def part_of(measured: xr.Dataset, side: str) -> xr.DataArray:
    """Accuracies with or without the convolution."""
    return measured.accuracy.sel(convolution=side, drop=True)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracies, a dot a repetition."""
    figure, axes = subplots(width=8.4, height=0.55 * measured.sizes["arm"] + 1.6)
    plot.rows(
        measured.accuracy,
        axes,
        by="arm",
        hue="convolution",
        colours=[COLOURS[0], COLOURS[1]],
    )
    axes.set(xlabel="accuracy on test pictures in %", ylabel="")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    yield Figure(
        figure,
        "A dot is a repetition (other pictures to learn from and first weights), the "
        "bar the mean with its 95 % confidence interval.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What each arm adds to no conduction, and what the convolution adds to each."""
    names = [str(name) for name in measured.arm.values]
    others = [name for name in names if name != NONE.name]
    options = SETTINGS[measured.resolution]
    return {
        "seeds": measured.sizes["seed"],
        "training": options.training,
        "names": names,
        "adds": {
            side: {
                name: less(part_of(measured, side), "arm", name, NONE.name)
                for name in others
            }
            for side in SIDES
        },
        "convolution": {
            name: less(measured.accuracy.sel(arm=name), "convolution", *SIDES)
            for name in names
        },
        "learned": less(part_of(measured, WITHOUT), "arm", MODES.name, CONSTANT.name)
        if CONSTANT.name in names
        else None,
        "attended": less(part_of(measured, WITHOUT), "arm", MODES.name, "attention")
        if "attention" in names
        else None,
        "width": measured.width,
        "still": measured.still,
        "modes": MODES.name,
        "unmixed": NONE.name,
        "sides": SIDES,
    }
