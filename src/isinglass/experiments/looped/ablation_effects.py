"""Arms of the ablation against each other: what a penalty does, paired by seed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from isinglass._common.intervals import mean_interval
from isinglass.experiments.looped.setting import ARMS, PLAIN

SUCCESS = {64: 99.0, 1000: 90.0}  # accuracy in % at each length that counts as solved
PENALTIES = {"P": "potential", "K": "kinetic", "S": "entropy"}


@dataclass(frozen=True)
class Measure:
    """A number that arms are compared by, on the same seeds.

    Attributes:
        name: What it is.
        unit: Unit of its differences.
        better: 1 if more is better, −1 if less.
        values: Takes it of what was measured.
    """

    name: str
    unit: str
    better: int
    values: Callable[[xr.Dataset], xr.DataArray]


def measures(measured: xr.Dataset) -> list[Measure]:
    """What arms are compared by: at the longest length trained on, and far beyond."""
    longest = int(measured.longest)

    def accuracy_at(length: int) -> Measure:
        name = f"accuracy at L = {length}"
        return Measure(
            name, "points", 1, lambda part: part.accuracy.sel(length=length, drop=True)
        )

    return [
        Measure(
            f"cross-entropy at L = {longest}",
            "nats",
            -1,
            lambda part: part.cross_entropy,
        ),
        accuracy_at(longest),
        accuracy_at(1000),
    ]


def cells(measured: xr.Dataset) -> Iterator[tuple[str, xr.Dataset]]:
    """All tasks, with their names and what was measured of their arms."""
    for vocabulary in measured.vocabulary.values:
        for form in measured.form.values:
            part = measured.sel(vocabulary=vocabulary, form=form)
            yield f"{form}, V = {vocabulary}", part


def difference(part: xr.Dataset, arm: str, measure: Measure) -> np.ndarray:
    """An arm less cross-entropy alone, by seed."""
    values = measure.values(part)
    return (values.sel(arm=arm) - values.sel(arm=PLAIN)).values


def main_effect(part: xr.Dataset, penalty: str, measure: Measure) -> np.ndarray:
    """Mean of the four arms with a penalty less that of the four without, by seed."""
    values, term = measure.values(part), PENALTIES[penalty]
    arms = {
        has: [arm for arm, terms in ARMS.items() if (term in terms) is has]
        for has in (True, False)
    }
    means = {has: values.sel(arm=names).mean("arm") for has, names in arms.items()}
    return (means[True] - means[False]).values


def sign(differences: np.ndarray) -> int:
    """1 or −1 where the interval of the mean excludes 0, otherwise 0."""
    if len(differences) < 2 or not np.ptp(differences):
        return 0
    _, low, high = mean_interval(differences)
    return int(low > 0) - int(high < 0)


def successes(arm: xr.Dataset, length: int) -> int:
    """How many seeds of an arm solve the task at a length."""
    return int((arm.accuracy.sel(length=length) >= SUCCESS[length]).sum())
