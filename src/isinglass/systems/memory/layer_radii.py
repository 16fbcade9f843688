"""How far a transformer's activations lie apart, layer by layer."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
from jaxtyping import Integer

from isinglass._common.checks import check_function, check_kind, check_seed, check_whole
from isinglass.data.text import check_text
from isinglass.data.tokens import check_tokens
from isinglass.systems.memory.layer_activations import WHOLE, Reading, activations
from isinglass.systems.memory.radius import (
    FRACTIONS,
    nearest_neighbour_radius,
    sizes_of,
)
from isinglass.systems.memory.transformer import Transformer

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
    reading: Reading = WHOLE,
    *,
    fractions: Sequence[float] = FRACTIONS,
    seed: int = 0,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Measure `nearest_neighbour_radius` of a model's activations, for each layer.

    The activations lie on disk while this runs, so that memory does not grow with their
    number.

    Args:
        model: The model.
        tokens: Sequences of the same length, of which two at least.
        reading: Which activations, and where they lie meanwhile.
        fractions: Shares of the sample, as for `nearest_neighbour_radius`.
        seed: Of the order in which vectors enter the shares, the same for all layers.
        progress: Called as ``progress(what, done, total)``.

    Returns:
        What `nearest_neighbour_radius` returns, with a dimension "layer" where it
        differs.

    Raises:
        ValueError: As `activations` and `nearest_neighbour_radius` do.

    Source: Niu et al. 2024, appendix F.1.
    """
    check_kind(Transformer, model=model)
    check_kind(Reading, reading=reading)
    check_tokens("tokens", tokens, 2, model.config.vocabulary)
    check_seed(seed=seed)
    if progress is not None:
        check_function(progress=progress)
    if len(tokens) < 2:
        raise ValueError(f"tokens must be two sequences at least, got {len(tokens)}")
    sizes_of(fractions, len(tokens))  # before the activations, which take long

    def report(what: str) -> Callable[[int, int], None] | None:
        return None if progress is None else partial(progress, what)

    with tempfile.TemporaryDirectory(
        prefix=".isinglass-", dir=reading.scratch
    ) as folder:
        stack = activations(
            model,
            tokens,
            reading,
            out=Path(folder) / "activations.npy",
            progress=report("activations"),
        )
        reports = [
            nearest_neighbour_radius(
                stack.of(name), fractions, seed=seed, progress=report(f"layer {name}")
            ).reset_coords("bin_edges")
            for name in stack.layers
        ]
        names = stack.layers
        del stack  # a memory map of a file that is to go
    joined = xr.concat(
        reports,
        "layer",
        data_vars=list(_BY_LAYER),
        coords="minimal",
        compat="override",
        join="exact",
        combine_attrs="override",
    )
    return joined.assign_coords(layer=list(names)).assign_attrs(
        positions=reading.positions
    )


def sequences_of(
    tokens: Integer[np.ndarray, "m"], context: int, most: int | None = None
) -> Integer[np.ndarray, "k n"]:
    """Cut a text into sequences of a length, none overlapping.

    Args:
        tokens: The text.
        context: Length of a sequence.
        most: Most sequences, evenly spaced ones; None for all, which are not copied.

    Raises:
        ValueError: If a number is out of range, or the text has fewer than two
            sequences.
    """
    check_whole(context=context)
    if most is not None:
        check_whole(most=most)
    check_text(tokens=tokens)
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
