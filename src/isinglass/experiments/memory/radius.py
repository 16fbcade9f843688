"""How far activations lie apart by layer: the theory's radius, or a model's own scale?

Our model is measured from every seed; beside it the user's, where there is one.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from isinglass.data import tokenise, tokens_of
from isinglass.data.text import Text
from isinglass.experiments.memory.controlled_radii import (
    FINAL,
    FRACTIONS,
    Sample,
    controlled_radii,
)
from isinglass.experiments.memory.language_model import (
    Size,
    model_seeds,
    trained,
    untrained,
)
from isinglass.experiments.memory.radius_figures import draw_radii
from isinglass.experiments.memory.setting import (
    MEASURED,
    PATTERNS,
    WIDTH,
    arranged,
    joined,
    parted,
)
from isinglass.reproduce import Cell, Context, Figure, Ledger, inputs
from isinglass.systems.memory import Transformer, load_gpt2, sequences_of

CONTEXT = 256  # of the paper's sequences
DEPTH = 24  # of GPT-2 medium
TOLERANCE = 2.0  # around the paper's value, which has two digits, of another text
MODELS = {"our": "our model", "given": "the model given"}


@dataclass(frozen=True)
class Setting:
    """What to train, and how much to measure.

    Attributes:
        size: Our model and its training.
        sequences: How many to take from the text, at most.
        operations: Multiplications and additions for the user's model and its control,
            of which follows how many sequences they get; None for as many as the paper
            has.
    """

    size: Size
    sequences: int
    operations: float | None


SETTINGS = {
    "default": Setting(Size(4, 128, 128, 4, 2_400, 3e-3, 64), 8_000, 4e13),
    "quick": Setting(Size(3, 96, 128, 4, 1_500, 4e-3, 32), 2_000, 1e13),
    "full": Setting(Size(12, 768, 256, 64, 4_000, 6e-4, 512), PATTERNS, None),
}


def measure(context: Context) -> xr.Dataset:
    """Radii of our model and of the user's, by the names of `controlled_radii`."""
    text, setting = context.read(inputs.text_file), SETTINGS[context.resolution]
    models = {"our": radii_of_ours(context, setting, text)}
    folder = context.path(inputs.model)
    if folder is not None:
        models["given"] = radii_of_given(context, setting, text, folder)
    shared = ("weights", "fraction")
    return joined(models, shared).assign_attrs(about=text.about)


def radii_of_ours(context: Context, setting: Setting, text: Text) -> xr.Dataset:
    """Train our model from every seed and measure it."""
    size, seeds = setting.size, model_seeds(context)
    sequences = sequences_of(text.whole, size.context, setting.sequences)
    measured = []
    for seed in seeds:
        name = f"model-{seed}"
        run = trained(context, name, seed, size, text.training, text.held_out)
        sample, control = Sample(sequences, seed), untrained(size, seed)
        measured.append(controlled_radii(context, run.model, control, sample))
    return arranged(measured, {"seed": context.seeds})


def radii_of_given(
    context: Context, setting: Setting, text: Text, folder: Path
) -> xr.Dataset:
    """Measure the user's model, with its own tokens of the text."""
    model = load_gpt2(folder)
    length = min(CONTEXT, model.config.context)
    count = PATTERNS
    if setting.operations is not None:
        numbers = sum(leaf.size for leaf in jax.tree.leaves(model))
        count = int(np.clip(setting.operations / (4 * numbers * length), 64, PATTERNS))
    key = jax.random.key(context.seed_of("untrained control"))
    control = jax.jit(Transformer, static_argnums=0)(model.config, key=key)
    with context.scratch() as scratch:
        path = context.path(inputs.text_file)
        if path is None:
            path = Path(scratch) / "text"
            path.write_bytes(text.whole.tobytes())
        vocabulary = tokens_of(folder, model.config.vocabulary)
        tokens = tokenise(path, vocabulary, Path(scratch) / "tokens.npy")
        sequences = np.array(sequences_of(tokens, length, count))
        del tokens  # a file that is mapped cannot be removed everywhere
    sample = Sample(sequences, context.seed_of("sample"))
    measured = controlled_radii(context, model, control, sample)
    return arranged([measured], {"seed": [0]})


# -- views -----------------------------------------------------------------------------


def models_of(measured: xr.Dataset) -> dict[str, xr.Dataset]:
    """Our model and the user's, by what they are called, with their relative distances.

    Of the whole sample: `in_units`, the mean distance over √(n/2πe), `over_norm`, over
    the root mean square length, and `over_spread`, over the distance of any two.
    """
    models = {}
    for key, name in MODELS.items():
        model = parted(measured, key)
        if model:
            whole = model.mean_distance.sel(fraction=1.0)
            unit = np.sqrt(model.width.isel(seed=0) / (2 * np.pi * np.e))
            models[name] = model.assign(
                unit=unit,
                in_units=whole / unit,
                over_norm=whole / model.norm,
                over_spread=whole / model.spread,
                normal_over_spread=model.normal_distance.sel(fraction=1.0)
                / model.normal_spread,
            )
    return models


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Distances by layer and share; the paper has its own of GPT-2 medium only."""
    for name, model in models_of(measured).items():
        _compare_model(name, model, ledger)


def _compare_model(name: str, model: xr.Dataset, ledger: Ledger) -> None:
    weights, layers = model.sel(weights="trained"), model.layer.values
    for layer in layers[-2:]:
        _compare_shares(f"{name}, {_place(layer)}", weights.sel(layer=layer), ledger)
    other = "The paper measures GPT-2 medium, which is 1,024 wide"
    scale = "The paper does not look at the scale of activations"
    beyond = ledger.using(source="beyond the paper", because=scale)
    for layer in layers:
        place = _place(layer)
        for kind, suffix in (("trained", ""), ("untrained", ", untrained")):
            what = "mean distance over √(n/2πe)"
            words = f"{name}{suffix}, {place}: {what}"
            quantity = Cell(place, f"{what}{suffix}", words)
            in_units = model.in_units.sel(weights=kind, layer=layer)
            ledger.using(table=name).ours_alone(quantity, in_units, because=other)
        quantity = f"{name}, {place}: mean distance over the length of activations"
        beyond.ours_alone(quantity, weights.over_norm.sel(layer=layer))
    falls = is_falling(model)
    ledger.share(
        f"{name}: layers where the mean distance falls with each larger share",
        int(falls.sum()),
        falls.size,
        because="The paper says that its mean and median are about 20 for every share",
    )
    beyond.ours_alone(
        f"{name}, rescaled to 2 √(n/2πe): largest change of a logit, over the largest "
        "logit",
        model.logit_change,
    )


def _place(layer: str) -> str:
    return "after the last normalisation" if layer == FINAL else f"layer {layer}"


def _compare_shares(name: str, layer: xr.Dataset, ledger: Ledger) -> None:
    """Mean and median by share, with the paper's for the model that it has."""
    ledger = ledger.using(table=f"Distance to the nearest, {name}")
    for fraction in FRACTIONS:
        share = layer.sel(fraction=fraction)
        vectors = int(share.vectors[0])
        for kind in ("mean", "median"):
            distance = share[f"{kind}_distance"]
            share_of = f"{100 * fraction:g} % of the sample"
            words = f"{name}: {kind} distance, {share_of}"
            quantity = Cell(share_of, f"{kind} distance", words)
            if not is_medium(layer):
                because = "The paper measures GPT-2 medium, which is 1,024 wide"
                ledger.ours_alone(quantity, distance, because=because)
            elif vectors < FRACTIONS[0] * PATTERNS:
                because = (
                    "The paper has 20,000 to 80,000 activations, and these are "
                    f"{vectors:,}: the fewer, the further the nearest"
                )
                ledger.other_setting(quantity, distance, MEASURED, because=because)
            else:
                # One model and one text: only the order of shares is drawn by seed.
                write = ledger.exact if distance.size == 1 else ledger.mean
                because = "the paper gives two digits, of another text"
                write(
                    quantity, distance, MEASURED, tolerance=TOLERANCE, because=because
                )


def is_medium(model: xr.Dataset) -> bool:
    """Whether a model has the shape of GPT-2 medium."""
    return bool((model.width == WIDTH).all() and (model.depth == DEPTH).all())


def is_falling(model: xr.Dataset) -> xr.DataArray:
    """Whether the mean distance falls with each larger share, by seed and layer."""
    distance = model.mean_distance.sel(weights="trained")
    return (distance.diff("fraction") < 0).all("fraction")


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """What is said of each model, ours first."""
    size = SETTINGS[measured.resolution].size
    models = models_of(measured)
    reports = [_tell_model(name.capitalize(), model) for name, model in models.items()]
    return {
        "size": str(size),
        "models": reports,
        "given": reports[1] if len(reports) > 1 else None,
        "MEASURED": MEASURED,
        "PATTERNS": PATTERNS,
    }


def _tell_model(name: str, model: xr.Dataset) -> dict[str, Any]:
    weights = model.mean("seed").sel(weights="trained")
    last, final = (weights.isel(layer=place) for place in (-2, -1))
    start = model.mean("seed").sel(weights="untrained")
    units = weights.in_units.values
    by_share = model.mean_distance.sel(weights="trained").isel(layer=-2)
    falls = is_falling(model)
    return {
        "name": name,
        "width": int(model.width[0]),
        "depth": int(model.depth[0]),
        "is_medium": is_medium(model),
        "unit": float(model.unit),
        "vectors": model.vectors.isel(seed=0),
        "distance": last.mean_distance.sel(fraction=1.0),
        "final_distance": final.mean_distance.sel(fraction=1.0),
        "units": units.tolist(),
        "start_units": start.in_units.values.tolist(),
        "range": float(units.max() / units.min()),
        "near": int((abs(units / 2 - 1) < 1 / 3).sum()),
        "is_near": bool(abs(units.mean() / 2 - 1) < 1 / 3),
        "factor": model.factor,
        "rescaled": model.rescaled_distance / model.unit,
        "logit_change": float(model.logit_change.max()),
        "over_norm": last.over_norm,
        "over_spread": float(last.over_spread),
        "start_over_spread": float(start.over_spread[-2]),
        "normal_over_spread": float(model.normal_over_spread.mean()),
        "falls": int(falls.sum()),
        "places": falls.size,
        "by_size": float((by_share[:, -1] / by_share[:, 0]).mean()),
        "normal_by_size": (model.normal_distance[:, -1] / model.normal_distance[:, 0]),
        "duplicates": 100 * float(last.duplicates / model.vectors[0, -1]),
    }


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Mean distances by layer and by size of the sample."""
    yield Figure(
        draw_radii(models_of(measured)),
        "Mean distance of an activation to its nearest other one, by layer; means over "
        "seeds. Left: over √(n/2πe); the paper compares with 2. LN: after the last "
        "normalisation. Cross: the same function, its activations made longer or "
        "shorter until the radius is 2 √(n/2πe). Middle: over the root mean square "
        "distance of any two activations, which no scale changes. Right: after the "
        "last layer, in larger shares of the sample, over that in the smallest. "
        "Dotted: independent normal vectors, as many and as wide.",
    )
