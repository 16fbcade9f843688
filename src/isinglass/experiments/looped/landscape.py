"""Fig. 1 of Lam 2026: do the penalties make a funnel of the loss around a model?

Three landscapes are compared on one plane: the cross-entropy around a model trained
with it, the whole objective around a model trained with that, and the cross-entropy
around the latter. The first two are what the figure shows. The third tells other
weights from another function.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import optax
import xarray as xr

from isinglass.data.induction import InductionBatch
from isinglass.experiments.looped import models, setting
from isinglass.experiments.looped.landscape_figures import draw as draw
from isinglass.experiments.looped.landscape_measures import (
    COMPARED,
    EXTENT,
    LANDSCAPES,
    MEASURES,
    PENALISED,
    PLAIN,
    STRIPPED,
    Measure,
    difference,
    shape,
    verdict,
)
from isinglass.experiments.looped.models import Training
from isinglass.experiments.looped.parts import by_setting, concat, grid
from isinglass.experiments.looped.setting import OURS, PAPERS
from isinglass.reproduce import Cell, Context, Ledger, side_by_side
from isinglass.systems.looped import (
    EnergyEntropyObjective,
    Evaluation,
    LoopedTransformer,
    Run,
)
from isinglass.training.loss_landscape import (
    curvature,
    filter_normalised_directions,
    loss_surface,
)

FORM = "full-sequence"
LENGTH = 16  # symbols of the sequences that the loss is of
FRESH = 40  # key of fresh sequences
ARMS = (setting.PLAIN, setting.ALL)
NO_NUMBER = "Fig. 1 is a picture without numbers"


@dataclass(frozen=True)
class Setting:
    """How long to train and how closely to look.

    Attributes:
        steps: With our recipe.
        points: Along a side of the plane, odd.
        sequences: That the loss is a mean over.
        probes: Random vectors for the trace.
        papers: Steps at the paper's setting; 0 to leave it out.
    """

    steps: int
    points: int
    sequences: int
    probes: int
    papers: int = 0


SETTINGS = {
    "quick": Setting(steps=1500, points=25, sequences=64, probes=16),
    "default": Setting(steps=4000, points=41, sequences=128, probes=32),
    "full": Setting(4000, 41, sequences=256, probes=64, papers=setting.STEPS),
}


def measure(context: Context) -> xr.Dataset:
    """Accuracy by arm; the loss on a plane and `MEASURES` by landscape and seed."""
    names = [OURS, PAPERS] if SETTINGS[context.resolution].papers else [OURS]
    parts = {(name,): _of_setting(context, name) for name in names}
    return grid(parts, "setting")


def _of_setting(context: Context, name: str) -> xr.Dataset:
    runs = side_by_side(context, partial(_train, name=name), ARMS)
    accuracy = xr.concat(
        [models.fresh_accuracy(runs[arm], [LENGTH], 256, FRESH) for arm in ARMS],
        xr.IndexVariable("arm", list(ARMS)),
    ).squeeze("length", drop=True)
    options, seeds = SETTINGS[context.resolution], models.seeds(context)
    landscapes = side_by_side(
        context,
        lambda _, seed: landscapes_of(seed, runs, options),
        seeds,
        "landscapes",
    )
    by_seed = concat((landscapes[seed] for seed in seeds), "seed")
    return by_seed.assign(accuracy=accuracy)


def _train(context: Context, arm: str, *, name: str) -> Run:
    options = SETTINGS[context.resolution]
    if name == OURS:
        config = setting.our_config()
        recipe = setting.our_recipe(arm, steps=options.steps)
    else:
        config = setting.paper_config()
        recipe = setting.paper_recipe(arm, options.papers)
    evaluate = Evaluation((LENGTH,), max(1, recipe.steps // 4), sequences=64)
    training = Training(f"{name}, {arm}", FORM, config, recipe, evaluate)
    return models.trained(context, training)


def landscapes_of(seed: int, runs: Mapping[Any, Run], options: Setting) -> xr.Dataset:
    """All landscapes of a seed, on the same sequences and in the same directions."""
    batch_key, plane_key, probes_key = jax.random.split(
        jax.random.fold_in(jax.random.key(FRESH), seed), 3
    )
    parts = {}
    for name, (arm, judge) in LANDSCAPES.items():
        model = runs[arm].of(seed)
        batch = runs[arm].task.batch(batch_key, options.sequences, LENGTH)
        loss = partial(objective, batch=batch, terms=setting.objective(judge))
        plane = filter_normalised_directions(model, plane_key)
        surface = loss_surface(loss, model, plane, EXTENT, options.points)
        hessian = curvature(
            loss, model, plane, eigenvalues=1, probes=options.probes, key=probes_key
        )
        local = {
            "point": float(hessian.plane_eigenvalues.mean()),
            "largest": float(hessian.largest[0]),
            "smallest": float(hessian.smallest[0]),
            "trace": hessian.trace,
        }
        numbers = {
            key: ((), value, MEASURES[key].attrs)
            for key, value in (shape(surface.values) | local).items()
        }
        parts[(name,)] = xr.Dataset({"loss": surface, **numbers})
    return grid(parts, "landscape")


def objective(
    model: LoopedTransformer, batch: InductionBatch, terms: EnergyEntropyObjective
) -> jax.Array:
    """The objective on given sequences."""
    q = None if terms.is_plain else terms.q
    final, energies = model.energies(batch.tokens, q=q)
    logits = model.decode(final)
    surprise = optax.softmax_cross_entropy_with_integer_labels(logits, batch.targets)
    task = (surprise * batch.mask).sum() / batch.mask.sum()
    return terms(task, *(energy.mean() for energy in energies))[0]


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """All numbers by landscape, and how they differ from those of cross-entropy."""
    ledger = ledger.using(because=NO_NUMBER)
    for name, part in by_setting(measured):
        for landscape, arm in ((PLAIN, setting.PLAIN), (PENALISED, setting.ALL)):
            what = f"right answers at L = {LENGTH}"
            cell = Cell(what, landscape, f"{name}, {landscape}, {what}")
            ledger.using(table=name).ours_alone(cell, part.accuracy.sel(arm=arm))
        for key, number in MEASURES.items():
            for landscape in LANDSCAPES:
                values = part[key].sel(landscape=landscape)
                words = number.words
                cell = Cell(words, landscape, f"{name}, {landscape}, {words}")
                ledger.using(table=name).ours_alone(cell, values)
            if number.smoother:
                _compare_differences(name, part[key], number, ledger)


def _compare_differences(
    name: str, values: xr.DataArray, number: Measure, ledger: Ledger
) -> None:
    more = "more" if number.smoother > 0 else "less"
    ledger = ledger.using(
        unit=number.unit, table=f"{name}, less cross-entropy, by seed"
    )
    for landscape in (PENALISED, STRIPPED):
        what = f"{name}, {number.words}: {landscape} less cross-entropy, by seed"
        ledger.ours_alone(
            Cell(number.words, landscape, what),
            difference(values, landscape),
            because=f"{NO_NUMBER}; a smoother and wider funnel would have {more}",
        )


def tell(measured: xr.Dataset) -> dict[str, object]:
    """What every setting came to by every measure that landscapes are compared by."""
    return {
        "length": LENGTH,
        "plain": PLAIN,
        "settings": [_summary(name, part) for name, part in by_setting(measured)],
    }


def _summary(name: str, part: xr.Dataset) -> dict[str, object]:
    """Verdicts are lists of `verdict`: of the objective, and of the weights alone."""
    return {
        "name": name,
        "seeds": part.sizes["seed"],
        "accuracy": [part.accuracy.sel(arm=arm) for arm in ARMS],
        "numbers": [
            {
                "words": number.words[0].upper() + number.words[1:],
                "unit": f" {number.unit}" if number.unit else "",
                "plain": part[key].sel(landscape=PLAIN),
                "differences": [
                    difference(part[key], landscape)
                    for landscape in (PENALISED, STRIPPED)
                ],
            }
            for key, number in COMPARED.items()
        ],
        "verdicts": [
            [verdict(part, key, landscape) for key in COMPARED]
            for landscape in (PENALISED, STRIPPED)
        ],
        "curvatures": [part[key].sel(landscape=PLAIN) for key in ("point", "bend")],
    }
