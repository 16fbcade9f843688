"""Figure of training with all three penalties: accuracy and penalties by step."""

from collections.abc import Iterator
from typing import Any

import xarray as xr

from isinglass import plot
from isinglass.experiments.looped import setting
from isinglass.experiments.looped.parts import by_setting
from isinglass.experiments.looped.setting import OURS
from isinglass.plot import COLOURS, MUTED, learning_curve, subplots
from isinglass.reproduce import Figure


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy and penalties over training, a column for each setting."""
    count = measured.sizes["setting"]
    figure, panels = subplots(
        2, count, width=3.7 * count, height=6.4, sharex="col", sharey="row"
    )
    for column, (name, part) in zip(
        panels.T, by_setting(measured, "step"), strict=True
    ):
        _draw_accuracy(column[0], name, part)
        _draw_penalties(column[1], part)
    panels[0, 0].set_ylabel("accuracy in %")
    panels[1, 0].set_ylabel("penalty")
    for line in panels:
        line[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    yield Figure(
        figure,
        "Training with all three penalties. Thick lines are means over seeds, thin "
        "ones the seeds. Above: accuracy over positions that count, at lengths 10, 100 "
        "and 1000; dotted: a guess without context; diamonds: the paper's values at L "
        f"= 1000 around step {setting.JUMP_STEP}, before and after its jump, and at "
        "the end of a full run. Below, at the longest length trained on: kinetic term "
        "over its first value ½ d, entropy S with q = 1.5, and potential in nats.",
    )


def _draw_accuracy(axes: Any, name: str, part: xr.Dataset) -> None:
    labels = [f"L = {length}" for length in part.length.values]
    accuracy = part.accuracy.assign_coords(length_label=("length", labels))
    learning_curve(accuracy, axes, hue="length", each_run=True)
    axes.axhline(float(part.chance), color=MUTED, linestyle=":", linewidth=1.2)
    if name != OURS:
        jump = [setting.JUMP_STEP] * 2, [setting.JUMP_FROM, setting.JUMP_TO]
        plot.published(*jump, axes)
        if part.step[-1] >= setting.STEPS:
            ends = [setting.LAST_AT_1000, setting.LAST_AT_100]
            plot.published([setting.STEPS] * 2, ends, axes)
    axes.set(title=name[:1].upper() + name[1:], ylim=(0, 102), xlabel="", ylabel="")


def _draw_penalties(axes: Any, part: xr.Dataset) -> None:
    penalties = {
        # |F|² is d at first, so that the kinetic term is ½ d.
        "kinetic / (½ d)": part.kinetic / 4,
        "entropy S": part.entropy,
        "potential": part.potential,
    }
    values = xr.Dataset(penalties).to_dataarray("penalty")
    style = {"hue": "penalty", "colours": COLOURS[3:6]}
    learning_curve(values, axes, each_run=True, **style)
    axes.set(xlabel="step of training", ylabel="")
    axes.set_ylim(bottom=0)
