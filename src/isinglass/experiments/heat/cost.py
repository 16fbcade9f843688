"""Processor time of conduction by both transforms, and of attention, by size."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr

from isinglass import plot
from isinglass.plot import COLOURS, log_ticks, subplots
from isinglass.reproduce import Cell, Context, Figure, Ledger
from isinglass.systems.heat import conduct

MATRIX, FFT, ATTENTION = NAMES = ("products", "Fourier", "attention")


@dataclass(frozen=True)
class Setting:
    """What is timed.

    Attributes:
        sizes: Cells of a side.
        channels: C.
        most: Cells of a side, at most, of attention.
    """

    sizes: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512)
    channels: int = 16
    most: int = 64


SETTINGS = {
    "quick": Setting((8, 16, 32), 8, 32),
    "default": Setting(),
    "full": Setting((8, 16, 32, 64, 128, 256, 512, 1024), 16, 96),
}


def measure(context: Context) -> xr.Dataset:
    """Processor seconds of one call for one plate, a repetition a round.

    All programs of a size take turns, so that what else the machine does meets all.
    """
    options = SETTINGS[context.resolution]
    seconds = context.table(
        unit="ms",
        valid_range=(0, np.inf),
        way=NAMES,
        cells=options.sizes,
        seed=context.seeds,
    )
    for (size,) in context.cases(options.sizes, what="sizes"):
        shape = (1, size, size, options.channels)
        field = jnp.asarray(context.rng("field", size).normal(size=shape), jnp.float32)
        programs = {MATRIX: _heat("matrix"), FFT: _heat("fft")}
        if size <= options.most:
            programs[ATTENTION] = jax.jit(attention)
        for run in programs.values():
            jax.block_until_ready(run(field))  # compiles
        for seed in context.seeds:
            for name, run in programs.items():
                seconds.loc[name, size, seed] = 1e3 * _seconds(run, field)
    return xr.Dataset({"seconds": seconds})


def _heat(method: str) -> Callable[[Any], Any]:
    return jax.jit(lambda field: conduct(field, 1.0, method=method))


def attention(field: Any) -> Any:
    """Softmax attention of all places, of itself, without any map of features."""
    flat = field.reshape(-1, field.shape[-1])
    return jax.nn.softmax(flat @ flat.T / flat.shape[-1] ** 0.5) @ flat


def _seconds(run: Callable[[Any], Any], field: Any) -> float:
    """Processor time of a call, of many where it is short."""
    calls, spent = 1, 0.0
    while True:
        begun = time.process_time()
        for _ in range(calls):
            jax.block_until_ready(run(field))
        spent = time.process_time() - begun
        if spent > 0.02 or calls > 1000:
            return spent / calls
        calls *= 4


def crossing(measured: xr.Dataset, first: str, second: str) -> float:
    """The least size from which on the first is faster by the median; NaN if none."""
    medians = measured.seconds.median("seed")
    faster = (medians.sel(way=first) < medians.sel(way=second)).values
    later = np.logical_and.accumulate(faster[::-1])[::-1]
    sizes = measured.cells.values[later]
    return float(sizes.min()) if len(sizes) else np.nan


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    """Times by way and size."""
    because = "The paper times whole models on a GPU"
    ledger = ledger.using(because=because, table="Processor time of a plate")
    for name in measured.way.values:
        for size in measured.cells.values:
            values = measured.seconds.sel(way=name, cells=size).dropna("seed")
            if values.size:
                cell = Cell(name, f"{size} × {size}", f"{name}, {size} × {size}")
                ledger.ours_alone(cell, values)


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    """Times by size, all axes logarithmic."""
    figure, axes = subplots(width=7.2, height=4)
    for place, name in enumerate(measured.way.values):
        values = measured.seconds.sel(way=name, drop=True).dropna("cells", how="all")
        plot.band(
            values,
            axes,
            along="cells",
            colours=[COLOURS[place]],
            marker="o",
            markersize=4,
            label=name,
        )
    log_ticks(axes, measured.cells.values.tolist())
    axes.set(yscale="log", xlabel="cells of a side, N", ylabel="processor time in ms")
    axes.legend()
    yield Figure(
        figure,
        "Processor time of one plate of N × N cells. Bands are 95 % confidence "
        "intervals of the mean over rounds.",
    )


def tell(measured: xr.Dataset) -> dict[str, Any]:
    """Where ways overtake one another."""
    sizes = measured.cells.values
    medians = measured.seconds.median("seed")
    slopes = {}
    for name in measured.way.values:
        values = medians.sel(way=name).dropna("cells")
        if values.size > 1:
            last = values.isel(cells=[-2, -1])
            growth = np.diff(np.log(last.values)) / np.diff(np.log(last.cells.values))
            slopes[str(name)] = float(growth[0]) / 2
    attended = medians.sel(way=ATTENTION).dropna("cells")
    largest = int(attended.cells.values[-1])
    return {
        "options": SETTINGS[measured.resolution],
        "rounds": measured.sizes["seed"],
        "largest": largest,
        "least": int(sizes[0]),
        "fft_from": crossing(measured, FFT, MATRIX),
        "heat_from": crossing(
            measured.sel(cells=attended.cells.values), MATRIX, ATTENTION
        ),
        "ratio": float(attended[-1] / medians.sel(way=MATRIX, cells=largest)),
        "slopes": slopes,
    }
