"""What the toy experiments share; a test may give one another `measure`."""

from collections.abc import Callable, Iterator

import xarray as xr

from isinglass.plot.style import subplots
from isinglass.reproduce import Context, Figure, Ledger

MEASURES: dict[str, Callable[[Context], xr.Dataset]] = {}


def measuring(name: str) -> Callable[[Context], xr.Dataset]:
    """The `measure` of a toy: that of the test, where it gave one."""
    return lambda context: MEASURES.get(name, measure)(context)


def measure(context: Context) -> xr.Dataset:
    """A number for every seed, the first of them the base seed."""
    numbers = context.table(unit="s", seed=context.seeds)
    for seed in context.progress.track(context.seeds, "x"):
        numbers.loc[seed] = context.seed + 0.1 * seed
    return xr.Dataset({"number": numbers})


def compare(measured: xr.Dataset, ledger: Ledger) -> None:
    ledger.mean(
        "seed", measured.number, float(measured.attrs["run"]["settings"]["seed"])
    )


def draw(measured: xr.Dataset) -> Iterator[Figure]:
    figure, axes = subplots(width=2, height=2)
    axes.plot(measured.number)
    yield Figure(figure, "Caption <b>&")
