"""What the findings of the ablation say: successes, effects, and the searches."""

import numpy as np
import xarray as xr

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
    successes,
)

WORDS = {1: "better", -1: "worse", 0: "no difference seen"}


def summary(measured: xr.Dataset) -> dict[str, object]:
    """Names for the findings."""
    comparisons = [
        number.better * sign(difference(part, arm, number))
        for _, part in cells(measured)
        for number in measures(measured)
        for arm in setting.ARMS
        if arm != setting.PLAIN
    ]
    return {
        "seeds": measured.sizes["seed"],
        "arms": measured.rate.size,
        "models": measured.rate.size * measured.sizes["seed"],
        "lost": int(measured.diverged.sum()),
        "at_the_edge": at_the_edge(measured),
        "weights": setting.WEIGHTS,
        "enough": SUCCESS,
        "cells": [_cell(part) for _, part in cells(measured)],
        "penalties": [
            {
                "name": name,
                "effects": [
                    _effects(measured, penalty, number) for number in measures(measured)
                ],
            }
            for penalty, name in PENALTIES.items()
        ],
        "comparisons": comparisons,
        "mixed": [
            {"name": cell, "rates": by_rate(part)}
            for cell, part in cells(measured)
            if len(by_rate(part)) > 1
        ],
    }


def at_the_edge(measured: xr.Dataset) -> int:
    """In how many searches a rate that was not tried might be better still."""
    rates = measured.searched_rate
    return int(measured.rate.isin([rates.min(), rates.max()]).sum())


def _cell(part: xr.Dataset) -> dict[str, object]:
    form, vocabulary = part.form.item(), part.vocabulary.item()
    ends = [part.sel(arm=arm) for arm in (setting.PLAIN, setting.ALL)]
    return {
        "form": form,
        "vocabulary": vocabulary,
        "chance": setting.chance(form, vocabulary),
        "successes": {
            length: {arm: successes(part.sel(arm=arm), length) for arm in setting.ARMS}
            for length in SUCCESS
        },
        "accuracies": {
            length: [arm.accuracy.sel(length=length) for arm in ends]
            for length in part.length.values
        },
        "cross_entropies": [arm.cross_entropy for arm in ends],
        "rates": {arm: float(part.rate.sel(arm=arm)) for arm in setting.ARMS},
    }


def _effects(measured: xr.Dataset, penalty: str, number: Measure) -> dict[str, object]:
    """What a penalty does to a number, task by task."""
    effects = {
        cell: main_effect(part, penalty, number) for cell, part in cells(measured)
    }
    return {
        "name": number.name,
        "unit": number.unit,
        "cells": [
            (cell, effect, WORDS[number.better * sign(effect)])
            for cell, effect in effects.items()
        ],
    }


def by_rate(part: xr.Dataset) -> dict[float, tuple[float, list[str]]]:
    """Mean accuracy at the longest length, and arms, by the rate chosen for them."""
    accuracy = part.accuracy.sel(length=int(part.longest)).mean("seed")
    rates = {}
    for rate in np.unique(part.rate):
        chosen = part.rate == rate
        names = [str(name) for name in part.arm.values[chosen.values]]
        rates[float(rate)] = (float(accuracy[chosen].mean()), names)
    return rates
