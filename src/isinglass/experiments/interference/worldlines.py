"""Figs. 1 to 3 of Tang 2020: routes in space and time, before and after training."""

import itertools
from collections.abc import Iterator

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.data.double_slit import Waves, make_waves
from isinglass.data.mnist import Digits
from isinglass.experiments.interference import double_slit, spacetime
from isinglass.experiments.interference.setting import (
    CLASSES,
    Model,
    classifier,
    in_time,
    load_task,
    share_in_time,
    training_set,
)
from isinglass.plot import COLOURS, INK, subplots, worldlines
from isinglass.plot.light_cones import add_lines
from isinglass.reproduce import Context, Figure, Ledger

DIGIT = 2  # of the picture in space and time
WHEN = {False: "before", True: "after"}  # training


def measure(context: Context) -> xr.Dataset:
    """Signals in time for their target, and the routes of the first training."""
    task = load_task(context)
    share = context.table(unit="%", trained=list(WHEN), seed=context.seeds)
    for (seed,) in context.cases(context.seeds, what="trainings"):
        digits = training_set(context, task, seed)
        model = classifier(context, seed).fit(*digits)
        share.loc[True, seed] = share_in_time(model)
        share.loc[False, seed] = share_in_time(model.forget(*digits))
    picture = task.test.images[np.flatnonzero(task.test.labels == DIGIT)[0]]
    waves = make_waves(double_slit.WAVES, context.rng("waves", 0))
    digits = training_set(context, task, 0)
    return xr.Dataset(
        {
            "share": share,
            "picture": (("row", "column"), picture),
            **routes(classifier(context, 0), digits),
            **routes(double_slit.classifier(context, 0), waves, "slit_"),
        }
    )


def routes(
    model: Model, training: Digits | Waves, prefix: str = ""
) -> dict[str, tuple]:
    """Where routes lead and their probabilities, 0 for those too short to arrive.

    Args:
        model: Not yet trained.
        training: What it learns from.
        prefix: Of all names of variables and dimensions but "trained".
    """
    after = in_time(model.fit(*training))
    before = in_time(model.forget(*training))
    stage = model.geometry_
    source, target, duration, axis = (
        f"{prefix}{name}" for name in ("source", "target", "duration", "axis")
    )
    return {
        f"{prefix}probability": (
            ("trained", source, target, duration),
            np.stack([before, after]),
        ),
        f"{source}_place": ((source, axis), stage.sources),
        f"{target}_place": ((target, axis), stage.targets),
        f"{prefix}distance": ((source, target), stage.distances),
    }


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """How many signals are in time, before and after training."""
    for trained, when in WHEN.items():
        ledger.using(valid_range=(0, 100)).ours_alone(
            f"signals in time for their target, {when} training",
            measured.share.sel(trained=trained),
            because="The paper draws its worldlines and gives no number.",
        )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """The routes in space and time, by distance, and of the double slit."""
    yield spacetime.draw(measured.sel(trained=True), DIGIT)
    yield draw_light_cones(measured)
    yield draw_double_slit(measured)


def draw_light_cones(measured: xr.Dataset) -> Figure:
    """Figs. 1 and 2 in one space dimension: distance from the target against time."""
    figure, panels = subplots(2, 4, width=11, height=6, sharex=True, sharey=True)
    for row, (trained, when) in zip(panels, WHEN.items(), strict=True):
        for target, panel in enumerate(row):
            worldlines(measured.sel(trained=trained), panel, target=target)
            panel.set_title(f"target {CLASSES[target]}, {when}")
            panel.label_outer()
    return Figure(
        figure,
        "Space-time diagrams before and after training (K=5, 1 epoch). A signal starts "
        "at its source's distance at time 0 and arrives at the target (distance 0) "
        "after its travel duration; straight lines stand for detours of that length. "
        "Width is the probability, averaged over the sources at that distance. "
        "Training mutes the sources that are not similar to the field.",
    )


def draw_double_slit(measured: xr.Dataset) -> Figure:
    """Fig. 3: routes from the two slits to the two targets."""
    figure, panels = subplots(1, 2, width=8.5, height=4.6, sharex=True, sharey=True)
    slits, targets = (
        measured[f"slit_{end}_place"].values[:, 0] for end in ("source", "target")
    )
    for panel, (trained, when) in zip(panels, WHEN.items(), strict=True):
        probability = measured.slit_probability.sel(trained=trained).values
        for (i, slit), (j, target) in itertools.product(
            enumerate(slits), enumerate(targets)
        ):
            chances = probability[i, j]
            lines = np.array(
                [[(slit, 0), (target, end)] for end in range(len(chances))]
            )
            opacity = np.minimum(1, 0.1 + 8 * chances)
            add_lines(panel, lines, COLOURS[j], 0.2 + 40 * chances, opacity)
        plot.line(
            slits, [0, 0], panel, "o", color=INK, markersize=9, clip_on=False, zorder=3
        )
        panel.set_xticks(
            [*targets, *slits],
            ["in-phase\ntarget", "out-of-phase\ntarget", "slit", "slit"],
        )
        panel.set(title=f"{when.capitalize()} training", xlabel="position")
        panel.set_ylim(0, measured.sizes["slit_duration"])
    panels[0].set_ylabel("travel duration in steps")
    return Figure(
        figure,
        "Routes of the double slit from the two slits to the two targets, before and "
        "after five waves of each kind. Width is the probability. The durations that "
        "remain differ between the slits by what makes the waves of one kind meet in "
        "step.",
        part="double-slit",
    )
