"""How much data a transformer of N parameters can know by heart: the law of N and D*.

Proposition 5 of the paper says N = O(D²), for N parameters and D tokens of data; its
version 2 trains models of 40, 60 and 80 million parameters and finds N/D*² at 8.4 to
8.8e-10. What version 2 means by D*, beyond the data size at which a model of that size
did best, was not at hand when this was written. So D* is defined anew here, by memory,
which is what the proposition is about:

    D*(N): the number of tokens at which a model of N parameters, trained by one recipe,
    goes from knowing its data by heart to not knowing them: where the training loss is
    ½ log V, on random tokens (`isinglass.systems.memory.memorisation`).

One rule makes the recipe of all sizes: each sequence is seen as often on average
(batches are drawn with replacement), with a batch that depends on the width alone and
grows as N. So steps are not as many: their number goes as D/N, and a width that knows
more per parameter takes more of them at its D*. That may be a part of the exponent that
comes out; the findings say how many they were.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from isinglass.experiments.memory.setting import (
    RATIOS,
    one_device,
    padded,
    wide_start,
)
from isinglass.experiments.memory.width_figures import draw_law
from isinglass.reproduce import Cell, Context, Figure, Ledger, following, side_by_side
from isinglass.systems.memory import Recipe, TransformerConfig, evaluate, train
from isinglass.systems.memory.memorisation import (
    MemorySearch,
    bootstrap_exponent,
    growth_exponent,
    random_source,
    search_memory,
)

# Exponents of N in D: of the paper, and of a fixed capacity.
QUADRATIC, LINEAR = 2.0, 1.0
BITS = 2.0  # per parameter, of facts that language models hold: Allen-Zhu & Li 2024
# Random tokens, and how many a sequence has of each kind.
VOCABULARY, KEY, COUNTED = 64, 3, 13
HALF = math.log(VOCABULARY) / 2  # the loss at D*
LAYERS, HEADS = 2, 2
RATE = 0.4  # learning rate times width
# Data sizes at which every search begins, in tokens per parameter.
BEGIN = (0.30, 0.45, 0.675)


@dataclass(frozen=True)
class Setting:
    """Models, and how long they are trained.

    Attributes:
        widths: Of the models, rising.
        passes: How often each sequence is seen.
    """

    widths: tuple[int, ...]
    passes: int

    def recipe(self, width: int, sequences: int, seed: int) -> Recipe:
        """One rule for all: as many passes on average.

        A step has a quarter of a middle size of data, so that steps of one width are in
        proportion to the sequences. The learning rate falls as 1/width, with which
        models of all widths learn about alike.
        """
        batch = max(4, round(sequences_of(BEGIN[1] * parameters_of(width)) / 4))
        steps = max(100, round(self.passes * sequences / batch))
        return Recipe(
            steps=steps,
            batch=batch,
            learning_rate=RATE / width,
            lowest_rate=0.02,
            warmup=steps // 16,
            weight_decay=0.0,
            every=max(1, steps // 4),
            seed=seed,
        )


# Narrower models than these know less per parameter: a normalisation takes two of each
# place's few numbers. The duration of the full one is an estimate.
SETTINGS = {
    "quick": Setting((6, 8, 12, 16), 150),
    "default": Setting((6, 8, 12, 16, 24, 32, 44), 150),
    "full": Setting((6, 8, 12, 16, 24, 32, 44, 64, 96, 128), 400),
}


def measure(context: Context) -> xr.Dataset:
    """Search D* of every width and seed, the widest first.

    Returns:
        `star` is D*, `parameters` N. `data` and `loss` are what was tried, with rising
        data, and NaN where a search has ended.
    """
    setting = SETTINGS[context.resolution]
    jobs = list(product(reversed(setting.widths), context.seeds))
    searches = side_by_side(context, partial(search, setting=setting), jobs, "models")
    axes = {"width": list(setting.widths), "seed": list(context.seeds)}
    ordered = [searches[job] for job in product(setting.widths, context.seeds)]
    shape = (*map(len, axes.values()), -1)
    data, loss, star = (
        values.reshape(shape)
        for values in (
            COUNTED * padded([result.sequences for result in ordered]),
            padded([result.loss for result in ordered]),
            np.array([COUNTED * result.crossing for result in ordered]),
        )
    )
    return xr.Dataset(
        {
            "data": ((*axes, "trial"), data),
            "loss": ((*axes, "trial"), loss, {"units": "nats/token"}),
            "star": (tuple(axes), star[:, :, 0]),
            "parameters": ("width", [parameters_of(width) for width in setting.widths]),
        },
        axes,
    )


def search(context: Context, job: tuple[int, int], *, setting: Setting) -> MemorySearch:
    """Try data sizes with one model until it knows half of them."""
    size = parameters_of(job[0])
    begin = [sequences_of(share * size) for share in BEGIN]
    loss = partial(trained_loss, context, setting, job)
    return search_memory(loss, begin, HALF, f"a model of {size} parameters")


def trained_loss(
    context: Context, setting: Setting, job: tuple[int, int], sequences: int
) -> float:
    """The loss of a model that was trained on so many sequences, on all of them."""
    width, number = job
    seed = context.model_seed(number, width, below=2**32)
    source = random_source(
        sequences, vocabulary=VOCABULARY, key=KEY, counted=COUNTED, seed=seed
    )
    name = f"width-{width}-{number}-{sequences}"
    what = f"width {width}, {sequences} sequences"
    with following(context, name, what, one_device()) as runtime:
        run = train(
            wide_start(config_of(width), seed),
            source,
            setting.recipe(width, sequences, seed),
            runtime=runtime,
        )
    return evaluate(run.model, source, batch=128, devices=one_device())


def sequences_of(data: float) -> int:
    """How many sequences have so many tokens that count; at least two."""
    return max(2, round(data / COUNTED))


def config_of(width: int) -> TransformerConfig:
    """The model of a width."""
    return TransformerConfig(VOCABULARY, KEY + COUNTED, width, HEADS, LAYERS)


def parameters_of(width: int) -> int:
    """N: embeddings, positions, layers and the last normalisation."""
    outside = width * (VOCABULARY + KEY + COUNTED + 2)
    return outside + LAYERS * (12 * width**2 + 13 * width)


# -- views -----------------------------------------------------------------------------


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """The exponent and the ratios, and the bits that are known at D*."""
    sizes, star = measured.parameters, measured.star
    ratio, upper = sizes / star**2, upper_half(measured)
    span = f"N = {int(sizes[0]):,} to {int(sizes[-1]):,}"
    from_upper = f"N = {int(upper.parameters[0]):,} and more"
    ours = "2 is what a constant N/D*² says; the paper's D* may be measured otherwise"
    for name, part in (("", measured), (f", {from_upper}", upper)):
        exponents = exponents_of(part)
        ledger.mean(f"a of N ∝ D*^a{name}", exponents, QUADRATIC, because=ours)
    ends = "at the largest N over the least"
    ledger.mean(
        f"log₁₀ of N/D*² {ends}, {span}",
        np.log10(ratio[-1] / ratio[0]),
        0.0,
        because="the paper's ratio is constant to 5 %",
    )
    linear = sizes / star
    ledger.ours_alone(
        f"log₁₀ of N/D* {ends}, {span}",
        np.log10(linear[-1] / linear[0]),
        because="Not in the paper; 0 where data grow in proportion to parameters",
    )
    larger = (
        "The paper's models are a thousand times as large, and its text has structure"
    )
    table = ledger.using(table="By size")
    for size, values in zip(sizes.values, ratio, strict=True):
        paper = float(np.mean(RATIOS))
        cell = Cell(f"N = {size:,}", "N/D*²", f"N/D*² at N = {size:,}")
        table.other_setting(cell, values, paper, because=larger)
    table = table.using(unit="bits/parameter")
    for size, bits in zip(sizes.values, bits_of(measured), strict=True):
        because = "The paper does not count bits"
        cell = Cell(f"N = {size:,}", "known at D*", f"known at D*, N = {size:,}")
        table.ours_alone(cell, bits, because=because)


def upper_half(measured: xr.Dataset) -> xr.Dataset:
    """The wider models, two at least."""
    count = measured.sizes["width"]
    return measured.isel(width=slice(min(count // 2, count - 2), None))


def bits_of(measured: xr.Dataset) -> xr.DataArray:
    """Bits per parameter that are known at D*: half of what the data hold."""
    bits = measured.star * math.log2(VOCABULARY) / 2 / measured.parameters
    return bits.transpose("width", "seed")


def exponents_of(measured: xr.Dataset) -> np.ndarray:
    """The power a of N ∝ D*^a, of each seed."""
    sizes = measured.parameters.values.astype(float)
    star = measured.star.transpose("seed", "width").values
    return np.array([growth_exponent(of_seed, sizes) for of_seed in star])


def mean_star(measured: xr.Dataset) -> np.ndarray:
    """D* by width, the geometric mean over seeds."""
    return np.exp(np.log(measured.star).mean("seed")).values


def mean_exponent(measured: xr.Dataset) -> float:
    """The power a of N ∝ D*^a, of the mean over seeds."""
    sizes = measured.parameters.values.astype(float)
    return growth_exponent(mean_star(measured), sizes)


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """The exponents and their interval, and how many steps a training takes at D*."""
    setting, sizes = SETTINGS[measured.resolution], measured.parameters.values
    star, exponent = mean_star(measured), mean_exponent(measured)
    upper, ratio = mean_exponent(upper_half(measured)), sizes / star**2
    interval = bootstrap_exponent(
        measured.star.transpose("width", "seed").values,
        sizes.astype(float),
        seed=measured.attrs["seed"],
    )
    nearer = LINEAR if abs(exponent - LINEAR) < abs(exponent - QUADRATIC) else QUADRATIC
    law = {
        power: all(abs(a - power) < 0.2 for a in (exponent, upper))
        for power in (LINEAR, QUADRATIC)
    }
    steps = [
        setting.recipe(int(width), sequences_of(float(data)), 0).steps
        for width, data in zip(measured.width.values, star, strict=True)
    ]
    return {
        "passes": setting.passes,
        "decades": math.log10(sizes[-1] / sizes[0]),
        "exponent": exponent,
        "interval": interval,
        "upper": upper,
        "upper_size": upper_half(measured).parameters[0],
        "is_linear": law[LINEAR],
        "is_quadratic": law[QUADRATIC],
        "nearer": nearer,
        "is_nearing": abs(upper - nearer) < abs(exponent - nearer),
        "ratio": ratio,
        "change": max(ratio[0] / ratio[-1], ratio[-1] / ratio[0]),
        "bits": bits_of(measured),
        "steps": steps,
        "LAYERS": LAYERS,
        "BITS": BITS,
    }


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """The searches, the law, and which ratio is constant."""
    powers = {
        f"fit, a = {mean_exponent(measured):.2f}": mean_exponent(measured),
        "a = 1": LINEAR,
        "a = 2, the paper": QUADRATIC,
    }
    yield Figure(
        draw_law(measured, mean_star(measured), powers, HALF),
        "Left: training loss on random tokens against their number, by size of the "
        "model; D* is where it crosses half of log V (line). Middle: parameters "
        "against D*, each point a model, with the fitted power, the linear law and the "
        "paper's. Right: N/D* and the paper's N/D*², over their values at the least N; "
        "the right law's is constant.",
    )
