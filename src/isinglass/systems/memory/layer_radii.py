"""How far a transformer's activations lie apart, layer by layer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Integer

from isinglass.systems.memory.layer_activations import activations
from isinglass.systems.memory.radius import (
    FRACTIONS,
    nearest_neighbour_radius,
    sizes_of,
)
from isinglass.systems.memory.transformer import SINGLE, Execution, Transformer

Progress = Callable[[str, int, int], None]
_BY_LAYER = (
    "vectors",
    "duplicates",
    "mean",
    "median",
    "quantile_distance",
    "histogram",
    "distance",
    "neighbour",
    "bin_edges",
)


def layer_radius(
    model: Transformer,
    tokens: Integer[np.ndarray, "m n"],
    *,
    layers: Sequence[str | int] | None = None,
    fractions: Sequence[float] = FRACTIONS,
    positions: str = "last",
    seed: int = 0,
    batch: int = 8,
    execution: Execution = SINGLE,
    scratch: str | Path | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """`nearest_neighbour_radius` of a model's activations, for each layer.

    Args:
        model: The model.
        tokens: Sequences of the same length, of which two at least.
        layers: As for `activations`.
        fractions: Shares of the sample, as for `nearest_neighbour_radius`.
        positions: As for `activations`.
        seed: Of the order in which vectors enter the shares, the same for all layers.
        batch: Sequences at a time.
        execution: How to compute the activations.
        scratch: Folder in which they lie while this runs; that of the system if None.
        progress: Called as `progress(what, done, total)`.

    Returns:
        What `nearest_neighbour_radius` returns, with a dimension "layer" where it
        differs.

    Raises:
        ValueError: As `activations` and `nearest_neighbour_radius` do.
    """
    if len(tokens) < 2:
        raise ValueError(f"tokens must be two sequences at least, got {len(tokens)}")
    sizes_of(fractions, len(tokens))  # before the activations, which take long

    def tell(what: str) -> Callable[[int, int], None] | None:
        return None if progress is None else partial(progress, what)

    with tempfile.TemporaryDirectory(prefix=".isinglass-", dir=scratch) as folder:
        found = activations(
            model,
            tokens,
            layers=layers,
            positions=positions,
            batch=batch,
            out=Path(folder) / "activations.npy",
            execution=execution,
            progress=tell("activations"),
        )
        reports = [
            nearest_neighbour_radius(
                found.of(name), fractions, seed=seed, progress=tell(f"layer {name}")
            ).reset_coords("bin_edges")
            for name in found.layers
        ]
        names = found.layers
        del found
    joined = xr.concat(
        reports,
        "layer",
        data_vars=list(_BY_LAYER),
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )
    return joined.assign_coords(layer=list(names)).assign_attrs(positions=positions)


def sequences_of(
    tokens: Integer[np.ndarray, "m"], context: int, most: int | None = None
) -> Integer[np.ndarray, "k n"]:
    """A text cut into sequences of a length, none overlapping; evenly spaced ones if too many.

    Args:
        tokens: The text.
        context: Length of a sequence.
        most: Most sequences; None for all, which are then not copied.

    Raises:
        ValueError: If a number is out of range, or the text has fewer than two
            sequences.
    """
    for name, value in (("context", context), ("most", most)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    count = len(tokens) // context
    if count < 2:
        raise ValueError(
            f"text must have two sequences of {context} tokens at least, for a nearest "
            f"neighbour is another one; it has {len(tokens)} tokens"
        )
    whole = tokens[: count * context].reshape(count, context)
    if most is None or most >= count:
        return whole
    return whole[np.arange(most) * count // most]
