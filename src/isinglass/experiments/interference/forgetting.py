"""Catastrophic forgetting (Tang 2020, §4.1): classes that arrive one after another."""

import copy
from collections.abc import Iterator

import numpy as np
import xarray as xr
from jaxtyping import Int

from isinglass import plot
from isinglass.data.few_shot import Task
from isinglass.experiments.interference.setting import (
    CLASSES,
    SHOTS,
    answers,
    backpropagation,
    classifier,
    load_task,
    training_set,
)
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import InterferenceClassifier, ensemble_energies

# Backpropagation learns next to nothing in one epoch (Table 1): it gets ten, ours one.
BP_EPOCHS = 10
METHODS = {
    "ours": "Interference, one epoch",
    "BP": f"Backpropagation, {BP_EPOCHS} epochs per class",
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy on each digit after each arrival, and whether ours is joint training.

    `is_joint` is 1 where the model after the last digit is that of joint training, bit
    for bit, else 0.
    """
    task = load_task(context)
    axes = {"arrival": CLASSES, "digit": CLASSES, "seed": context.seeds}
    accuracy = context.table(unit="%", classifier=METHODS, **axes)
    is_joint = context.table(seed=context.seeds)
    models = []
    for (seed,) in context.cases(context.seeds, what="interference"):
        models += stages(context, task, seed)
        joint = classifier(context, seed).fit(*training_set(context, task, seed))
        routes = (joint.route_probabilities_, models[-1].route_probabilities_)
        is_joint.loc[seed] = np.array_equal(*routes)
    context.progress.step("testing every stage")
    ours = answers(ensemble_energies(models, task.test.images))
    ours = ours.reshape(len(context.seeds), len(CLASSES), -1).swapaxes(0, 1)
    context.progress.step("backpropagation")
    guesses = {"ours": ours, "BP": backpropagation_in_turn(context, task)}
    for method, guess in guesses.items():
        for digit in CLASSES:
            hits = guess[..., task.test.labels == digit] == digit
            accuracy.loc[method, :, digit] = 100 * hits.mean(axis=-1)
    return xr.Dataset({"accuracy": accuracy, "is_joint": is_joint})


def stages(context: Context, task: Task, seed: int) -> list[InterferenceClassifier]:
    """The model after the arrival of each digit."""
    digits, model = training_set(context, task, seed), classifier(context, seed)
    models = []
    for label in CLASSES:
        new = digits.labels == label
        model.partial_fit(digits.images[new], digits.labels[new], classes=CLASSES)
        models.append(copy.deepcopy(model))
    return models


def backpropagation_in_turn(
    context: Context, task: Task
) -> Int[np.ndarray, "arrival seed picture"]:
    """What the baseline answers after the arrival of each digit."""
    pictures = np.arange(len(CLASSES) * SHOTS).reshape(len(CLASSES), SHOTS)
    order = np.tile(pictures, BP_EPOCHS).ravel()  # all epochs of a digit, then the next
    stops = SHOTS * BP_EPOCHS * np.arange(1, len(CLASSES) + 1)
    orders = np.tile(order, (len(context.seeds), 1))
    return backpropagation(context, task, SHOTS, orders, stops.tolist())


def lost(accuracy: xr.DataArray) -> xr.DataArray:
    """Points of accuracy on the first digit lost between its arrival and the last."""
    first = accuracy.isel(digit=0)
    return (first.isel(arrival=0) - first.isel(arrival=-1)).assign_attrs(units="points")


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Ours beside the baseline; the paper gives no numbers."""
    ledger = ledger.using(
        unit="%",
        because="the paper says that ours does not forget, and gives no number",
    )
    n = measured.sizes["seed"]
    ledger.share(
        "class after class gives the model of joint training, bit for bit",
        int(measured.is_joint.sum()),
        n,
        because="Exact in closed form; the paper says 'forgetting is not obvious'.",
    )
    loss = lost(measured.accuracy)
    ledger.share(
        "ours keeps more of the first digit than BP, same draws",
        int((loss.sel(classifier="ours") < loss.sel(classifier="BP")).sum()),
        n,
    )
    for method in METHODS:
        quantity = f"accuracy on the first digit lost by the end, {method}"
        ledger.ours_alone(quantity, loss.sel(classifier=method))
    end = measured.accuracy.isel(arrival=-1)
    ledger = ledger.using(table="Accuracy at the end", valid_range=(0, 100))
    for method in METHODS:
        at_end = end.sel(classifier=method)
        for digit in CLASSES:
            name = f"accuracy on digit {digit} at the end, {method}"
            place = Cell(method, f"digit {digit}", name)
            ledger.ours_alone(place, at_end.sel(digit=digit))
        name = f"accuracy over the four digits at the end, {method}"
        ledger.ours_alone(Cell(method, "all four", name), at_end.mean("digit"))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy on every digit after every arrival, by method."""
    places = np.arange(len(CLASSES))
    accuracy = measured.accuracy.assign_coords(arrival=places)
    figure, panels = subplots(1, 2, width=9, height=3.6, sharey=True)
    for panel, (method, title) in zip(panels, METHODS.items(), strict=True):
        for index, digit in enumerate(CLASSES):
            colour = COLOURS[index]
            course = accuracy.sel(classifier=method, digit=digit)
            plot.line(places, course.mean("seed"), panel, ":", color=colour, alpha=0.5)
            plot.band(
                course[index:],
                panel,
                along="arrival",
                colours=[colour],
                marker="o",
                label=f"digit {digit}",
            )
        panel.set_title(title)
        panel.set_xticks(places, [f"+ digit {digit}" for digit in CLASSES])
    panels[0].set_ylabel("accuracy in %")
    panels[1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    yield Figure(
        figure,
        "Accuracy on each digit, all four answers allowed, while the digits arrive one "
        f"after another (K={SHOTS}). Lines are dotted before a digit has arrived; "
        "bands are 95 % confidence intervals of the mean. Left: what a digit loses, it "
        "loses to competitors that have learned their own. Right: training on a new "
        "digit overwrites the old ones.",
    )
