"""Cluttered digits: which tokens a detector needs, and who chooses them."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.experiments.polling.clutter_pictures import Canvas, Digits
from isinglass.experiments.polling.clutter_training import (
    ALL,
    ALONE,
    NORM,
    POLL,
    POOL,
    RANDOM,
    UNWEIGHTED,
    VARIED,
    Arm,
    Draws,
    Setting,
    readings,
    reported,
    searched,
    tests,
)
from isinglass.plot import COLOURS, INK, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.paired import less, side

PERCENT = {"unit": "%", "valid_range": (0, 100)}
ROUNDS = 5  # of timing
CURVES = {
    VARIED.name: (COLOURS[0], "-"),
    POLL.name: (COLOURS[1], "-"),
    NORM.name: (COLOURS[2], "-"),
}
SMALL = Canvas(size=24, fragments=3, noise=0.1, step=4)
SETTINGS = {
    "quick": Setting(
        replace(SMALL, size=16, fragments=1),
        ratio=1 / 4,
        range=(1 / 8, 1 / 2),
        ratios=(1 / 4,),
        width=8,
        layers=1,
        steps=60,
        batch=16,
        rates=(0.01,),
        copies=1,
        test=200,
        arms=(ALL, POLL),
    ),
    "default": Setting(
        SMALL,
        ratio=1 / 6,
        range=(1 / 12, 1 / 3),
        ratios=(1 / 12, 1 / 6, 1 / 3, 1.0),
        steps=700,
        rates=(0.003, 0.005),
        searches=1,
        search_steps=350,
    ),
}


def measure(context: Context) -> xr.Dataset:
    """How all arms read test canvases, at the α they are trained at and at others.

    `accuracy`, `distance`, `on_digit` and `covered` are at α of the setting; `by_ratio`
    is the accuracy at other α, NaN of arms that have none. `time` is the processor time
    of reading 1,000 canvases, in rounds in which all arms take their turn.

    Test digits are the same for every base seed: sizes and noise were chosen on others.
    """
    options = SETTINGS[context.resolution]
    names = [arm.name for arm in options.arms]
    digits = Digits.shuffled(replace(context, seed=0).rng("digits"))
    count = len(digits.labels) - options.test
    learned, test = digits.part(0, count), digits.part(count, len(digits.labels))
    keys = Draws.of(context, "test", context.seeds).batches
    shown = tests(keys, test, options.canvas, options.copies)
    axes = {"arm": names, "seed": context.seeds}
    accuracy, on_digit, covered = (context.table(**PERCENT, **axes) for _ in range(3))
    distance = context.table(unit="pixels", **axes)
    by_ratio = context.table(
        **PERCENT, arm=names, ratio=options.ratios, seed=context.seeds
    )
    search = context.table(arm=names, learning_rate=options.rates)
    rate, lost = context.table(arm=names), context.table(arm=names)
    models: dict[Arm, Any] = {}
    for (arm,) in context.cases(options.arms, what="arms"):
        best, *others = options.rates
        if others:
            errors = searched(context, arm, options, learned)
            search.loc[arm.name] = 100 * errors
            best = options.rates[int(errors.argmin())]
        lanes = reported(context, arm, options, learned, best)
        rate.loc[arm.name], lost.loc[arm.name] = best, lanes.diverged.sum()
        models[arm] = lanes.models
        outcome = readings(lanes.models, shown, keys, arm.share * options.ratio)
        accuracy.loc[arm.name] = 100 * np.asarray(outcome.accuracy)
        on_digit.loc[arm.name] = 100 * np.asarray(outcome.on_digit)
        covered.loc[arm.name] = 100 * np.asarray(outcome.covered)
        distance.loc[arm.name] = np.asarray(outcome.distance)
        for ratio in options.ratios if arm.name in CURVES else ():
            outcome = readings(lanes.models, shown, keys, ratio)
            by_ratio.loc[arm.name, ratio] = 100 * np.asarray(outcome.accuracy)

    def read(arm: Arm) -> None:
        ratio = arm.share * options.ratio
        jax.block_until_ready(readings(models[arm], shown, keys, ratio))

    taken = context.table(unit="ms", arm=names, round=range(ROUNDS))
    thousands = shown.labels.size / 1000
    for turn, arm in context.cases(range(ROUNDS), options.arms, what="timings"):
        before = time.process_time()
        read(arm)
        taken.loc[arm.name, turn] = 1000 * (time.process_time() - before) / thousands
    return xr.Dataset(
        {
            "accuracy": accuracy,
            "distance": distance,
            "on_digit": on_digit,
            "covered": covered,
            "by_ratio": by_ratio,
            "search": search,
            "rate": rate,
            "lost": lost,
            "time": taken,
            "chance": 100 * float(jnp.mean(shown.touched)),
            "picture": (("y", "x"), np.asarray(shown.pictures[0, 0])),
        }
    )


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies and paired differences, tokens on the digit, other α, and times."""
    ledger = ledger.using(
        because="The paper's numbers are of COCO, which is a download, and it has no "
        "such controls"
    )
    arms = [str(name) for name in measured.arm.values]
    for name in arms:
        for title, column, values in (
            ("Cluttered digits", "accuracy", measured.accuracy),
            ("Cluttered digits", "distance", measured.distance),
            ("Cluttered digits", "polled, on the digit", measured.on_digit),
            ("Cluttered digits", "of the digit, polled", measured.covered),
        ):
            runs = values.sel(arm=name)
            if runs.notnull().all():
                cell = Cell(name, column, f"{column}, {name}")
                ledger.using(table=title).ours_alone(cell, runs)
        if name != ALL.name:
            cell = Cell(name, "difference", f"{name} less all tokens")
            ledger.using(table="Less all tokens").ours_alone(
                cell, less(measured.accuracy, "arm", name, ALL.name)
            )
        for ratio in measured.ratio.values:
            runs = measured.by_ratio.sel(arm=name, ratio=ratio)
            if runs.notnull().all():
                cell = Cell(name, f"α = {ratio:.2g}", f"{name}, α = {ratio:.2g}")
                ledger.using(table="Accuracy by α at test").ours_alone(cell, runs)
        cell = Cell(name, "time", f"ms for 1,000 canvases, {name}")
        ledger.using(table="Time to read").ours_alone(cell, measured.time.sel(arm=name))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy by arm and what is polled; accuracy by α; a canvas."""
    yield Figure(
        _rows(measured),
        "Left: accuracy on test digits at the α that arms are trained at; a dot is a "
        "seed (other weights, batches and canvases), the bar the mean with its 95 % "
        "confidence interval. Right: share of the polled tokens that touch the digit; "
        "dashed, by chance.",
    )
    if measured.sizes["ratio"] > 2:
        yield Figure(
            _curves(measured),
            "Left: a test canvas, its places marked. Right: accuracy by α at test, of "
            "detectors trained at one α (dotted) and at α drawn for each batch (from "
            "the shaded range). Bands are 95 % confidence intervals of the mean.",
            part="ratios",
        )


def _rows(measured: xr.Dataset) -> Any:
    figure, panels = subplots(1, 2, width=9.6, height=3.8, sharey=True)
    plot.rows(measured.accuracy, panels[0], by="arm")
    panels[0].set(xlabel="accuracy in %")
    plot.rows(measured.on_digit, panels[1], by="arm", colours=COLOURS[1:2])
    panels[1].axvline(float(measured.chance), color=INK, linestyle="--", linewidth=1)
    panels[1].set(xlabel="polled tokens on the digit, in %")
    return figure


def _curves(measured: xr.Dataset) -> Any:
    options = SETTINGS[measured.resolution]
    figure, panels = subplots(
        1, 2, width=9.6, height=3.8, gridspec_kw={"width_ratios": [1, 1.6]}
    )
    size = options.canvas.size
    plot.picture(
        measured.picture.values, panels[0], cmap="gray", extent=(0, size, size, 0)
    )
    panels[0].set(xticks=range(0, size + 1, 4), yticks=range(0, size + 1, 4))
    panels[0].grid(color="white", linewidth=0.4, alpha=0.5)
    panels[0].tick_params(labelbottom=False, labelleft=False, length=0)
    for name, (colour, style) in CURVES.items():
        if name in measured.arm.values:
            plot.band(
                measured.by_ratio.sel(arm=name),
                panels[1],
                along="ratio",
                colours=[colour],
                linestyle=style,
                marker="o",
                markersize=4,
                label=name,
            )
    panels[1].axvspan(*options.range, color=COLOURS[0], alpha=0.08, linewidth=0)
    panels[1].axvline(options.ratio, color=INK, linestyle=":", linewidth=1)
    panels[1].set(xlabel="α at test", ylabel="accuracy in %", xlim=(0, 1.02))
    panels[1].legend(loc="best")
    return figure


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Who is ahead of all tokens and of the learned poll, and what α does."""
    arms = [str(name) for name in measured.arm.values]
    pairs = {
        "beside_all": [(name, ALL.name) for name in arms if name != ALL.name],
        "beside_controls": [
            pair
            for main in (VARIED, POLL)
            for other in (NORM, RANDOM, POOL)
            for pair in _pair(arms, main, other)
        ],
        "weight": _pair(arms, POLL, UNWEIGHTED),
        "pooling": _pair(arms, POLL, ALONE),
        "varied": _pair(arms, VARIED, POLL),
    }
    differences = {
        name: {pair: less(measured.accuracy, "arm", *pair) for pair in those}
        for name, those in pairs.items()
    }
    curves = [name for name in (VARIED.name, POLL.name) if name in arms]
    return {
        **differences,
        "side": side,
        "accuracy": {name: measured.accuracy.sel(arm=name) for name in arms},
        "on_digit": {
            name: measured.on_digit.sel(arm=name)
            for name in arms
            if measured.on_digit.sel(arm=name).notnull().all()
        },
        "chance": float(measured.chance),
        "reached": float(measured.accuracy.sel(arm=ALL.name).mean()),
        "by_ratio": {
            name: {
                float(r): measured.by_ratio.sel(arm=name, ratio=r)
                for r in measured.ratio
            }
            for name in curves
        },
        "times": {name: float(measured.time.sel(arm=name).median()) for name in arms},
        "rates": {name: float(measured.rate.sel(arm=name)) for name in arms},
        "lost": int(measured.lost.sum()),
        "options": SETTINGS[measured.resolution],
        "seeds": measured.sizes["seed"],
    }


def _pair(arms: list[str], first: Arm, second: Arm) -> list[tuple[str, str]]:
    """Both, if both were trained."""
    pair = first.name, second.name
    return [pair] if set(pair) <= set(arms) else []
