"""Position identification and even token prediction, with controls (Luo 2022)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Int, PRNGKeyArray

from isinglass import plot
from isinglass._common.intervals import mean_interval
from isinglass.experiments.relative.setting import (
    Arm,
    Learner,
    Problem,
    Training,
    learned,
)
from isinglass.plot import INK, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.relative import RelativeConfig, RelativeTransformer
from isinglass.training.lanes import each_lane

RANDOM, EQUAL, EVEN = range(3)
TASKS = ("places of random tokens", "places of equal tokens", "even tokens")
URPE = Arm("URPE", "rpe", coupling=True)
RPE = Arm("RPE", "rpe")
ABSOLUTE = Arm("absolute", "absolute")
FIXED = Arm("URPE, c random and fixed", "rpe", coupling=True, is_fixed=True)
FIRST = Arm("RPE with a first token", "rpe", has_first=True)
CAUSAL = Arm("causal RPE", "rpe", causal=True)
NOTHING = Arm("none", "none")
PLACED = ("none", "absolute")
ARMS = (
    NOTHING,
    RPE,
    Arm("ALiBi", "alibi"),
    Arm("RoPE", "rope"),
    ABSOLUTE,
    URPE,
    FIXED,
    FIRST,
    CAUSAL,
)
NAMES = tuple(arm.name for arm in ARMS)
# What has nothing outside the softmax, and nothing added to tokens by place.
INSIDE = [x.name for x in ARMS if not x.coupling and x.positions not in PLACED]
PERCENT = {"unit": "%", "valid_range": (0, 100)}


class Sizes(NamedTuple):
    """Of sequences and models.

    Attributes:
        length: n, even.
        symbols: Tokens that are drawn from.
        batch: Sequences of a step.
        width: Of a model, of 4 heads and a perceptron of twice the width.
        layers: Of a model.
    """

    length: int = 16
    symbols: int = 16
    batch: int = 16
    width: int = 48
    layers: int = 3


SIZES = Sizes()
OF_PLACES = Training(150, (1e-3, 3e-3, 1e-2), 1, 10)
OF_EVEN = Training(800, (1e-3, 3e-3, 1e-2), 1, 10)


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        arms: Which.
        sizes: How large.
        places: How the two tasks of places are trained.
        even: How even tokens are.
        sequences: To validate on, and to test on.
    """

    arms: tuple[Arm, ...] = ARMS
    sizes: Sizes = SIZES
    places: Training = OF_PLACES
    even: Training = OF_EVEN
    sequences: int = 256


SETTINGS = {
    "quick": Setting(
        arms=(RPE, ABSOLUTE, URPE),
        sizes=Sizes(8, 8, width=32, layers=1),
        places=Training(100, (0.01,), 1, 2),
        even=Training(100, (0.01,), 1, 2),
    ),
    "default": Setting(),
    "full": Setting(
        sizes=Sizes(24, 24, 32, 48, 3),
        places=Training(500, (1e-3, 3e-3, 1e-2), 2, 10),
        even=Training(6000, (1e-3, 3e-3, 1e-2), 2, 10),
        sequences=1024,
    ),
}


def new_model(arm: Arm, key: PRNGKeyArray, sizes: Sizes) -> RelativeTransformer:
    """An encoder; the token after all symbols stands first, where one does."""
    config = RelativeConfig(
        vocabulary=sizes.symbols + 1,
        outputs=max(sizes.symbols + 1, sizes.length),
        width=sizes.width,
        heads=4,
        hidden=2 * sizes.width,
        layers=sizes.layers,
        length=sizes.length + arm.has_first,
        positions=arm.positions,
        coupling=arm.coupling,
        causal=arm.causal,
        initial=0.55 / sizes.width**0.5,  # 0.02 at the published width
    )
    return RelativeTransformer(config, key=key)


def task_of(
    drawn: Int[Array, "b n"], case: Any, symbols: int
) -> tuple[Int[Array, "b n"], Int[Array, "b n"]]:
    """Tokens and targets of a case, of random tokens.

    Places are counted from 0; even tokens are the 2nd, 4th, …, and then a filler.
    """
    count, n = drawn.shape
    tokens = jnp.where(case == EQUAL, drawn[:, :1], drawn)
    filler = jnp.full((count, n - n // 2), symbols, drawn.dtype)
    even = jnp.concatenate([tokens[:, 1::2], filler], axis=1)
    places = jnp.broadcast_to(jnp.arange(n, dtype=drawn.dtype), (count, n))
    return tokens, jnp.where(case == EVEN, even, places)


def loss(model: Learner, data: Any, key: PRNGKeyArray) -> Array:
    """Cross-entropy over all places of new sequences."""
    sizes = model.sizes
    shape = sizes.batch, sizes.length
    drawn = jax.random.randint(key, shape, 0, sizes.symbols)
    tokens, targets = task_of(drawn, model.case, sizes.symbols)
    return optax.softmax_cross_entropy_with_integer_labels(
        model.logits(tokens), targets
    ).mean()


def right(model: Learner, drawn: Int[Array, "b n"]) -> Array:
    """At which places an answer is right."""
    tokens, targets = task_of(drawn, model.case, model.sizes.symbols)
    return model.logits(tokens).argmax(-1) == targets


def validation_error(model: Learner, data: Any) -> Array:
    """Share of wrong answers; of even tokens, in the first half."""
    places = right(model, data["validation"]).mean(0)
    half = places[: len(places) // 2].mean()
    return 1 - jnp.where(model.case == EVEN, half, places.mean())


@eqx.filter_jit
def _right(models: Learner, drawn: Int[Array, "b n"]) -> Array:
    return each_lane(lambda model: right(model, drawn).mean(0), models)


def measure(context: Context) -> xr.Dataset:
    """Accuracy by arm and task; of even tokens in the first half, and in all places.

    NaN where an arm did not learn a task. `rate` is the learning rate that was chosen.
    """
    options = SETTINGS[context.resolution]
    sizes = options.sizes
    axes = {"arm": NAMES, "task": TASKS}
    accuracy = context.table(**PERCENT, **axes, seed=context.seeds)
    everywhere = context.table(**PERCENT, arm=NAMES, seed=context.seeds)
    chosen = context.table(**axes)
    draws = {
        purpose: jnp.asarray(
            context.rng(purpose).integers(
                sizes.symbols, size=(options.sequences, sizes.length)
            ),
            jnp.int32,
        )
        for purpose in ("validation", "test")
    }
    make = partial(_of_sizes, sizes=sizes)
    for (arm,) in context.cases(options.arms, what="models"):
        for name, cases, training in (
            ("places", (RANDOM, EQUAL), options.places),
            ("even", (EVEN,), options.even),
        ):
            if arm.causal and name == "even":
                continue  # what it would have to say lies ahead
            data = {"validation": draws["validation"]}
            problem = Problem(name, make, sizes, loss, validation_error, data)
            outcomes = learned(context, problem, arm, training, cases)
            for case, outcome in outcomes.items():
                places = 100 * np.asarray(_right(outcome.models, draws["test"]))
                half = places[:, : sizes.length // 2] if case == EVEN else places
                accuracy.loc[arm.name, TASKS[case]] = half.mean(-1)
                chosen.loc[arm.name, TASKS[case]] = outcome.rate
                if case == EVEN:
                    everywhere.loc[arm.name] = places.mean(-1)
    return xr.Dataset({"accuracy": accuracy, "everywhere": everywhere, "rate": chosen})


def _of_sizes(arm: Arm, key: PRNGKeyArray, sizes: Sizes) -> RelativeTransformer:
    return new_model(arm, key, sizes)


def guesses(measured: xr.Dataset) -> dict[str, float]:
    """What guessing gives of each task, in %."""
    sizes = SETTINGS[measured.resolution].sizes
    place, symbol = 100 / sizes.length, 100 / sizes.symbols
    return dict(zip(TASKS, (place, place, symbol), strict=True))


def trained(measured: xr.Dataset) -> list[str]:
    """The arms that were trained at this resolution."""
    done = measured.accuracy.notnull().any(("task", "seed"))
    return [str(name) for name in measured.arm.values[done.values]]


def of(measured: xr.Dataset, arm: Arm, task: int) -> xr.DataArray:
    """Accuracy of an arm on a task, by seed."""
    return measured.accuracy.sel(arm=arm.name, task=TASKS[task], drop=True)


def difference(measured: xr.Dataset, arm: Arm, other: Arm, task: int) -> xr.DataArray:
    """Accuracy of an arm less another's of the same seeds, in points."""
    points = of(measured, arm, task) - of(measured, other, task)
    points.attrs = {"units": "points"}
    return points


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Accuracies, and the statements of Figure 2."""
    ledger = ledger.using(because="Figure 2's numbers are not in the text")
    for name in trained(measured):
        row = measured.sel(arm=name)
        for task in TASKS:
            runs = row.accuracy.sel(task=task).dropna("seed")
            if runs.size:
                shown = f"{task}, first half" if task == TASKS[EVEN] else task
                cell = Cell(name, shown, f"{name}: {shown}")
                ledger.using(table="Accuracy").ours_alone(cell, runs)
        runs = row.everywhere.dropna("seed")
        if runs.size:
            shown = "even tokens, as the program scores"
            cell = Cell(name, shown, f"{name}: {shown}")
            ledger.using(table="Accuracy").ours_alone(cell, runs)
    for task in (RANDOM, EVEN):
        _claims(measured, ledger, task)


def _claims(measured: xr.Dataset, ledger: Ledger, task: int) -> None:
    """What the paper's figure says of a task."""
    name = TASKS[task]
    guess = guesses(measured)[name]
    solved = of(measured, URPE, task)
    ledger.claim(
        f"URPE solves {name} (above 99 %)", int((solved > 99).sum()), solved.size
    )
    failed = of(measured, RPE, task)
    ledger.claim(
        f"RPE does not learn {name} (below {2 * guess:.3g} %)",
        int((failed < 2 * guess).sum()),
        failed.size,
    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Accuracy of all arms by task."""
    names = trained(measured)
    figure, panels = subplots(
        1, 3, sharey=True, width=11, height=0.36 * len(names) + 1.6
    )
    for panel, task in zip(panels, TASKS, strict=True):
        values = measured.accuracy.sel(task=task, arm=names)
        plot.rows(values, panel, by="arm")
        guess = guesses(measured)[task]
        panel.axvline(guess, color=INK, linewidth=1, linestyle=":")
        half = " (first half)" if task == TASKS[EVEN] else ""
        panel.set(title=task + half, xlabel="accuracy in %", xlim=(-3, 103))
    yield Figure(
        figure,
        "Accuracy on new sequences. A dot is a seed, the bar the mean with its 95 % "
        "confidence interval; dotted, a guess.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Who solves what, and paired differences."""
    names = trained(measured)
    options = SETTINGS[measured.resolution]
    guess = guesses(measured)
    behind = difference(measured, URPE, ABSOLUTE, EVEN)

    even = measured.accuracy.sel(arm=names, task=TASKS[EVEN])

    def solving(task: int) -> list[str]:
        part = measured.accuracy.sel(arm=names, task=TASKS[task])
        return [
            str(name) for name in names if float(part.sel(arm=name).mean("seed")) > 99
        ]

    def guessing(task: int) -> list[str]:
        """Arms whose interval is below twice a guess."""
        part = measured.accuracy.sel(arm=names, task=TASKS[task])
        return [
            str(name)
            for name in names
            if part.sel(arm=name).notnull().all()
            and mean_interval(part.sel(arm=name).values)[2] < 2 * guess[TASKS[task]]
        ]

    return {
        "options": options,
        "names": names,
        "seeds": measured.sizes["seed"],
        "guess": guess,
        "tasks": TASKS,
        "solving": {task: solving(i) for i, task in enumerate(TASKS)},
        "guessing": {task: guessing(i) for i, task in enumerate(TASKS)},
        "even": dict(zip(names, even, strict=True)),
        "inside": [
            str(name)
            for name, values in zip(names, even, strict=True)
            if name in INSIDE and float(values.mean()) > 90
        ],
        "behind": behind,
        "bounds": mean_interval(behind.values)[1:],
        "solved_even": int((of(measured, URPE, EVEN) > 99).sum()),
        "first": FIRST.name,
        "causal": CAUSAL.name,
        "fixed": FIXED.name,
    }
