"""What the experiments on transformers as associative memory share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr

from isinglass.systems.memory import Transformer, TransformerConfig
from isinglass.systems.memory.recipe import matrices

# Of the paper: the width of GPT-2 medium, and how many of its activations are taken;
# the value of 2 √(n/2πe), and the mean distance that is measured between activations;
# the range of N/D*² in version 2.
WIDTH, PATTERNS = 1024, 80_000
CLAIMED, MEASURED = 15.5, 20.0
RATIOS = (8.4e-10, 8.8e-10)
# Patterns of Fig. 1.
FIG_1 = {
    "2-D": np.array([(-2.0, -0.5), (0.2, -0.3), (1.5, 1.5)]),
    "1-D": np.array([(-2.0,), (0.0,), (1.0,)]),
}
GPT2_WIDTH = 768  # for which its spread of weights at the start is meant


def padded(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays stacked, with NaN where the smaller ones have ended."""
    shape = np.max([part.shape for part in parts], axis=0)
    stacked = np.full((len(parts), *shape), np.nan)
    for row, part in zip(stacked, parts, strict=True):
        row[tuple(map(slice, part.shape))] = part
    return stacked


def arranged(
    results: Sequence[xr.Dataset], axes: Mapping[str, Sequence[Any]]
) -> xr.Dataset:
    """Results of all combinations of the axes' values, the last axis fastest.

    Args:
        results: One of each combination, all with the same variables and dimensions.
        axes: Coordinates of the combinations, by dimension.
    """
    first, shape = results[0], [len(values) for values in axes.values()]
    variables = {}
    for name, example in first.data_vars.items():
        stacked = np.stack([result[name].values for result in results])
        values = stacked.reshape(*shape, *example.shape)
        variables[name] = ((*axes, *example.dims), values, example.attrs)
    coordinates = {axis: list(values) for axis, values in axes.items()}
    return xr.Dataset(variables, {**first.coords, **coordinates})


def joined(parts: Mapping[str, xr.Dataset], shared: Sequence[str]) -> xr.Dataset:
    """Data sets as one, each with its key before its names but those of shared axes."""
    measured = xr.Dataset()
    for key, part in parts.items():
        names = {*part.variables, *part.dims} - {*shared}
        renamed = part.rename({name: f"{key}_{name}" for name in names})
        measured = measured.merge(renamed)
    return measured


def parted(measured: xr.Dataset, key: str) -> xr.Dataset:
    """What `joined` had under a key; empty if there was nothing."""
    start = f"{key}_"
    part = measured[
        [name for name in measured.data_vars if str(name).startswith(start)]
    ]
    names = {*part.variables, *part.dims}
    return part.rename(
        {name: str(name)[len(start) :] for name in names if str(name).startswith(start)}
    )


def over(values: xr.DataArray, *axes: str) -> xr.DataArray:
    """The mean over whatever is not named."""
    rest = [axis for axis in values.dims if axis not in axes]
    return values.mean(rest, keep_attrs=True)


def one_device() -> list[Any]:
    """For a training that goes on beside others, with a batch of any size."""
    return jax.local_devices()[:1]


def wide_start(config: TransformerConfig, seed: int) -> Transformer:
    """A new transformer, its weights spread as 1/√width, as GPT-2's at its own width.

    With GPT-2's spread hardly anything gets through a narrow model, and it learns late.
    """
    model = jax.jit(Transformer, static_argnums=0)(config, key=jax.random.key(seed))
    wider = math.sqrt(GPT2_WIDTH / config.width)
    return jax.tree.map(
        lambda is_matrix, x: wider * x if is_matrix else x, matrices(model), model
    )
