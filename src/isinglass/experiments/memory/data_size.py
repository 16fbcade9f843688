"""GPT-2 on all of a text, 1 % and 0.1 % of it: losses, and what is known by heart."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.data import TextSource
from isinglass.data.text import Text, shares, windows
from isinglass.experiments.memory.language_model import (
    BYTES,
    Size,
    model_seeds,
    trained,
)
from isinglass.experiments.memory.setting import arranged, one_device
from isinglass.plot import COLOURS, INK, MUTED, learning_curve, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs, side_by_side
from isinglass.systems.memory import evaluate, matching_length

SHARES = (1.0, 0.01, 0.001)
ORIGINS = ("text of training", "held-out text")
PROMPT = 64
LENGTHS = (32, 64)  # of a continuation that is to be exact
BYTES_A_TOKEN = 4  # of GPT-2's tokens of English, about
HEART = 50.0  # percent of prompts; from there on a text is known by heart


@dataclass(frozen=True)
class Setting:
    """What to train, and how much to measure.

    Attributes:
        size: The model and its training, the same for all shares.
        prompts: From the text of training, and as many from the held-out one.
        places: Sequences on which the last losses are measured, at most.
    """

    size: Size
    prompts: int
    places: int


SETTINGS = {
    "default": Setting(Size(4, 128, 128, 4, 2_400, 3e-3, 128), 64, 512),
    "quick": Setting(Size(3, 96, 128, 4, 1_500, 4e-3, 64), 24, 128),
    "full": Setting(Size(12, 768, 256, 64, 4_000, 6e-4, 512), 256, 2_048),
}


def measure(context: Context) -> xr.Dataset:
    """Losses of models by share and seed, and how long they continue prompts exactly.

    Returns:
        On the way, by "step": `training`, the mean since the record before, and
        `validation`, in nats per byte. Of trained models on both origins: `loss`, and
        `correct`, bytes right before the first wrong one, of each prompt. `size` is
        that of the share in bytes.
    """
    text = context.read(inputs.text_file)
    axes = {"share": SHARES, "seed": model_seeds(context)}
    work = partial(of_model, text=text, setting=SETTINGS[context.resolution])
    results = side_by_side(context, work, list(product(*axes.values())), "trainings")
    measured = arranged(list(results.values()), axes)
    return measured.assign_coords(seed=list(context.seeds)).assign_attrs(
        about=text.about
    )


def of_model(
    context: Context, job: tuple[float, int], *, text: Text, setting: Setting
) -> xr.Dataset:
    """Train one model on one share, and measure it."""
    (share, seed), size = job, setting.size
    parts = shares(text.training, SHARES, seed)
    training = parts.texts[share]
    run = trained(context, f"{share:g}-{seed}", seed, size, training, text.held_out)
    loss = [
        evaluate(
            run.model,
            TextSource(part, size.context, BYTES),
            most=setting.places,
            devices=one_device(),
        )
        for part in (training, text.held_out)
    ]
    correct = [
        matching_length(
            run.model, windows(part, setting.prompts, PROMPT + LENGTHS[-1]), PROMPT
        )
        for part in (parts.smallest, text.held_out)
    ]
    unit = {"units": "nats/byte"}
    return xr.Dataset(
        {
            "training": ("step", run.metrics["loss"].values, unit),
            "validation": ("step", run.metrics["validation"].values, unit),
            "loss": ("origin", np.array(loss), unit),
            "correct": (("origin", "prompt"), np.array(correct)),
            "size": ((), len(training)),
        },
        {"step": run.metrics["step"].values, "origin": list(ORIGINS)},
    )


# -- views -----------------------------------------------------------------------------


def exact(measured: xr.Dataset, length: int) -> xr.DataArray:
    """Percentage of prompts that are continued exactly for so many bytes."""
    percentage = 100 * (measured.correct >= length).mean("prompt")
    return percentage.assign_attrs(units="%", valid_range=(0, 100))


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Losses and exact continuations by share."""
    ledger = ledger.using(
        because="The paper trains on another text, in other tokens, and shows curves"
    )
    for share in measured.share.values:
        models, name = measured.sel(share=share), f"{100 * share:g} % of the text"
        table = ledger.using(table="By share of the text")
        for quantity, loss in (
            ("training loss at the end", models.loss[:, 0]),
            ("validation loss at the end", models.loss[:, 1]),
            ("lowest validation loss on the way", lowest(models)),
        ):
            table.ours_alone(Cell(quantity, name, f"{name}: {quantity}"), loss)
        for length, origin in product(LENGTHS, ORIGINS):
            quantity = f"prompts from {origin} continued exactly for {length} bytes"
            percentage = exact(models, length).sel(origin=origin)
            table.ours_alone(Cell(quantity, name, f"{name}: {quantity}"), percentage)


def lowest(measured: xr.Dataset) -> xr.DataArray:
    """Least validation loss on the way."""
    return measured.validation.min("step", keep_attrs=True)


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Means by share, from all of the text to the least, and what they do."""
    size = SETTINGS[measured.resolution].size
    loss = measured.loss.mean("seed")
    training, validation = (loss.sel(origin=origin) for origin in ORIGINS)
    gap = validation - training
    means = xr.Dataset(
        {
            "size": measured["size"].isel(seed=0),
            "training": training,
            "validation": validation,
            "lowest": lowest(measured).mean("seed"),
            "exact": exact(measured, LENGTHS[0]).mean("seed"),
        },
    )
    by_heart = exact(measured, LENGTHS[-1])[:, :, 0].mean("seed") >= HEART
    return {
        "model": str(size),
        "bytes_in_training": size.bytes_in_training,
        "models": [means.isel(share=k) for k in range(len(SHARES))],
        "gaps": gap.values.tolist(),
        "is_ordered": bool((training.diff("share") < 0).all())
        and bool((validation.diff("share") > 0).all()),
        "is_widening": bool((gap.diff("share") > 0).all()),
        "by_heart": [share for share in SHARES if by_heart.sel(share=share)],
        "worst": float(validation.idxmax()),
        "best": means.isel(share=int(training.argmin("share"))),
        "LENGTHS": LENGTHS,
        "HEART": HEART,
        "BYTES_A_TOKEN": BYTES_A_TOKEN,
    }


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Losses by step, and exact continuations by length."""
    figure, (losses, curves) = subplots(
        1, 2, width=9.5, height=4.0, gridspec_kw={"width_ratios": [1.35, 1]}
    )
    _draw_losses(losses, measured)
    _draw_continuations(curves, measured)
    yield Figure(
        figure,
        "A model of the shape of GPT-2 on all of a text and on shares of it, with the "
        "same number of steps. Left: loss of training (lines) and on text that no "
        "share holds (dashes); thin: each seed. Dotted: 1, below which no loss could "
        "be by Proposition 4. Right: prompts of "
        f"{PROMPT} bytes that the model continues as the text does, for so many bytes, "
        "the "
        "likeliest each time: from text that is in all shares, and from the held-out "
        "text. Dots: lengths that the ledger has.",
    )


def _draw_losses(panel: Any, measured: xr.Dataset) -> None:
    for losses, style in ((measured.training, "-"), (measured.validation, "--")):
        line = {"hue": "share", "linestyle": style, "label": None}
        learning_curve(losses, panel, each_run=True, **line)
    for colour, share in zip(COLOURS, measured.share.values, strict=False):
        plot.line([], [], panel, color=colour, label=f"{100 * share:g} %")
    plot.line([], [], panel, "-", color=INK, label="training")
    plot.line([], [], panel, "--", color=INK, label="validation")
    panel.axhline(1, color=MUTED, linestyle=":", linewidth=1)
    top = max(measured.training[:, :, 0].max(), measured.validation.mean("seed").max())
    panel.set(title="Loss", xlabel="step", ylabel="nats per byte", ylim=(0, 1.05 * top))
    panel.legend(ncols=2, loc="upper left", fontsize="small")


def _draw_continuations(panel: Any, measured: xr.Dataset) -> None:
    lengths = range(LENGTHS[-1] + 1)
    curves = xr.concat([exact(measured, n) for n in lengths], "length")
    curves = curves.assign_coords(length=list(lengths))
    styles = dict(zip(ORIGINS, ("-", "--"), strict=True))
    for origin in reversed(ORIGINS):
        plot.curves(
            curves.sel(origin=origin, drop=True),
            panel,
            along="length",
            hue="share",
            linestyle=styles[origin],
            marker="o",
            markersize=4,
            markevery=[0, *LENGTHS],
            label=None,
        )
    for origin, style in styles.items():
        plot.line([], [], panel, style, color=INK, label=origin)
    panel.set(title="Continued exactly", xlabel="bytes", ylabel="% of prompts")
    panel.set_ylim(-2, 103)
    panel.set_xticks([0, 16, *LENGTHS[:-1], 48, LENGTHS[-1]])
    panel.legend(fontsize="small", loc="upper right")
