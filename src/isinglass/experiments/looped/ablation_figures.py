"""Figures of the ablation: accuracy of every arm, and how arms differ."""

from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.looped import setting
from isinglass.experiments.looped.ablation_effects import (
    PENALTIES,
    SUCCESS,
    Measure,
    cells,
    difference,
    main_effect,
    measures,
    sign,
)
from isinglass.plot import COLOURS, INK, MUTED, subplots
from isinglass.reproduce import Figure

OTHERS = [arm for arm in setting.ARMS if arm != setting.PLAIN]


def draw_accuracies(measured: xr.Dataset, sentence: str) -> Figure:
    """Accuracy of every arm by task and length; the sentence says the setting."""
    tasks, lengths = list(cells(measured)), measured.length.values
    figure, panels = subplots(
        len(tasks),
        len(lengths),
        width=10,
        height=2.7 * len(tasks) + 0.4,
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    colours = [COLOURS[arm == setting.PLAIN] for arm in setting.ARMS]
    for line, (cell, part) in zip(panels, tasks, strict=True):
        guess = setting.chance(part.form.item(), part.vocabulary.item())
        for panel, length in zip(line, lengths, strict=True):
            accuracy = part.accuracy.sel(length=length)
            plot.rows(accuracy, panel, by="arm", colours=colours)
            if length in SUCCESS:
                panel.axvline(SUCCESS[length], color=MUTED, linewidth=1)
            panel.axvline(guess, color=MUTED, linestyle=":", linewidth=1.2)
            panel.set_title(f"{cell}, L = {length}", fontsize=9)
    for panel in panels[-1]:
        panel.set(xlabel="accuracy in %", xlim=(0, 102))
    return Figure(
        figure,
        "Accuracy of every arm on fresh sequences. Dots are seeds, the same in all "
        "arms; bars are means with their 95 % confidence interval; solid lines: what "
        "counts as solved; dotted: a "
        f"guess without context. {sentence}",
    )


def draw_differences(measured: xr.Dataset, sentence: str) -> Figure:
    """Arms less cross-entropy alone, and effects of penalties, by task and measure."""
    tasks, numbers = list(cells(measured)), measures(measured)
    figure, panels = subplots(
        len(tasks),
        len(numbers),
        width=10,
        height=3.1 * len(tasks) + 0.4,
        sharex="col",
        sharey=True,
        squeeze=False,
    )
    for line, (cell, part) in zip(panels, tasks, strict=True):
        for panel, number in zip(line, numbers, strict=True):
            _draw_differences(panel, part, number)
            panel.set_title(f"{cell}, {number.name}", fontsize=8)
    for panel, number in zip(panels[-1], numbers, strict=True):
        panel.set_xlabel(f"difference in {number.unit}")
    return Figure(
        figure,
        f"Arms minus {setting.PLAIN} alone, and effects of each penalty (the four arms "
        "with it minus the four without), paired by seed: means with their 95 % "
        "confidence interval. It is green on the better side of 0, orange on the "
        f"worse, and black across it. {sentence}",
        part="differences",
    )


def _draw_differences(axes: Any, part: xr.Dataset, number: Measure) -> None:
    values: list[np.ndarray] = [difference(part, arm, number) for arm in OTHERS]
    values += [main_effect(part, penalty, number) for penalty in PENALTIES]
    for place, differences in enumerate(values):
        better = number.better * sign(differences)
        colour = {1: COLOURS[2], -1: COLOURS[1], 0: INK}[better]
        plot.interval(differences, place, axes, colour=colour)
    labels = [*OTHERS, *(f"effect of {penalty}" for penalty in PENALTIES)]
    axes.axvline(0, color=MUTED, linewidth=1)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
