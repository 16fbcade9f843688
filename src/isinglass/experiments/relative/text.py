"""A causal language model of characters, and what lies beyond the trained length."""

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
from jaxtyping import Array, Integer, PRNGKeyArray
from matplotlib.ticker import MaxNLocator

from isinglass import plot
from isinglass._common.intervals import mean_interval
from isinglass.data.text import windows
from isinglass.experiments.relative.setting import (
    Arm,
    Learner,
    Problem,
    Training,
    learned,
)
from isinglass.plot import INK, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs
from isinglass.systems.relative import RelativeConfig, RelativeTransformer
from isinglass.training.lanes import each_lane

URPE = Arm("RPE + c", "rpe", coupling=True, causal=True)
RPE = Arm("RPE", "rpe", causal=True)
NOTHING = Arm("none", "none", causal=True)
ARMS = (
    Arm("absolute", "absolute", causal=True),
    RPE,
    Arm("RoPE", "rope", causal=True),
    URPE,
    NOTHING,
)
NAMES = tuple(arm.name for arm in ARMS)
TRAINED, FRESH, BEYOND = "as trained", "fresh windows", "beyond"
PLACES = (TRAINED, FRESH, BEYOND)
SYMBOLS = 256
WINDOWS = 8  # fresh ones for the second length of a sequence, at most


class Sizes(NamedTuple):
    """Of sequences and models.

    Attributes:
        length: Bytes of a sequence in training, n.
        batch: Sequences of a step.
        width: Of a model, of 4 heads.
        layers: Of a model.
    """

    length: int = 64
    batch: int = 8
    width: int = 48
    layers: int = 2


SIZES = Sizes()
USUAL = Training(500, (1e-3, 3e-3, 1e-2), 1, 10)


@dataclass(frozen=True)
class Setting:
    """What is learned.

    Attributes:
        arms: Which.
        sizes: How large.
        training: How.
        sequences: To validate on, and to test on.
    """

    arms: tuple[Arm, ...] = ARMS
    sizes: Sizes = SIZES
    training: Training = USUAL
    sequences: int = 256


SETTINGS = {
    "quick": Setting(
        arms=(RPE, URPE),
        sizes=Sizes(32, 4, 24, 1),
        training=Training(60, (0.01,), 1, 2),
        sequences=32,
    ),
    "default": Setting(),
    "full": Setting(
        sizes=Sizes(128, 16, 96, 3),
        training=Training(5000, (1e-3, 3e-3, 1e-2), 2, 10),
        sequences=1024,
    ),
}


def new_model(
    arm: Arm, key: PRNGKeyArray, sizes: Sizes, hidden: int
) -> RelativeTransformer:
    """A language model."""
    config = RelativeConfig(
        vocabulary=SYMBOLS,
        width=sizes.width,
        heads=4,
        hidden=hidden,
        layers=sizes.layers,
        length=sizes.length,
        positions=arm.positions,
        coupling=arm.coupling,
        causal=True,
        initial=0.55 / sizes.width**0.5,  # 0.02 at the published width
    )
    return RelativeTransformer(config, key=key)


def parameters(arm: Arm, sizes: Sizes, hidden: int) -> int:
    """Numbers of a model."""
    model = eqx.filter_eval_shape(
        lambda key: new_model(arm, key, sizes, hidden), jax.random.key(0)
    )
    return sum(leaf.size for leaf in jax.tree.leaves(model))


def equal_hidden(arm: Arm, sizes: Sizes) -> int:
    """Units of the perceptrons with which an arm has as many numbers as RPE + c."""
    usual = 4 * sizes.width
    more = parameters(URPE, sizes, usual) - parameters(arm, sizes, usual)
    return usual + round(more / (sizes.layers * (2 * sizes.width + 1)))


def bits(model: Learner, text: Integer[Array, "b m"], **options: Any) -> Array:
    """Bits for each byte of sequences but their first, (b, m − 1)."""
    tokens = text.astype(jnp.int32)
    logits = model.logits(tokens[:, :-1], **options)
    nats = optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:])
    return nats / jnp.log(2.0)


def loss(model: Learner, data: Any, key: PRNGKeyArray) -> Array:
    """Bits for a byte of stretches that the key draws."""
    sizes, text = model.sizes, data["training"]
    starts = jax.random.randint(key, (sizes.batch, 1), 0, len(text) - sizes.length)
    return bits(model, text[starts + jnp.arange(sizes.length + 1)]).mean()


def validation_bits(model: Learner, data: Any) -> Array:
    """Of the sequences to validate on."""
    return bits(model, data["validation"]).mean()


def beyond_bits(model: Learner, twice: Integer[Array, "b m"]) -> Array:
    """Bits for the latter n bytes of 2n + 1, read in one pass, (b, n)."""
    return bits(model, twice, beyond="edge")[:, model.sizes.length :]


def fresh_bits(model: Learner, twice: Integer[Array, "b m"]) -> Array:
    """Bits for the same bytes, each read in a window of n, (b, n).

    A window starts every n/8 bytes, and its last n/8 places count: no byte has fewer
    than 7n/8 + 1 before it, so that windows cost next to no context.
    """
    length = model.sizes.length
    step = -(-length // WINDOWS)

    def of_window(start: Array) -> Array:
        part = jax.lax.dynamic_slice_in_dim(twice, start, length + 1, axis=1)
        return bits(model, part)[:, -step:]

    parts = jax.lax.map(of_window, step * jnp.arange(1, length // step + 1))
    return jnp.moveaxis(parts, 0, 1).reshape(len(twice), length)


@eqx.filter_jit
def _tested(models: Learner, usual: Array, twice: Array) -> Array:
    """Bits at the trained length; in fresh windows and beyond, of the same bytes."""

    def of_model(model: Learner) -> Array:
        return jnp.stack(
            [
                bits(model, usual).mean(),
                fresh_bits(model, twice).mean(),
                beyond_bits(model, twice).mean(),
            ]
        )

    return each_lane(of_model, models)


def measure(context: Context) -> xr.Dataset:
    """Bits for a byte by arm and places.

    Places are those of the trained length, contexts short and long; the second length
    of sequences of twice as much, read in one pass; and the same bytes in fresh windows
    of the trained length.
    `rate` is the learning rate that was chosen, `parameters` the numbers of a model.
    """
    options = SETTINGS[context.resolution]
    sizes = options.sizes
    text = context.read(inputs.text_file)
    validation, test = np.array_split(text.held_out, 2)
    usual, twice = (
        jnp.asarray(windows(test, options.sequences, times * sizes.length + 1))
        for times in (1, 2)
    )
    data = {
        "training": jnp.asarray(text.training),
        "validation": jnp.asarray(
            windows(validation, options.sequences, sizes.length + 1)
        ),
    }
    spent = context.table(unit="bits", arm=NAMES, places=PLACES, seed=context.seeds)
    chosen, numbers = context.table(arm=NAMES), context.table(arm=NAMES)
    for (arm,) in context.cases(options.arms, what="models"):
        hidden = equal_hidden(arm, sizes)
        make = partial(_of_sizes, sizes=sizes, hidden=hidden)
        problem = Problem("text", make, sizes, loss, validation_bits, data)
        (outcome,) = learned(context, problem, arm, options.training).values()
        tested = _tested(outcome.models, usual, twice)
        spent.loc[arm.name] = np.asarray(tested).T
        chosen.loc[arm.name] = outcome.rate
        numbers.loc[arm.name] = parameters(arm, sizes, hidden)
    return xr.Dataset({"bits": spent, "rate": chosen, "parameters": numbers})


def _of_sizes(
    arm: Arm, key: PRNGKeyArray, sizes: Sizes, hidden: int
) -> RelativeTransformer:
    return new_model(arm, key, sizes, hidden)


def trained(measured: xr.Dataset) -> list[str]:
    """The arms that were trained at this resolution."""
    return [str(x) for x in measured.arm.values[measured.rate.notnull().values]]


def less_rpe(measured: xr.Dataset, name: str, places: str) -> xr.DataArray:
    """Bits of an arm less those of RPE of the same seeds."""
    part = measured.bits.sel(places=places, drop=True)
    less = part.sel(arm=name, drop=True) - part.sel(arm=RPE.name, drop=True)
    less.attrs = {"units": "bits"}
    return less


def growth(measured: xr.Dataset, name: str) -> xr.DataArray:
    """Bits beyond the trained length less those of the same bytes in fresh windows."""
    part = measured.bits.sel(arm=name, drop=True)
    more = part.sel(places=BEYOND, drop=True) - part.sel(places=FRESH, drop=True)
    more.attrs = {"units": "bits"}
    return more


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Bits for a byte, and differences."""
    because = "The paper's text is WikiText-103, in words"
    ledger = ledger.using(because=because, table="Bits for a byte")
    for name in trained(measured):
        for places in PLACES:
            cell = Cell(name, places, f"{name}, {places}")
            ledger.ours_alone(cell, measured.bits.sel(arm=name, places=places))
            if name != RPE.name:
                shown = f"{places}, less RPE"
                cell = Cell(name, shown, f"{name}, {shown}")
                ledger.ours_alone(cell, less_rpe(measured, name, places))
        cell = Cell(name, "beyond less fresh", f"{name}, beyond less fresh")
        ledger.ours_alone(cell, growth(measured, name))


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Bits for a byte less those of RPE, and what the longer sequences cost."""
    names = trained(measured)
    others = [name for name in names if name != RPE.name]
    figure, panels = subplots(1, 3, width=11, height=0.36 * len(names) + 1.8)
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(4))
    labels = xr.DataArray(others, dims="arm", name="arm")
    for panel, places in zip(panels, (TRAINED, BEYOND), strict=False):
        values = xr.concat([less_rpe(measured, x, places) for x in others], labels)
        plot.rows(values, panel, by="arm")
        panel.axvline(0, color=INK, linewidth=1)
        title = "at the trained length" if places == TRAINED else "in the second length"
        panel.set(title=title, xlabel="bits for a byte, less RPE")
    labels = xr.DataArray(names, dims="arm", name="arm")
    values = xr.concat([growth(measured, name) for name in names], labels)
    plot.rows(values, panels[2], by="arm")
    panels[2].axvline(0, color=INK, linewidth=1)
    panels[2].set(title="less fresh windows, same bytes", xlabel="bits for a byte")
    yield Figure(
        figure,
        "Bits for a byte of held-out text, less those of RPE of the same seed: at the "
        "trained length, and in the latter half of sequences of twice that length, "
        "where learned tables have the numbers of their edge. Right: those bytes less "
        "the same in fresh windows of the trained length. A dot is a seed, the bar the "
        "mean with its 95 % interval.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Differences by arm."""
    names = trained(measured)
    _, low, high = mean_interval(less_rpe(measured, URPE.name, TRAINED).values)
    return {
        "side": 1 if low > 0 else -1 if high < 0 else 0,
        "options": SETTINGS[measured.resolution],
        "names": names,
        "others": [name for name in names if name != RPE.name],
        "seeds": measured.sizes["seed"],
        "less": {
            places: {name: less_rpe(measured, name, places) for name in names}
            for places in PLACES
        },
        "growth": {name: growth(measured, name) for name in names},
        "urpe": URPE.name,
        "rpe": RPE.name,
        "trained": TRAINED,
        "fresh": FRESH,
        "beyond": BEYOND,
        "most": int(measured.parameters.max()),
        "least": int(measured.parameters.min()),
    }
