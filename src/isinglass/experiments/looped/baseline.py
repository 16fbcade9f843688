"""Table 1 of Lam 2026: a looped GPT-2 block beside the minimal looped transformer."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.data.induction import Form
from isinglass.experiments.looped import models, parts, setting
from isinglass.experiments.looped.models import Training
from isinglass.plot import GRID, MUTED, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, side_by_side
from isinglass.systems.looped import (
    AdaptiveBaseline,
    BaselineConfig,
    Evaluation,
    Recipe,
    Run,
)

MINIMAL, FIXED, ADAPTIVE = KINDS = (
    "minimal, d = 8",
    "baseline, T loops",
    "baseline, adaptive loops",
)
PUBLISHED = {100: setting.LAST_AT_100}
# How many more loops than in training the baseline may choose from.
MORE_LOOPS = 2
UNKNOWN = "The paper's value is not known to us"
OTHERWISE = "Trained otherwise, on shorter sequences; a full run does as the paper"
# Sequences to measure the adaptive baseline on, and everything else.
TEST = 4


@dataclass(frozen=True)
class Setting:
    """What is trained, and how well it is measured.

    Attributes:
        forms: Forms of the task.
        minimal_steps: Steps of the minimal transformer.
        baseline_steps: Steps of the baseline.
        as_published: Whether at the paper's setting; otherwise ours, which is smaller.
        lengths: Lengths to measure at.
        sequences: So many of each length.
    """

    forms: tuple[Form, ...] = setting.FORMS
    minimal_steps: int = 2000
    baseline_steps: int = 2000
    as_published: bool = False
    lengths: tuple[int, ...] = (10, 64, 100, 200, 500, 1000)
    sequences: int = 64

    @property
    def baseline_config(self) -> BaselineConfig:
        """Loops as often as the minimal transformer."""
        loops = setting.paper_config() if self.as_published else setting.our_config()
        return BaselineConfig(setting.VOCABULARY, iterations=loops.iterations)

    @property
    def baseline_recipe(self) -> Recipe:
        """The paper's; or one of as many steps as a laptop has time for."""
        arm, steps = setting.PLAIN, self.baseline_steps
        if self.as_published:
            return setting.paper_recipe(
                arm, steps, learning_rate=1e-4, weight_decay=0.05, batch=64
            )
        return setting.our_recipe(
            arm, steps=steps, learning_rate=1e-3, weight_decay=0.05
        )

    def training(self, form: Form, kind: str) -> Training:
        """How the minimal transformer or the baseline is trained on a form."""
        steps = self.baseline_steps if kind == FIXED else self.minimal_steps
        if kind == FIXED:
            config, recipe = self.baseline_config, self.baseline_recipe
        elif self.as_published:
            config, recipe = setting.paper_config(), setting.paper_recipe(steps=steps)
        else:
            config, recipe = setting.our_config(), setting.our_recipe(steps=steps)
        # Little is measured meanwhile; a checkpoint is written as often.
        longest = self.baseline_recipe.longest
        seldom = Evaluation((longest,), every=max(1, steps // 20), sequences=16)
        name = f"{form}-{'baseline' if kind == FIXED else 'minimal'}"
        return Training(name, form, config, recipe, seldom)


SETTINGS = {
    "quick": Setting(setting.FORMS[:1], 400, 150, False, (10, 16, 64, 200), 32),
    "default": Setting(),
    "full": Setting(
        minimal_steps=setting.STEPS,
        baseline_steps=100_000,
        as_published=True,
        sequences=256,
    ),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy by length, parameters and seeds lost, by form and kind of model."""
    options = SETTINGS[context.resolution]

    def train(context: Context, job: tuple[Form, str]) -> Run:
        return models.trained(context, options.training(*job))

    jobs: list[tuple[Form, str]] = [
        (form, kind) for form in options.forms for kind in (FIXED, MINIMAL)
    ]
    runs = side_by_side(context, train, jobs)
    cases = {}
    for form, kind in context.cases(options.forms, KINDS, what="measurements"):
        run = runs[form, MINIMAL if kind == MINIMAL else FIXED]
        cases[form, kind] = _measured(options, run, adaptive=kind == ADAPTIVE)
    return parts.grid(cases, "form", "kind")


def _measured(options: Setting, run: Run, *, adaptive: bool) -> xr.Dataset:
    most = MORE_LOOPS * run.config.iterations
    accuracy = models.fresh_accuracy(
        run,
        options.lengths,
        options.sequences,
        TEST,
        lambda model: AdaptiveBaseline(model, run.task, most) if adaptive else model,
    )
    numbers = {
        "parameters": models.parameters(run),
        "diverged": models.diverged(run),
    }
    return xr.Dataset({"accuracy": accuracy, **numbers})


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Table 1's accuracy of the minimal model, and what it has no number of."""
    ledger = ledger.using(because=UNKNOWN)
    beside = ledger.using(
        source="beside Table 1", table="Adaptive less T loops", unit="points"
    )
    for form in measured.form.values:
        part = measured.sel(form=form)
        for kind in (MINIMAL, FIXED):
            count = part.parameters.sel(kind=kind).values.astype(float)
            cell = Cell(kind, f"{form} form", f"parameters, {kind}, {form} form")
            ledger.using(table="Parameters").ours_alone(cell, [count])
        for kind in KINDS:
            _compare_accuracy(measured, ledger, form, kind)
        by_kind = part.accuracy.transpose("kind", "length", "seed")
        _, fixed, adaptive = by_kind.sel(kind=list(KINDS)).values
        gains = zip(part.length.values, adaptive - fixed, strict=True)
        for length, gain in gains:
            name = f"adaptive − T loops, L = {length}, {form} form"
            beside.ours_alone(
                Cell(f"{form} form", f"L = {length}", name),
                gain,
                because="Our contrast, of the same models",
            )


def _compare_accuracy(
    measured: xr.Dataset, ledger: Ledger, form: Form, kind: str
) -> None:
    ledger = ledger.using(table=f"Accuracy, {form} form")
    for length in measured.length.values:
        accuracy = measured.accuracy.sel(form=form, kind=kind, length=length)
        name = f"accuracy at L = {length}, {kind}, {form} form"
        quantity = Cell(kind, f"L = {length}", name)
        published = PUBLISHED.get(int(length)) if kind == MINIMAL else None
        if published is None:
            ledger.ours_alone(quantity, accuracy)
        elif SETTINGS[measured.resolution].as_published:
            ledger.one_run(quantity, accuracy, published)
        else:
            ledger.other_setting(quantity, accuracy, published, because=OTHERWISE)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy by length, a panel for each form of the task."""
    options, forms = SETTINGS[measured.resolution], measured.form.values
    recipe = options.baseline_recipe
    width = 4.2 * max(len(forms), 1.4)
    figure, panels = subplots(
        1, len(forms), width=width, height=3.9, sharey=True, squeeze=False
    )
    for panel, form in zip(panels[0], forms, strict=True):
        part = measured.sel(form=form)
        labels = [
            f"{kind}, {count:,} parameters"
            for kind, count in zip(KINDS, part.parameters.values, strict=True)
        ]
        panel.axvspan(
            recipe.shortest, recipe.longest, color=GRID, alpha=0.6, linewidth=0
        )
        accuracy = part.accuracy.assign_coords(kind_label=("kind", labels))
        lines = {"marker": "o", "markersize": 4}
        plot.curves(accuracy, panel, along="length", hue="kind", **lines)
        plot.published(list(PUBLISHED), list(PUBLISHED.values()), panel)
        guess = setting.chance(form)
        panel.axhline(guess, color=MUTED, linestyle=":", linewidth=1.2)
        log_ticks(panel, options.lengths)
        panel.minorticks_off()
        title = f"{form.capitalize()} form"
        panel.set(ylim=(0, 102), title=title, xlabel="length of the sequence")
    panels[0, 0].set_ylabel("accuracy in %")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center")
    yield Figure(
        figure,
        "Accuracy by length. Thick lines are means over seeds, thin ones the seeds; "
        "grey: lengths trained on; dotted: a guess without context; diamond: the "
        "paper's minimal transformer at "
        f"L = 100. {_setting(options)}",
    )


def _setting(options: Setting) -> str:
    """The setting, as sentences."""
    recipe, loops = options.baseline_recipe, options.baseline_config.iterations
    whose = (
        "The paper's setting"
        if options.as_published
        else "Not the paper's setting but ours"
    )
    return (
        f"{whose}: T = {loops}, lengths {recipe.shortest} to {recipe.longest}; "
        f"{options.minimal_steps:,} steps of the minimal transformer with all "
        f"penalties, {options.baseline_steps:,} of the baseline with batch "
        f"{recipe.batch}, learning rate {recipe.learning_rate:g} and weight decay "
        f"{recipe.weight_decay:g}."
    )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """The setting, sizes, and accuracy at some lengths."""
    options = SETTINGS[measured.resolution]
    longest, lengths = options.baseline_recipe.longest, options.lengths
    first = longest if longest in lengths else lengths[0]
    counts = measured.parameters.isel(form=0)
    small, large = (int(counts.sel(kind=kind)) for kind in (MINIMAL, FIXED))
    return {
        "setting": _setting(options),
        "as_published": options.as_published,
        "small": small,
        "large": large,
        "seeds": measured.sizes["seed"],
        "lost": int(measured.diverged.sel(kind=[MINIMAL, FIXED]).sum()),
        "more_loops": MORE_LOOPS,
        "lengths": sorted({first, lengths[0], lengths[-1]}),
        "kinds": KINDS,
        "symbols": setting.VOCABULARY,
        "chance": {name: setting.chance(name) for name in np.atleast_1d(measured.form)},
    }
