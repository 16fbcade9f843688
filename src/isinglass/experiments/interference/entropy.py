"""Entropy of the arrival times of similar signals during learning (Tang 2020, §3)."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.interference.setting import (
    CLASSES,
    classifier,
    example_pictures,
    load_task,
    saturating,
    share_in_time,
    training_set,
)
from isinglass.plot import MUTED, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger

PICTURES = (0, 1, 2, 5, 10, 20, 50)  # per class, after which the entropy is taken


def measure(context: Context) -> xr.Dataset:
    """Entropy at every learner for every digit, and what can arrive, by training."""
    task = load_task(context)
    axes = {"pictures": PICTURES, "learner": CLASSES, "digit": CLASSES}
    entropy = context.table(unit="nats", **axes, seed=context.seeds)
    in_time = context.table(unit="%", pictures=PICTURES, seed=context.seeds)
    for (seed,) in context.cases(context.seeds, what="trainings"):
        digits = training_set(context, task, seed, PICTURES[-1])
        # Of each picture within its class: they come class after class.
        place = np.tile(np.arange(PICTURES[-1]), len(CLASSES))
        examples = example_pictures(context, task, seed)
        with saturating():
            model = classifier(context, seed).fit(*digits).forget(*digits)
        for before, now in pairwise((0, *PICTURES)):
            new = (place >= before) & (place < now)
            with saturating():
                if new.any():
                    model.partial_fit(digits.images[new], digits.labels[new])
            entropies = model.arrival_entropy(np.concatenate(examples))
            entropies = entropies.reshape(*examples.shape[:2], len(CLASSES))
            entropy.loc[now, :, :, seed] = np.nanmean(entropies, axis=1).T
            in_time.loc[now, seed] = share_in_time(model)
    return xr.Dataset({"entropy": entropy, "in_time": in_time})


def own(entropy: xr.DataArray) -> xr.DataArray:
    """Entropy at each learner when its own digit is shown."""
    return entropy.where(entropy.digit == entropy.learner).mean("digit")


def others(entropy: xr.DataArray) -> xr.DataArray:
    """Mean entropy at the learners whose digit is not shown."""
    is_other = entropy.digit != entropy.learner
    return entropy.where(is_other).mean(("learner", "digit"))


def fall(entropy: xr.DataArray) -> xr.DataArray:
    """From before training to the last picture."""
    return entropy.sel(pictures=0) - entropy.sel(pictures=PICTURES[-1])


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """How far it falls at the learner of the digit and at the others."""
    ledger = ledger.using(
        unit="nats", because="The paper expects it to decrease, and gives no number."
    )
    at_own = own(measured.entropy)
    falls = ledger.using(table=f"Fall from 0 to {PICTURES[-1]} pictures per class")
    for digit in CLASSES:
        name = f"learner {digit}, own digit: fall of the entropy"
        place = Cell("own digit", f"learner {digit}", name)
        falls.ours_alone(place, fall(at_own.sel(learner=digit)))
    at_learners = {"own digit": at_own.mean("learner")}
    at_learners["other digits"] = others(measured.entropy)
    for name, entropy in at_learners.items():
        falls.ours_alone(f"mean over learners, {name}", fall(entropy))
    for pictures in PICTURES:
        ledger.using(table="Entropy by pictures per class").ours_alone(
            Cell(
                "own learner",
                f"{pictures}",
                f"entropy at the own learner after {pictures} pictures per class",
            ),
            at_own.sel(pictures=pictures).mean("learner"),
        )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Entropy over the number of pictures, evenly spaced."""
    figure, axes = subplots(width=7.5, height=4)
    places = range(len(PICTURES))
    entropy = measured.entropy.assign_coords(pictures=places)
    names = [f"learner {digit}, digit {digit}" for digit in CLASSES]
    at_own = own(entropy).assign_coords(learner=names)
    plot.band(at_own, axes, along="pictures", hue="learner", marker="o")
    plot.band(
        others(entropy),
        axes,
        along="pictures",
        colours=[MUTED],
        marker="o",
        label="another digit shown, mean",
    )
    axes.set_xticks(places, PICTURES)
    axes.set(
        xlabel="pictures seen per class", ylabel="entropy of arrival times in nats"
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    yield Figure(
        figure,
        "Entropy of the arrival times of the signals that are similar to the target's "
        "field, for test pictures. Bands are 95 % confidence intervals of the mean "
        "over trainings. All 25 steps equally likely would be log 25 = "
        f"{np.log(25):.2f} nats.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Mean entropies over the number of pictures."""
    average = {"own": own, "others": others}
    return {name: of(measured.entropy) for name, of in average.items()}
