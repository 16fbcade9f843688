"""Table 3 of Tang 2020: does a wrong policy arrive earlier?"""

import itertools
from collections.abc import Iterator

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.interference.setting import (
    CLASSES,
    classifier,
    load_task,
    share_in_time,
    training_set,
)
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.interference import arrival_times

PAPER = np.array(
    [
        [15.99, 9.49, 10.17, 7.24],
        [18.05, 18.49, 13.63, 12.75],
        [17.24, 14.28, 17.97, 17.51],
        [9.72, 10.31, 9.89, 15.43],
    ]
)
# The published program's sum runs over its first 25 sources of 81: three rows of the
# picture.
SUMMED_BY_PROGRAM = 25
ALL, PART = "all 81 sources", f"first {SUMMED_BY_PROGRAM} sources"
UNTRAINED, SHUFFLED = "before training", "trained on shuffled labels"


def measure(context: Context) -> xr.Dataset:
    """Expected arrival times, and what explains them.

    With and without learning, with true and with shuffled labels, over all sources and
    over those that the program summed; and the share of signals that are in time.
    """
    task = load_task(context)
    time = context.table(
        unit="steps",
        signals=[ALL, PART, UNTRAINED, SHUFFLED],
        learner=CLASSES,
        policy=CLASSES,
        seed=context.seeds,
    )
    in_time = context.table(unit="%", seed=context.seeds)
    for (seed,) in context.cases(context.seeds, what="trainings"):
        digits = training_set(context, task, seed)
        model = classifier(context, seed).fit(*digits)
        in_time.loc[seed] = share_in_time(model)
        time.loc[ALL, :, :, seed] = model.arrival_times()
        reachable = model.geometry_.reachable(model.n_durations)
        time.loc[PART, :, :, seed] = arrival_times(
            model.route_probabilities_[:SUMMED_BY_PROGRAM],
            reachable[:SUMMED_BY_PROGRAM],
        )
        time.loc[UNTRAINED, :, :, seed] = model.forget(*digits).arrival_times()
        labels = context.rng("shuffled labels", seed).permutation(digits.labels)
        model.partial_fit(digits.images, labels)
        time.loc[SHUFFLED, :, :, seed] = model.arrival_times()
    return xr.Dataset({"time": time, "in_time": in_time})


def share_earlier(time: xr.DataArray) -> xr.DataArray:
    """Wrong policies that arrive before the right one, in % of all of a training."""
    is_right = time.policy == time.learner
    right = time.where(is_right).max("policy")
    earlier = (time < right).where(~is_right).mean(("learner", "policy"))
    return (100 * earlier).assign_attrs(units="%")


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The paper's cells, and how often a wrong policy is the earlier."""
    other_sources = ledger.using(
        because=f"The published program summed only its first {SUMMED_BY_PROGRAM} "
        "sources"
    )
    cells = list(itertools.product(CLASSES, CLASSES))
    of_all, of_part = (
        table.using(table=f"Arrival time, {signals}")
        for signals, table in ((ALL, other_sources), (PART, ledger))
    )
    for signals, write in ((PART, of_part.one_run), (ALL, of_all.other_setting)):
        for (learner, policy), paper in zip(cells, PAPER.flat, strict=True):
            times = measured.time.sel(signals=signals, learner=learner, policy=policy)
            place = f"learner {learner}", f"policy {policy}"
            cell = Cell(*place, f"{', '.join(place)}, {signals}")
            write(cell, times, float(paper))
    earlier, ledger = share_earlier(measured.time), ledger.using(source="§4.1")
    for signals in measured.signals.values:
        is_control = signals in (UNTRAINED, SHUFFLED)
        ledger.ours_alone(
            f"wrong policies that arrive earlier, {signals}",
            earlier.sel(signals=signals),
            because="Our control; the paper has none."
            if is_control
            else "The paper says 'most of the time', and gives no number.",
        )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Arrival times at every learner, over all sources and over the program's."""
    time = measured.time.sel(signals=[ALL, PART]).assign_coords(
        signals=[f"ours, {ALL}", f"ours, the program's {SUMMED_BY_PROGRAM} sources"]
    )
    figure, panels = subplots(1, 4, width=11, height=3.4, sharey=True)
    for place, (panel, learner) in enumerate(zip(panels, CLASSES, strict=True)):
        plot.columns(
            time.sel(learner=learner),
            panel,
            by="policy",
            hue="signals",
            paper=xr.DataArray(PAPER[place], dims="policy"),
            colours=(COLOURS[0], COLOURS[4]),
        )
        right = (place - 0.45, place + 0.45)
        panel.axvspan(*right, color=COLOURS[2], alpha=0.12, linewidth=0)
        panel.set(xlabel="sending policy", title=f"Learner {learner}")
    panels[0].set_ylabel("expected arrival time in steps")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    yield Figure(
        figure,
        "When signals arrive on average if all sources send (white input), by the "
        "policy trained for each digit. Shaded: the right policy. Dots are trainings, "
        "bars means with their 95 % confidence interval. The paper's numbers sum the "
        "first 25 sources only, a strip along one side of the picture.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """How often a wrong policy is the earlier."""
    earlier = share_earlier(measured.time)
    kinds = {"all": ALL, "program": PART, "untrained": UNTRAINED, "shuffled": SHUFFLED}
    return {
        "earlier": {name: earlier.sel(signals=kind) for name, kind in kinds.items()}
    }
