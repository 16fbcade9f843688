"""Radii of one model by layer, beside its controls.

The controls are the same shape without training, independent normal vectors instead of
activations, and the same function at another scale.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from isinglass.reproduce import Context
from isinglass.systems.memory import (
    Reading,
    Transformer,
    activations,
    nearest_neighbour_radius,
    rescaled,
)
from isinglass.systems.memory.radius import length_and_spread

FRACTIONS = (0.25, 0.5, 0.75, 1.0)
MOST_LAYERS = 6
BATCH = 16  # sequences at a time
FINAL = "final"  # after the last normalisation


@dataclass(frozen=True)
class Sample:
    """What a model is measured on.

    Attributes:
        sequences: Of whose last tokens activations are taken, (m, n).
        seed: Of the order from which shares are taken, and of normal vectors.
    """

    sequences: np.ndarray
    seed: int


def controlled_radii(
    context: Context, model: Transformer, control: Transformer, sample: Sample
) -> xr.Dataset:
    """Measure a model and its controls.

    Args:
        context: Where to say how far it is, and to keep activations meanwhile.
        model: The model, trained.
        control: One of the same shape, untrained.
        sample: What to measure on.

    Returns:
        What `radii` returns, along "weights" too, "trained" and "untrained".
        `normal_distance` by fraction and `normal_spread` are of normal vectors. With
        the scale by `factor` at which the mean distance after the last layer is
        2 √(n/2πe), `rescaled_distance` is that distance, and `logit_change` the largest
        change of a logit over the largest logit. `width` is n, `depth` the number of
        layers.
    """
    config, layers = model.config, chosen_layers(model.config.layers)
    size = (len(sample.sequences), config.width)
    vectors = np.random.default_rng(sample.seed).standard_normal(size, np.float32)
    both = [
        radii_of(context, weights, sample, (name, layers))
        for weights, name in ((model, "trained"), (control, "untrained"))
    ]
    normal = radii([vectors], ["normal"], sample.seed).isel(layer=0)
    measured = xr.concat(both, "weights").assign_coords(
        weights=["trained", "untrained"]
    )
    last = float(both[0].mean_distance.sel(layer=str(config.layers), fraction=1.0))
    factor = 2 * math.sqrt(config.width / (2 * math.pi * math.e)) / last
    return measured.assign(
        vectors=both[0].vectors,
        normal_distance=normal.mean_distance.drop_vars("layer"),
        normal_spread=normal.spread.drop_vars("layer"),
        width=config.width,
        depth=config.layers,
        factor=factor,
    ).assign(rescaling(context, model, sample, factor))


def chosen_layers(depth: int) -> tuple[str, ...]:
    """Layers to measure, the last among them, and what its normalisation makes of it.

    Not the embedding: there it is that of one token at one place, and most of them are
    equal.
    """
    count = min(depth, MOST_LAYERS)
    places = [round(depth * (i + 1) / count) for i in range(count)]
    return (*map(str, places), FINAL)


def radii_of(
    context: Context,
    model: Transformer,
    sample: Sample,
    what: tuple[str, Sequence[str]],
) -> xr.Dataset:
    """Radii at layers of a model; ``what`` is its name and the layers."""
    name, layers = what
    with context.scratch() as folder, context.follow(f"activations, {name}") as report:
        stack = activations(
            model,
            sample.sequences,
            Reading(layers, batch=BATCH),
            out=Path(folder) / "activations.npy",
            progress=report,
        )
        vectors = context.progress.track(list(stack.vectors), "layers")
        measured = radii(vectors, layers, sample.seed)
        del stack, vectors  # a file that is mapped cannot be removed everywhere
    return measured


def radii(
    vectors: Iterable[np.ndarray], layers: Sequence[str], seed: int
) -> xr.Dataset:
    """Distances of vectors to their nearest other one, and what no scale changes.

    Returns:
        By layer and fraction of the sample `mean_distance` and `median_distance`; by
        layer, of the whole, `norm`, the root mean square length, `spread`, the root
        mean square distance of any two, and `duplicates`, vectors that another equals.
        `vectors` is how many there are, by fraction.
    """
    parts, counts = [], None
    for layer in vectors:
        report = nearest_neighbour_radius(layer, FRACTIONS, seed=seed)
        norm, spread = length_and_spread(layer)
        counts = report["vectors"]
        variables = {
            "mean_distance": report["mean"],
            "median_distance": report["median"],
            "norm": norm,
            "spread": spread,
            "duplicates": report["duplicates"].values[-1],
        }
        parts.append(xr.Dataset(variables))
    stacked = xr.concat(parts, "layer").assign_coords(layer=list(layers))
    return stacked.drop_attrs().assign(vectors=counts)


def rescaling(
    context: Context, model: Transformer, sample: Sample, factor: float
) -> dict[str, float]:
    """Radius and logits of the same function with activations a factor as long."""
    other, depth = rescaled(model, factor), str(model.config.layers)
    layers = chosen_layers(model.config.layers)
    after = radii_of(context, other, sample, ("rescaled", (depth, FINAL)))
    sequences = sample.sequences
    few = sequences[:: max(1, len(sequences) // BATCH)][:BATCH]
    # By programs that are there already for these layers.
    before = _logits(model, few, layers)
    change = abs(_logits(other, few, (depth, FINAL)) - before).max()
    distance = float(after.mean_distance.sel(layer=depth, fraction=1.0))
    return {
        "rescaled_distance": distance,
        "logit_change": float(change / abs(before).max()),
    }


def _logits(
    model: Transformer, sequences: np.ndarray, layers: Sequence[str]
) -> np.ndarray:
    """Of what follows each sequence."""
    final = activations(model, sequences, Reading(layers, batch=BATCH)).of(FINAL)
    return final @ np.asarray(model.embedding).T
