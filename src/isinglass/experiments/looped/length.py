"""What it takes: trained on 64 symbols at most, right at 1,000."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import xarray as xr

from isinglass import plot
from isinglass.data.induction import Form
from isinglass.experiments.looped import models, parts, setting
from isinglass.experiments.looped.models import Training
from isinglass.plot import MUTED, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, side_by_side
from isinglass.systems.looped import Evaluation, LoopedConfig, Recipe

LENGTHS = (10, 64, 100, 200, 500, 1000)
# At these, a seed counts as a success from this share of right answers on, in percent.
ENOUGH = {64: 99.0, 1000: 90.0}
TEST = 2  # what fresh sequences are for
NOT_PUBLISHED = (
    "The paper's positions are sinusoids, and it reports one run of an unstated form"
)
VOCABULARIES = {"full-sequence": 4, "last-token": 16}
SINUSOIDS = "sinusoids"
ARMS = {
    SINUSOIDS: "sinusoids",
    setting.PLAIN: "bias by distance",
    "P": "bias by distance, potential penalty",
}
TITLES = {
    "full-sequence": "full sequence, 4 symbols",
    "last-token": "last token, 16 symbols",
}


@dataclass(frozen=True)
class Setting:
    """How long to train, and on how many sequences to test.

    Attributes:
        steps: Of each stage, by form of the task.
        longest: Longest length in training.
        sequences: Sequences of each length in the test, by seed.
    """

    steps: dict[Form, tuple[int, int]]
    longest: int
    sequences: int


SETTINGS = {
    "quick": Setting({"full-sequence": (600, 400)}, 16, 16),
    "default": Setting(
        {"full-sequence": (3000, 5000), "last-token": (5000, 8000)}, 64, 128
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy by length, and parameters, of every form of the task and every arm."""
    options = SETTINGS[context.resolution]
    jobs: list[tuple[Form, str]] = [
        (form, arm) for form in options.steps for arm in ARMS
    ]
    runs = side_by_side(context, _measure, jobs, "models")
    return parts.grid(runs, "form", "arm")


def _measure(context: Context, job: tuple[Form, str]) -> xr.Dataset:
    form, arm = job
    options = SETTINGS[context.resolution]
    training = Training(
        f"{form}-{arm}",
        form,
        config(form, arm),
        recipe(options, form, arm),
        Evaluation(lengths=(options.longest,), every=1000, sequences=16),
    )
    run = models.trained(context, training)
    accuracy = models.fresh_accuracy(run, LENGTHS, options.sequences, TEST)
    return xr.Dataset({"accuracy": accuracy, "parameters": models.parameters(run)})


def config(form: Form, arm: str) -> LoopedConfig:
    """One head and width 8; places by strong sinusoids, or by a bias of attention."""
    if arm != SINUSOIDS:
        return setting.near_config(VOCABULARIES[form])
    # Those of many symbols, at their best: with few too.
    return replace(setting.our_config(16), vocabulary=VOCABULARIES[form])


def recipe(options: Setting, form: Form, arm: str) -> tuple[Recipe, ...]:
    """Full sequences first. The penalty is on last, when there is what to sharpen."""
    last = "P" if arm == "P" else setting.PLAIN
    return setting.near_recipe(
        form,
        VOCABULARIES[form],
        options.steps[form],
        (setting.PLAIN, last),
        longest=options.longest,
    )


def successes(accuracy: xr.DataArray, length: int) -> int:
    """How many seeds have enough right answers at a length."""
    return int((accuracy.sel(length=length) >= ENOUGH[length]).sum())


def _cases(measured: xr.Dataset) -> Iterator[tuple[str, str, xr.DataArray]]:
    """Form, arm and accuracy (seed, length) of all that was trained."""
    for form in measured.form.values:
        for arm in measured.arm.values:
            yield form, arm, measured.accuracy.sel(form=form, arm=arm)


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Mean accuracy and successes of every arm by length; none of it is published."""
    ledger = ledger.using(because=NOT_PUBLISHED)
    for form, arm, accuracy in _cases(measured):
        name = f"{TITLES[form]}, {ARMS[arm]}"
        table = ledger.using(table=f"Accuracy, {TITLES[form]}")
        for length in LENGTHS:
            quantity = f"{name}: accuracy at L = {length}"
            cell = Cell(ARMS[arm], f"L = {length}", quantity)
            table.ours_alone(cell, accuracy.sel(length=length))
        table = ledger.using(table=f"Seeds that succeed, {TITLES[form]}")
        for length, enough in ENOUGH.items():
            enough_at = f"≥ {enough:g} % at L = {length}"
            cell = Cell(ARMS[arm], enough_at, f"{name}: seeds with {enough_at}")
            table.share(cell, successes(accuracy, length), accuracy.sizes["seed"])


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy by length, a panel for each form of the task."""
    forms = measured.form.values
    figure, axes = subplots(1, len(forms), height=3.4, sharey=True, squeeze=False)
    labels = [f"{words} (median)" for words in ARMS.values()]
    accuracy = measured.accuracy.assign_coords(arm_label=("arm", labels))
    for panel, form in zip(axes[0], forms, strict=True):
        plot.curves(
            accuracy.sel(form=form),
            panel,
            along="length",
            hue="arm",
            centre="median",
            marker="o",
        )
        panel.axvline(64, color=MUTED, linestyle=":", linewidth=1)
        guess = setting.chance(form, VOCABULARIES[form])
        panel.axhline(guess, color=MUTED, linestyle="--", linewidth=1)
        panel.set(title=TITLES[form], xlabel="length L", ylim=(0, 103))
        log_ticks(panel, LENGTHS)
        panel.minorticks_off()
    axes[0, 0].set_ylabel("accuracy, %")
    legend = axes[0, 0].get_legend_handles_labels()
    figure.legend(*legend, loc="outside lower center", ncols=3)
    yield Figure(
        figure,
        "Accuracy by length of looped transformers with d = 8 and one head, whose "
        "attention knows of places by a bias by distance or, where it says so, by "
        "sinusoids. Thin: each seed; thick: their median. Dotted: the longest sequence "
        "of a whole training; dashed: a guess.",
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """Parameters and steps by form, and what every arm comes to."""
    options = SETTINGS[measured.resolution]
    return {
        "near": setting.NEAR,
        "longest": options.longest,
        "titles": TITLES,
        "steps": {form: options.steps[form] for form in measured.form.values},
        "enough": ENOUGH,
        "cases": [
            {
                "name": f"{TITLES[form].capitalize()}, {ARMS[arm]}",
                "successes": {n: successes(accuracy, n) for n in ENOUGH},
                "seeds": accuracy.sizes["seed"],
                "median": {n: float(accuracy.sel(length=n).median()) for n in ENOUGH},
            }
            for form, arm, accuracy in _cases(measured)
        ],
    }
