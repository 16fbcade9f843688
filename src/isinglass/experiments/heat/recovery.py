"""Plates whose conductivity is the truth: what can be told, and what is predicted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int, PRNGKeyArray

from isinglass import plot
from isinglass._common.precision import double_precision
from isinglass.experiments.heat import recovery_arms
from isinglass.experiments.heat.recovery_arms import NAMES, SINGLE, Plate
from isinglass.plot import COLOURS, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.reproduce.searches import (
    REPORT,
    SEARCH,
    Job,
    Search,
    Trainings,
    learned,
)
from isinglass.systems.heat import (
    conduct,
    decay_rates,
    recover_conductivity,
    recover_modes,
)
from isinglass.training.lanes import LaneRecipe, LaneTask, each_lane

TRUTH = (0.1, 0.5, 2.0, 8.0)  # k of the four channels of a plate
TIMES = (1, 2)
SHARE = {"unit": "%", "valid_range": (0, 100)}
ERROR = {"unit": "%", "valid_range": (0, np.inf)}


@dataclass(frozen=True)
class Setting:
    """What is drawn and learned.

    Attributes:
        cells: Of a side.
        plates: Pairs to learn from; as many again choose the rate, and test.
        noise: Of the pairs that maps are trained on.
        noises: Of the pairs that k is recovered from; fields have spread 1.
        strengths: k that are recovered.
        steps: Of AdamW without decay, each of all pairs.
        rates: Learning rates to choose from.
        searches: Draws that they are chosen on, none of them reported.
    """

    cells: int = 12
    plates: int = 16
    noise: float = 0.05
    noises: tuple[float, ...] = (0.01, 0.1, 1.0)
    strengths: tuple[float, ...] = (0.1, 0.5, 2.0, 8.0, 32.0)
    steps: int = 300
    rates: tuple[float, ...] = (0.01, 0.03, 0.1)
    searches: int = 2


SETTINGS = {
    "quick": Setting(6, 8, steps=100, rates=(0.1,), searches=1),
    "default": Setting(),
    "full": Setting(14, 64, steps=2000, rates=(0.003, 0.01, 0.03, 0.1)),
}


class Pairs(eqx.Module):
    """Fields before and after, with noise, along the first axis by draw.

    Attributes:
        before, after: To learn from, (draws, M, N, N, C).
        before_choice, after_choice: To choose a rate by.
    """

    before: Float[Array, "d m n n c"]
    after: Float[Array, "d m n n c"]
    before_choice: Float[Array, "d m n n c"]
    after_choice: Float[Array, "d m n n c"]


class Learner(eqx.Module):
    """A map and the number of the draw that it learns.

    Attributes:
        net: The map.
        place: The number.
    """

    net: Plate
    place: Int[Array, "*lanes"]


class Drawn(NamedTuple):
    """One draw in NumPy: pairs with noise, and plates to test on without."""

    train: tuple[np.ndarray, np.ndarray]
    choice: tuple[np.ndarray, np.ndarray]
    test: np.ndarray


Draws = dict[tuple[str, int], Drawn]  # by purpose and seed


def measure(context: Context) -> xr.Dataset:
    """What of k is recovered, and errors of trained maps on new plates.

    `off` is |k̂ − k|/k of the least-squares fit in %, `modes` the share of modes whose k
    can be told, by k and noise; `error` the root of the mean squared difference to the
    truth at time t, over the spread of the truth, in %, by channel; `size` numbers that
    a map learns.
    """
    options = SETTINGS[context.resolution]
    axes = {"k": options.strengths, "noise": options.noises, "seed": context.seeds}
    off, modes = context.table(**ERROR, **axes), context.table(**SHARE, **axes)
    for (seed,) in context.cases(context.seeds, what="recoveries"):
        for noise in options.noises:
            off.loc[:, noise, seed], modes.loc[:, noise, seed] = _recovered(
                options, noise, context.rng("plates to recover", seed)
            )
    axes = {"arm": NAMES, "time": TIMES, "channel": TRUTH, "seed": context.seeds}
    error = context.table(**ERROR, **axes)
    size, rate = context.table(arm=NAMES), context.table(arm=NAMES)
    purposes = [(SEARCH, n) for n in range(options.searches)]
    purposes += [(REPORT, seed) for seed in context.seeds]
    draws = {
        (purpose, seed): _drawn(options, context.rng(f"plates to {purpose}", seed))
        for purpose, seed in purposes
    }
    for (name,) in context.cases(NAMES, what="maps"):
        chosen, models = _learned(context, options, draws, name)
        rate.loc[name], size.loc[name] = (
            chosen,
            recovery_arms.count(recovery_arms.start(name, options.cells, len(TRUTH))),
        )
        fields = jnp.asarray(
            np.stack([draws[REPORT, seed].test for seed in context.seeds]), jnp.float32
        )
        for time in TIMES:
            error.loc[name, time] = _errors(models, fields, time).T
    return xr.Dataset(
        {"off": off, "modes": modes, "error": error, "size": size, "rate": rate}
    )


def _after(field: np.ndarray, k: Any, time: float = 1) -> np.ndarray:
    """The truth, in float64."""
    with double_precision():
        return np.asarray(conduct(jnp.asarray(field), time * np.asarray(k)))


def _drawn(options: Setting, rng: np.random.Generator) -> Drawn:
    shape = (options.plates, options.cells, options.cells, len(TRUTH))

    def pair() -> tuple[np.ndarray, np.ndarray]:
        before = rng.normal(size=shape)
        after = _after(before, TRUTH)
        return before, after + options.noise * rng.normal(size=shape)

    return Drawn(pair(), pair(), rng.normal(size=shape))


def _recovered(
    options: Setting, noise: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Error of k in %, and share of modes whose k can be told in %, by k."""
    shape = (options.plates, options.cells, options.cells, len(options.strengths))
    before = rng.normal(size=shape)
    after = _after(before, options.strengths) + noise * rng.normal(size=shape)
    k = recover_conductivity(before, after).conductivity
    sure = recover_modes(before, after).is_identified
    truth = np.array(options.strengths)
    modes = sure.sum((0, 1)) / (options.cells**2 - 1)
    return 100 * abs(k - truth) / truth, 100 * modes


def loss(model: Learner, data: Pairs, key: PRNGKeyArray) -> Float[Array, ""]:
    """Mean squared error on the pairs to learn from."""
    after = model.net(data.before[model.place])
    return ((after - data.after[model.place]) ** 2).mean()


@eqx.filter_jit
def _choice(models: Learner, data: Pairs) -> Array:
    """The same on the pairs to choose by."""

    def of_model(model: Learner) -> Array:
        after = model.net(data.before_choice[model.place])
        return ((after - data.after_choice[model.place]) ** 2).mean()

    return each_lane(of_model, models)


def _learned(
    context: Context, options: Setting, draws: Draws, name: str
) -> tuple[float, Learner]:
    """The rate that is best on other draws, and a map for each reported one."""
    parts = [[*draw.train, *draw.choice] for draw in draws.values()]
    data = Pairs(
        *(jnp.asarray(np.stack(x), jnp.float32) for x in zip(*parts, strict=True))
    )
    trainings = Trainings(
        name,
        partial(_learners, name, options, list(draws)),
        LaneTask(loss, data),
        LaneRecipe(options.steps, clip=None, every=options.steps),
        plan=[name],
    )
    search = Search((options.rates,), options.searches)
    (rate,), models, *_ = learned(
        context, trainings, search, lambda models, _: -np.asarray(_choice(models, data))
    )
    return rate, models


def _learners(
    name: str, options: Setting, draws: list, jobs: Sequence[Job], keys: Array
) -> Learner:
    """The map before training, which nothing is drawn for, of all jobs."""
    net = recovery_arms.start(name, options.cells, len(TRUTH))
    nets = jax.tree.map(lambda x: jnp.broadcast_to(x, (len(jobs), *x.shape)), net)
    places = [draws.index((job.purpose, job.seed)) for job in jobs]
    return Learner(nets, jnp.array(places, jnp.int32))


def _errors(
    models: Learner, fields: Array, time: int
) -> Float[np.ndarray, "seeds channels"]:
    """On new plates, over the spread of the truth, in %, by draw and channel."""
    ours = np.asarray(_predicted(models, fields, time), float)
    truth = _after(np.asarray(fields, float), TRUTH, time)
    off = ((ours - truth) ** 2).mean((1, 2, 3))
    spread = ((truth - truth.mean((2, 3), keepdims=True)) ** 2).mean((1, 2, 3))
    return 100 * np.sqrt(off / spread)


@eqx.filter_jit
def _predicted(models: Learner, fields: Array, time: int) -> Array:
    return each_lane(lambda pair: pair[0].net.after(pair[1], time), (models, fields))


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """What is recovered, and how well maps predict."""
    ledger = ledger.using(because="The paper recovers nothing")
    for k in measured.k.values:
        for noise in measured.noise.values:
            for title, values in (
                ("Error of k", measured.off),
                ("Modes", measured.modes),
            ):
                cell = Cell(
                    f"k = {k:g}", f"noise {noise:g}", f"{title}, {k:g}, {noise:g}"
                )
                ledger.using(table=title).ours_alone(cell, values.sel(k=k, noise=noise))
    for name in measured.arm.values:
        for time in measured.time.values:
            mean = measured.error.sel(arm=name, time=time).mean(
                "channel", keep_attrs=True
            )
            cell = Cell(name, f"t = {time}", f"error at t = {time}: {name}")
            ledger.using(table="Error on new plates").ours_alone(cell, mean)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Modes whose k can be told, and errors of maps."""
    figure, (left, right) = subplots(1, 2, width=11, height=3.8)
    for place, noise in enumerate(measured.noise.values):
        plot.band(
            measured.modes.sel(noise=noise, drop=True),
            left,
            along="k",
            colours=[COLOURS[place]],
            marker="o",
            markersize=4,
            label=f"noise {noise:g}",
        )
    log_ticks(left, measured.k.values.tolist())
    left.set(
        xlabel="conductivity k", ylabel="modes in %", title="Modes whose k can be told"
    )
    left.legend()
    errors = measured.error.mean("channel", keep_attrs=True)
    named = errors.assign_coords(time=[f"t = {t}" for t in errors.time.values])
    plot.rows(named, right, by="arm", hue="time", colours=COLOURS)
    right.set(
        xlabel="error in % of the spread", xscale="log", title="Maps on new plates"
    )
    right.legend()
    yield Figure(
        figure,
        "Left: share of modes whose conductivity can be told from pairs of fields with "
        "noise. Right: errors of maps that were trained on pairs of t = 1, mean over "
        "four channels of k = 0.1 to 8. Bars are 95 % confidence intervals.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Errors by map and time, beside those of one k of each channel."""
    errors = measured.error.mean("channel", keep_attrs=True)
    others = [name for name in NAMES if name != SINGLE]
    options = SETTINGS[measured.resolution]

    def ratio(name: str, time: int) -> xr.DataArray:
        return errors.sel(arm=name, time=time) / errors.sel(arm=SINGLE, time=time)

    return {
        "seeds": measured.sizes["seed"],
        "options": options,
        "errors": errors,
        "times": TIMES,
        "names": NAMES,
        "truth": TRUTH,
        "fastest": decay_rates((options.cells, options.cells)).max(),
        "ratios": {t: {name: ratio(name, t) for name in others} for t in TIMES},
        "one": SINGLE,
        "sizes": {name: int(measured.size.sel(arm=name)) for name in NAMES},
    }
