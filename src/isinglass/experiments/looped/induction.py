"""Table 2 of Lam 2026: the looped transformer at the paper's setting, over training.

Beside it, the same width and penalties with our recipe, so that it can be seen what it
takes.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from isinglass.data.induction import Form
from isinglass.experiments.looped import models, setting
from isinglass.experiments.looped.induction_figures import draw as draw
from isinglass.experiments.looped.models import PERCENT, Training
from isinglass.experiments.looped.parts import by_setting, grid
from isinglass.experiments.looped.setting import OURS
from isinglass.reproduce import Cell, Context, Ledger, side_by_side
from isinglass.systems.looped import Evaluation

LENGTHS = (10, 100, 1000)
# The jump is "around step 500"; by twice as many steps half of it is to have happened.
JUMPED = 2 * setting.JUMP_STEP
HALFWAY = (setting.JUMP_FROM + setting.JUMP_TO) / 2
ENOUGH = setting.LAST_AT_1000


@dataclass(frozen=True)
class Setting:
    """How long to train and how well to measure.

    Attributes:
        forms: Forms of the task, at the paper's setting.
        steps: Steps there.
        every: Steps between measurements there; with our recipe as many measurements.
        ours: Steps of our recipe.
        sequences: Of each length, at each measurement.
        final_sequences: The same, of the models that came out.
    """

    forms: tuple[Form, ...] = setting.FORMS
    steps: int = 5000
    every: int = 250
    ours: int = 4000
    sequences: int = 64
    final_sequences: int = 256


# The settings of the paper by name, and the form of the task in each.
OF_PAPER: dict[str, Form] = {f"paper's setting, {form}": form for form in setting.FORMS}

SETTINGS = {
    "quick": Setting(setting.FORMS[1:], 300, 100, 600, 32, 64),
    "default": Setting(),
    "full": Setting(steps=setting.STEPS, final_sequences=512),
}


def measure(context: Context) -> xr.Dataset:
    """Penalties and accuracy over training, and of what came out, by setting."""
    forms = SETTINGS[context.resolution].forms
    names = [*(name for name, form in OF_PAPER.items() if form in forms), OURS]
    runs = side_by_side(context, _measure, names)
    return grid({(name,): part for name, part in runs.items()}, "setting")


def _measure(context: Context, name: str) -> xr.Dataset:
    options = SETTINGS[context.resolution]
    if name == OURS:
        form, config = setting.FORMS[0], setting.our_config()
        recipe = setting.our_recipe(steps=options.ours)
        every = max(1, options.ours * options.every // options.steps)
    else:
        config = setting.paper_config()
        form = OF_PAPER[name]
        recipe, every = setting.paper_recipe(steps=options.steps), options.every
    evaluate = Evaluation(lengths=LENGTHS, every=every, sequences=options.sequences)
    folder = name.replace("'", "").replace(", ", "-").replace(" ", "-")
    run = models.trained(context, Training(folder, form, config, recipe, evaluate))
    final = models.fresh_accuracy(run, LENGTHS, options.final_sequences, models.REPORT)
    terms = run.metrics[["kinetic", "potential", "entropy", "cross_entropy"]]
    terms = terms.drop_attrs().assign_coords(seed=final.seed)
    accuracy = (100 * run.metrics.accuracy_at).assign_attrs(PERCENT)
    return terms.assign(
        accuracy=accuracy.assign_coords(seed=final.seed),
        final_accuracy=final,
        form=form,
        iterations=run.config.iterations,
        chance=setting.chance(form),
        diverged=models.diverged(run),
    )


def _last_step(part: xr.Dataset) -> int:
    return int(part.step[-1])


def _final(part: xr.Dataset, length: int) -> xr.DataArray:
    """Accuracy of the trained models at a length, by seed."""
    return part.final_accuracy.sel(length=length)


def _solved(part: xr.Dataset) -> int:
    """How many trained models are as good at L = 1000 as the paper says."""
    return int((_final(part, 1000) > ENOUGH).sum())


def _jumped(part: xr.Dataset) -> int:
    """How many seeds have made half of the paper's jump by twice as many steps."""
    accuracy = part.accuracy.sel(length=1000).sel(step=JUMPED, method="ffill")
    return int((accuracy > HALFWAY).sum())


def _summed_kinetic(part: xr.Dataset) -> xr.DataArray:
    """The kinetic term summed over iterations, not divided by T, (seed, step)."""
    return int(part.iterations) * part.kinetic.transpose("seed", "step")


def _kinetic_ratio(part: xr.Dataset) -> xr.DataArray:
    """The kinetic term of the last record over that of the first."""
    kinetic = _summed_kinetic(part)
    return kinetic.isel(step=-1) / kinetic.isel(step=0)


# -- the ledger ------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Table 2 beside what came of the paper's setting, and accuracy with our recipe."""
    for name, part in by_setting(measured, "step"):
        if name != OURS:
            _compare_kinetic(part, ledger)
            _compare_accuracy(part, ledger)
            continue
        for length in LENGTHS:
            ledger.using(source="beside Table 2").ours_alone(
                f"accuracy at L = {length}, our recipe, {part.form.item()} form",
                _final(part, length),
                because="Another recipe than the paper's",
            )


def _compare_kinetic(part: xr.Dataset, ledger: Ledger) -> None:
    form = f"{part.form.item()} form"
    kinetic = _summed_kinetic(part)
    ends = ((0, setting.KINETIC_FIRST), (-1, setting.KINETIC_LAST))
    table = ledger.using(table=f"While it trains, {form}")
    for index, published in ends:
        values = kinetic.isel(step=index)
        step, what = f"step {int(values.step)}", "kinetic term"
        table.other_setting(
            Cell(step, what, f"{what}, {step}, {form}"),
            values,
            published,
            because="The paper does not say over what its kinetic term is summed; "
            "ours, over iterations",
        )
    _compare_trained(
        part,
        ledger,
        f"kinetic term, last over first, {form}",
        _kinetic_ratio(part),
        round(setting.KINETIC_LAST / setting.KINETIC_FIRST, 3),
    )
    step, what = f"step {_last_step(part)}", "entropy S"
    table.ours_alone(
        Cell(step, what, f"{what}, {step}, {form}"),
        part.entropy.isel(step=-1),
        because="The paper's values are not known to us",
    )


def _compare_accuracy(part: xr.Dataset, ledger: Ledger) -> None:
    form, seeds, steps = (
        f"{part.form.item()} form",
        part.sizes["seed"],
        _last_step(part),
    )
    table, step = ledger.using(table=f"While it trains, {form}"), f"step {steps}"
    table.ours_alone(
        Cell(step, "accuracy at L = 10", f"accuracy at L = 10, {step}, {form}"),
        _final(part, 10),
        because="The paper's value is not known to us",
    )
    # The first steps are the same in a short run.
    ledger.claim(
        f"by step {JUMPED}, accuracy at L = 1000 is above {HALFWAY:.0f} %, {form}",
        _jumped(part),
        seeds,
        because=f"We took {steps} steps" if steps < JUMPED else "",
    )
    what = "accuracy at L = 100"
    cell = Cell(step, what, f"{what} after training, {form}")
    _compare_trained(part, table, cell, _final(part, 100), setting.LAST_AT_100)
    what = "accuracy at L = 1000"
    table.ours_alone(
        Cell(step, what, f"{what} after training, {form}"),
        _final(part, 1000),
        because='The paper says "above 90 %"',
    )
    ledger.claim(
        f"after training, accuracy at L = 1000 is above {ENOUGH:.0f} %, {form}",
        _solved(part),
        seeds,
        because=_too_short(part),
    )


def _compare_trained(
    part: xr.Dataset,
    ledger: Ledger,
    quantity: str | Cell,
    values: xr.DataArray,
    published: float,
) -> None:
    """A number of the paper's trained model, which takes all of its steps."""
    if short := _too_short(part):
        ledger.other_setting(quantity, values, published, because=short)
    else:
        ledger.one_run(quantity, values, published)


def _too_short(part: xr.Dataset) -> str:
    """Why nothing can be said of a trained model; empty if it can."""
    if _last_step(part) >= setting.STEPS:
        return ""
    return (
        f"We took {_last_step(part):,} of the paper's {setting.STEPS:,} steps; a full "
        "run takes all"
    )


# -- the findings ----------------------------------------------------------------------


def tell(measured: xr.Dataset) -> dict[str, object]:
    """What came of every setting, and of the kinetic term at the paper's."""
    parts = dict(by_setting(measured, "step"))
    ours = _summary(parts.pop(OURS))
    papers = [_summary(part) for part in parts.values()]
    first = next(iter(parts.values()))
    # AdamW takes lr · wd of every parameter in a step, and |F|² is Σ_k γ_k² with γ the
    # gain.
    rate = 2 * setting.LEARNING_RATE * setting.WEIGHT_DECAY
    passed = float(first.step[-1] - first.step[0])
    return {
        "published": setting,
        "papers": papers,
        "ours": ours,
        "jumped_by": JUMPED,
        "halfway": HALFWAY,
        "decay": np.exp(-rate * passed),
        "full_decay": np.exp(-rate * setting.STEPS),
        "log_vocabulary": np.log(setting.VOCABULARY),
        "ratio": setting.KINETIC_LAST / setting.KINETIC_FIRST,
    }


def _summary(part: xr.Dataset) -> dict[str, object]:
    kinetic, last = _summed_kinetic(part), part.isel(step=-1)
    return {
        "form": part.form.item(),
        "iterations": int(part.iterations),
        "chance": float(part.chance),
        "seeds": part.sizes["seed"],
        "steps": _last_step(part),
        "accuracy": {length: _final(part, length) for length in LENGTHS},
        "cross_entropy": last.cross_entropy,
        "entropy": last.entropy,
        "jumped": _jumped(part),
        "solved": _solved(part),
        "diverged": int(part.diverged),
        "kinetic": (kinetic.isel(step=0), kinetic.isel(step=-1)),
        "kinetic_ratio": _kinetic_ratio(part),
    }
