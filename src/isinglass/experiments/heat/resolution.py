"""k at another resolution: what each rule misses, and what a classifier pays."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from isinglass import plot
from isinglass._common.precision import double_precision
from isinglass.experiments.heat.setting import (
    PERCENT,
    Arm,
    Classifier,
    Training,
    learned,
    patches_of,
    problem,
)
from isinglass.plot import COLOURS, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.paired import less
from isinglass.systems.heat import conduct, resample_conductivity
from isinglass.systems.heat.resolution import RULES
from isinglass.training.lanes import each_lane

ARMS = (Arm("k per mode", "modes", False), Arm("k per channel", "channels", False))
TRAINED, IGNORED = "as trained", "no conduction"
FINER, WIDER = "finer cells", "more plate"


@dataclass(frozen=True)
class Setting:
    """What is learned, and on how many plates rules are tried.

    Attributes:
        training: How.
        arms: Which.
        cells: Of a side, of the plates; they are doubled.
        draws: Plates of each repetition.
    """

    training: Training
    arms: tuple[Arm, ...] = ARMS
    cells: int = 14
    draws: int = 8


SETTINGS = {
    "quick": Setting(
        Training(12, 1, 4, 500, 20, rates=(0.01,), lanes=2), ARMS[:1], draws=2
    ),
    "default": Setting(Training()),
    "full": Setting(Training(48, 2, 4, steps=1200, rates=(0.003, 0.01, 0.03))),
}


def measure(context: Context) -> xr.Dataset:
    """What rules miss of the effect on plates, and accuracy on twice as fine ones.

    `missed` is |u_rule − u_exact| / |u − u_exact| in %, for the same picture in finer
    cells and for more plate of the same cells, where k is a smooth function of the
    frequency; `accuracy` of classifiers trained without the convolution on coarse cells
    ("as trained") and used on cells of half the side.
    """
    options = SETTINGS[context.resolution]
    questions = (FINER, WIDER)
    missed = context.table(unit="%", question=questions, rule=RULES, seed=context.seeds)
    for (seed,) in context.cases(context.seeds, what="plates"):
        for question in questions:
            rng = context.rng("plates", seed, questions.index(question))
            missed.loc[question, :, seed] = _missed(options, question, rng)
    names, rules = [arm.name for arm in options.arms], (TRAINED, *RULES)
    accuracy = context.table(**PERCENT, arm=names, use=rules, seed=context.seeds)
    rate = context.table(arm=names)
    task = problem(context, options.training)
    fine = patches_of(task.images[task.test], options.training.patch, finer=True)
    labels = task.pictures.labels[task.test]
    for (arm,) in context.cases(options.arms, what="models"):
        outcome = learned(context, task, arm, options.training)
        accuracy.loc[arm.name, TRAINED] = outcome.accuracy
        rate.loc[arm.name] = outcome.rate
        for rule in RULES:
            nets = resampled(outcome.models.net, rule)
            right = _right(nets, jnp.asarray(fine), labels)
            accuracy.loc[arm.name, rule] = 100 * np.asarray(right)
    return xr.Dataset({"missed": missed, "accuracy": accuracy, "rate": rate})


def _missed(
    options: Setting, question: str, rng: np.random.Generator
) -> Float[np.ndarray, "rules"]:
    """In %, by rule, over some plates."""
    n, m = options.cells, 2 * options.cells
    plates, shape = options.draws, (m, m)
    slopes = rng.normal(size=(5, plates))
    k = _smooth(slopes, np.pi * np.arange(n) / n)
    amplitudes = (
        rng.normal(size=(n, n, plates))
        / (1 + np.add.outer(np.arange(n) ** 2, np.arange(n) ** 2))[..., None] ** 0.75
    )
    with double_precision():
        if question == FINER:
            field = _synthesised(amplitudes, m)
            truth = jnp.asarray(np.pad(k * 4.0, [(0, m - n), (0, m - n), (0, 0)]))
        else:
            field = _synthesised(rng.normal(size=(m, m, plates)) * _pink(m), m)
            truth = jnp.asarray(_smooth(slopes, np.pi * np.arange(m) / m))
        exact = conduct(jnp.asarray(field), truth)
        effect = np.linalg.norm(field - np.asarray(exact))
        rules = [resample_conductivity(jnp.asarray(k), shape, rule) for rule in RULES]
        off = [np.asarray(conduct(jnp.asarray(field), own) - exact) for own in rules]
    return 100 * np.array([np.linalg.norm(x) for x in off]) / effect


def _pink(size: int) -> Float[np.ndarray, "n n 1"]:
    squares = np.arange(size) ** 2
    return ((1 + np.add.outer(squares, squares)) ** -0.75)[..., None]


def _smooth(
    slopes: Float[np.ndarray, "5 c"], omega: Float[np.ndarray, "n"]
) -> Float[np.ndarray, "n n c"]:
    """A k that is a smooth function of both frequencies, from 0 to some units."""
    x, y = omega[:, None, None] / np.pi, omega[None, :, None] / np.pi
    terms = slopes[0] + slopes[1] * x + slopes[2] * y
    terms = terms + slopes[3] * np.sin(3 * x) + slopes[4] * np.cos(3 * y)
    return 3 / (1 + np.exp(-terms))


def _synthesised(
    amplitudes: Float[np.ndarray, "n n c"], cells: int
) -> Float[np.ndarray, "m m c"]:
    places = (np.arange(cells) + 0.5) / cells
    waves = np.cos(np.pi * np.arange(len(amplitudes))[:, None] * places)
    return np.einsum("nmc,nx,my->xyc", amplitudes, waves, waves)


@eqx.filter_jit
def _right(nets: Classifier, patches: Array, labels: Array) -> Array:
    """Share of the pictures that each classifier is right on."""
    return each_lane(lambda net: (net(patches).argmax(-1) == labels).mean(), nets)


def resampled(nets: Classifier, rule: str) -> Classifier:
    """Classifiers, side by side, for plates of twice as many cells a side."""
    layers = [block.conduction for block in nets.blocks]
    height, width = layers[0].config.shape
    shape = 2 * height, 2 * width
    changed = [
        eqx.filter_vmap(lambda own: own.resampled(shape, rule))(layer)
        for layer in layers
    ]
    return eqx.tree_at(
        lambda n: [block.conduction for block in n.blocks], nets, changed
    )


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """What rules miss, and what they cost."""
    ledger = ledger.using(because="The paper compares no rules")
    for question in measured.question.values:
        for rule in RULES:
            values = measured.missed.sel(question=question, rule=rule)
            cell = Cell(rule, question, f"effect missed, {question}: {rule}")
            ledger.using(table="Effect missed, in %").ours_alone(cell, values)
    for name in measured.arm.values:
        for use in measured.use.values:
            values = measured.accuracy.sel(arm=name, use=use)
            cell = Cell(use, name, f"accuracy, {name}: {use}")
            ledger.using(table="Accuracy in finer cells").ours_alone(cell, values)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Effect missed, and accuracy, a dot a repetition."""
    figure, (left, right) = subplots(1, 2, width=11, height=3.8)
    plot.rows(measured.missed, left, by="rule", hue="question", colours=COLOURS)
    left.set(xlabel="effect missed in %", title="Plates")
    left.legend(loc="lower right")
    plot.rows(measured.accuracy, right, by="use", hue="arm", colours=COLOURS[2:])
    cells = SETTINGS[measured.resolution].training.cells
    title = f"Trained on {cells} × {cells} cells, used on {2 * cells} × {2 * cells}"
    right.set(xlabel="accuracy in %", title=title)
    right.legend(loc="best")
    yield Figure(
        figure,
        "Left: by how much the field after conduction differs from the exact one, over "
        "what conduction changed. Right: accuracy of classifiers without a convolution "
        "on twice as many cells a side. Bars are 95 % confidence intervals.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What rules miss, and lose to the trained resolution."""
    names = [str(name) for name in measured.arm.values]

    def lost(name: str, rule: str) -> xr.DataArray:
        return less(measured.accuracy.sel(arm=name, drop=True), "use", rule, TRAINED)

    options = SETTINGS[measured.resolution]
    return {
        "seeds": measured.sizes["seed"],
        "rates": options.training.rates,
        "rules": RULES,
        "questions": (FINER, WIDER),
        "names": names,
        "cells": options.training.cells,
        "plate": options.cells,
        "lost": {name: {rule: lost(name, rule) for rule in RULES} for name in names},
        # Of a k that all modes share there is nothing to pad.
        "gained": {
            arm.name: lost(arm.name, "finer") - lost(arm.name, "pad")
            for arm in ARMS
            if arm.kind == "modes" and arm.name in names
        },
    }
