"""What each penalty does: objectives with and without P, K and S, at equal budget.

Lam 2026 trains with all three penalties and never without. Here every arm has the same
seeds, data and number of steps, and its own learning rate, chosen on other seeds.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import xarray as xr

from isinglass.data.induction import Form
from isinglass.experiments.looped import models, setting
from isinglass.experiments.looped.ablation_effects import (
    PENALTIES,
    SUCCESS,
    cells,
    difference,
    main_effect,
    measures,
    successes,
)
from isinglass.experiments.looped.ablation_figures import (
    draw_accuracies,
    draw_differences,
)
from isinglass.experiments.looped.ablation_findings import summary
from isinglass.experiments.looped.models import Training
from isinglass.experiments.looped.parts import grid
from isinglass.reproduce import Cell, Context, Figure, Ledger, side_by_side
from isinglass.systems.looped import DivergedWarning, Evaluation, Recipe, Run

BECAUSE = "The paper has no ablation"
# Purposes of fresh sequences: to choose a learning rate, and to report.
VALIDATION, TEST = 2, 3


class Task(NamedTuple):
    """A task and the penalties that it is learned with."""

    vocabulary: int
    form: Form
    arm: str


@dataclass(frozen=True)
class Setting:
    """What is compared, and at what cost.

    Attributes:
        forms: Forms of the task.
        vocabularies: Numbers of symbols.
        rates: Learning rates to choose from; of one alone there is no choice.
        search_seeds: Seeds of each in the search.
        steps: Steps of training, in the search too: one number at the paper's setting,
            or of both stages of ours by number of symbols.
        sequences: Sequences to measure on of more than 64 symbols; of shorter ones
            eight times as many.
        longest: Longest length trained on.
    """

    forms: tuple[Form, ...]
    vocabularies: tuple[int, ...]
    rates: tuple[float, ...]
    search_seeds: int
    steps: int | dict[int, tuple[int, int]]
    sequences: int
    longest: int = setting.LONGEST

    def training(self, task: Task, rate: float, name: str = "") -> Training:
        """How an arm is trained at a learning rate; a name tells searches apart."""
        published = isinstance(self.steps, int)
        config = setting.paper_config if published else setting.near_config
        # As little as can be measured meanwhile; a checkpoint is written as often.
        seldom = Evaluation(lengths=(self.longest,), every=1000, sequences=16)
        return Training(
            f"{task.form}-{task.vocabulary}-{task.arm}{name}",
            task.form,
            config(task.vocabulary),
            self.recipe(task, rate),
            seldom,
        )

    def recipe(self, task: Task, rate: float) -> tuple[Recipe, ...]:
        """The arm's objective from the first step to the last."""
        vocabulary, form, arm = task
        if isinstance(self.steps, int):
            return (setting.paper_recipe(arm, self.steps, learning_rate=rate),)
        steps = self.steps[vocabulary]
        arms = (arm, arm)
        return setting.near_recipe(form, vocabulary, steps, arms, self.longest, rate)


OURS = {4: (2000, 1500), 16: (5000, 4000)}
SETTINGS = {
    "quick": Setting(
        setting.FORMS[:1], (4,), (0.01,), 1, {4: (300, 200)}, sequences=16, longest=16
    ),
    "default": Setting(
        setting.FORMS, tuple(OURS), (0.003, 0.01, 0.03), 2, OURS, sequences=128
    ),
    "full": Setting(
        setting.FORMS, (4, 16), (3e-4, 1e-3, 3e-3), 3, setting.STEPS, sequences=256
    ),
}


# -- what is measured ------------------------------------------------------------------


def measure(context: Context) -> xr.Dataset:
    """Accuracy by length and cross-entropy, by vocabulary, form, arm and seed.

    Beside them the learning "rate" of every arm, and the accuracy that each "searched"
    rate has on validation sequences, mean over other seeds; NaN without a search.
    """
    options = SETTINGS[context.resolution]
    tasks = [
        Task(*task)
        for task in product(options.vocabularies, options.forms, setting.ARMS)
    ]
    # Those that diverged are counted, and the findings say so.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergedWarning)
        # Side by side, since each is compiled by one core.
        arms = side_by_side(context, measure_arm, tasks, "arms")
    measured = grid(arms, "vocabulary", "form", "arm")
    return measured.assign_coords(longest=options.longest)


def measure_arm(context: Context, task: Task) -> xr.Dataset:
    """Choose a learning rate on other seeds, train with it and measure."""
    options = SETTINGS[context.resolution]
    searched = _search(context, task) if len(options.rates) > 1 else {}
    rate = best_rate(options.rates, searched)
    run = models.trained(context, options.training(task, rate))
    terms = models.fresh_terms(run, options.longest, 8 * options.sequences, TEST)
    accuracies = [searched.get(rate, float("nan")) for rate in options.rates]
    return xr.Dataset(
        {
            "rate": rate,
            "searched": ("searched_rate", accuracies),
            "accuracy": _accuracy(run, options),
            "cross_entropy": terms.cross_entropy.drop_attrs(),
            "diverged": models.diverged(run),
        },
        {"searched_rate": list(options.rates)},
    )


def _search(context: Context, task: Task) -> dict[float, float]:
    """Accuracy at lengths trained on, by learning rate, of seeds not reported."""
    options = SETTINGS[context.resolution]
    seeds = models.seeds(context, options.search_seeds, models.SEARCH)
    lengths = (options.longest // 2, options.longest)
    accuracies = {}
    for rate in options.rates:
        training = options.training(task, rate, f"-search-{rate:g}")
        run = models.trained(context, training, seeds)
        accuracy = models.fresh_accuracy(
            run, lengths, 8 * options.sequences, VALIDATION
        )
        accuracies[rate] = float(accuracy.mean())
    return accuracies


def best_rate(rates: Sequence[float], accuracies: Mapping[float, float]) -> float:
    """The learning rate that did best in the search, if there was one.

    Where several are equally good it is the middle one: of an arm that learns nothing,
    too.
    """
    middle = rates[len(rates) // 2]
    if not accuracies:
        return middle
    return max(accuracies, key=lambda rate: (accuracies[rate], rate == middle))


def _accuracy(run: Run, options: Setting) -> xr.DataArray:
    lengths = sorted({options.longest, *SUCCESS})
    short = [length for length in lengths if length <= setting.LONGEST]
    parts = (
        models.fresh_accuracy(run, some, sequences, TEST)
        for some, sequences in (
            (short, 8 * options.sequences),
            (lengths[len(short) :], options.sequences),
        )
    )
    return xr.concat(list(parts), "length")


# -- what is told ----------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Successes and accuracy of every arm, and differences that answer the question.

    Differences of every arm are in the figure.
    """
    for cell, part in cells(measured):
        for arm in setting.ARMS:
            _compare_arm(f"{cell}, {arm}", part.sel(arm=arm), ledger.using(table=cell))
        effects = ledger.using(table=f"Effects, {cell}")
        for number in measures(measured):
            effects = effects.using(unit=number.unit)
            contrast = f"{setting.ALL} − {setting.PLAIN}"
            effects.ours_alone(
                Cell(contrast, number.name, f"{cell}, {contrast}: {number.name}"),
                difference(part, setting.ALL, number),
                because=f"{BECAUSE}, by seed",
            )
            for penalty, name in PENALTIES.items():
                effect = f"effect of {penalty}"
                effects.ours_alone(
                    Cell(effect, number.name, f"{cell}, {effect}: {number.name}"),
                    main_effect(part, penalty, number),
                    because=f"{BECAUSE}. Four arms with the {name} penalty, minus the "
                    "four without, by seed",
                )


def _compare_arm(name: str, arm: xr.Dataset, ledger: Ledger) -> None:
    ledger = ledger.using(because=f"{BECAUSE}. Learning rate {float(arm.rate):g}")
    for length, enough in SUCCESS.items():
        what = f"seeds with at least {enough:.0f} % at L = {length}"
        cell = Cell(str(arm.arm.item()), what, f"{name}: {what}")
        ledger.share(cell, successes(arm, length), arm.sizes["seed"])
    what = "accuracy at L = 1000"
    cell = Cell(str(arm.arm.item()), what, f"{name}: {what}")
    ledger.ours_alone(cell, arm.accuracy.sel(length=1000))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy of every arm, and how arms differ."""
    sentence = setting_in_words(SETTINGS[measured.resolution])
    yield draw_accuracies(measured, sentence)
    yield draw_differences(measured, sentence)


def setting_in_words(options: Setting) -> str:
    """The setting, as a sentence."""
    if isinstance(options.steps, int):
        return f"The paper's setting, {options.steps:,} steps."
    steps = ", ".join(
        f"{first:,} and {second:,} steps with {symbols} symbols"
        for symbols, (first, second) in options.steps.items()
    )
    return (
        "Not the paper's setting but ours, with which the task can be learned: T = 6, "
        "a bias by distance instead of sinusoids, lengths 6 to "
        f"{options.longest} in two stages of {steps}."
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """The setting, the searches, and what every penalty does."""
    options = SETTINGS[measured.resolution]
    return {
        "setting": setting_in_words(options),
        "rates": options.rates,
        "search_seeds": options.search_seeds,
        **summary(measured),
    }
