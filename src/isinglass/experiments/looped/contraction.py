"""Theorem 3.2.1 of Lam 2026 over training: its bound, norms, and what the loop does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass.data.induction import InductionTask
from isinglass.experiments.looped import models, setting
from isinglass.experiments.looped.contraction_figures import draw as draw
from isinglass.experiments.looped.models import Training
from isinglass.experiments.looped.parts import by_setting, concat, grid
from isinglass.experiments.looped.setting import OURS, PAPERS
from isinglass.reproduce import Cell, Context, Ledger
from isinglass.systems.looped import (
    Evaluation,
    LoopedTransformer,
    Recipe,
)
from isinglass.systems.looped.contraction_profile import (
    LARGEST_NORM,
    LARGEST_VALUE,
    ContractionProfile,
    long_run_exponents,
    measure_contraction,
)

FORM = "full-sequence"
LENGTH = 16  # symbols of the sequences that derivatives are taken at
WARMUP = 200
NEUTRAL = 0.01  # an exponent above minus this is not told from 0
FRESH = 30  # key of fresh sequences
NO_NUMBER = "We know of no published number"
PER_ITERATION = "nats/iteration"


@dataclass(frozen=True)
class Setting:
    """Where training is looked at, and how closely.

    Attributes:
        steps: Steps of training with our recipe.
        iterations: T of its models.
        sequences: How many to take derivatives at.
        exponent: Iterations that an exponent is measured over, and waited for before.
        papers: Steps of training at the paper's setting.
    """

    steps: tuple[int, ...] = (0, 125, 250, 500, 1000, 2000, 4000)
    iterations: int = 12
    sequences: int = 4
    exponent: int = 1000
    papers: tuple[int, ...] = ()


SETTINGS = {
    "quick": Setting(steps=(0, 250, 1000), iterations=6, sequences=2, exponent=400),
    "default": Setting(),
    "full": Setting(papers=(0, 300, 600, 1250, 2500, 5000, 10_000, setting.STEPS)),
}


def measure(context: Context) -> xr.Dataset:
    """Train up to every step, and take derivatives there, by setting, step and seed.

    Norms and bounds are means over sequences of what `ContractionProfile` has, by
    iteration; "worst" is the largest norm over bound, of all sequences and iterations,
    where the theorem's assumptions hold, and "scaled_bound" the mean bound there.
    """
    options = SETTINGS[context.resolution]
    cases = [(OURS, step) for step in options.steps]
    cases += [(PAPERS, step) for step in options.papers]
    return grid(
        {case: concat(_models(context, *case), "seed") for case in cases},
        "setting",
        "step",
    )


def _models(context: Context, name: str, step: int) -> Iterator[xr.Dataset]:
    """What is measured of every seed at a step of training."""
    options = SETTINGS[context.resolution]
    config = (
        setting.our_config(iterations=options.iterations)
        if name == OURS
        else setting.paper_config()
    )
    training = Training(
        f"{name} to step {step:,}",
        FORM,
        config,
        recipe(name, step),
        Evaluation((LENGTH,), max(1, step), sequences=64),
    )
    run = models.trained(context, training)
    accuracy = models.fresh_accuracy(run, [LENGTH], 256, FRESH).squeeze("length")
    for index, seed in enumerate(run.seeds):
        key = jax.random.fold_in(jax.random.key(FRESH), seed)
        numbers = _measured(run.of(seed), training.task, key, options)
        yield numbers.assign(accuracy=accuracy.isel(seed=index, drop=True))


def recipe(name: str, steps: int) -> Recipe:
    """The first steps of one and the same training, whose learning rate cannot fall.

    At step 0 nothing is learned: one step that moves nothing.
    """
    still: dict[str, Any] = (
        {"steps": 1, "learning_rate": 0.0} if steps == 0 else {"steps": steps}
    )
    if name == PAPERS:
        return setting.paper_recipe(**still)
    return setting.our_recipe(**still, warmup=0 if steps == 0 else WARMUP, decay=False)


def _measured(
    model: LoopedTransformer, task: InductionTask, key: jax.Array, options: Setting
) -> xr.Dataset:
    tokens = task.batch(key, options.sequences, LENGTH).tokens
    profile, worst, inputs = _mean_profile(model, tokens)
    loop, block = long_run_exponents(model, inputs, options.exponent)
    scalars = {
        "value": jnp.linalg.norm(model.value),
        "inputs": profile.inputs,
        "scaled_bound": profile.scaled_bound,
        "worst": worst,
    }
    rates = {"growth": profile.growth, "loop_exponent": loop, "block_exponent": block}
    by_iteration = ("state", "bound", "attention", "loop", "block")
    return xr.Dataset(
        {name: float(value) for name, value in scalars.items()}
        | {
            name: ((), float(rate), {"units": PER_ITERATION})
            for name, rate in rates.items()
        }
        | {
            name: ("iteration", np.asarray(getattr(profile, name), float))
            for name in by_iteration
        },
        {"iteration": np.arange(1, len(profile.bound) + 1)},
    )


@eqx.filter_jit
def _mean_profile(
    model: LoopedTransformer, tokens: jax.Array
) -> tuple[ContractionProfile, jax.Array, jax.Array]:
    """Means over sequences, the worst ratio, and X of a sequence for the exponents.

    The mean of the scaled bound is over iterations too.
    """
    profiles = jax.lax.map(
        lambda sequence: measure_contraction(model, sequence), tokens
    )
    scaled_bound = profiles.scaled_bound.mean(-1)
    means = jax.tree.map(
        lambda values: values.mean(0), profiles._replace(scaled_bound=scaled_bound)
    )
    return means, profiles.scaled_ratio.max(), model.embed(tokens[0])


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Whether the bound holds, whether weights are as assumed, and what the loop does.

    The paper states the theorem; of all numbers beside it we know of none published.
    """
    for name, part in by_setting(measured, "step", "iteration"):
        seeds, steps = part.sizes["seed"], part.step.values
        ledger.share(
            f"{name}, seeds in which no norm exceeds the bound, X, Z and W_V scaled to "
            "what the theorem assumes",
            seeds - exceeded(part),
            seeds,
            paper=100.0,
        )
        for index in sorted({0, len(steps) - 1}):
            when = f"step {steps[index]:,}"
            _compare_step(when, part.isel(step=index), ledger.using(table=name))
        ledger.share(
            f"{name}, step {steps[-1]:,}, seeds in which Z = F(Z + X) contracts",
            contracting(part),
            seeds,
            because="The theorem says so where its bound is below 1; it is "
            f"{where_below_1(part)}",
        )


def _compare_step(when: str, part: xr.Dataset, ledger: Ledger) -> None:
    at, what = f"{ledger.table}, {when}", "seeds with |W_V|_F ≤ ½"
    ledger.share(
        Cell(what, when, f"{at}, {what}, as the theorem assumes"),
        int((part.value <= LARGEST_VALUE).sum()),
        part.sizes["seed"],
        because="The paper does not say whether its trained weights do",
    )
    norms = ledger.using(valid_range=(0, np.inf))
    for what, (values, because) in _quantities(part).items():
        rate = values.attrs.get("units") == PER_ITERATION
        (ledger if rate else norms).ours_alone(
            Cell(what, when, f"{at}, {what}"), values, because=because
        )


def _quantities(part: xr.Dataset) -> dict[str, tuple[xr.DataArray, str]]:
    """Samples by seed, and what there is to compare with, at a step of training."""
    mean = part.mean("iteration")
    unit_norm = "The theorem assumes at most 1"
    return {
        "right answers": (part.accuracy, "The norms are taken there"),
        "|W_V|_F": (part.value, "The theorem assumes at most ½"),
        "|X|_F": (part.inputs, unit_norm),
        "|Z|_F at the end": (part.state.isel(iteration=-1), unit_norm),
        "bound, mean over iterations": (mean.bound, NO_NUMBER),
        "norm that it bounds, mean over iterations": (mean.attention, NO_NUMBER),
        "bound, where assumptions hold": (
            part.scaled_bound,
            "Contraction is concluded below 1",
        ),
        "largest norm over bound there": (part.worst, "The theorem says at most 1"),
        "norm of Z + F(Z + X), mean over iterations": (mean.loop, NO_NUMBER),
        "norm of F(Z + X), mean over iterations": (mean.block, NO_NUMBER),
        "growth over the trained iterations": (part.growth, NO_NUMBER),
        "largest exponent of the loop": (part.loop_exponent, NO_NUMBER),
        "largest exponent of Z = F(Z + X)": (part.block_exponent, NO_NUMBER),
    }


def exceeded(part: xr.Dataset) -> int:
    """In how many seeds a norm exceeds the bound where its assumptions hold."""
    return int((part.worst > 1).any("step").sum())


def contracting(part: xr.Dataset) -> int:
    """In how many seeds Z = F(Z + X) contracts after training."""
    return int((part.block_exponent.isel(step=-1) < -NEUTRAL).sum())


def where_below_1(part: xr.Dataset) -> str:
    """Where the bound is below 1, in words."""
    least = np.minimum(part.bound.min("iteration"), part.scaled_bound)
    if count := int((least < 1).sum()):
        return f"in some iteration of {count} of {least.size} models"
    return f"nowhere, the least of all is {float(least.min()):.2g}"


def tell(measured: xr.Dataset) -> dict[str, object]:
    """What the findings say of each setting; its numbers are in `last` and `first`."""
    return {
        "settings": [
            {
                "name": name,
                "step": int(part.step[-1]),
                "seeds": part.sizes["seed"],
                "models": part.value.size,
                "exceeded": exceeded(part),
                "worst": float(part.worst.max()),
                "first": part.isel(step=0),
                "last": part.isel(step=-1),
                "looseness": (part.bound / part.attention)
                .isel(step=-1)
                .mean("iteration"),
                "outside": int(
                    (part.bound < part.attention).any(["step", "iteration"]).sum()
                ),
                "small_values": int((part.value <= LARGEST_VALUE).sum()),
                "small_inputs": int((part.inputs <= LARGEST_NORM).sum()),
                "where_below_1": where_below_1(part),
                "contracting": contracting(part),
            }
            for name, part in by_setting(measured, "step", "iteration")
        ]
    }
